//! Plans as data: what is read, bound, expected and compared.

use serde_json::{Value, json};

use super::*;
use crate::{
    code::Code,
    tool::{EffectClass, KeyValidity, ToolFailure, ToolOutcome},
};

fn plan(steps: &Value) -> Plan {
    read(&json!({"goal": "g", "steps": steps})).unwrap()
}

fn paths(value: &Value) -> Vec<String> {
    let faults = read(value).unwrap_err();
    assert_eq!(faults.code(), Code::PlanInvalid);
    faults.all().iter().map(|fault| fault.path.clone()).collect()
}

#[test]
fn every_error_of_a_plan_is_told_at_its_place() {
    assert_eq!(paths(&json!([])), ["", "", ""]);
    assert_eq!(paths(&json!({"goal": "g", "steps": []})), ["/steps"]);
    assert_eq!(paths(&json!({"goal": "", "steps": {}, "x/y": 1})), ["/x~1y", "/goal", "/steps"]);
    let steps = json!([
        {"id": "a", "tool": "t", "args": [], "effect": "harmless", "extract": {"ask": "?"}},
        {"id": "a b", "tool": 7, "then": 1},
        {"id": "a", "tool": "t"},
        {"id": "input", "tool": "t", "expect": 1},
    ]);
    assert_eq!(
        paths(&json!({"goal": "g", "steps": steps})),
        [
            "/steps/0/args",
            "/steps/0/effect",
            "/steps/0/extract/schema",
            "/steps/1/then",
            "/steps/1/tool",
            "/steps/3/expect",
            "/steps/1/id",
            "/steps/2/id",
            "/steps/3/id",
        ]
    );
}

#[test]
fn the_journaled_form_of_a_plan_does_not_change() {
    let written = json!({"goal": "g", "steps": [
        {"id": "a", "tool": "t", "args": {"x": {"$from": "input", "path": "/x"}},
         "expect": "found", "effect": "at_most_once",
         "extract": {"ask": "the total", "schema": {"type": "number"}}},
    ]});
    let plan = read(&written).unwrap();
    assert_eq!(serde_json::to_value(&plan).unwrap(), written);
    assert_eq!(serde_json::from_value::<Plan>(written).unwrap(), plan);
}

#[test]
fn equal_plans_have_equal_digests_and_others_do_not() {
    let a = plan(&json!([{"id": "a", "tool": "t", "args": {"x": 1, "y": 2}}]));
    let b = plan(&json!([{"args": {"y": 2, "x": 1}, "tool": "t", "id": "a"}]));
    let c = plan(&json!([{"id": "a", "tool": "t", "args": {"x": 1, "y": 3}}]));
    assert_eq!(a.digest(), b.digest());
    assert_ne!(a.digest(), c.digest());
}

#[test]
fn a_slot_is_an_object_with_a_source_and_a_pointer_and_nothing_else() {
    let slot =
        |value: Value| slots(&value).pop().map(|(_, slot)| slot.map(|slot| slot.to_string()));
    assert_eq!(slot(json!({"$from": "a", "path": "/x/0"})), Some(Ok("a/x/0".into())));
    assert_eq!(slot(json!({"$from": "a"})), Some(Ok("a".into())));
    assert_eq!(slot(json!({"from": "a"})), None);
    let wrong = [
        json!({"$from": 1}),
        json!({"$from": "a", "path": "x"}),
        json!({"$from": "a", "path": "/~2"}),
        json!({"$from": "a", "path": null}),
        json!({"$from": "a", "path": "", "default": 1}),
    ];
    for value in wrong {
        assert!(matches!(slot(value.clone()), Some(Err(_))), "{value}");
    }
    let deep = json!({"a": [1, {"$from": "s"}], "b/c": {"$from": "s"}});
    let places: Vec<_> = slots(&deep).into_iter().map(|(path, _)| path).collect();
    assert_eq!(places, ["/a/1", "/b~1c"]);
}

#[test]
fn slots_are_filled_with_values_and_values_are_never_slots() {
    let outputs = Outputs::from([
        ("a".to_owned(), json!({"id": 7, "evil": {"$from": "b", "path": ""}})),
        ("b".to_owned(), json!("secret")),
    ]);
    let args = json!({"x": {"$from": "a", "path": "/id"}, "y": [{"$from": "a", "path": "/evil"}]});
    let filled = fill(&args, &outputs).unwrap();
    assert_eq!(filled, json!({"x": 7, "y": [{"$from": "b", "path": ""}]}));
    for missing in [json!({"$from": "a", "path": "/no"}), json!({"$from": "c"})] {
        assert!(fill(&json!([missing]), &outputs).is_err(), "{missing}");
    }
}

#[test]
fn an_expectation_is_checked_by_code_as_far_as_code_can() {
    let found = ToolOutcome::Found(json!({"ok": true, "none": null}));
    let failed = ToolOutcome::Failed(ToolFailure::refused("no"));
    let table = [
        ("found", &found, Ok(())),
        ("empty", &found, Err(Unmet::SomethingThere)),
        ("empty", &ToolOutcome::Empty, Ok(())),
        ("found", &ToolOutcome::Empty, Err(Unmet::NothingThere)),
        ("/ok", &found, Ok(())),
        ("/ok = true", &found, Ok(())),
        ("/ok = false", &found, Err(Unmet::Differs)),
        ("/none", &found, Err(Unmet::NothingThere)),
        ("/none = null", &found, Ok(())),
        ("/no", &found, Err(Unmet::NothingThere)),
        ("/ok", &ToolOutcome::Empty, Err(Unmet::NothingThere)),
        ("= {\"ok\": true, \"none\": null}", &found, Ok(())),
        ("= 1", &found, Err(Unmet::Differs)),
        ("the account exists", &found, Ok(())),
        ("the account exists", &failed, Err(Unmet::DidNotWork)),
        ("found", &failed, Err(Unmet::DidNotWork)),
    ];
    for (text, outcome, expected) in table {
        assert_eq!(Expectation::read(text).check(outcome), expected, "{text} of {outcome:?}");
    }
}

fn tools() -> Vec<ToolSpec> {
    let spec = |name, effect| ToolSpec::new(name, json!({})).with_effect(effect);
    let forever = EffectClass::Idempotent { key_valid_for: KeyValidity::Forever };
    vec![
        spec("look", EffectClass::Read),
        spec("put", forever),
        spec("mail", EffectClass::AtMostOnce),
    ]
}

#[test]
fn a_diff_names_steps_and_the_tools_that_a_person_must_agree_to() {
    let first = plan(&json!([{"id": "a", "tool": "look"}, {"id": "b", "tool": "put"}]));
    let second = plan(&json!([
        {"id": "a", "tool": "look"}, {"id": "c", "tool": "mail"}, {"id": "d", "tool": "put"},
    ]));
    let changed = diff(&first, &first, &second, &tools());
    assert_eq!((changed.added, changed.removed), (vec!["c".into(), "d".into()], vec!["b".into()]));
    assert_eq!((changed.changed, changed.new_state_changing), (vec![], vec!["mail".into()]));
    assert_eq!(changed.to_approve, ["c", "d"]);
    // The intent is the first plan's, however many versions there were since.
    let third = diff(&first, &second, &second, &tools());
    assert_eq!(third.new_state_changing, ["mail"]);
    let swapped = plan(&json!([{"id": "b", "tool": "put"}, {"id": "a", "tool": "look"}]));
    assert_eq!(diff(&first, &first, &swapped, &tools()).changed, ["b", "a"]);
    assert_eq!(diff(&first, &first, &first, &tools()), PlanDiff::default());
}

#[test]
fn an_action_is_as_intended_only_with_the_same_values_from_the_same_steps() {
    let with = |look: Value, put: Value| {
        plan(
            &json!([{"id": "a", "tool": "look", "args": look}, {"id": "b", "tool": "put", "args": put}]),
        )
    };
    let bound = || json!({"to": {"$from": "a", "path": "/owner"}});
    let first = with(json!({"of": "ann"}), bound());
    let approve = |after: &Plan| diff(&first, &first, after, &tools()).to_approve;
    assert_eq!(approve(&first), [""; 0]);
    assert_eq!(approve(&with(json!({"of": "ann"}), json!({"to": "eve"}))), ["b"]);
    assert_eq!(
        approve(&with(json!({"of": "eve"}), bound())),
        ["b"],
        "the value comes from elsewhere"
    );
    let more = plan(&json!([{"id": "a", "tool": "look", "args": {"of": "ann"}},
        {"id": "x", "tool": "look"}, {"id": "b", "tool": "put", "args": bound()}]));
    assert_eq!(approve(&more), [""; 0], "a further read changes nothing");
}

#[test]
fn a_tool_that_the_plan_takes_for_an_action_is_one() {
    let careful = plan(&json!([{"id": "a", "tool": "look", "effect": "at_most_once"}]));
    assert_eq!(careful.state_changing(&tools()).count(), 1);
    let gone = plan(&json!([{"id": "a", "tool": "gone"}]));
    assert_eq!(gone.state_changing(&tools()).count(), 1);
}

#[test]
fn the_worst_case_counts_each_call_and_each_try_of_an_extraction() {
    let plan = plan(&json!([
        {"id": "a", "tool": "look", "extract": {"ask": "?", "schema": {}}},
        {"id": "b", "tool": "put"},
    ]));
    let extraction = Extraction { input_tokens: 100, output_tokens: 10, price: None };
    let worst = worst_case(&plan, &extraction);
    assert_eq!((worst.tool_calls, worst.model_calls, worst.input_tokens), (2, 3, 300));
}
