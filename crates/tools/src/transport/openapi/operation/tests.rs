//! What becomes of an operation.

use super::*;

fn operations(paths: Value) -> Vec<Result<Operation, OpenapiError>> {
    let document = json!({"openapi": "3.1.0", "paths": paths}).to_string();
    let document = Document::read(&document).unwrap();
    document.operations().unwrap().into_iter().map(|found| read(&document, found)).collect()
}

fn only(paths: Value) -> Operation {
    operations(paths).pop().unwrap().unwrap()
}

fn parameter(name: &str, place: &str) -> Value {
    json!({"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}})
}

#[test]
fn parameters_and_body_become_one_closed_schema() {
    let operation = only(json!({"/orders/{id}": {
        "parameters": [parameter("id", "path"), parameter("lang", "query")],
        "post": {
            "operationId": "updateOrder", "summary": "Updates an order.",
            "description": "Fails when it was shipped.",
            "parameters": [
                {"name": "lang", "in": "query", "schema": {"enum": ["de"]}, "description": "of texts"},
                parameter("X-Trace", "header"), parameter("Authorization", "header"),
            ],
            "requestBody": {"required": true, "content": {
                "text/plain": {}, "application/json": {"schema": {"type": "object"}},
            }},
        },
    }}));
    assert_eq!(operation.id, "updateOrder");
    assert_eq!(operation.description, "Updates an order.\n\nFails when it was shipped.");
    assert_eq!(
        operation.input_schema,
        json!({
            "type": "object", "additionalProperties": false, "required": ["id", "body"],
            "properties": {
                "id": {"type": "string"}, "lang": {"enum": ["de"], "description": "of texts"},
                "X-Trace": {"type": "string"}, "body": {"type": "object"},
            },
        })
    );
}

#[test]
fn an_operation_without_an_id_is_named_by_method_and_path() {
    let operation = only(json!({"/orders/{id}/lines": {"get": {
        "parameters": [parameter("id", "path")],
    }}}));
    assert_eq!(operation.id, "get_orders_id_lines");
    let written = only(json!({"/": {"get": {"operationId": "find pet/by id"}}}));
    assert_eq!(written.id, "find_pet_by_id");
}

#[test]
fn arguments_that_share_a_name_are_told_apart() {
    let operation = only(json!({"/a/{id}": {"post": {
        "parameters": [parameter("id", "path"), parameter("id", "query"), parameter("body", "query")],
        "requestBody": {"content": {"application/json": {}}},
    }}}));
    let names: Vec<_> = operation.parameters.iter().map(|p| p.argument.as_str()).collect();
    assert_eq!(names, ["id", "query_id", "query_body"]);
}

#[test]
fn a_result_is_whatever_an_answer_of_2xx_may_be() {
    let output =
        |responses: Value| only(json!({"/a": {"get": {"responses": responses}}})).output_schema;
    let order = json!({"type": "object", "properties": {"id": {}}});
    let json_of = |schema: &Value| json!({"content": {"application/json": {"schema": schema}}});
    assert_eq!(output(json!({"200": json_of(&order), "404": json_of(&json!(false))})), order);
    assert_eq!(output(json!({"204": {}})), json!({"type": "null"}));
    assert_eq!(
        output(json!({"200": json_of(&order), "202": {}})),
        json!({"anyOf": [order, {"type": "null"}]})
    );
    assert_eq!(output(json!({"default": json_of(&order)})), json!(true), "it may be an error's");
    assert_eq!(output(json!({"200": {"content": {"text/csv": {}}}})), json!({"type": "string"}));
}

#[test]
fn what_no_tool_can_send_is_refused() {
    let refused = [
        json!({"/a": {"post": {"requestBody": {"required": true, "content": {"multipart/form-data": {}}}}}}),
        json!({"/a": {"get": {"parameters": [
            {"name": "session", "in": "cookie", "required": true, "schema": {}}]}}}),
        json!({"/a/{id}": {"get": {}}}),
        json!({"/a": {"get": {"parameters": [parameter("id", "path")]}}}),
        json!({"/a?x=1": {"get": {}}}),
    ];
    for paths in refused {
        assert!(operations(paths.clone()).pop().unwrap().is_err(), "{paths}");
    }
}
