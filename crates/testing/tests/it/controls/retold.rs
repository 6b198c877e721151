//! A store that tells its processes another history than the one it holds.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use mainstay_core::{
    digest::{Digest, canonical},
    id::RunId,
    journal::{Entry, Head, JournalRow},
    store::{
        Store, StoreError,
        operation::{Append, Appended, ClaimedRun, Operation, Reply},
    },
};

/// Changes what a claim tells of a journal. What the claimer appends is bound to the rows that are
/// really there: no check finds a broken chain, only what comes of the wrong history.
pub(super) struct Retold {
    store: Arc<dyn Store>,
    tell: fn(&mut [JournalRow]),
    /// The head of the real row, by the link that the process takes for the row's.
    heads: Mutex<HashMap<Digest, Head>>,
}

impl Retold {
    /// Returns what stands something between processes and a store.
    pub(super) fn by(tell: fn(&mut [JournalRow])) -> impl Fn(Arc<dyn Store>) -> Arc<dyn Store> {
        move |store| Arc::new(Self { store, tell, heads: Mutex::default() })
    }

    fn retell(&self, claimed: &mut ClaimedRun) {
        let end = end(claimed.run.run_id, &claimed.journal);
        self.heads.lock().unwrap().insert(end.link, end);
        (self.tell)(&mut claimed.journal);
    }

    fn bind(&self, part: &mut Append) {
        let mut heads = self.heads.lock().unwrap();
        let Some(real) = heads.get(&part.head.link).copied() else { return };
        let (run_id, mut head) = (part.run_id, real);
        for row in part.rows_mut() {
            let (entry, payloads) = (row.entry().unwrap(), std::mem::take(&mut row.payloads));
            let bound = JournalRow::after(head, run_id, row.epoch, row.at, &entry, payloads);
            let told = std::mem::replace(row, bound.unwrap());
            head = row.own_head();
            heads.insert(told.link, head);
        }
        part.head = real;
    }

    /// A process knows its own lost append by the link it gave it.
    fn recognise(&self, answer: &mut Appended) {
        let Appended::Fenced { found: Some(link) } = answer else { return };
        let heads = self.heads.lock().unwrap();
        let told = heads.iter().find(|(_, head)| head.link == *link).map(|(told, _)| *told);
        *link = told.unwrap_or(*link);
    }
}

fn end(run_id: RunId, journal: &[JournalRow]) -> Head {
    let before = |first: &JournalRow| Head {
        position: first.position - 1,
        hash: first.prev,
        link: first.prev,
    };
    let before = journal.first().map_or(Head::EMPTY, before);
    journal.iter().fold(before, |head, row| row.head(run_id, head))
}

/// Tells the truth: what a scene is safe under, so that only what is told otherwise makes it unsafe.
pub(super) const fn truth(_: &mut [JournalRow]) {}

/// Tells another entry in a row's place.
pub(super) fn replace(row: &mut JournalRow, entry: &Entry) {
    row.body = canonical(entry).unwrap();
    entry.kind().clone_into(&mut row.kind);
}

#[async_trait]
impl Store for Retold {
    async fn execute(&self, mut operation: Operation) -> Result<Reply, StoreError> {
        if let Operation::Append(parts) = &mut operation {
            parts.iter_mut().for_each(|part| self.bind(part));
        }
        let mut reply = self.store.execute(operation).await?;
        if let Reply::Claim(runs) = &mut reply {
            runs.iter_mut().for_each(|run| self.retell(run));
        }
        if let Reply::Append(answers) = &mut reply {
            answers.iter_mut().for_each(|answer| self.recognise(answer));
        }
        Ok(reply)
    }
}
