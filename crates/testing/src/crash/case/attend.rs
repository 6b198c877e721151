//! What only time or a person can do for a run, and what can be seen while it waits.

use std::time::Duration;

use mainstay_core::{
    code::Code,
    id::RunId,
    port::Clock,
    review::{Decision, ReviewReason},
    run::RunStatus,
    store::row::{ReviewFilter, ReviewRow, RunRow},
    wait::Wait,
};
use mainstay_engine::runtime::Runtime;

use super::Case;
use crate::{rig::next_due, schedule::Schedule};

impl Case {
    /// Does for an unfinished run what only time or a person can do.
    pub(super) async fn look_after(&mut self, row: RunRow) -> Result<(), String> {
        let flows = self.fuse.schedule().is_some();
        if flows {
            self.check_explained().await?;
        }
        match row.status {
            // Its worker goes on under another session: the old lease must pass.
            RunStatus::Running if !flows && !self.crew.has(row.owner) => {
                match self.left(&row).await? {
                    Some(left) => self.let_pass(left + Duration::from_secs(1)).await,
                    None => Ok(()),
                }
            }
            RunStatus::Parked => self.attend(&row).await,
            RunStatus::Queued
            | RunStatus::Running
            | RunStatus::Completed
            | RunStatus::Failed
            | RunStatus::Cancelled
            | RunStatus::Partial => Ok(()),
        }
    }

    /// Returns how long the lease of a run's owner still holds, if it does.
    async fn left(&self, row: &RunRow) -> Result<Option<Duration>, String> {
        let sessions = self.store.sessions(()).await.map_err(|e| e.to_string())?;
        let owner = sessions.into_iter().find(|session| Some(session.session) == row.owner);
        Ok(owner.map(|owner| owner.left).filter(|left| !left.is_zero()))
    }

    async fn attend(&mut self, row: &RunRow) -> Result<(), String> {
        self.check_parked(row).await?;
        let open = self.store.reviews(ReviewFilter::OfRun(row.run_id)).await;
        let open: Vec<_> =
            open.map_err(|e| e.to_string())?.into_iter().filter(|r| r.open).collect();
        if !open.is_empty() {
            for review in open {
                if self.is_time(&review.request.review_id.to_string()) {
                    self.decide(&review).await?;
                }
            }
            return Ok(());
        }
        let waits = row.wait.as_ref().map(|set| set.waits.clone()).unwrap_or_default();
        for wait in &waits {
            if let Wait::Child { run_id } = wait
                && let Some(child) = self.store.run(*run_id).await.map_err(|e| e.to_string())?
            {
                Box::pin(self.look_after(child)).await?;
            }
        }
        if self.signal(row.run_id, &waits).await? || self.top_up(row, &waits).await? {
            return Ok(());
        }
        if let Some(due) = next_due(row) {
            let now = self.stage.clock.now();
            return if due > now { self.let_pass(due.since(now)).await } else { Ok(()) };
        }
        let stopped = |wait: &Wait| !matches!(wait, Wait::Child { .. } | Wait::Review { .. });
        match waits.iter().find(|wait| stopped(wait)) {
            Some(wait) => Err(format!("the run waits for what nobody brings: {wait:?}")),
            None => Ok(()),
        }
    }

    /// Returns whether somebody who heard of something has let it lie for long enough.
    fn is_time(&mut self, what: &str) -> bool {
        let now = self.stage.clock.now();
        let since = *self.noticed.entry(what.to_owned()).or_insert(now);
        let delay = self.fuse.schedule().map_or(Duration::ZERO, Schedule::decision_delay);
        now >= since.after(delay)
    }

    /// Decides a review as a person does who tries again until told that it counts, and then once
    /// more, otherwise: that must not count.
    async fn decide(&mut self, row: &ReviewRow) -> Result<(), String> {
        let (review, outside) = (&row.request, self.setup.outside.clone());
        let decision = self.setup.person.decide(row.run_id, review, outside.as_ref()).await;
        if review.reason == ReviewReason::InDoubt {
            let subject = &review.subject;
            self.played.in_doubt.push(format!("{} at {}", subject["tool"], review.position));
            self.played.rejected += usize::from(matches!(decision, Decision::Reject { .. }));
        }
        let (review_id, digest) = (review.review_id, review.subject_digest);
        let act = async |runtime: &Runtime| {
            runtime.decide(review_id, digest, decision.clone(), "ann").await
        };
        match self.insist(act).await? {
            Ok(_) => self.decide_otherwise(row).await,
            Err(e) if e.code == Code::ReviewClosed => Ok(()),
            Err(e) => Err(e.to_string()),
        }
    }

    /// Sends the signals that a run waits for. Returns whether there were any.
    async fn signal(&mut self, run_id: RunId, waits: &[Wait]) -> Result<bool, String> {
        let mut sent = false;
        for wait in waits {
            let Wait::Signal { name, .. } = wait else { continue };
            let Some(value) = self.setup.signals.get(name).cloned() else { continue };
            if !self.is_time(&format!("{run_id} {name}")) {
                return Ok(true);
            }
            let act = async |runtime: &Runtime| runtime.signal(run_id, name, &value, name).await;
            self.insist(act).await?.map_err(|e| e.to_string())?;
            sent = true;
        }
        Ok(sent)
    }

    /// Raises the budget of a run that waits for a larger one. Returns whether somebody does.
    async fn top_up(&mut self, row: &RunRow, waits: &[Wait]) -> Result<bool, String> {
        let exhausted = waits.iter().any(|wait| matches!(wait, Wait::Budget { .. }));
        let Some(more) = self.setup.person.top_up().filter(|_| exhausted) else { return Ok(false) };
        if self.is_time(&format!("{} at epoch {}", row.run_id, row.epoch)) {
            let act = async |runtime: &Runtime| runtime.top_up(row.run_id, more, "ann").await;
            self.insist(act).await?.map_err(|e| e.to_string())?;
        }
        Ok(true)
    }

    async fn decide_otherwise(&mut self, row: &ReviewRow) -> Result<(), String> {
        let review = &row.request;
        let other = Decision::Reject { reason: "on second thoughts".into() };
        let again = self.eyes.decide(review.review_id, review.subject_digest, other, "bob").await;
        match again {
            Err(e) if e.code == Code::ReviewClosed => {}
            other => self.played.broken.push(format!(
                "I10: {} was decided, and a second decision was answered with {other:?}",
                review.review_id
            )),
        }
        Ok(())
    }

    async fn check_parked(&mut self, row: &RunRow) -> Result<(), String> {
        if let Some(owner) = row.owner {
            let broken = format!("I7: {} is parked and {owner} owns it", row.run_id);
            self.played.broken.push(broken);
        }
        self.check_explained().await
    }

    async fn check_explained(&mut self) -> Result<(), String> {
        let unexplained = self.store.unexplained(()).await.map_err(|e| e.to_string())?;
        for run_id in unexplained {
            self.played.broken.push(format!("I7: nothing says why {run_id} does not go on"));
        }
        Ok(())
    }

    /// When everything is over, nothing is held.
    pub(super) async fn check_rest(&mut self) -> Result<(), String> {
        self.check_explained().await?;
        for session in self.store.sessions(()).await.map_err(|e| e.to_string())? {
            if session.runs > 0 {
                let broken = format!("I7: {} still holds {} runs", session.session, session.runs);
                self.played.broken.push(broken);
            }
        }
        Ok(())
    }
}
