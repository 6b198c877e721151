//! The desk twice, and on every store: the same letters, the same clock, the same seed, the same
//! bytes.

use mainstay_core::journal::JournalRow;
use mainstay_testing::{crash::undisturbed, rig::Ground};

use crate::stage::{desk, letter, sign_up};

/// A letter of every lane, with everything the scripted model does wrong: an answer that does not
/// fit, one that is not true, one that breaks off, and a vendor that asks for patience. Then a
/// sign-up, and one that is undone.
const LETTERS: [&str; 10] =
    ["T-02", "T-04", "T-07", "T-09", "T-12", "T-13", "T-17", "T-26", "T-39", "T-45"];

async fn journals(ground: Ground) -> Vec<Vec<JournalRow>> {
    let runs = LETTERS.into_iter().map(letter).chain([0, 2].map(sign_up)).collect::<Vec<_>>();
    undisturbed(ground, move |stage| desk(stage, runs.clone())).await.unwrap()
}

/// Everything of a row, body and hashes included. Only the payloads are left out: the body holds
/// their digests, and a store may give small ones along or not.
fn written(row: &JournalRow) -> String {
    let JournalRow { position, epoch, prev, link, kind, at, body, payloads: _ } = row;
    let body = String::from_utf8_lossy(body);
    format!("{position:?} {epoch:?} {prev:?} {link:?} {kind} {at:?} {body}")
}

async fn check(ground: Ground) {
    let (first, second) = (journals(Ground::Memory).await, journals(ground).await);
    let names = LETTERS.into_iter().chain(["a sign-up", "a sign-up that is undone"]);
    assert_eq!((first.len(), second.len()), (LETTERS.len() + 2, LETTERS.len() + 2));
    for ((one, other), name) in first.iter().zip(&second).zip(names) {
        assert!(one.len() >= 8, "{name} has {} rows", one.len());
        for (row, same) in one.iter().zip(other) {
            assert_eq!(written(row), written(same), "{name} on {ground}");
        }
        assert_eq!(one.len(), other.len(), "{name} on {ground}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_desk_writes_the_same_journals() {
    check(Ground::Memory).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_holds_the_same_journals_as_the_model() {
    check(Ground::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_holds_the_same_journals_as_the_model() {
    check(Ground::Postgres).await;
}
