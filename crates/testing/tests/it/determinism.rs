//! The same flow, the same seed, the same clock: the same bytes.

use mainstay_core::journal::JournalRow;
use mainstay_testing::{crash::undisturbed, rig::Ground};

use crate::sale;

/// Returns a journal without its payloads: the rows hold their digests, and a store may give small
/// ones along or not.
fn bare(journal: Vec<JournalRow>) -> Vec<JournalRow> {
    journal.into_iter().map(|row| JournalRow { payloads: Vec::new(), ..row }).collect()
}

async fn journal(ground: Ground) -> Vec<JournalRow> {
    let mut journals = undisturbed(ground, sale::sold).await.unwrap();
    bare(journals.pop().unwrap())
}

async fn check(ground: Ground) {
    let (first, second) = (journal(Ground::Memory).await, journal(ground).await);
    assert!(first.len() > 30, "a sale has more than {} rows", first.len());
    for (one, other) in first.iter().zip(&second) {
        assert_eq!(
            String::from_utf8_lossy(&one.body),
            String::from_utf8_lossy(&other.body),
            "row {} on {ground}",
            one.position
        );
        assert_eq!(one, other, "row {} on {ground}", one.position);
    }
    assert_eq!(first.len(), second.len());
}

#[tokio::test]
async fn a_second_run_writes_the_same_journal() {
    check(Ground::Memory).await;
}

#[tokio::test]
async fn sqlite_holds_the_same_journal_as_the_model() {
    check(Ground::Sqlite).await;
}

#[tokio::test]
async fn postgres_holds_the_same_journal_as_the_model() {
    check(Ground::Postgres).await;
}
