//! What a process carries out that does not listen for workers in other processes.
//!
//! Only `mainstay worker` listens. A process that claimed a run whose tools it cannot reach would
//! fail a step that another could have carried out.

use std::{collections::BTreeSet, sync::Arc};

use mainstay_core::{
    plan::Plan,
    tool::{Origin, ToolSpec},
};
use mainstay_engine::flows::Flows;

/// Returns whether no worker in another process serves a tool.
pub(super) const fn is_here(spec: &ToolSpec) -> bool {
    !matches!(spec.origin, Origin::Worker(_))
}

/// Returns the tools that workers in other processes serve.
fn elsewhere(specs: &[ToolSpec]) -> BTreeSet<&str> {
    let remote = specs.iter().filter(|spec| !is_here(spec));
    remote.map(|spec| spec.name.as_str()).collect()
}

/// Returns those flows of which no step may call a tool of another process.
pub(super) fn within(flows: &Flows, specs: &[ToolSpec]) -> Flows {
    let elsewhere = elsewhere(specs);
    let mut kept = Flows::default();
    for flow in flows.iter() {
        let steps = &flow.program.definition().steps;
        let mut grants = steps.iter().flat_map(|step| &step.options.grants);
        if !grants.any(|grant| elsewhere.contains(grant.as_str())) {
            kept.add(Arc::clone(&flow.program));
        }
    }
    kept
}

/// Returns whether a plan calls nothing of another process.
pub(super) fn holds(plan: &Plan, specs: &[ToolSpec]) -> bool {
    let elsewhere = elsewhere(specs);
    // A plan may call a tool by its last name alone.
    let is_remote = |tool: &str| {
        let short = format!(".{tool}");
        elsewhere.iter().any(|name| *name == tool || name.ends_with(&short))
    };
    !plan.steps.iter().any(|step| is_remote(&step.tool))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::job;

    fn specs() -> Vec<ToolSpec> {
        let of_worker = Origin::Worker("shop".to_owned());
        let own = ToolSpec::new("search", json!({}));
        vec![own, ToolSpec::new("shop.pay", json!({})).with_origin(of_worker)]
    }

    fn names(flows: &Flows) -> Vec<usize> {
        let grants = |steps: &[mainstay_core::flow::StepDefinition]| {
            steps.iter().map(|step| step.options.grants.len()).sum()
        };
        flows.iter().map(|flow| grants(&flow.program.definition().steps)).collect()
    }

    #[test]
    fn a_flow_that_may_call_another_process_is_left_to_who_listens() {
        let mut flows = Flows::default();
        flows.add(job::program(["search".to_owned(), "shop.pay".to_owned()]));
        flows.add(job::program(["search".to_owned()]));
        assert_eq!(names(&within(&flows, &specs())), [1]);
        let without = specs().into_iter().take(1).collect::<Vec<_>>();
        assert_eq!(names(&within(&flows, &without)).len(), 2);
    }

    #[test]
    fn a_plan_is_within_reach_if_none_of_its_tools_is_elsewhere() {
        let plan = |tool: &str| {
            let steps = json!([{"id": "a", "tool": tool, "args": {}}]);
            serde_json::from_value::<Plan>(json!({"goal": "g", "steps": steps})).unwrap()
        };
        assert!(holds(&plan("search"), &specs()));
        assert!(!holds(&plan("shop.pay"), &specs()));
        assert!(!holds(&plan("pay"), &specs()));
    }
}
