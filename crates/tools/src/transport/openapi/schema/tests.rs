//! Schemas of 3.0 and 3.1, converted.

use mainstay_core::schema::SchemaCheck;

use super::*;
use crate::{JsonSchemaCheck, schema::closed};

fn convert(version: &str, way: Way, schema: &Value) -> Result<Value, OpenapiError> {
    let document = json!({"openapi": version, "components": {"schemas": {
        "Order": {"type": "object", "required": ["id", "lines", "secret"], "properties": {
            "id": {"type": "string", "readOnly": true},
            "secret": {"type": "string", "writeOnly": true},
            "lines": {"type": "array", "items": {"$ref": "#/components/schemas/Line"}},
        }},
        "Line": {"type": "object", "properties": {"of": {"$ref": "#/components/schemas/Order"}}},
        "Note": {"type": "string", "nullable": true, "example": "hi", "x-internal": 1},
    }}});
    let document = Document::read(&document.to_string()).unwrap();
    let mut converter = Converter::new(&document, way);
    let schema = converter.convert(schema)?;
    Ok(converter.whole(schema))
}

fn of_30(schema: Value) -> Value {
    convert("3.0.3", Way::In, &schema).unwrap()
}

#[test]
fn what_3_0_says_its_own_way_is_said_the_usual_way() {
    assert_eq!(
        of_30(json!({"type": "string", "nullable": true, "enum": ["a"], "example": "a"})),
        json!({"type": ["string", "null"], "enum": ["a", null]})
    );
    assert_eq!(
        of_30(json!({"type": "number", "minimum": 0, "exclusiveMinimum": true, "maximum": 9,
            "exclusiveMaximum": false})),
        json!({"type": "number", "exclusiveMinimum": 0, "maximum": 9})
    );
    assert_eq!(
        of_30(json!({"allOf": [{"type": "string"}], "nullable": true})),
        json!({"anyOf": [{"allOf": [{"type": "string"}]}, {"type": "null"}]})
    );
    assert_eq!(
        of_30(json!({"$ref": "#/components/schemas/Note", "description": "not read"})),
        json!({"$ref": "#/$defs/Note", "$defs": {"Note": {"type": ["string", "null"]}}})
    );
}

#[test]
fn what_3_1_says_is_left_as_it_is() {
    let schema = json!({"type": ["string", "null"], "exclusiveMinimum": 3});
    assert_eq!(convert("3.1.0", Way::In, &schema).unwrap(), schema);
}

#[test]
fn schemas_that_refer_to_each_other_go_along_once() {
    let check = JsonSchemaCheck::new();
    let schema = of_30(json!({"$ref": "#/components/schemas/Order"}));
    assert_eq!(schema["$defs"].as_object().unwrap().len(), 2);
    let schema = closed(&schema);
    let fits = |value: Value| check.errors(&schema, &value).is_empty();
    assert!(fits(json!({"lines": [{"of": {"lines": [], "secret": "s"}}], "secret": "s"})));
    assert!(!fits(json!({"lines": [{"off": 1}], "secret": "s"})), "closed all the way down");
}

#[test]
fn what_goes_one_way_is_required_that_way_only() {
    let required = |way| {
        let schema = json!({"$ref": "#/components/schemas/Order"});
        convert("3.0.0", way, &schema).unwrap()["$defs"]["Order"]["required"].clone()
    };
    assert_eq!(required(Way::In), json!(["lines", "secret"]));
    assert_eq!(required(Way::Out), json!(["id", "lines"]));
}

#[test]
fn what_leads_out_of_the_document_is_refused() {
    for schema in [
        json!({"$ref": "https://evil.example/schema.json"}),
        json!({"items": {"$ref": "other.yaml"}}),
        json!({"$id": "https://evil.example/", "type": "string"}),
        json!({"properties": {"a": {"$dynamicRef": "#x"}}}),
        json!({"items": 7}),
    ] {
        assert!(convert("3.1.0", Way::In, &schema).is_err(), "{schema}");
    }
}
