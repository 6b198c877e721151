//! The flows a process can drive, by name and by exact version.

use std::{collections::BTreeMap, sync::Arc};

use mainstay_core::flow::{FlowVersion, schedule::Wiring};
use serde_json::Value;

use crate::program::FlowProgram;

/// A flow that is ready to be driven: its functions and its worked-out graph.
#[derive(Clone)]
pub struct KnownFlow {
    /// The functions.
    pub program: Arc<dyn FlowProgram>,
    /// The graph.
    pub wiring: Arc<Wiring>,
    /// The identity runs are pinned to.
    pub version: FlowVersion,
}

impl std::fmt::Debug for KnownFlow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KnownFlow").field(&self.version).finish()
    }
}

/// Every flow version of this process.
#[derive(Debug, Clone, Default)]
pub struct Flows(BTreeMap<FlowVersion, KnownFlow>);

impl Flows {
    /// Adds a flow version; one that is there already is replaced.
    pub fn add(&mut self, program: Arc<dyn FlowProgram>) {
        let wiring = Arc::new(Wiring::of(program.definition().clone()));
        let version = program.definition().flow_version();
        self.0.insert(version.clone(), KnownFlow { program, wiring, version });
    }

    /// Returns an exact version.
    #[must_use]
    pub fn get(&self, version: &FlowVersion) -> Option<&KnownFlow> {
        self.0.get(version)
    }

    /// Returns the highest version of a flow.
    #[must_use]
    pub fn latest(&self, name: &str) -> Option<&KnownFlow> {
        self.0.values().filter(|flow| flow.version.name == name).max_by_key(|f| f.version.version)
    }

    /// Returns every version, by name and number.
    pub fn iter(&self) -> impl Iterator<Item = &KnownFlow> {
        self.0.values()
    }

    /// Returns whether a worker with these flows accepts runs of this version: to drive them, or to
    /// move them to a newer one. That it accepts a version does not depend on the state.
    #[must_use]
    pub fn accept(&self, version: &FlowVersion) -> bool {
        let newer = || self.latest(&version.name)?.program.migrate(version.version, &Value::Null);
        self.0.contains_key(version) || newer().is_some()
    }

    /// Returns the versions a worker can drive.
    #[must_use]
    pub fn lanes(&self) -> Vec<FlowVersion> {
        self.0.keys().cloned().collect()
    }
}
