//! The catalogue of a process's tools: each name once, each schema sound, each tool guarded.

use std::{collections::BTreeMap, fmt, sync::Arc};

use mainstay_core::{
    code::Code,
    port::Clock,
    schema::SchemaError,
    tool::{EffectClass, Tool, ToolCatalog, ToolSpec},
};

use crate::{
    gate::Guarded,
    native::{Native, NativeTool, resources::Resources},
    schema::{JsonSchemaCheck, closed},
};

/// A name has at most so many characters; model vendors take no more.
pub(crate) const LONGEST_NAME: usize = 64;

/// Why a tool is not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegistryError {
    /// There is a tool of that name: it would shadow the other.
    Duplicate(String),
    /// Models cannot call a tool by this name.
    Name(String),
    /// One of its schemas is unsound.
    Schema {
        /// The tool.
        tool: String,
        /// What is wrong with the schema.
        error: SchemaError,
    },
    /// It claims to write in the step's own transaction, which no call can.
    Local(String),
}

impl RegistryError {
    /// Returns the code of the error a person sees.
    #[must_use]
    pub const fn code(&self) -> Code {
        Code::ToolInvalid
    }
}

impl fmt::Display for RegistryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duplicate(name) => write!(f, "there are two tools `{name}`"),
            Self::Name(name) => write!(
                f,
                "`{name}` is no name for a tool: 1 to {LONGEST_NAME} of a-z, A-Z, 0-9, `_`, `-`, `.`"
            ),
            Self::Schema { tool, error } => write!(f, "tool `{tool}`: {}", error.message),
            Self::Local(name) => write!(
                f,
                "tool `{name}` is declared `local`, but a tool's call is no part of the step's \
                 transaction: write rows of the run's own database with `cx.write`"
            ),
        }
    }
}

impl std::error::Error for RegistryError {}

/// The tools a process has, by name.
///
/// The schema of a tool's arguments is [closed](closed()) when it is taken in, so models, policies
/// and checks all see the strict one.
pub struct Registry {
    tools: BTreeMap<String, Arc<dyn Tool>>,
    resources: Resources,
    schema: Arc<JsonSchemaCheck>,
    clock: Arc<dyn Clock>,
}

impl Registry {
    /// Makes an empty catalogue whose native tools work on `resources`.
    #[must_use]
    pub fn new(resources: Resources, clock: Arc<dyn Clock>) -> Self {
        Self { tools: BTreeMap::new(), resources, schema: Arc::default(), clock }
    }

    /// Takes in a tool written as a function of this program.
    ///
    /// # Errors
    /// Its name is taken or unusable, a schema is unsound, or it claims to be `local`.
    pub fn native<T: NativeTool>(&mut self) -> Result<(), RegistryError> {
        self.add(Arc::new(Native::<T>::new(self.resources.clone())))
    }

    /// Takes in a tool.
    ///
    /// # Errors
    /// Its name is taken or unusable, a schema is unsound, or it claims to be `local`.
    pub fn add(&mut self, tool: Arc<dyn Tool>) -> Result<(), RegistryError> {
        let mut spec = tool.spec().clone();
        spec.input_schema = closed(&spec.input_schema).into();
        self.check(&spec)?;
        let name = spec.name.clone();
        let guarded = Guarded::new(spec, tool, self.schema(), Arc::clone(&self.clock));
        self.tools.insert(name, Arc::new(guarded));
        Ok(())
    }

    /// Returns the schema check, with every tool's schemas compiled.
    #[must_use]
    pub fn schema(&self) -> Arc<JsonSchemaCheck> {
        Arc::clone(&self.schema)
    }

    fn check(&self, spec: &ToolSpec) -> Result<(), RegistryError> {
        if !is_name(&spec.name) {
            return Err(RegistryError::Name(spec.name.clone()));
        }
        if self.tools.contains_key(&spec.name) {
            return Err(RegistryError::Duplicate(spec.name.clone()));
        }
        if spec.effect == EffectClass::Local {
            return Err(RegistryError::Local(spec.name.clone()));
        }
        let sound = |schema| self.schema.sound(schema);
        sound(&spec.input_schema)
            .and_then(|()| sound(&spec.output_schema))
            .map_err(|error| RegistryError::Schema { tool: spec.name.clone(), error })
    }
}

fn is_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed)
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry").field("tools", &self.tools.keys()).finish_non_exhaustive()
    }
}

impl ToolCatalog for Registry {
    fn get(&self, name: &str) -> Option<Arc<dyn Tool>> {
        self.tools.get(name).map(Arc::clone)
    }

    fn specs(&self) -> Vec<ToolSpec> {
        self.tools.values().map(|tool| tool.spec().clone()).collect()
    }
}

type Make = Box<dyn FnOnce(&Resources) -> Arc<dyn Tool> + Send>;

/// A list of tools that do not know yet what they will work on: what a module offers a program.
#[derive(Default)]
#[must_use = "a set does nothing until it is opened"]
pub struct ToolSet {
    tools: Vec<Make>,
}

impl ToolSet {
    /// Makes an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tool written as a function of this program.
    pub fn native<T: NativeTool>(mut self) -> Self {
        self.tools.push(Box::new(|resources| Arc::new(Native::<T>::new(resources.clone()))));
        self
    }

    /// Adds a tool.
    pub fn tool(mut self, tool: Arc<dyn Tool>) -> Self {
        self.tools.push(Box::new(move |_| tool));
        self
    }

    /// Adds the tools of another set.
    pub fn and(mut self, other: Self) -> Self {
        self.tools.extend(other.tools);
        self
    }

    /// Gives the tools what they work on.
    ///
    /// # Errors
    /// Two tools have one name, or a tool's declaration is unsound.
    pub fn open(
        self,
        resources: Resources,
        clock: Arc<dyn Clock>,
    ) -> Result<Registry, RegistryError> {
        let mut registry = Registry::new(resources, clock);
        for make in self.tools {
            let tool = make(&registry.resources);
            registry.add(tool)?;
        }
        Ok(registry)
    }
}

impl fmt::Debug for ToolSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolSet").field("tools", &self.tools.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use mainstay_core::tool::ToolFailure;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{SystemClock, Tampered};

    fn open(specs: Vec<ToolSpec>) -> Result<Registry, RegistryError> {
        let answer = || Err(ToolFailure::refused("nobody calls"));
        let tools = specs.into_iter().map(|spec| Tampered::new(spec, move |_| answer()));
        let set = tools.fold(ToolSet::new(), |set, tool| set.tool(Arc::new(tool)));
        set.open(Resources::new(), Arc::new(SystemClock))
    }

    fn spec(name: &str) -> ToolSpec {
        ToolSpec::new(name, json!({"properties": {"q": {}}}))
    }

    #[test]
    fn a_name_is_given_once() {
        let error = open(vec![spec("search"), spec("pay"), spec("search")]).unwrap_err();
        assert_eq!(error, RegistryError::Duplicate("search".to_owned()));
    }

    #[test]
    fn a_name_is_one_that_models_can_write() {
        assert!(open(vec![spec("shop.refund-2_b")]).is_ok());
        for name in ["", "pay me", "zahlung_ä", &"x".repeat(65), "a/b", "a\n"] {
            assert_eq!(open(vec![spec(name)]).unwrap_err(), RegistryError::Name(name.to_owned()));
        }
    }

    #[test]
    fn an_unsound_schema_is_found_at_the_door() {
        let unsound = json!({"$ref": "https://example.com/a.json"});
        for spec in [ToolSpec::new("a", unsound.clone()), spec("a").with_output_schema(unsound)] {
            assert!(matches!(open(vec![spec]), Err(RegistryError::Schema { .. })));
        }
    }

    #[test]
    fn a_tool_cannot_promise_the_steps_own_transaction() {
        let error = open(vec![spec("stock").with_effect(EffectClass::Local)]).unwrap_err();
        assert_eq!(error, RegistryError::Local("stock".to_owned()));
        assert_eq!(error.code().to_string(), "MS-5008");
        assert!(error.to_string().contains("`cx.write`"), "{error}");
    }

    #[test]
    fn a_spec_in_the_catalogue_is_the_closed_one() {
        let registry = open(vec![spec("search")]).unwrap();
        let closed = registry.get("search").unwrap().spec().input_schema.clone();
        assert_eq!(closed["unevaluatedProperties"], Value::Bool(false));
        assert_eq!(registry.specs().len(), 1);
        assert!(registry.get("Search").is_none());
    }
}
