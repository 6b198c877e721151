//! What no call gets past: grants, schemas, sizes.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use crate::tool::ToolCall;

use super::*;

/// A tool that is only looked at.
struct Shown(ToolSpec);

#[async_trait]
impl Tool for Shown {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _call: ToolCall) -> Result<Value, ToolFailure> {
        Err(ToolFailure::refused("only shown"))
    }
}

struct Shelf;

impl ToolCatalog for Shelf {
    fn get(&self, name: &str) -> Option<Arc<dyn Tool>> {
        let shown = || Arc::new(Shown(spec())) as Arc<dyn Tool>;
        (name == "search").then(shown)
    }

    fn specs(&self) -> Vec<ToolSpec> {
        vec![spec()]
    }
}

/// Takes what equals the schema's `const`, if it has one.
struct Constant;

impl SchemaCheck for Constant {
    fn errors(&self, schema: &Value, value: &Value) -> Vec<SchemaError> {
        match schema.get("const") {
            Some(constant) if constant != value => vec![SchemaError::whole("is something else")],
            _ => Vec::new(),
        }
    }
}

fn spec() -> ToolSpec {
    ToolSpec::new("search", json!({"const": {"q": "tea"}}))
}

fn reason(grants: &[&str], name: &str, arguments: &Value) -> Option<DenialReason> {
    let grants = grants.iter().copied().collect();
    allow(&Shelf, &Constant, &grants, name, arguments).err().map(|denial| denial.reason)
}

fn nested(levels: usize) -> Value {
    (1..levels).fold(json!(1), |value, _| json!([value]))
}

#[test]
fn a_call_passes_with_grant_tool_and_fitting_arguments_only() {
    let tea = json!({"q": "tea"});
    assert_eq!(reason(&["search"], "search", &tea), None);
    assert_eq!(reason(&[], "search", &tea), Some(DenialReason::NotGranted));
    assert_eq!(reason(&["gone"], "gone", &tea), Some(DenialReason::Unknown));
    let misfit = reason(&["search"], "search", &json!({}));
    assert!(matches!(misfit, Some(DenialReason::Arguments(_))));
}

#[test]
fn who_has_no_grant_does_not_learn_which_tools_exist() {
    assert_eq!(reason(&[], "gone", &json!({})), reason(&[], "search", &json!({})));
}

#[test]
fn what_is_too_deep_or_too_large_is_refused_before_the_schema_sees_it() {
    assert!(!nests_deeper(&nested(32), MOST_LEVELS) && nests_deeper(&nested(33), MOST_LEVELS));
    let text = |bytes: usize| json!("x".repeat(bytes - 2));
    assert!(
        !is_larger(&text(MOST_BYTES), MOST_BYTES) && is_larger(&text(MOST_BYTES + 1), MOST_BYTES)
    );
    let wrong =
        |arguments: &Value| argument_errors(&Constant, &spec(), arguments)[0].message.clone();
    assert!(wrong(&nested(33)).contains("32 levels"));
    assert!(wrong(&text(MOST_BYTES + 1)).contains("1048576 bytes"));
}

#[test]
fn a_result_that_does_not_fit_is_rejected_whole_and_may_have_acted() {
    let spec = spec().with_output_schema(json!({"const": "done"}));
    assert_eq!(accept(&Constant, &spec, json!("done")), Ok(json!("done")));
    for value in [json!("other"), json!("x".repeat(MOST_BYTES))] {
        let failure = accept(&Constant, &spec, value).unwrap_err();
        assert!(failure.message.contains("rejected"), "{failure}");
        let outcome = outcome(&spec, Err(failure), Timestamp::from_millis(0));
        assert!(matches!(outcome, ToolOutcome::InDoubt(_)));
    }
}

#[test]
fn a_tool_that_refuses_is_well_and_one_that_is_silent_is_ill() {
    assert_eq!(health(&Err(ToolFailure::refused("no such order"))), Health::Well);
    assert_eq!(health(&Ok(json!(null))), Health::Well);
    assert_eq!(health(&Err(ToolFailure::timed_out(Duration::from_secs(1)))), Health::Ill);
    assert_eq!(health(&Err(ToolFailure::new("what?"))), Health::Ill);
}
