//! Appending to journals: the fence, the compare-and-set on the inbox, and what rides along.
//!
//! The parts of a commit are judged together and their rows are written together; only what is
//! rare (messages, timers, reviews, a change of the run's row) goes part by part.

mod change;
mod judge;

use std::collections::BTreeMap;

use mainstay_core::{
    id::RunId,
    store::{
        StoreError,
        operation::{Append, Appended},
    },
};

use self::judge::{Standing, Verdict};
use super::{
    journal::NewRow,
    scope::{Isolation, Scope},
};
use crate::{sound, wire};

impl Scope<'_> {
    /// Judges and writes parts. The answers stand in their order.
    pub(super) async fn append(&mut self, parts: &[Append]) -> Result<Vec<Appended>, StoreError> {
        match self.isolation {
            Isolation::Shared => self.append_together(&parts.iter().collect::<Vec<_>>()).await,
            Isolation::Each => self.append_apart(parts).await,
        }
    }

    async fn append_apart(&mut self, parts: &[Append]) -> Result<Vec<Appended>, StoreError> {
        let mut answers = Vec::with_capacity(parts.len());
        for part in parts {
            self.savepoint("SAVEPOINT part").await?;
            let answer = match self.append_together(&[part]).await {
                Err(StoreError::Poison { message, .. }) => {
                    self.savepoint("ROLLBACK TO part").await?;
                    Ok(vec![Appended::Poison(message)])
                }
                answer => answer,
            };
            self.savepoint("RELEASE part").await?;
            answers.extend(answer?);
        }
        Ok(answers)
    }

    /// Judges and writes parts of one transaction; an error takes all of them.
    pub(super) async fn append_together(
        &mut self,
        parts: &[&Append],
    ) -> Result<Vec<Appended>, StoreError> {
        let mut answers: BTreeMap<usize, Appended> = BTreeMap::new();
        for round in rounds(parts) {
            let sound = round.into_iter().filter(|(place, part)| match sound::part(part) {
                Ok(()) => true,
                Err(why) => {
                    answers.insert(*place, Appended::Poison(why));
                    false
                }
            });
            let (places, parts): (Vec<_>, Vec<_>) = sound.unzip();
            let written = self.append_round(&parts).await?;
            answers.extend(places.into_iter().zip(written));
        }
        Ok(answers.into_values().collect())
    }

    /// Everything that can refuse a part is asked before anything is written.
    async fn append_round(&mut self, parts: &[&Append]) -> Result<Vec<Appended>, StoreError> {
        let verdicts = self.judge(parts).await?;
        self.insert_rows(&rows_of(parts, &verdicts)).await?;
        let mut answers = Vec::with_capacity(parts.len());
        for (part, verdict) in parts.iter().zip(verdicts) {
            answers.push(match verdict {
                Ok(standing) => self.ride_along(part, &standing).await?,
                Err(refusal) => refusal,
            });
        }
        Ok(answers)
    }

    async fn ride_along(
        &mut self,
        part: &Append,
        standing: &Standing,
    ) -> Result<Appended, StoreError> {
        let tenant = &standing.tenant;
        self.send(part, tenant).await?;
        self.set_timers(part, tenant).await?;
        self.open_reviews(part, tenant).await?;
        self.change_row(part).await?;
        if standing.crashed && part.rows.iter().any(|row| wire::is_progress(&row.kind)) {
            self.forget_crashes(part.run_id).await?;
        }
        self.write_local(part).await?;
        Ok(Appended::Accepted)
    }
}

/// Sorts parts into rounds of distinct runs: a run's second part is judged after its first is
/// written.
fn rounds<'a>(parts: &[&'a Append]) -> Vec<Vec<(usize, &'a Append)>> {
    let mut seen: BTreeMap<RunId, usize> = BTreeMap::new();
    let mut rounds: Vec<Vec<_>> = Vec::new();
    for (place, part) in parts.iter().enumerate() {
        let round = seen.entry(part.run_id).or_default();
        if *round == rounds.len() {
            rounds.push(Vec::new());
        }
        if let Some(round) = rounds.get_mut(*round) {
            round.push((place, *part));
        }
        *round += 1;
    }
    rounds
}

fn rows_of<'a>(parts: &[&'a Append], verdicts: &'a [Verdict]) -> Vec<NewRow<'a>> {
    let allowed = parts.iter().zip(verdicts).filter_map(|(part, verdict)| {
        verdict.as_ref().ok().map(|standing| (*part, standing.tenant.as_str()))
    });
    let rows = allowed.flat_map(|(part, tenant)| {
        part.rows.iter().map(move |row| NewRow { run_id: part.run_id, tenant, row })
    });
    rows.collect()
}
