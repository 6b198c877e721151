//! Due timers become messages.

use mainstay_core::{
    inbox::InboxBody,
    store::{
        StoreError,
        operation::{Delivery, FiredTimers},
    },
    time::Timestamp,
};

use super::Model;
use crate::wire;

impl Model {
    /// Fires the timers that are due, the earliest first.
    pub(super) fn fire_timers(
        &mut self,
        now: Timestamp,
        limit: u32,
    ) -> Result<FiredTimers, StoreError> {
        let due = self.timers.iter().filter(|(_, due)| **due <= now);
        let mut due: Vec<_> = due.map(|((run, key), due)| (*due, *run, key.clone())).collect();
        due.sort_unstable();
        due.truncate(limit as usize);
        for (due, run_id, key) in &due {
            self.timers.remove(&(*run_id, key.clone()));
            self.deliver(&Delivery {
                run_id: *run_id,
                key: wire::timer_key(key, *due),
                body: InboxBody::TimerFired { key: key.clone(), due: Some(*due) },
                payloads: Vec::new(),
            })?;
        }
        let next_in = self.timers.values().min().map(|due| due.since(now));
        Ok(FiredTimers { fired: u32::try_from(due.len()).unwrap_or(u32::MAX), next_in })
    }
}
