//! Plans that are checked before anything is spent: each wrong one with its code and its place.

use mainstay_core::{
    budget::Limits,
    plan::{self, Extraction, Ground, Plan, PlanFaults},
    tool::{EffectClass, Grants, KeyValidity, ToolSpec},
};
use mainstay_tools::schema::JsonSchemaCheck;
use serde_json::{Value, json};

fn tools() -> Vec<ToolSpec> {
    let account = json!({
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "level": {"type": "integer", "minimum": 1},
            "tags": {"type": "array", "items": {"type": "string"}},
            "owner": {"$ref": "#/$defs/person"},
        },
        "required": ["name"],
        "additionalProperties": false,
        "$defs": {"person": {
            "type": "object", "properties": {"id": {"type": "integer"}}, "required": ["id"],
            "additionalProperties": false,
        }},
    });
    let either = json!({"type": "object", "properties": {"n": {"type": "integer"}},
        "anyOf": [{"required": ["n"]}, {"required": ["m"]}]});
    let forever = EffectClass::Idempotent { key_valid_for: KeyValidity::Forever };
    vec![
        ToolSpec::new("create", account).with_effect(forever),
        ToolSpec::new("either", either).with_effect(EffectClass::Read),
        ToolSpec::new("crm.find", json!({"type": "object"})).with_effect(EffectClass::Read),
        ToolSpec::new("erp.find", json!({"type": "object"})).with_effect(EffectClass::Read),
        ToolSpec::new("crm.list", json!({"type": "object"})).with_effect(EffectClass::Read),
        ToolSpec::new("secret", json!({"type": "object"})),
    ]
}

fn checked(steps: Value, left: Limits) -> Result<Plan, PlanFaults> {
    let plan = plan::read(&json!({"goal": "g", "steps": steps}))?;
    let granted = ["create", "either", "crm.find", "erp.find", "crm.list"];
    plan::check(
        &plan,
        &Ground {
            tools: &tools(),
            grants: &Grants::from_iter(granted),
            left: &left,
            extraction: &Extraction { input_tokens: 100, output_tokens: 10, price: None },
            schema: &JsonSchemaCheck::new(),
        },
    )
}

fn check(steps: Value, expected: &[(&str, &str)]) {
    let faults = match checked(steps.clone(), Limits::none()) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.all().to_vec(),
    };
    let found: Vec<_> =
        faults.iter().map(|fault| (fault.code.to_string(), fault.path.clone())).collect();
    let expected: Vec<_> =
        expected.iter().map(|(code, path)| ((*code).to_owned(), (*path).to_owned())).collect();
    assert_eq!(found, expected, "{steps}: {faults:?}");
}

fn create(args: Value) -> Value {
    json!([{"id": "f", "tool": "crm.find"}, {"id": "s", "tool": "create", "args": args}])
}

#[test]
fn a_tool_must_be_there_and_granted_and_named_without_doubt() {
    check(json!([{"id": "a", "tool": "nothing"}]), &[("MS-2202", "/steps/0/tool")]);
    check(json!([{"id": "a", "tool": "secret"}]), &[("MS-2202", "/steps/0/tool")]);
    check(json!([{"id": "a", "tool": "find"}]), &[("MS-2202", "/steps/0/tool")]);
    let named = checked(json!([{"id": "a", "tool": "list"}]), Limits::none()).unwrap();
    assert_eq!(named.steps[0].tool, "crm.list");
}

#[test]
fn slots_lead_to_earlier_steps_only() {
    let slot = |from: &str| json!({"x": {"$from": from, "path": ""}});
    check(json!([{"id": "a", "tool": "crm.find", "args": slot("input")}]), &[]);
    let unknown = json!([{"id": "a", "tool": "crm.find", "args": slot("z")}]);
    check(unknown, &[("MS-2203", "/steps/0/args/x")]);
    let itself = json!([{"id": "a", "tool": "crm.find", "args": slot("a")}]);
    check(itself, &[("MS-2204", "/steps/0/args/x")]);
    let later = json!([
        {"id": "a", "tool": "crm.find", "args": slot("b")}, {"id": "b", "tool": "crm.find"}]);
    check(later, &[("MS-2203", "/steps/0/args/x")]);
    let cycle = json!([
        {"id": "a", "tool": "crm.find", "args": slot("b")},
        {"id": "b", "tool": "crm.find", "args": slot("a")}]);
    check(cycle, &[("MS-2204", "/steps/0/args/x")]);
    let unsound =
        json!([{"id": "a", "tool": "crm.find", "args": {"x": {"$from": "input", "path": "x"}}}]);
    check(unsound, &[("MS-2203", "/steps/0/args/x")]);
}

#[test]
fn arguments_fit_with_slots_as_holes() {
    let hole = || json!({"$from": "f", "path": "/x"});
    check(create(json!({"name": hole(), "level": hole(), "tags": ["a", hole()]})), &[]);
    check(create(json!({"name": "n", "owner": {"id": hole()}})), &[]);
    check(create(json!({"name": "n", "owner": hole()})), &[]);
    check(create(json!({"name": hole(), "level": 0})), &[("MS-2205", "/steps/1/args/level")]);
    check(create(json!({"level": hole()})), &[("MS-2205", "/steps/1/args")]);
    check(create(json!({"name": "n", "colour": hole()})), &[("MS-2205", "/steps/1/args")]);
    check(
        create(json!({"name": "n", "tags": [hole(), 1]})),
        &[("MS-2205", "/steps/1/args/tags/1")],
    );
    let owner = json!({"name": "n", "owner": {"id": hole(), "age": 1}});
    check(create(owner), &[("MS-2205", "/steps/1/args/owner")]);
    // Where a schema combines others, the hole might mend what looks wrong around it.
    let either = json!([{"id": "e", "tool": "either", "args": {"n": {"$from": "input"}}}]);
    check(either, &[]);
}

#[test]
fn a_plan_may_be_stricter_than_a_tool_and_never_looser() {
    let step = |effect: &str| json!([{"id": "a", "tool": "create", "args": {"name": "n"}, "effect": effect}]);
    check(step("at_most_once"), &[]);
    check(step("idempotent"), &[]);
    check(step("read"), &[("MS-2206", "/steps/0/effect")]);
    check(step("local"), &[("MS-2206", "/steps/0/effect")]);
}

#[test]
fn a_plan_that_could_use_more_than_is_left_is_not_begun() {
    let two = json!([{"id": "a", "tool": "crm.find"},
        {"id": "b", "tool": "crm.find", "extract": {"ask": "?", "schema": {"type": "string"}}}]);
    let left = |tool_calls, tokens| Limits { tool_calls, tokens, ..Limits::none() };
    assert!(checked(two.clone(), left(Some(2), Some(330))).is_ok());
    for left in [left(Some(1), None), left(None, Some(329))] {
        assert_eq!(checked(two.clone(), left).unwrap_err().code().to_string(), "MS-2207");
    }
}

#[test]
fn a_schema_to_extract_by_must_be_sound() {
    let step = |schema: Value| json!([{"id": "a", "tool": "crm.find", "extract": {"ask": "?", "schema": schema}}]);
    check(step(json!({"$ref": "#/$defs/x", "$defs": {"x": {"type": "string"}}})), &[]);
    check(step(json!({"type": "wrong"})), &[("MS-2201", "/steps/0/extract/schema")]);
}
