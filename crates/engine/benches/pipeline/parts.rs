//! The parts of the pipeline alone, and the whole on the mean.

use std::{hint::black_box, sync::Arc, time::Duration};

use criterion::Criterion;
use mainstay_core::{
    label::Label,
    policy::{Asker, Policy, Question},
    provenance::TrustedValues,
    tool::{Grants, Tool, ToolCatalog, gate},
};
use serde_json::{Value, json};

use crate::{
    desk::{Manner, note, tags},
    rig::{drive, limits, links, registry},
    rules::{Mix, policy},
};

const TOOL: &str = "send_message";

/// Measures every part.
pub(crate) fn measure(criterion: &mut Criterion) {
    admission(criterion);
    rules(criterion);
    origin(criterion);
    whole(criterion);
}

fn arguments() -> Value {
    json!({
        "order": "order-0007",
        "to": "ann@shop.example",
        "cents": 7,
        "note": note(7),
        "tags": tags(7),
    })
}

/// Leave and arguments.
fn admission(criterion: &mut Criterion) {
    let (registry, arguments) = (registry(), arguments());
    let (schema, grants) = (registry.schema(), Grants::from_iter(["find_order", TOOL]));
    let allow = || gate::allow(&registry, &*schema, &grants, TOOL, black_box(&arguments)).unwrap();
    criterion.bench_function("pipeline/grant and schema", |bencher| bencher.iter(allow));
}

/// Policy, with its thread, and the condition of the tool.
fn rules(criterion: &mut Criterion) {
    let (registry, arguments) = (registry(), arguments());
    let tool = registry.get(TOOL).unwrap();
    for (name, mix) in [("company", Mix::Company), ("everywhere", Mix::Everywhere)] {
        let policy = policy(mix);
        let judge = || ask(&*tool, &arguments, |question| policy.judge(question).unwrap());
        criterion
            .bench_function(&format!("pipeline/1000 rules, {name}"), |bencher| bencher.iter(judge));
    }
    let policy: Arc<dyn Policy> = policy(Mix::Company);
    let when = tool.spec().approval.clone().unwrap();
    let holds = || ask(&*tool, &arguments, |question| policy.holds(&when, question).unwrap());
    criterion.bench_function("pipeline/approval condition", |bencher| bencher.iter(holds));
}

fn ask<T>(tool: &dyn Tool, arguments: &Value, ask: impl FnOnce(&Question<'_>) -> T) -> T {
    let asker = Asker { tenant: "default", flow: "pipeline_bench", step: "work", agent: None };
    let (tool, label, left) = (tool.spec(), &Label::UNTRUSTED, &limits());
    ask(&Question { asker, tool, arguments: black_box(arguments), label, left, slot: None })
}

/// Links and control arguments.
fn origin(criterion: &mut Criterion) {
    let (registry, arguments, links) = (registry(), arguments(), links());
    let control = registry.get(TOOL).unwrap().spec().control.clone();
    let input = json!({ "orders": ["order-0001", "order-0007"], "to": "ann@shop.example" });
    let look = || {
        let mut trusted = TrustedValues::default();
        trusted.take(black_box(&input));
        let strange = links.strangers(&arguments);
        assert!(strange.is_empty() && trusted.strays(&control, &arguments).is_empty());
    };
    criterion.bench_function("pipeline/links and strays", |bencher| bencher.iter(look));
}

/// The whole pipeline on the mean, where nothing is committed before a call.
fn whole(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    criterion.bench_function("pipeline/whole call", |bencher| {
        bencher.iter_custom(|calls| {
            let calls = usize::try_from(calls).unwrap();
            let times = runtime.block_on(drive(Mix::Company, Manner::Looks, calls));
            times.iter().take(calls).map(|time| time.whole).sum::<Duration>()
        });
    });
}
