//! The desk worked by real processes, killed with SIGKILL in the middle of their work.

use std::{process::Stdio, time::Duration};

use mainstay_core::{
    id::RunId,
    review::{Decision, ReviewReason},
    wait::Wait,
};
use mainstay_engine::commands::is_stopped;
use support_desk::{
    cents::Cents,
    shop::ActionKind,
    ticket::{Outcome, Sample, samples},
};
use tokio::process::{Child, Command};

use crate::{
    database::{self, Database},
    desk::{check, closed, closes_with_an_answer},
    rig::{Rig, Settled},
};

const PATIENCE: Duration = Duration::from_secs(120);

/// Starts a worker process of its own.
fn hire(rig: &Rig) -> Child {
    Command::new(env!("CARGO_BIN_EXE_support_desk"))
        .args(["worker", "--concurrency", "4"])
        .env("DATABASE_URL", rig.database.url())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Returns how many of the runs have ended or wait for somebody.
async fn done(rig: &Rig, runs: &[RunId]) -> usize {
    let mut done = 0;
    for run_id in runs {
        let row = rig.runtime.row(*run_id).await.unwrap();
        done += usize::from(row.status.is_terminal() || is_stopped(&row));
    }
    done
}

async fn until_done(rig: &Rig, runs: &[RunId], enough: usize) {
    let wait = async {
        while done(rig, runs).await < enough {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the runs end or wait for somebody");
}

/// Kills a worker while the store says that it drives runs.
async fn kill_at_work(rig: &Rig, mut worker: Child) {
    let process = format!(":{}", worker.id().unwrap());
    let at_work = async || {
        let sessions = rig.runtime.store.sessions(()).await.unwrap();
        sessions.iter().any(|row| row.name.ends_with(&process) && row.runs > 0)
    };
    let wait = async {
        while !at_work().await {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the worker has work");
    worker.kill().await.unwrap();
}

fn is_in_doubt(settled: &Settled) -> bool {
    let doubt = |wait: &Wait| matches!(wait, Wait::Review { reason: ReviewReason::InDoubt, .. });
    settled.waits.iter().any(doubt)
}

/// Returns how often something of this kind happened, after checking that nothing happened twice.
async fn happened(rig: &Rig, kind: ActionKind) -> usize {
    let mut found = 0;
    for (action, subject, times) in rig.performed().await {
        assert_eq!(times, 1, "{action:?} {subject}");
        found += usize::from(action == kind);
    }
    found
}

fn expected(samples: &[Sample], is: fn(&Outcome) -> bool) -> usize {
    samples.iter().flat_map(|sample| &sample.expect.outcomes).filter(|outcome| is(outcome)).count()
}

async fn killed_three_times(database: Database) {
    let rig = Rig::without_worker(database).await;
    let samples = samples().unwrap();
    let mut runs = Vec::new();
    for sample in &samples {
        runs.push(rig.start_letter(sample).await);
    }
    let (mut first, mut second) = (hire(&rig), hire(&rig));
    for quarter in 1..4 {
        until_done(&rig, &runs, samples.len() * quarter / 4).await;
        kill_at_work(&rig, first).await;
        (first, second) = (second, hire(&rig));
    }
    until_done(&rig, &runs, samples.len()).await;

    let (mut in_doubt, mut recovered) = (0, 0);
    for (sample, run_id) in samples.iter().zip(&runs) {
        let settled = rig.settle(*run_id).await;
        let view = rig.runtime.view(*run_id).await.unwrap();
        recovered += usize::from(view.projection.recoveries > 0);
        match is_in_doubt(&settled) {
            true => in_doubt += 1,
            false => check(sample, &settled),
        }
    }
    assert!(recovered > 0, "no run was in the middle");
    let refunds = expected(&samples, |outcome| matches!(outcome, Outcome::Refund(_)));
    assert_eq!(happened(&rig, ActionKind::Refund).await, refunds);
    let exchanges = expected(&samples, |outcome| matches!(outcome, Outcome::Exchange(_)));
    assert_eq!(happened(&rig, ActionKind::Exchange).await, exchanges);
    let cancelled = expected(&samples, |outcome| matches!(outcome, Outcome::Cancelled(_)));
    assert_eq!(happened(&rig, ActionKind::CancelOrder).await, cancelled);
    let answers = samples.iter().filter(|sample| closes_with_an_answer(sample)).count();
    assert_eq!(happened(&rig, ActionKind::Send).await, answers - in_doubt);
    decided_twice(&rig, &samples, &runs).await;
    drop((first, second));
    rig.close().await;
}

/// Two people answer at the same time: one of them counts, and the money moves once.
async fn decided_twice(rig: &Rig, samples: &[Sample], runs: &[RunId]) {
    let asked = |sample: &Sample| matches!(sample.expect.outcomes[..], [Outcome::Review(_)]);
    let run_id = runs[samples.iter().position(asked).unwrap()];
    let review = rig.review_of(run_id).await.request;
    let (id, digest) = (review.review_id, review.subject_digest);
    let approve =
        |by: &'static str| rig.runtime.decide(id, digest, Decision::Approve { note: None }, by);
    let (ann, ben) = tokio::join!(approve("ann"), approve("ben"));
    assert_eq!([ann.is_ok(), ben.is_ok()].into_iter().filter(|counted| *counted).count(), 1);
    let done = closed(&rig.ended(run_id).await);
    assert_eq!(done.outcomes, [Outcome::Refund(Cents::new(13_900))]);
    let paid = rig.performed().await.into_iter().filter(|(_, subject, _)| subject == "PAY-20482");
    assert_eq!(paid.map(|(_, _, times)| times).collect::<Vec<_>>(), [1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_killed_in_the_middle_do_nothing_twice_on_sqlite() {
    killed_three_times(database::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn workers_killed_in_the_middle_do_nothing_twice_on_postgres() {
    killed_three_times(database::postgres().await).await;
}
