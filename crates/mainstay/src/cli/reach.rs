//! What a process carries out that does not listen for workers in other processes.
//!
//! Only `mainstay worker` listens. A process that claimed a run whose tools or steps it cannot reach
//! would fail a step that another could have carried out.

use std::{collections::BTreeSet, sync::Arc};

use mainstay_core::{
    flow::FlowDefinition,
    plan::Plan,
    tool::{Origin, ToolSpec},
};
use mainstay_engine::flows::Flows;

/// Returns whether no worker in another process serves it.
pub(super) const fn is_here(spec: &ToolSpec) -> bool {
    !matches!(spec.origin, Origin::Worker(_) | Origin::Step(_))
}

/// Returns the tools that workers in other processes serve.
fn elsewhere(specs: &[ToolSpec]) -> BTreeSet<&str> {
    let remote = specs.iter().filter(|spec| !is_here(spec));
    remote.map(|spec| spec.name.as_str()).collect()
}

/// Returns those flows of which no step is served by another process, or may call a tool of one.
pub(super) fn within(flows: &Flows, specs: &[ToolSpec]) -> Flows {
    let elsewhere = elsewhere(specs);
    let mut kept = Flows::default();
    for flow in flows.iter() {
        if !leaves(flow.program.definition(), &elsewhere) {
            kept.add(Arc::clone(&flow.program));
        }
    }
    kept
}

fn leaves(definition: &FlowDefinition, elsewhere: &BTreeSet<&str>) -> bool {
    let mut options = definition.steps.iter().map(|step| &step.options);
    options.any(|options| {
        let mut grants = options.grants.iter();
        options.served.is_some() || grants.any(|grant| elsewhere.contains(grant.as_str()))
    })
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
    use mainstay_core::flow::Served;
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
        let mut served = job::program(["search".to_owned()]).definition().clone();
        served.steps[0].options.served =
            Some(Served { worker: "shop".to_owned(), step: "score".to_owned() });
        assert!(leaves(&served, &elsewhere(&[])), "whether or not the worker is configured");
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
