//! Tools that are functions of this program: what `#[tool]` makes of an async function.

pub mod context;
pub mod resources;

use std::marker::PhantomData;

use async_trait::async_trait;
use futures::future::BoxFuture;
use mainstay_core::{
    code::Code,
    tool::{Reconciled, Tool, ToolCall, ToolFailure, ToolSpec},
};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use context::ToolContext;
use resources::Resources;

/// A function as a tool. `#[tool]` implements it for a unit type of the function's name.
pub trait NativeTool: Send + Sync + 'static {
    /// The function's parameters as a struct that refuses unknown fields.
    type Args: Serialize + DeserializeOwned + JsonSchema + Send + Sync;
    /// What it returns; `None`, `()` and an empty list mean that there is nothing.
    type Output: Serialize + DeserializeOwned + JsonSchema + Send;
    /// What grants and models call it by.
    const NAME: &'static str;

    /// Returns what it declares; begin with [`spec_of`].
    fn spec() -> ToolSpec;

    /// Makes one attempt.
    fn call(
        cx: ToolContext,
        args: Self::Args,
    ) -> BoxFuture<'static, Result<Self::Output, ToolFailure>>;

    /// Finds out whether an earlier attempt of the same key happened.
    fn reconcile(
        _cx: ToolContext,
        _args: Self::Args,
    ) -> BoxFuture<'static, Reconciled<Self::Output>> {
        Box::pin(std::future::ready(Reconciled::Unknown))
    }
}

/// Returns a spec with a tool's name and schemas that declares nothing else.
#[must_use]
pub fn spec_of<T: NativeTool>() -> ToolSpec {
    let input = SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<T::Args>();
    let output = SchemaSettings::draft2020_12().for_serialize();
    let output = output.into_generator().into_root_schema_for::<T::Output>();
    ToolSpec::new(T::NAME, input.to_value()).with_output_schema(output.to_value())
}

/// A function of this program behind the port of all tools.
pub struct Native<T> {
    spec: ToolSpec,
    resources: Resources,
    function: PhantomData<fn() -> T>,
}

impl<T: NativeTool> Native<T> {
    /// Gives a function what it works on.
    #[must_use]
    pub fn new(resources: Resources) -> Self {
        Self { spec: T::spec(), resources, function: PhantomData }
    }

    fn open(&self, call: ToolCall) -> Result<(ToolContext, T::Args), ToolFailure> {
        let args = serde_path_to_error::deserialize(call.arguments).map_err(|error| {
            let message = format!("the arguments cannot be read: {error}");
            ToolFailure::refused(message).with_code(Code::ToolArguments)
        })?;
        let (key, attempt, deadline) = (call.key, call.attempt, call.deadline);
        let (run_id, position, resources) = (call.run_id, call.position, self.resources.clone());
        Ok((ToolContext { key, attempt, deadline, run_id, position, resources }, args))
    }
}

#[async_trait]
impl<T: NativeTool> Tool for Native<T> {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        let (cx, args) = self.open(call)?;
        Ok(serde_json::to_value(T::call(cx, args).await?)?)
    }

    async fn reconcile(&self, call: ToolCall) -> Reconciled {
        let Ok((cx, args)) = self.open(call) else { return Reconciled::Unknown };
        match T::reconcile(cx, args).await {
            Reconciled::Happened(output) => {
                serde_json::to_value(output).map_or(Reconciled::Unknown, Reconciled::Happened)
            }
            Reconciled::Absent => Reconciled::Absent,
            Reconciled::Unknown => Reconciled::Unknown,
        }
    }
}

impl<T> std::fmt::Debug for Native<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Native").field("name", &self.spec.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
