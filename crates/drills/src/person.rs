//! The person who answers what is in doubt, by looking into the ledger.

use std::{collections::BTreeMap, time::Duration};

use mainstay_core::{
    id::RunId,
    port::Clock,
    review::{Decision, ReviewReason},
    store::row::{ReviewFilter, ReviewRow},
    wait::Wait,
};
use mainstay_engine::system::SystemClock;
use serde_json::{Value, json};

use crate::{Fault, checker::Checker, ledger::Book, place::Office};

/// A call that may still be on its way is not answered for: the tools' timeout, and some.
const SETTLING: Duration = Duration::from_secs(3);

/// Who decides.
const WHO: &str = "the drill";

/// Pause between two looks.
const PAUSE: Duration = Duration::from_millis(50);

/// The checker is asked once in so many looks.
const LOOKS: usize = 4;

/// Reviews looked at in one round.
const ROUND: u32 = 1_000;

/// Answers doubts until every run has ended.
#[derive(Debug)]
pub struct Person<'d> {
    office: &'d Office,
    book: &'d Book,
    answered: BTreeMap<RunId, Vec<String>>,
    checker: Checker,
}

/// What there was to answer, and what the checker said meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Attended {
    /// For each run, the calls that were in doubt, in the order of the answers.
    pub doubts: BTreeMap<RunId, Vec<String>>,
    /// What the checker said.
    pub checker: Checker,
}

impl<'d> Person<'d> {
    /// Makes a person who decides here and looks there, and goes on asking the checker.
    #[must_use]
    pub const fn new(office: &'d Office, book: &'d Book, checker: Checker) -> Self {
        Self { office, book, answered: BTreeMap::new(), checker }
    }

    /// Answers what is in doubt until none of these runs is unfinished.
    ///
    /// # Errors
    /// Runs are still unfinished after `patience`; they are named with why they wait.
    pub async fn attend(mut self, runs: &[RunId], patience: Duration) -> Result<Attended, Fault> {
        let end = SystemClock.boot() + patience;
        let mut left = runs.to_vec();
        for round in 0_usize.. {
            if left.is_empty() {
                break;
            }
            if SystemClock.boot() > end {
                return Err(self.unfinished(&left).await.into());
            }
            if round.is_multiple_of(LOOKS) {
                self.checker.look(self.office).await;
            }
            tokio::time::sleep(PAUSE).await;
            // A connection may have been cut off while nobody used it: looked again.
            if self.answer_all().await.is_ok()
                && let Ok(still) = self.office.unfinished(&left).await
            {
                self.encourage(&still).await;
                left = still;
            }
        }
        Ok(Attended { doubts: self.answered, checker: self.checker })
    }

    /// Lets those go on that stood in the middle of too many crashes: they were not to blame.
    async fn encourage(&mut self, runs: &[RunId]) {
        for run_id in runs {
            let Ok(row) = self.office.runtime.row(*run_id).await else { continue };
            let waits = row.wait.map(|set| set.waits).unwrap_or_default();
            let set_aside = waits.iter().any(|wait| matches!(wait, Wait::Quarantine { .. }));
            if set_aside && self.office.runtime.retry(*run_id, WHO).await.is_ok() {
                self.answered.entry(*run_id).or_default().push("quarantined: goes on".to_owned());
            }
        }
    }

    async fn answer_all(&mut self) -> Result<(), Fault> {
        let reviews = self.office.runtime.store.reviews(ReviewFilter::Open(ROUND)).await?;
        let settled = SystemClock.now().before(SETTLING);
        for review in reviews {
            if review.request.reason == ReviewReason::InDoubt && review.opened_at < settled {
                self.answer(review).await?;
            }
        }
        Ok(())
    }

    async fn answer(&mut self, review: ReviewRow) -> Result<(), Fault> {
        let request = review.request;
        let text = |name: &str| request.subject.get(name).and_then(Value::as_str).unwrap_or("?");
        let (tool, key) = (text("tool").to_owned(), text("idempotency_key").to_owned());
        let (decision, said) = match self.book.line_of(&key) {
            Some(line) => {
                (Decision::Amend { subject: json!({ "line": line }), note: None }, "it happened")
            }
            None => (Decision::Approve { note: None }, "it did not happen"),
        };
        let doubt = format!("{} `{tool}`: {said}", request.position);
        let (id, digest) = (request.review_id, request.subject_digest);
        // A doubt that was withdrawn in the meantime needs no answer.
        if self.office.runtime.decide(id, digest, decision, WHO).await.is_ok() {
            self.answered.entry(review.run_id).or_default().push(doubt);
        }
        Ok(())
    }

    async fn unfinished(&self, left: &[RunId]) -> String {
        let mut said = format!("{} runs did not end:", left.len());
        for run_id in left.iter().take(8) {
            match self.office.runtime.row(*run_id).await {
                Ok(row) => said += &format!("\n  {run_id} {:?} {:?}", row.status, row.wait),
                Err(error) => said += &format!("\n  {run_id} {error}"),
            }
        }
        said
    }
}
