//! OpenAPI: every operation of a document as a tool, over the one HTTP client.
//!
//! What a document says about repeating a call is nothing, so an operation that asks (`GET`,
//! `HEAD`) is a read, and every other acts at most once and cannot be undone until whoever runs the
//! program says otherwise. `PUT` is idempotent by its definition, and often not by its
//! implementation.

mod arguments;
mod call;
mod document;
mod operation;
mod schema;

use std::{collections::BTreeMap, num::NonZeroU32, sync::Arc, time::Duration};

use http::{HeaderName, Method};
use mainstay_core::{
    breaker::BreakerPolicy,
    label::Label,
    retry::RetryPolicy,
    tool::{Control, EffectClass, Origin, RateLimit, Reversibility, Tool, ToolSpec},
};
use serde_json::Value;

use self::{call::HttpTool, document::Document, operation::Operation};
use crate::{
    JsonSchemaCheck,
    http::{Egress, HttpClient, Url, request::Credential},
    registry::LONGEST_NAME,
    schema::closed,
};

pub use self::document::OpenapiError;

/// The header that an idempotency key is sent in unless an interface has another.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// What a program says about an operation; what it does not say stays as the document has it.
#[derive(Debug, Clone, Default)]
pub struct OperationSettings {
    /// What the tool is called behind the interface's name and a dot.
    pub name: Option<String>,
    /// What it does, for models.
    pub description: Option<String>,
    /// What repeating a call would do.
    pub effect: Option<EffectClass>,
    /// Whether what it does can be undone.
    pub reversibility: Option<Reversibility>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// How a failed attempt is tried again.
    pub retry: Option<RetryPolicy>,
    /// How often it may be called.
    pub rate: Option<RateLimit>,
    /// Which arguments say what is acted on.
    pub control: Option<Control>,
    /// When a person must approve a call.
    pub approval: Option<String>,
    /// What is said about its results.
    pub result_label: Option<Label>,
    /// Whether it is asked again until something has changed.
    pub polls: bool,
    /// How many calls may be under way at once.
    pub concurrency: Option<NonZeroU32>,
    /// When its breaker opens.
    pub breaker: Option<BreakerPolicy>,
    /// What a call costs, in millionths of a US dollar.
    pub cost: Option<u64>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Answers that mean that there is nothing, such as 404 for a search by id.
    pub empty_on: Vec<u16>,
}

/// An HTTP interface as a program is told about it.
#[derive(Debug, Clone)]
pub struct Interface {
    /// What its tools' names begin with.
    pub name: String,
    /// The document, in JSON or YAML.
    pub document: String,
    /// Where it is; the document's first server when absent.
    pub base_url: Option<String>,
    /// What goes along with every request.
    pub credentials: Vec<Credential>,
    /// Where its requests may go.
    pub egress: Egress,
    /// The header that an idempotency key is sent in.
    pub idempotency_header: HeaderName,
    /// The operations that become tools; all of them when empty.
    pub only: Vec<String>,
    /// What is said about single operations.
    pub operations: BTreeMap<String, OperationSettings>,
}

impl Interface {
    /// Makes an interface of a document, of which nothing else is said.
    #[must_use]
    pub fn new(name: impl Into<String>, document: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            document: document.into(),
            base_url: None,
            credentials: Vec::new(),
            egress: Egress::public(),
            idempotency_header: HeaderName::from_static(IDEMPOTENCY_KEY),
            only: Vec::new(),
            operations: BTreeMap::new(),
        }
    }

    /// Makes the tools.
    ///
    /// # Errors
    /// The document cannot be read, or something that was asked for by name cannot be had.
    pub fn open(self, client: &HttpClient) -> Result<Opened, OpenapiError> {
        let document = Document::read(&self.document)?;
        let base = self.base(&document)?;
        let (mut tools, mut left_out) = (Vec::<Arc<dyn Tool>>::new(), Vec::new());
        let (mut known, mut names) = (Vec::new(), Vec::new());
        let check = JsonSchemaCheck::new();
        for found in document.operations()? {
            let id = operation::id_of(found.operation, &found.method, &found.path);
            known.push(id.clone());
            if !self.only.is_empty() && !self.only.contains(&id) {
                continue;
            }
            let made = operation::read(&document, found)
                .and_then(|operation| self.tool(operation, &base, client, &check));
            let wanted = self.only.contains(&id) || self.operations.contains_key(&id);
            match made {
                Ok(tool) if names.contains(&tool.spec().name) => {
                    return Err(OpenapiError::at(id, "two operations have this name"));
                }
                Ok(tool) => {
                    names.push(tool.spec().name.clone());
                    tools.push(Arc::new(tool));
                }
                Err(error) if wanted => return Err(error),
                Err(error) => left_out.push(error),
            }
        }
        self.check_names(&known)?;
        Ok(Opened { tools, left_out })
    }

    fn base(&self, document: &Document) -> Result<Url, OpenapiError> {
        let written = match &self.base_url {
            Some(url) => url.clone(),
            None => server(document).ok_or_else(|| {
                OpenapiError::at("servers", "the document names no server: set `base_url`")
            })?,
        };
        let wrong = |why: String| OpenapiError::at(&written, why);
        let url = Url::parse(&written).map_err(|error| {
            wrong(format!("it is no address of a server: {error}; set `base_url`"))
        })?;
        if url.target().contains('?') {
            return Err(wrong("the address of a server has no query".to_owned()));
        }
        Ok(url)
    }

    /// Everything that is said by name is about something that is there.
    fn check_names(&self, known: &[String]) -> Result<(), OpenapiError> {
        let said = self.only.iter().chain(self.operations.keys());
        match said.into_iter().find(|name| !known.contains(name)) {
            None => Ok(()),
            Some(name) => {
                let known = known.iter().map(String::as_str);
                let hint = mainstay_core::flow::check::near::hint(name, known);
                Err(OpenapiError::at(name, format!("there is no such operation; {hint}")))
            }
        }
    }

    fn tool(
        &self,
        operation: Operation,
        base: &Url,
        client: &HttpClient,
        check: &JsonSchemaCheck,
    ) -> Result<HttpTool, OpenapiError> {
        let default = OperationSettings::default();
        let settings = self.operations.get(&operation.id).unwrap_or(&default);
        let spec = self.spec(&operation, settings, check)?;
        Ok(HttpTool {
            spec,
            operation,
            base: base.clone(),
            client: client.clone(),
            egress: self.egress.clone(),
            credentials: self.credentials.clone(),
            idempotency_header: self.idempotency_header.clone(),
            empty_on: settings.empty_on.clone(),
        })
    }

    fn spec(
        &self,
        operation: &Operation,
        settings: &OperationSettings,
        check: &JsonSchemaCheck,
    ) -> Result<ToolSpec, OpenapiError> {
        let wrong = |why: String| OpenapiError::at(&operation.id, why);
        let name = format!("{}.{}", self.name, settings.name.as_ref().unwrap_or(&operation.id));
        if name.len() > LONGEST_NAME {
            let why = format!("`{name}` is longer than {LONGEST_NAME} characters: set `name`");
            return Err(wrong(why));
        }
        let input = closed(&operation.input_schema);
        check.sound(&input).map_err(|error| wrong(error.message))?;
        let effect = settings.effect.unwrap_or(match operation.method {
            Method::GET | Method::HEAD => EffectClass::Read,
            _ => EffectClass::AtMostOnce,
        });
        if matches!(effect, EffectClass::Local | EffectClass::Reconcilable { .. }) {
            let why = "an operation is `read`, `idempotent` or `at_most_once`";
            return Err(wrong(why.to_owned()));
        }
        // Less is promised rather than a sound answer refused by a schema that nobody can check.
        let sound = check.sound(&operation.output_schema).is_ok();
        let output = if sound { operation.output_schema.clone() } else { Value::Bool(true) };
        let mut spec = ToolSpec::new(name, input)
            .with_description(settings.description.as_ref().unwrap_or(&operation.description))
            .with_output_schema(output)
            .with_effect(effect)
            .with_origin(Origin::Http(self.name.clone()));
        settings.apply(&mut spec);
        Ok(spec)
    }
}

impl OperationSettings {
    fn apply(&self, spec: &mut ToolSpec) {
        fn set<T: Clone>(place: &mut T, said: Option<&T>) {
            if let Some(said) = said {
                place.clone_from(said);
            }
        }
        set(&mut spec.reversibility, self.reversibility.as_ref());
        set(&mut spec.timeout, self.timeout.as_ref());
        set(&mut spec.retry, self.retry.as_ref());
        set(&mut spec.control, self.control.as_ref());
        set(&mut spec.result_label, self.result_label.as_ref());
        spec.polls = self.polls;
        spec.rate = self.rate;
        spec.approval.clone_from(&self.approval);
        spec.concurrency = self.concurrency;
        spec.breaker = self.breaker;
        spec.cost = self.cost;
        spec.owner.clone_from(&self.owner);
    }
}

/// The tools of an interface.
pub struct Opened {
    /// One for each operation.
    pub tools: Vec<Arc<dyn Tool>>,
    /// The operations that no tool can stand for, and why. None of them was asked for by name.
    pub left_out: Vec<OpenapiError>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.tools.iter().map(|tool| &tool.spec().name).collect();
        let mut debug = f.debug_struct("Opened");
        debug.field("tools", &names).field("left_out", &self.left_out).finish()
    }
}

/// Returns the first server, with the defaults of its variables.
fn server(document: &Document) -> Option<String> {
    let server = document.root.get("servers")?.get(0)?;
    let mut url = server.get("url")?.as_str()?.to_owned();
    for (name, variable) in server.get("variables").and_then(Value::as_object).into_iter().flatten()
    {
        let value = variable.get("default").and_then(Value::as_str).unwrap_or_default();
        url = url.replace(&format!("{{{name}}}"), value);
    }
    Some(url)
}

#[cfg(test)]
mod tests;
