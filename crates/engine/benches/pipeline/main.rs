//! What the pipeline of effects costs a call, without network and without a database: the whole of
//! it, and each part alone.
//!
//! ```text
//! cargo bench -p mainstay-engine --bench pipeline
//! ```
//!
//! Criterion tells means; a promise about the slowest of a hundred needs each call's own time, so the
//! calls of the whole pipeline are counted one by one besides, and printed as figures. `CALLS` says
//! how many.

#![cfg(test)]

mod desk;
mod figures;
mod parts;
mod rig;
mod rules;

use criterion::Criterion;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    parts::measure(&mut criterion);
    criterion.final_summary();
    figures::print();
}
