//! One operation of a document: what it is called, what it takes, what it gives back.

use http::Method;
use serde_json::{Map, Value, json};

use super::{
    document::{Document, Found, OpenapiError},
    schema::{Converter, Way},
};

/// Where a parameter stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum In {
    Path,
    Query,
    Header,
}

/// How a parameter with several values is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Each under its own name.
    Exploded,
    /// One text, with this between the values.
    Joined(char),
    /// `name[key]=value`.
    Deep,
    /// JSON.
    Json,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameter {
    /// What the argument is called.
    pub(super) argument: String,
    /// What the other side calls it.
    pub(super) name: String,
    pub(super) place: In,
    pub(super) style: Style,
    required: bool,
    schema: Value,
}

/// An operation, ready to be called.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    /// Its `operationId`, or its method and path, in letters that a tool's name may have.
    pub(super) id: String,
    pub(super) method: Method,
    /// The path, with its parameters in braces.
    pub(super) path: String,
    pub(super) parameters: Vec<Parameter>,
    /// What the body is called among the arguments and what it is sent as.
    pub(super) body: Option<(String, String)>,
    pub(super) description: String,
    pub(super) input_schema: Value,
    pub(super) output_schema: Value,
}

/// Headers that OpenAPI says are described elsewhere.
const ELSEWHERE: [&str; 3] = ["accept", "content-type", "authorization"];

/// Returns what an operation is called.
pub(super) fn id_of(operation: &Map<String, Value>, method: &Method, path: &str) -> String {
    let written = operation.get("operationId").and_then(Value::as_str);
    let whole = || format!("{}_{path}", method.as_str().to_ascii_lowercase());
    let text = written.map_or_else(whole, str::to_owned);
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let parts = text.split(|c| !allowed(c)).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("_").replace("__", "_")
}

/// Reads an operation.
pub(super) fn read(document: &Document, found: Found<'_>) -> Result<Operation, OpenapiError> {
    let Found { path, method, item, operation } = found;
    let id = id_of(operation, &method, &path);
    let placed = |error: OpenapiError| OpenapiError::at(&id, error.to_string());
    let mut input = Converter::new(document, Way::In);
    let mut parameters = parameters(document, item, operation, &mut input).map_err(placed)?;
    let body = body(document, operation, &mut input).map_err(placed)?;
    name_arguments(&mut parameters, body.is_some());
    check_path(&path, &parameters).map_err(placed)?;
    let input_schema = input.whole(arguments(&parameters, body.as_ref()));
    let output_schema = output(document, operation).map_err(placed)?;
    let said = |key: &str| operation.get(key).and_then(Value::as_str).map(str::trim);
    let (summary, description) = (said("summary"), said("description"));
    let texts = [summary, description.filter(|text| Some(*text) != summary)];
    let description = texts.into_iter().flatten().collect::<Vec<_>>().join("\n\n");
    let description = if description.is_empty() { format!("{method} {path}") } else { description };
    let body = body.map(|body| ("body".to_owned(), body.what));
    Ok(Operation { id, method, path, parameters, body, description, input_schema, output_schema })
}

/// Reads the parameters of the path and of the operation; the operation's own replace the path's.
fn parameters(
    document: &Document,
    item: &Value,
    operation: &Map<String, Value>,
    input: &mut Converter<'_>,
) -> Result<Vec<Parameter>, OpenapiError> {
    let of = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
    let mut found: Vec<Parameter> = Vec::new();
    for written in of(item.get("parameters")).iter().chain(&of(operation.get("parameters"))) {
        let Some(parameter) = parameter(document, written, input)? else { continue };
        found.retain(|own| (&own.name, own.place) != (&parameter.name, parameter.place));
        found.push(parameter);
    }
    Ok(found)
}

fn parameter(
    document: &Document,
    written: &Value,
    input: &mut Converter<'_>,
) -> Result<Option<Parameter>, OpenapiError> {
    let written = document.follow(written)?;
    let text = |key: &str| written.get(key).and_then(Value::as_str);
    let name = text("name").ok_or_else(|| OpenapiError::at("", "a parameter without a name"))?;
    let required = written.get("required") == Some(&Value::Bool(true));
    let place = match text("in") {
        Some("path") => In::Path,
        Some("query") => In::Query,
        Some("header") if ELSEWHERE.contains(&name.to_ascii_lowercase().as_str()) => {
            return Ok(None);
        }
        Some("header") => In::Header,
        Some("cookie") if !required => return Ok(None),
        _ => return Err(OpenapiError::at(name, "a parameter that no tool can send")),
    };
    let content = written.get("content").and_then(Value::as_object);
    let (schema, style) = match content.and_then(|content| content.values().next()) {
        Some(content) => (content.get("schema"), Style::Json),
        None => (written.get("schema"), style(place, text("style"), written.get("explode"))),
    };
    let mut schema = input.convert(schema.unwrap_or(&Value::Bool(true)))?;
    if let (Value::Object(fields), Some(text)) = (&mut schema, text("description")) {
        fields.entry("description").or_insert_with(|| text.trim().into());
    }
    let required = required || place == In::Path;
    let (argument, name) = (name.to_owned(), name.to_owned());
    Ok(Some(Parameter { argument, name, place, style, required, schema }))
}

fn style(place: In, style: Option<&str>, explode: Option<&Value>) -> Style {
    match (place, style) {
        (In::Query, Some("deepObject")) => Style::Deep,
        (In::Query, Some("spaceDelimited")) => Style::Joined(' '),
        (In::Query, Some("pipeDelimited")) => Style::Joined('|'),
        (In::Query, _) if explode != Some(&Value::Bool(false)) => Style::Exploded,
        (In::Path | In::Query | In::Header, _) => Style::Joined(','),
    }
}

/// Gives each argument a name of its own: parameters in different places may share one.
fn name_arguments(parameters: &mut [Parameter], has_body: bool) {
    let names: Vec<String> = parameters.iter().map(|parameter| parameter.name.clone()).collect();
    for parameter in parameters {
        let shared = names.iter().filter(|name| **name == parameter.name).count() > 1;
        let taken = has_body && parameter.name == "body";
        let place = match parameter.place {
            In::Path => "path",
            In::Query => "query",
            In::Header => "header",
        };
        if taken || (shared && parameter.place != In::Path) {
            parameter.argument = format!("{place}_{}", parameter.name);
        }
    }
}

/// Each brace of a path is a parameter, and each of its parameters a brace.
fn check_path(path: &str, parameters: &[Parameter]) -> Result<(), OpenapiError> {
    let braces: Vec<&str> =
        path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect();
    let of_path = parameters.iter().filter(|parameter| parameter.place == In::Path);
    let named: Vec<&str> = of_path.map(|parameter| parameter.name.as_str()).collect();
    let missing = braces.iter().find(|brace| !named.contains(brace));
    let surplus = named.iter().find(|name| !braces.contains(name));
    match missing.or(surplus) {
        Some(name) => {
            Err(OpenapiError::at(*name, "the path and its parameters do not name the same"))
        }
        None if !path.starts_with('/') || path.contains(['?', '#']) => {
            Err(OpenapiError::at(path, "a path that begins with no slash, or ends in a query"))
        }
        None => Ok(()),
    }
}

struct Body {
    what: String,
    required: bool,
    schema: Value,
}

fn is_json(what: &str) -> bool {
    let what = what.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    what == "application/json" || (what.starts_with("application/") && what.ends_with("+json"))
}

fn body(
    document: &Document,
    operation: &Map<String, Value>,
    input: &mut Converter<'_>,
) -> Result<Option<Body>, OpenapiError> {
    let Some(written) = operation.get("requestBody") else { return Ok(None) };
    let written = document.follow(written)?;
    let required = written.get("required") == Some(&Value::Bool(true));
    let content = written.get("content").and_then(Value::as_object);
    let json = content.and_then(|content| content.iter().find(|(what, _)| is_json(what)));
    match json {
        Some((what, content)) => {
            let schema = input.convert(content.get("schema").unwrap_or(&Value::Bool(true)))?;
            Ok(Some(Body { what: what.clone(), required, schema }))
        }
        None if required => Err(OpenapiError::at("", "a body that is not JSON")),
        None => Ok(None),
    }
}

/// Returns the schema of all arguments: each parameter by its name, and the body.
fn arguments(parameters: &[Parameter], body: Option<&Body>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for parameter in parameters {
        properties.insert(parameter.argument.clone(), parameter.schema.clone());
        if parameter.required {
            required.push(parameter.argument.clone());
        }
    }
    if let Some(body) = body {
        properties.insert("body".to_owned(), body.schema.clone());
        if body.required {
            required.push("body".to_owned());
        }
    }
    json!({
        "type": "object", "properties": properties, "required": required,
        "additionalProperties": false,
    })
}

/// Returns the schema of what comes back: everything that any answer of 2xx may be.
fn output(document: &Document, operation: &Map<String, Value>) -> Result<Value, OpenapiError> {
    let mut output = Converter::new(document, Way::Out);
    let mut answers = Vec::new();
    let responses = operation.get("responses").and_then(Value::as_object);
    for (_, response) in responses.into_iter().flatten().filter(|(s, _)| s.starts_with('2')) {
        let content = document.follow(response)?.get("content").and_then(Value::as_object);
        let Some(content) = content.filter(|content| !content.is_empty()) else {
            answers.push(json!({"type": "null"}));
            continue;
        };
        for (what, content) in content {
            answers.push(match content.get("schema") {
                Some(schema) if is_json(what) => output.convert(schema)?,
                None if is_json(what) => Value::Bool(true),
                Some(_) | None if what.starts_with("text/") => json!({"type": "string"}),
                Some(_) | None => Value::Bool(true),
            });
        }
    }
    answers.dedup();
    Ok(match answers.as_slice() {
        [] => Value::Bool(true),
        [only] => output.whole(only.clone()),
        several => output.whole(json!({"anyOf": several})),
    })
}

#[cfg(test)]
#[path = "operation/tests.rs"]
mod tests;
