//! The flow that tests of checks and drawings share.

use std::sync::Arc;

use serde_json::Value;

use crate::{
    digest::Digest,
    flow::{
        Access, Condition, FlowDefinition, Input, RouteDefinition, StepDefinition, StepKind,
        StepOptions, Trigger, VariantDefinition,
    },
};

pub(in crate::flow) fn node(name: &str, kind: StepKind, trigger: Trigger) -> StepDefinition {
    StepDefinition {
        name: Arc::from(name),
        kind,
        access: Access::Reads,
        trigger,
        inputs: Vec::new(),
        options: StepOptions::default(),
        finish: false,
        output_schema: Value::Null,
        body: Digest::ZERO,
        before: Vec::new(),
    }
}

pub(in crate::flow) fn step(name: &str, on: Condition) -> StepDefinition {
    node(name, StepKind::Step, Trigger::On(on))
}

pub(in crate::flow) fn after(name: &str) -> Condition {
    Condition::Step(Arc::from(name))
}

pub(in crate::flow) fn lane(variant: &str) -> Condition {
    Condition::Route { route: "Lane".to_owned(), variant: variant.to_owned() }
}

pub(in crate::flow) fn lanes(variants: &[(&str, bool)]) -> StepKind {
    let variants = variants.iter();
    let variant =
        |(name, ends): &(&str, bool)| VariantDefinition { name: (*name).to_owned(), ends: *ends };
    StepKind::Router(RouteDefinition {
        name: "Lane".to_owned(),
        variants: variants.map(variant).collect(),
    })
}

/// The refund desk of `execution.md`, with a compensation and a cycle through its router.
pub(in crate::flow) fn desk() -> FlowDefinition {
    let mut pay = step("pay", Condition::All(vec![after("look_up"), after("policy")]));
    pay.inputs = vec![Input { from: Arc::from("look_up"), optional: false }];
    pay.options.compensate = Some(Arc::from("undo_pay"));
    let mut answer = step("answer", Condition::Any(vec![after("pay"), lane("Question")]));
    answer.finish = true;
    FlowDefinition {
        name: "refund_desk".to_owned(),
        version: 3,
        description: String::new(),
        state_schema: Value::Null,
        steps: vec![
            node("receive", StepKind::Step, Trigger::Start),
            step("classify", Condition::Any(vec![after("receive"), after("ask")])),
            node(
                "lane",
                lanes(&[
                    ("Refund", false),
                    ("Question", false),
                    ("Unclear", false),
                    ("Spam", true),
                ]),
                Trigger::On(after("classify")),
            ),
            step("ask", lane("Unclear")),
            step("look_up", lane("Refund")),
            step("policy", lane("Refund")),
            pay,
            answer,
            node("undo_pay", StepKind::Compensation, Trigger::Never),
        ],
    }
}
