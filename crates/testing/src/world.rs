//! A world outside that survives the crashes of workers: a ledger of what was done, by key.
//!
//! It is as honest as the systems it stands for. An idempotent system does a thing once per key; a
//! reconcilable or at-most-once one does it again for every request that arrives, as real couriers
//! and old warehouses do. A world that forgave every repeat could not show that none was made.

mod tool;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use mainstay_core::{digest::canonical, effect::IdempotencyKey};
use serde_json::{Value, json};

use crate::rig::{Doubt, Outside};
pub use tool::WorldTool;

/// Something that was asked for under one key, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Deed {
    /// The tool that asked.
    pub tool: String,
    /// The key it came under.
    pub key: String,
    /// What it asked for.
    pub arguments: Value,
    /// What the first performance gave back.
    pub result: Value,
    /// How often it was asked for.
    pub arrivals: u32,
    /// How often it was done.
    pub performed: u32,
}

/// The ledger; clones share it.
#[derive(Debug, Clone, Default)]
pub struct World(Arc<Mutex<Vec<Deed>>>);

impl World {
    /// Does a thing once per key: a repeat gets the first result.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn once(&self, tool: &str, key: IdempotencyKey, arguments: &Value) -> Value {
        let mut deeds = self.lock();
        let key = key.to_string();
        match deeds.iter_mut().find(|deed| deed.key == key) {
            Some(deed) => {
                deed.arrivals += 1;
                deed.result.clone()
            }
            None => perform(&mut deeds, tool, key, arguments),
        }
    }

    /// Does a thing, whether or not it was done before.
    #[expect(clippy::must_use_candidate, reason = "called for what it does")]
    pub fn again(&self, tool: &str, key: IdempotencyKey, arguments: &Value) -> Value {
        let mut deeds = self.lock();
        let key = key.to_string();
        match deeds.iter_mut().find(|deed| deed.key == key) {
            Some(deed) => {
                deed.arrivals += 1;
                deed.performed += 1;
                deed.result.clone()
            }
            None => perform(&mut deeds, tool, key, arguments),
        }
    }

    /// Returns what a thing done under this key gave back.
    #[must_use]
    pub fn find(&self, key: &str) -> Option<Value> {
        self.lock().iter().find(|deed| deed.key == key).map(|deed| deed.result.clone())
    }

    /// Returns everything that was done, in order of first arrival.
    #[must_use]
    pub fn deeds(&self) -> Vec<Deed> {
        self.lock().clone()
    }

    /// A panic inside the lock cannot leave half a deed: nothing there panics.
    fn lock(&self) -> MutexGuard<'_, Vec<Deed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn perform(deeds: &mut Vec<Deed>, tool: &str, key: String, arguments: &Value) -> Value {
    let number = deeds.iter().filter(|deed| deed.tool == tool).count() + 1;
    let result = json!({ "receipt": format!("{tool}-{number}") });
    deeds.push(Deed {
        tool: tool.to_owned(),
        key,
        arguments: arguments.clone(),
        result: result.clone(),
        arrivals: 1,
        performed: 1,
    });
    result
}

#[async_trait]
impl Outside for World {
    async fn done(&self) -> Vec<String> {
        let line = |deed: &Deed| {
            let arguments = canonical(&deed.arguments).unwrap_or_default();
            format!("{} {}", deed.tool, String::from_utf8_lossy(&arguments))
        };
        let deeds = self.deeds();
        let times = |deed: &Deed| vec![line(deed); deed.performed as usize];
        deeds.iter().flat_map(times).collect()
    }

    async fn find(&self, doubt: &Doubt) -> Option<Value> {
        Self::find(self, &doubt.key)
    }
}
