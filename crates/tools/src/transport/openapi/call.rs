//! One operation as a tool: a request, an answer, and what the answer means.

use async_trait::async_trait;
use http::{HeaderName, HeaderValue, StatusCode};
use mainstay_core::{
    code::Code,
    tool::{EffectClass, Tool, ToolCall, ToolFailure, ToolSpec},
};
use serde_json::Value;

use super::{arguments, operation::Operation};
use crate::{
    http::{
        Egress, HttpClient, HttpFailure, HttpLimits, Response, Url, of_status, request::Credential,
    },
    schema::parse_strict,
};

/// At most so many characters of what an answer says are told on.
const QUOTED: usize = 300;

/// An operation as a tool.
#[derive(Debug)]
pub(super) struct HttpTool {
    pub(super) spec: ToolSpec,
    pub(super) operation: Operation,
    pub(super) base: Url,
    pub(super) client: HttpClient,
    pub(super) egress: Egress,
    pub(super) credentials: Vec<Credential>,
    pub(super) idempotency_header: HeaderName,
    pub(super) empty_on: Vec<u16>,
}

#[async_trait]
impl Tool for HttpTool {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, call: ToolCall) -> Result<Value, ToolFailure> {
        let refused = |why: String| ToolFailure::refused(why).with_code(Code::ToolArguments);
        let request = arguments::request(&self.operation, &self.base, &call.arguments);
        let mut request = request.map_err(refused)?;
        if let EffectClass::Idempotent { .. } = self.spec.effect {
            let key = HeaderValue::from_str(&call.key.to_string())?;
            request = request.with_header(self.idempotency_header.clone(), key);
        }
        for credential in &self.credentials {
            request = request.with_credential(credential.clone());
        }
        let limits = HttpLimits { total: self.spec.timeout, ..HttpLimits::default() };
        let answer = self.client.send(request, &self.egress, limits).await;
        self.read(&answer.map_err(HttpFailure::into_tool_failure)?)
    }
}

impl HttpTool {
    fn read(&self, answer: &Response) -> Result<Value, ToolFailure> {
        let status = answer.status;
        if self.empty_on.contains(&status.as_u16()) {
            return Ok(Value::Null);
        }
        if !status.is_success() {
            return Err(self.refusal(status, answer));
        }
        let value = value_of(answer).map_err(|why| {
            let why = answer.scrub.text(&why);
            ToolFailure::new(format!("{} was answered {status}, but {why}", self.name()))
        })?;
        Ok(answer.scrub.value(value))
    }

    fn refusal(&self, status: StatusCode, answer: &Response) -> ToolFailure {
        let said = quoted(&answer.scrub.json(&String::from_utf8_lossy(&answer.body)));
        let said = if said.is_empty() { said } else { format!(": {said}") };
        let message = format!("{} was answered {status}{said}", self.name());
        of_status(status, answer.retry_after(), message)
    }

    fn name(&self) -> String {
        format!("{} {}", self.operation.method, self.operation.path)
    }
}

/// Reads the body as what it says it is: JSON or text.
fn value_of(answer: &Response) -> Result<Value, String> {
    if answer.body.is_empty() {
        return Ok(Value::Null);
    }
    let what = answer.content_type();
    let text = std::str::from_utf8(&answer.body).map_err(|_| "not in UTF-8".to_owned())?;
    if what.is_empty() || what == "application/json" || what.ends_with("+json") {
        return parse_strict(text).map_err(|error| format!("not with JSON: {error}"));
    }
    if what.starts_with("text/") {
        return Ok(text.into());
    }
    Err(format!("with `{}`, which is neither JSON nor text", quoted(&what)))
}

/// Returns the beginning of a text as one line without control characters.
fn quoted(text: &str) -> String {
    let plain = |c: char| if c.is_control() || c.is_whitespace() { ' ' } else { c };
    let line: String = text.trim().chars().map(plain).take(QUOTED + 1).collect();
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", line.split_at(end).0),
        None => line,
    }
}
