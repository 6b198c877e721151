//! From arguments to a URL, headers and a body.
//!
//! A value in a path fills one segment and can never become more: what a server could read as a
//! further segment, however encoded, is refused before anything is sent.

use std::fmt::Write;

use http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::operation::{In, Operation, Parameter, Style};
use crate::http::{Request, Url};

/// Returns the request that arguments stand for.
///
/// # Errors
/// A value cannot stand where it must; the text names the argument.
pub(super) fn request(
    operation: &Operation,
    base: &Url,
    arguments: &Value,
) -> Result<Request, String> {
    let mut path = operation.path.clone();
    let mut query = Vec::new();
    let mut headers = Vec::new();
    for parameter in &operation.parameters {
        let Some(value) = arguments.get(&parameter.argument) else { continue };
        let wrong = |why: String| format!("`{}` {why}", parameter.argument);
        match parameter.place {
            In::Path => {
                let filled = segment(&joined(value, parameter.style).map_err(wrong)?);
                let filled = filled.map_err(|why| wrong(why.to_owned()))?;
                path = path.replace(&format!("{{{}}}", parameter.name), &filled);
            }
            In::Query => query.extend(pairs(parameter, value).map_err(wrong)?),
            In::Header => headers.push(header(parameter, value).map_err(wrong)?),
        }
    }
    let query: Vec<String> =
        query.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    let url = place(base, &operation.path, &path, &query.join("&"))?;
    let mut request = Request::new(operation.method.clone(), url);
    for (name, value) in headers {
        request = request.with_header(name, value);
    }
    if let Some((argument, what)) = &operation.body
        && let Some(body) = arguments.get(argument)
    {
        let what = HeaderValue::from_str(what).map_err(|_| "the body's type".to_owned())?;
        request = request.with_body(what, body.to_string());
    }
    Ok(request)
}

/// Puts a path behind the base, and makes sure that it stayed there.
fn place(base: &Url, template: &str, path: &str, query: &str) -> Result<Url, String> {
    let under = base.target().trim_end_matches('/');
    let mark = if query.is_empty() { "" } else { "?" };
    let target = format!("{under}{path}{mark}{query}");
    let url = base.join(&target).map_err(|error| format!("the address is refused: {error}"))?;
    let segments = |text: &str| text.split('/').count();
    let sound =
        url.same_origin(base) && url.target() == target && segments(path) == segments(template);
    sound.then_some(url).ok_or_else(|| "an argument leads out of the operation's path".to_owned())
}

/// Returns the value as one segment of a path.
fn segment(text: &str) -> Result<String, &'static str> {
    let lower = text.to_ascii_lowercase();
    if text.is_empty() || text == "." {
        return Err("is empty or a dot, which a path cannot hold");
    }
    // A server may decode once more than it should.
    let tricks = ["/", "\\", "..", "%2f", "%5c", "%2e", "%25", "%00"];
    if tricks.iter().any(|trick| lower.contains(trick)) || text.contains(char::is_control) {
        return Err("holds what could lead to another path");
    }
    Ok(encoded(text))
}

/// Percent-encodes everything but the unreserved characters (RFC 3986, 2.3).
fn encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// Returns a plain value as text.
fn plain(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
        Value::Null => Ok(String::new()),
        Value::Array(_) | Value::Object(_) => {
            Err("nests deeper than a parameter can be written".to_owned())
        }
    }
}

/// Returns a value as one text.
fn joined(value: &Value, style: Style) -> Result<String, String> {
    let between = match style {
        Style::Json => return Ok(value.to_string()),
        Style::Joined(between) => between,
        Style::Exploded | Style::Deep => ',',
    };
    let texts = match value {
        Value::Array(items) => items.iter().map(plain).collect::<Result<Vec<_>, _>>()?,
        Value::Object(fields) => {
            let mut texts = Vec::new();
            for (key, value) in fields {
                texts.extend([key.clone(), plain(value)?]);
            }
            texts
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![plain(value)?],
    };
    Ok(texts.join(&between.to_string()))
}

/// Returns what a parameter of the query becomes.
fn pairs(parameter: &Parameter, value: &Value) -> Result<Vec<(String, String)>, String> {
    let name = &parameter.name;
    let of = |key: &str, value: &Value| match parameter.style {
        Style::Deep => Ok((format!("{name}[{key}]"), plain(value)?)),
        Style::Exploded | Style::Joined(_) | Style::Json => Ok((key.to_owned(), plain(value)?)),
    };
    match (parameter.style, value) {
        (Style::Exploded, Value::Array(items)) => {
            items.iter().map(|item| Ok((name.clone(), plain(item)?))).collect()
        }
        (Style::Exploded | Style::Deep, Value::Object(fields)) => {
            fields.iter().map(|(key, value)| of(key, value)).collect()
        }
        (style, value) => Ok(vec![(name.clone(), joined(value, style)?)]),
    }
}

fn header(parameter: &Parameter, value: &Value) -> Result<(HeaderName, HeaderValue), String> {
    let name = HeaderName::from_bytes(parameter.name.as_bytes());
    let name = name.map_err(|_| "is no name of a header".to_owned())?;
    let text = joined(value, parameter.style)?;
    let value = HeaderValue::from_str(&text);
    Ok((name, value.map_err(|_| "holds what no header can".to_owned())?))
}

#[cfg(test)]
#[path = "arguments/tests.rs"]
mod tests;
