//! The rules of a sound graph, one function each.

use std::collections::BTreeSet;

use crate::flow::{
    Access, Condition, FlowDefinition, Input, RouteDefinition, StepDefinition, StepKind, Trigger,
};

use super::{
    Finding,
    near::{hint, list},
    paths,
};

type Rule = fn(&FlowDefinition) -> Vec<Finding>;

/// Every rule, in the order findings are shown.
pub(super) const ALL: &[Rule] = &[
    names_are_unique,
    kinds_fit_triggers,
    conditions_name_what_exists,
    groups_can_be_filled,
    every_variant_is_heard,
    every_step_is_reachable,
    every_cycle_passes_a_router,
    inputs_have_run,
    compensations_exist,
    one_step_finishes,
];

fn finding(step: &StepDefinition, message: String, hint: impl Into<String>) -> Finding {
    Finding { step: Some(step.name.clone()), message, hint: hint.into() }
}

fn of_flow(message: &str, hint: impl Into<String>) -> Finding {
    Finding { step: None, message: message.to_owned(), hint: hint.into() }
}

/// Returns the findings of a rule that looks at one step at a time.
fn each(flow: &FlowDefinition, rule: impl Fn(&StepDefinition, &mut Vec<Finding>)) -> Vec<Finding> {
    let mut findings = Vec::new();
    flow.steps.iter().for_each(|step| rule(step, &mut findings));
    findings
}

fn noun(step: &StepDefinition) -> &'static str {
    match step.kind {
        StepKind::Step => "step",
        StepKind::Router(_) => "router",
        StepKind::Compensation => "compensation",
    }
}

fn names_of_steps(flow: &FlowDefinition) -> impl Iterator<Item = &str> {
    flow.steps.iter().filter(|step| step.kind == StepKind::Step).map(|step| &*step.name)
}

fn names_are_unique(flow: &FlowDefinition) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let twice = flow.steps.iter().filter(|step| !seen.insert(&step.name));
    twice
        .map(|step| {
            finding(
                step,
                format!("`{}` is the name of another step too", step.name),
                "a step's name is its place in the journal; give each its own",
            )
        })
        .collect()
}

fn kinds_fit_triggers(flow: &FlowDefinition) -> Vec<Finding> {
    each(flow, |step, findings| {
        let name = &step.name;
        let wrong = match (&step.kind, &step.trigger) {
            (StepKind::Compensation, Trigger::Start | Trigger::On(_)) => Some((
                format!("the compensation `{name}` has a trigger"),
                "a compensation runs only to undo a step; take the trigger away",
            )),
            (StepKind::Step | StepKind::Router(_), Trigger::Never) => Some((
                format!("nothing makes `{name}` due"),
                "let it start the flow or listen to a step",
            )),
            (StepKind::Router(_), Trigger::Start) => Some((
                format!("the router `{name}` starts the flow"),
                "a router decides on what a step returned; let it listen to one",
            )),
            (StepKind::Router(_), Trigger::On(_)) if step.access == Access::Writes => Some((
                format!("the router `{name}` writes the state"),
                "a router only looks; change the state in a step",
            )),
            _ => None,
        };
        findings.extend(wrong.map(|(message, hint)| finding(step, message, hint)));
    })
}

fn conditions_name_what_exists(flow: &FlowDefinition) -> Vec<Finding> {
    each(flow, |step, findings| {
        let Some(on) = paths::condition(step) else { return };
        on.leaves(&mut |leaf| match leaf {
            Condition::Step(name) => findings.extend(unheard_of_step(flow, step, name)),
            Condition::Route { route, variant } => {
                findings.extend(unheard_of_route(flow, step, route, variant));
            }
            Condition::Any(_) | Condition::All(_) => {}
        });
    })
}

fn unheard_of_step(flow: &FlowDefinition, step: &StepDefinition, name: &str) -> Option<Finding> {
    let Some(heard) = flow.step(name) else {
        let near = hint(name, names_of_steps(flow));
        return Some(finding(step, format!("no step is called `{name}`"), near));
    };
    match &heard.kind {
        StepKind::Step => None,
        StepKind::Router(route) => Some(finding(
            step,
            format!("`{name}` is a router"),
            format!("listen to what it picks, such as `{}::…`", route.name),
        )),
        StepKind::Compensation => Some(finding(
            step,
            format!("`{name}` is a compensation"),
            format!("it runs only to undo a step, so `{}` would never be due", step.name),
        )),
    }
}

fn route_definitions(
    flow: &FlowDefinition,
) -> impl Iterator<Item = (&StepDefinition, &RouteDefinition)> {
    flow.steps.iter().filter_map(|step| match &step.kind {
        StepKind::Router(route) => Some((step, route)),
        StepKind::Step | StepKind::Compensation => None,
    })
}

fn unheard_of_route(
    flow: &FlowDefinition,
    step: &StepDefinition,
    route: &str,
    variant: &str,
) -> Option<Finding> {
    let Some((_, definition)) = route_definitions(flow).find(|(_, known)| known.name == route)
    else {
        let near = hint(route, route_definitions(flow).map(|(_, known)| known.name.as_str()));
        return Some(finding(step, format!("no router returns `{route}`"), near));
    };
    let variants = || definition.variants.iter().map(|known| known.name.as_str());
    if variants().any(|known| known == variant) {
        return None;
    }
    Some(finding(step, format!("`{route}` has no route `{variant}`"), hint(variant, variants())))
}

fn groups_can_be_filled(flow: &FlowDefinition) -> Vec<Finding> {
    each(flow, |step, findings| {
        if let Some(on) = paths::condition(step) {
            check_group(flow, step, on, findings);
        }
    })
}

fn check_group(
    flow: &FlowDefinition,
    step: &StepDefinition,
    on: &Condition,
    findings: &mut Vec<Finding>,
) {
    let (Condition::Any(inner) | Condition::All(inner)) = on else { return };
    if inner.len() < 2 {
        let message = format!("`{on}` joins fewer than two conditions");
        findings.push(finding(step, message, "one condition stands without `or_` and `and_`"));
    }
    if matches!(on, Condition::All(_)) {
        findings.extend(exclusive(flow, step, inner));
    }
    inner.iter().for_each(|part| check_group(flow, step, part, findings));
}

/// A router picks one route, so two of its routes never arrive in one wave.
fn exclusive(flow: &FlowDefinition, step: &StepDefinition, inner: &[Condition]) -> Option<Finding> {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for part in inner {
        let Condition::Route { route, variant } = part else { continue };
        let other = seen.iter().find(|(known, other)| known == route && other != variant);
        if let (Some((_, other)), 1) = (other, paths::routers(flow, route).len()) {
            return Some(finding(
                step,
                format!("`{route}::{other}` and `{route}::{variant}` never arrive together"),
                "a router picks one route; did you mean `or_`?",
            ));
        }
        seen.push((route, variant));
    }
    None
}

fn every_variant_is_heard(flow: &FlowDefinition) -> Vec<Finding> {
    let mut heard: BTreeSet<(&str, &str)> = BTreeSet::new();
    for on in flow.steps.iter().filter_map(paths::condition) {
        on.leaves(&mut |leaf| {
            if let Condition::Route { route, variant } = leaf {
                heard.insert((route, variant));
            }
        });
    }
    let mut findings = Vec::new();
    for (router, route) in route_definitions(flow) {
        let silent = route.variants.iter().filter(|variant| !variant.ends);
        for variant in silent.filter(|v| !heard.contains(&(route.name.as_str(), v.name.as_str()))) {
            findings.push(finding(
                router,
                format!("nobody listens to `{}::{}`", route.name, variant.name),
                "add a listener, or mark the route as one that ends the branch",
            ));
        }
    }
    findings
}

fn every_step_is_reachable(flow: &FlowDefinition) -> Vec<Finding> {
    let reachable = paths::reachable(flow);
    if reachable.is_empty() {
        return vec![of_flow("no step starts this flow", "mark one as the start")];
    }
    let steps = flow.steps.iter().enumerate();
    let lost = steps.filter(|(place, step)| {
        !reachable.contains(place) && !matches!(step.trigger, Trigger::Never)
    });
    lost.map(|(_, step)| {
        let message = format!("the {} `{}` can never become due", noun(step), step.name);
        finding(step, message, "no start leads to it")
    })
    .collect()
}

fn every_cycle_passes_a_router(flow: &FlowDefinition) -> Vec<Finding> {
    let reachable = paths::reachable(flow);
    let mut known = paths::Places::new();
    let mut findings = Vec::new();
    for (place, step) in flow.steps.iter().enumerate() {
        let follows = paths::follows(flow, place);
        let lost = known.contains(&place) || !reachable.contains(&place);
        if lost || !paths::returns_to_itself(flow, step, &follows) {
            continue;
        }
        known.extend(follows);
        findings.push(finding(
            step,
            format!("`{}` leads back to itself without a router in between", step.name),
            "the run would never end; let a router decide whether to go round again",
        ));
    }
    findings
}

fn inputs_have_run(flow: &FlowDefinition) -> Vec<Finding> {
    let (certain, possible) = (paths::certain(flow), paths::possible(flow));
    let mut findings = Vec::new();
    for (step, (certain, possible)) in flow.steps.iter().zip(certain.iter().zip(&possible)) {
        let wrong = |input: &Input| input_is_wrong(flow, step, input, certain, possible);
        findings.extend(step.inputs.iter().filter_map(wrong));
    }
    findings
}

fn input_is_wrong(
    flow: &FlowDefinition,
    step: &StepDefinition,
    input: &Input,
    certain: &paths::Places,
    possible: &paths::Places,
) -> Option<Finding> {
    let (from, name) = (&input.from, &step.name);
    let Some(place) = flow.index(from) else {
        let near = hint(from, names_of_steps(flow));
        return Some(finding(step, format!("no step is called `{from}`"), near));
    };
    let producer = flow.steps.get(place)?;
    if producer.kind != StepKind::Step {
        let message = format!("the {} `{from}` hands on no value", noun(producer));
        return Some(finding(step, message, "take the value of a step"));
    }
    if !possible.contains(&place) {
        let before: Vec<&str> = possible
            .iter()
            .filter_map(|place| flow.steps.get(*place))
            .filter(|step| step.kind == StepKind::Step)
            .map(|step| &*step.name)
            .collect();
        let before = if before.is_empty() { "nothing".to_owned() } else { list(&before) };
        let message = format!("`{from}` never runs before `{name}`");
        return Some(finding(step, message, format!("before it runs {before}")));
    }
    let uncertain = !input.optional && !certain.contains(&place);
    uncertain.then(|| {
        let message = format!("`{from}` may not have run when `{name}` does");
        finding(step, message, "make the input optional")
    })
}

fn compensations_exist(flow: &FlowDefinition) -> Vec<Finding> {
    each(flow, |step, findings| {
        let Some(undo) = &step.options.compensate else { return };
        let compensations = || {
            let all = flow.steps.iter().filter(|step| step.kind == StepKind::Compensation);
            all.map(|step| &*step.name)
        };
        let wrong = match flow.step(undo) {
            _ if step.kind == StepKind::Compensation => Some((
                format!("`{}` is itself a compensation", step.name),
                "it is not undone".to_owned(),
            )),
            None => {
                Some((format!("no compensation is called `{undo}`"), hint(undo, compensations())))
            }
            Some(target) if target.kind != StepKind::Compensation => Some((
                format!("`{undo}` cannot undo `{}`: it is a {}", step.name, noun(target)),
                "name a compensation, which has no trigger".to_owned(),
            )),
            Some(_) => None,
        };
        findings.extend(wrong.map(|(message, hint)| finding(step, message, hint)));
    })
}

fn one_step_finishes(flow: &FlowDefinition) -> Vec<Finding> {
    let marked: Vec<&StepDefinition> = flow.steps.iter().filter(|step| step.finish).collect();
    if let [first, rest @ ..] = marked.as_slice() {
        let not_a_step = marked.iter().filter(|step| step.kind != StepKind::Step).map(|step| {
            let message = format!("the {} `{}` cannot be the output", noun(step), step.name);
            finding(step, message, "mark a step")
        });
        let twice = rest.iter().map(|step| {
            let message = format!("`{}` is marked as the output already", first.name);
            finding(step, message, "a run has one output; let both lead to one step by `or_`")
        });
        return not_a_step.chain(twice).collect();
    }
    if flow.finish().is_some() {
        return Vec::new();
    }
    vec![of_flow(
        "several steps, or none, lead nowhere, so it is not known whose output is the run's",
        "mark that step as the one that finishes",
    )]
}
