//! How many operations the stores are compared with the model on, and where to begin.
//!
//! `OPERATIONS=1000000 cargo test -p mainstay-store --test it random_operations` compares more;
//! `SEED=17` begins with the seed that a failure named.

use mainstay_store::conformance::{Subject, differential};

#[expect(clippy::disallowed_methods, reason = "chosen by the person who runs the test")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Compares so many operations unless told otherwise.
pub(crate) async fn check<F: Future<Output = Subject>>(fresh: impl Fn() -> F, operations: u64) {
    let operations = number("OPERATIONS").unwrap_or(operations);
    let first_seed = number("SEED").unwrap_or(1);
    let operations = usize::try_from(operations).unwrap();
    match differential::compare_many(fresh, first_seed, operations).await {
        Ok(done) => println!("figure operations={done} operations"),
        Err(failure) => panic!("{failure}"),
    }
}
