//! The JSON Schema checker and the strict parser.

use serde_json::json;

use super::*;

fn check(schema: &Value, value: &Value) -> Vec<SchemaError> {
    JsonSchemaCheck::new().errors(schema, value)
}

fn closed_fits(schema: &Value, value: &Value) -> bool {
    check(&closed(schema), value).is_empty()
}

#[test]
fn an_error_names_the_place_in_the_value() {
    let schema = json!({"properties": {"items": {"items": {"type": "integer"}}}});
    let errors = check(&schema, &json!({"items": [1, "two"]}));
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].path, "/items/1");
    assert!(errors[0].message.contains("integer"), "{errors:?}");
}

#[test]
fn nothing_is_fetched_to_check_a_value() {
    for outside in ["https://example.com/a.json", "file:///etc/hostname", "other.json#/a"] {
        let errors = check(&json!({"$ref": outside}), &json!({}));
        assert!(errors[0].message.contains("unsound"), "{outside}: {errors:?}");
    }
    let inside = json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "number"}}});
    assert!(check(&inside, &json!(1)).is_empty());
}

#[test]
fn an_unsound_schema_fits_nothing() {
    let schema = json!({"type": "strnig"});
    assert!(!check(&schema, &json!("text")).is_empty());
    assert!(JsonSchemaCheck::new().sound(&schema).is_err());
    assert!(JsonSchemaCheck::new().sound(&json!(true)).is_ok());
}

#[test]
fn a_pattern_that_explodes_elsewhere_is_checked_in_linear_time() {
    let schema = json!({"pattern": "^(a+)+$"});
    // A backtracking engine would not come back from this one.
    assert!(!check(&schema, &json!("a".repeat(50_000) + "!")).is_empty());
    assert!(!check(&json!({"pattern": "(?=a)b"}), &json!("b")).is_empty(), "refused, not run");
}

#[test]
fn messages_and_their_number_stay_small_whatever_the_value() {
    let schema = json!({"items": {"type": "integer"}});
    let errors = check(&schema, &json!(vec!["é".repeat(10_000); 100]));
    assert_eq!(errors.len(), REPORTED);
    assert!(errors.iter().all(|error| error.message.chars().count() <= QUOTED + 1));
}

#[test]
fn a_schema_is_compiled_once_and_the_memory_for_it_is_bounded() {
    let checker = JsonSchemaCheck::new();
    let first = checker.compiled(&json!({"minimum": 0}));
    assert!(Arc::ptr_eq(&first, &checker.compiled(&json!({"minimum": 0}))));
    for minimum in 0..KEPT + 10 {
        checker.compiled(&json!({"minimum": minimum}));
    }
    assert!(checker.compiled.read().unwrap().len() <= KEPT);
}

#[test]
fn an_unknown_property_is_refused_unless_the_schema_says_otherwise() {
    let listed = json!({"properties": {"a": {}}});
    assert!(closed_fits(&listed, &json!({"a": 1})));
    assert!(!closed_fits(&listed, &json!({"a": 1, "b": 2})));
    assert!(check(&listed, &json!({"b": 2})).is_empty(), "JSON Schema alone lets it pass");
    let open = json!({"properties": {"a": {}}, "additionalProperties": true});
    assert!(closed_fits(&open, &json!({"b": 2})));
    assert!(closed_fits(&json!({"type": "object"}), &json!({"b": 2})), "lists no properties");
}

#[test]
fn closing_reaches_values_below() {
    let point = json!({"properties": {"x": {}}});
    let places = [
        (json!({"properties": {"p": point}}), json!({"p": {"y": 1}})),
        (json!({"items": point}), json!([{"y": 1}])),
        (json!({"prefixItems": [point]}), json!([{"y": 1}])),
        (json!({"additionalProperties": point}), json!({"any": {"y": 1}})),
        (
            json!({"properties": {"p": {"$ref": "#/$defs/p"}}, "$defs": {"p": point}}),
            json!({"p": {"y": 1}}),
        ),
        (json!({"allOf": [{"properties": {"p": point}}]}), json!({"p": {"y": 1}})),
    ];
    for (schema, value) in places {
        assert!(!closed_fits(&schema, &value), "{schema}");
    }
}

#[test]
fn closing_does_not_set_the_parts_of_a_composition_against_each_other() {
    let both = json!({"allOf": [{"properties": {"a": {}}}, {"$ref": "#/$defs/b"}],
        "$defs": {"b": {"properties": {"b": {}}}}});
    assert!(closed_fits(&both, &json!({"a": 1, "b": 2})));
    assert!(!closed_fits(&both, &json!({"a": 1, "c": 3})));
    let optional = json!({"properties": {"p": {"anyOf": [{"$ref": "#/$defs/p"}, {"type": "null"}]}},
        "$defs": {"p": {"properties": {"x": {}}}}});
    assert!(closed_fits(&optional, &json!({"p": null})));
    assert!(!closed_fits(&optional, &json!({"p": {"y": 1}})));
    let any = json!({"anyOf": [{"properties": {"a": {}}}, {"type": "object"}]});
    assert!(closed_fits(&any, &json!({"z": 1})), "one alternative is any object at all");
}

#[test]
fn closing_ends_on_a_circle() {
    let tree = json!({"$ref": "#/$defs/t", "$defs": {"t": {"properties": {"left": {"$ref": "#/$defs/t"}}}}});
    assert!(closed_fits(&tree, &json!({"left": {"left": {}}})));
    assert!(!closed_fits(&tree, &json!({"left": {"right": {}}})));
    let circle = json!({"$ref": "#/$defs/c", "$defs": {"c": {"$ref": "#/$defs/c"}}});
    assert_eq!(closed(&circle), circle);
}
