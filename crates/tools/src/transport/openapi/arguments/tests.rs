//! Where arguments end up, and that they stay there.

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::transport::openapi::{document::Document, operation};

fn operation(path: &str, parameters: Value) -> Operation {
    let body = json!({"content": {"application/json": {}}});
    let document = json!({"openapi": "3.1.0", "paths": {path: {"post": {
        "parameters": parameters, "requestBody": body,
    }}}});
    let document = Document::read(&document.to_string()).unwrap();
    operation::read(&document, document.operations().unwrap().pop().unwrap()).unwrap()
}

fn base() -> Url {
    Url::parse("https://api.example/v2/").unwrap()
}

fn target(path: &str, parameters: Value, arguments: Value) -> Result<String, String> {
    let request = request(&operation(path, parameters), &base(), &arguments)?;
    Ok(request.url().target().to_owned())
}

fn in_path() -> Value {
    json!([{"name": "id", "in": "path", "required": true, "schema": {}}])
}

#[test]
fn a_path_parameter_is_one_segment_whatever_it_holds() {
    let filled = |value: Value| target("/files/{id}/meta", in_path(), json!({"id": value}));
    assert_eq!(filled(json!("a b?c#d;é")).unwrap(), "/v2/files/a%20b%3Fc%23d%3B%C3%A9/meta");
    assert_eq!(filled(json!(17)).unwrap(), "/v2/files/17/meta");
    assert_eq!(filled(json!(["a", "b"])).unwrap(), "/v2/files/a%2Cb/meta");
    let tricks = [
        "",
        ".",
        "..",
        "a/b",
        "/etc",
        "../..",
        "..\\x",
        "%2e%2e",
        "%2E%2e%2F",
        "a%2fb",
        "%252f",
        "a\u{0}b",
        "a\nb",
        "%00",
        "x/../../y",
        "a..b",
        "\\\\host",
    ];
    for trick in tricks {
        assert!(filled(json!(trick)).is_err(), "{trick:?}");
    }
    assert!(filled(json!([["a"]])).is_err(), "nested deeper than a path can say");
}

#[test]
fn query_parameters_are_written_as_their_style_says() {
    let written = |style: Value, value: Value| {
        let mut parameter = json!({"name": "q", "in": "query", "schema": {}});
        for (key, value) in style.as_object().unwrap() {
            parameter[key] = value.clone();
        }
        target("/s", json!([parameter]), json!({"q": value})).unwrap()
    };
    assert_eq!(written(json!({}), json!("a&b=c")), "/v2/s?q=a%26b%3Dc");
    assert_eq!(written(json!({}), json!([1, 2])), "/v2/s?q=1&q=2");
    assert_eq!(written(json!({"explode": false}), json!([1, 2])), "/v2/s?q=1%2C2");
    assert_eq!(written(json!({"style": "pipeDelimited"}), json!([1, 2])), "/v2/s?q=1%7C2");
    assert_eq!(written(json!({"style": "deepObject"}), json!({"a": 1})), "/v2/s?q%5Ba%5D=1");
    assert_eq!(written(json!({}), json!({"a": 1, "b": true})), "/v2/s?a=1&b=true");
    let json = json!({"content": {"application/json": {"schema": {}}}});
    assert_eq!(written(json, json!({"a": [1]})), "/v2/s?q=%7B%22a%22%3A%5B1%5D%7D");
    assert_eq!(target("/s", json!([]), json!({})).unwrap(), "/v2/s");
}

#[test]
fn a_header_cannot_hold_a_second_one() {
    let parameters = json!([{"name": "X-Note", "in": "header", "schema": {}}]);
    let sent = |value: &str| target("/s", parameters.clone(), json!({"X-Note": value}));
    assert!(sent("plain").is_ok());
    assert!(sent("a\r\nX-Admin: 1").is_err());
}

proptest! {
    #[test]
    fn no_argument_leads_out_of_the_path(text in any::<String>()) {
        if let Ok(target) = target("/a/{id}/b", in_path(), json!({"id": text})) {
            let inner = target.strip_prefix("/v2/a/").and_then(|rest| rest.strip_suffix("/b"));
            prop_assert!(inner.is_some_and(|inner| !inner.contains(['/', '?', '#', '\\'])), "{target}");
        }
    }
}
