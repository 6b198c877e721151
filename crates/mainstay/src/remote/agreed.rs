//! Whether flows and workers agree about steps, before anything runs.

use mainstay_core::{
    code::Code,
    flow::{FlowDefinition, Served, check::near},
    tool::ToolSpec,
};

use crate::cli::error::CliError;

/// Refuses a flow with a step that no worker of the configuration is declared to serve.
pub(crate) fn served(definition: &FlowDefinition, specs: &[ToolSpec]) -> Result<(), CliError> {
    for step in &definition.steps {
        let Some(served) = &step.options.served else { continue };
        let called = served.to_string();
        if specs.iter().any(|spec| spec.is_step() && spec.name == called) {
            continue;
        }
        let (step, flow) = (&step.name, &definition.name);
        let message =
            format!("step `{step}` of `{flow}` is served by `{called}`, {}", why(served, specs));
        return Err(CliError::new(Code::StepUnserved, message).with_hint(hint(served, specs)));
    }
    Ok(())
}

/// Refuses a flow that grants a worker's step, which is no tool.
pub(crate) fn grants(definition: &FlowDefinition, specs: &[ToolSpec]) -> Result<(), CliError> {
    for step in &definition.steps {
        let granted = |spec: &&ToolSpec| spec.is_step() && step.options.grants.contains(&spec.name);
        if let Some(spec) = specs.iter().find(granted) {
            let (step, flow, name) = (&step.name, &definition.name, &spec.name);
            let message =
                format!("step `{step}` of `{flow}` grants `{name}`, which is a step and no tool");
            let hint = "take the grant out: a worker's step is called by the step whose code it is; \
                        what others call is a tool";
            return Err(CliError::new(Code::StepUnserved, message).with_hint(hint));
        }
    }
    Ok(())
}

fn why(served: &Served, specs: &[ToolSpec]) -> String {
    let called = served.to_string();
    if specs.iter().any(|spec| spec.name == called) {
        return "which is declared as a tool".to_owned();
    }
    if of_worker(served, specs).next().is_some() {
        return format!("and the worker `{}` declares no such step", served.worker);
    }
    format!("and no worker `{}` with steps is configured", served.worker)
}

fn hint(served: &Served, specs: &[ToolSpec]) -> String {
    let steps: Vec<_> = of_worker(served, specs).collect();
    if steps.is_empty() {
        return format!(
            "declare it in `[workers.{}]`, by its manifest or by hand; docs/tools-workers.md shows it",
            served.worker
        );
    }
    near::hint(&served.step, steps)
}

fn of_worker<'a>(served: &'a Served, specs: &'a [ToolSpec]) -> impl Iterator<Item = &'a str> {
    let steps = specs.iter().filter(|spec| spec.is_step());
    steps.filter_map(|spec| spec.name.strip_prefix(&served.worker)?.strip_prefix('.'))
}

#[cfg(test)]
mod tests {
    use mainstay_core::{flow::StepOptions, tool::Origin};
    use serde_json::json;

    use super::*;
    use crate::call;

    fn specs() -> Vec<ToolSpec> {
        let of = |name: &str, origin| ToolSpec::new(name, json!({})).with_origin(origin);
        vec![
            of("risk.look", Origin::Worker("risk".to_owned())),
            of("risk.score", Origin::Step("risk".to_owned())),
        ]
    }

    fn flow(options: StepOptions) -> FlowDefinition {
        let mut definition = call::program([]).definition().clone();
        definition.steps[0].options = options;
        definition
    }

    fn served_by(worker: &str, step: &str) -> FlowDefinition {
        let served = Served { worker: worker.to_owned(), step: step.to_owned() };
        flow(StepOptions { served: Some(served), ..StepOptions::default() })
    }

    #[test]
    fn a_step_that_nobody_is_declared_to_serve_is_refused_with_what_to_do() {
        assert!(served(&served_by("risk", "score"), &specs()).is_ok());
        assert!(served(&flow(StepOptions::default()), &[]).is_ok());
        let table = [
            (("fraud", "score"), "no worker `fraud` with steps", "[workers.fraud]"),
            (("risk", "scor"), "declares no such step", "did you mean `score`?"),
            (("risk", "look"), "is declared as a tool", "score"),
        ];
        for ((worker, step), says, hint) in table {
            let refused = served(&served_by(worker, step), &specs()).unwrap_err();
            assert_eq!(refused.code, Code::StepUnserved);
            assert!(refused.message.contains(says), "{}", refused.message);
            assert!(
                refused.hint.as_deref().unwrap_or_default().contains(hint),
                "{:?}",
                refused.hint
            );
        }
    }

    #[test]
    fn a_grant_names_tools_and_no_steps() {
        let granting = |name: &str| {
            let granted = [name.to_owned()].into();
            grants(&flow(StepOptions { grants: granted, ..StepOptions::default() }), &specs())
        };
        assert!(granting("risk.look").is_ok());
        let refused = granting("risk.score").unwrap_err();
        assert_eq!(refused.code, Code::StepUnserved);
        assert!(refused.message.contains("grants `risk.score`"), "{}", refused.message);
    }
}
