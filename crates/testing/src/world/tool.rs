//! Tools that act on the world as their effect class says.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use mainstay_core::tool::{EffectClass, Reconciled, Tool, ToolCall, ToolFailure, ToolSpec};
use serde_json::{Value, json};

use super::World;

/// Whether a tool keeps to what it declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Honesty {
    Honest,
    /// Declared idempotent, but does everything again.
    IgnoresKeys,
}

type Refusal = Arc<dyn Fn(&Value) -> Option<ToolFailure> + Send + Sync>;

/// A tool that does to the world what its effect class declares, and nothing else.
#[derive(Clone)]
pub struct WorldTool {
    spec: ToolSpec,
    world: World,
    honesty: Honesty,
    refusal: Refusal,
}

impl fmt::Debug for WorldTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldTool").field("name", &self.spec.name).finish_non_exhaustive()
    }
}

impl WorldTool {
    /// Makes a tool that takes any object.
    #[must_use]
    pub fn new(world: &World, name: &str, effect: EffectClass) -> Self {
        let anything = json!({ "type": "object", "additionalProperties": true });
        let spec = ToolSpec::new(name, anything).with_effect(effect);
        Self::of(world, spec)
    }

    /// Makes a tool of a spec.
    #[must_use]
    pub fn of(world: &World, spec: ToolSpec) -> Self {
        let refusal: Refusal = Arc::new(|_| None);
        Self { spec, world: world.clone(), honesty: Honesty::Honest, refusal }
    }

    /// Refuses some calls before anything is done.
    #[must_use]
    pub fn refusing(
        mut self,
        refusal: impl Fn(&Value) -> Option<ToolFailure> + Send + Sync + 'static,
    ) -> Self {
        self.refusal = Arc::new(refusal);
        self
    }

    /// Plants a fault: the tool does everything again, whatever it declares.
    #[must_use]
    pub const fn ignoring_keys(mut self) -> Self {
        self.honesty = Honesty::IgnoresKeys;
        self
    }
}

#[async_trait]
impl Tool for WorldTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        if let Some(failure) = (self.refusal)(&call.arguments) {
            return Err(failure);
        }
        let (name, key, arguments) = (&self.spec.name, call.key, &call.arguments);
        Ok(match (self.spec.effect, self.honesty) {
            (EffectClass::Read, _) => json!({ "about": arguments }),
            (EffectClass::Idempotent { .. }, Honesty::Honest) => {
                self.world.once(name, key, arguments)
            }
            (
                EffectClass::Idempotent { .. }
                | EffectClass::Reconcilable { .. }
                | EffectClass::AtMostOnce
                | EffectClass::Local,
                _,
            ) => self.world.again(name, key, arguments),
        })
    }

    async fn reconcile(&self, call: ToolCall) -> Reconciled {
        match self.world.find(&call.key.to_string()) {
            Some(result) => Reconciled::Happened(result),
            None => Reconciled::Absent,
        }
    }
}
