//! Calls that need a person's leave: exactly the call that was shown, once, and never by silence.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mainstay::prelude::*;
use mainstay_core::{
    code::Code,
    digest::Digest,
    id::RunId,
    journal::{EffectSettled, Entry},
    label::Label,
    policy::{Policy, PolicyFault, Question, Ruling},
    port::Entropy,
    review::{Decision, ReviewOutcome, ReviewReason, ReviewRequest},
    run::RunStatus,
    store::operation::DecideReview,
    tool::{EffectClass, Reversibility, ToolSpec},
};
use mainstay_engine::commands::{RunView, StartRun};
use mainstay_testing::clock::SeededEntropy;
use serde_json::{Value, json};

use crate::{
    rig::{Rig, World, waits},
    tools::{FOREVER, Probe, spec},
};

/// Reads `true` and `false`, and has this bundle.
#[derive(Debug)]
pub(crate) struct Plain(pub(crate) &'static str);

impl Policy for Plain {
    fn bundle(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }

    fn judge(&self, _: &Question<'_>) -> Result<Ruling, PolicyFault> {
        Ok(Ruling::permit())
    }

    fn holds(&self, condition: &str, _: &Question<'_>) -> Result<bool, PolicyFault> {
        condition.parse().map_err(|_| PolicyFault(format!("`{condition}` has no value")))
    }

    fn sound(&self, _: &str) -> Result<(), PolicyFault> {
        Ok(())
    }
}

#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
struct Pay {
    number: usize,
}

/// The number of a run that pays what every such run pays.
const ALONE: usize = 1_000_000;

/// What each run pays, by its number.
static AMOUNTS: std::sync::Mutex<Vec<Value>> = std::sync::Mutex::new(Vec::new());

fn amount(number: usize) -> Value {
    AMOUNTS
        .lock()
        .unwrap()
        .get(number)
        .cloned()
        .unwrap_or_else(|| json!({ "to": "ann", "cents": 25 }))
}

#[flow(name = "pay", version = 1)]
impl Pay {
    #[start(grants = ["pay"])]
    async fn pay(&self, cx: &StepContext) -> Result<String> {
        Ok(match cx.tool::<(&str, Value)>(("pay", amount(self.number))).await {
            Called::Found(value) => format!("found {value}"),
            Called::Denied(denial) => format!("denied: {denial}"),
            Called::Failed(failure) => format!("failed: {}", failure.message),
            Called::InDoubt(doubt) => format!("in doubt: {}", doubt.because),
            Called::Empty => "nothing".to_owned(),
        })
    }
}

fn guarded(effect: EffectClass) -> ToolSpec {
    spec("pay", effect).with_approval("true")
}

fn probe(spec: ToolSpec) -> Arc<Probe> {
    Probe::of(spec, |_, _| std::future::ready(Ok(json!("paid"))))
}

fn program(world: &World, tool: Arc<Probe>, bundle: &'static str) -> Rig {
    world.program(|p| drop(p.flow::<Pay>().tool(tool).policy(Arc::new(Plain(bundle)))))
}

/// Starts a run and drives it to where it waits for leave.
async fn asked(rig: &Rig) -> RunId {
    let run_id = rig.start("pay", json!({ "number": ALONE })).await;
    let view = rig.drive(run_id).await;
    assert_eq!((view.row.status, waits(&view.row)), (RunStatus::Parked, vec!["review"]));
    run_id
}

/// Likewise, of a run that Ann started.
async fn asked_by_ann(rig: &Rig) -> (RunId, ReviewRequest) {
    let start = StartRun {
        requested_by: Some("ann".to_owned()),
        ..StartRun::new("pay", json!({ "number": ALONE }))
    };
    let run_id = rig.start_with(start).await;
    rig.drive(run_id).await;
    (run_id, rig.open_review(run_id).await.request)
}

fn settled(view: &RunView) -> EffectSettled {
    let found = view.rows.iter().find_map(|(_, entry)| match entry {
        Entry::EffectSettled(settled) => Some((**settled).clone()),
        _ => None,
    });
    found.expect("the call has an outcome")
}

#[tokio::test]
async fn a_call_is_made_once_a_person_has_approved_exactly_it() {
    for effect in [FOREVER, EffectClass::AtMostOnce, EffectClass::Read] {
        let pay = probe(guarded(effect));
        let rig = program(&World::memory(), pay.clone(), "rules");
        let run_id = asked(&rig).await;
        let review = rig.open_review(run_id).await.request;
        assert_eq!((review.reason, pay.count()), (ReviewReason::Approval, 0));
        let shown = &review.subject;
        assert_eq!(shown["arguments"], json!({ "to": "ann", "cents": 25 }));
        assert_eq!((&shown["tool"], &shown["asked_by"]["flow"]), (&json!("pay"), &json!("pay")));
        rig.approve(run_id).await;
        assert_eq!(rig.completed(run_id).await, json!("found \"paid\""));
        assert_eq!(pay.arguments(), [json!({ "to": "ann", "cents": 25 })]);
        let about = settled(&rig.view(run_id).await).about;
        assert_eq!(about["approval"]["by"], "ann", "{about}");
        assert_eq!(about["policy"]["bundle"], json!(Digest::of(b"rules")));
    }
}

#[tokio::test]
async fn whatever_is_not_an_approval_is_not_executed() {
    let amended = Decision::Amend { subject: json!({ "arguments": { "cents": 5 } }), note: None };
    let table = [
        (Decision::Reject { reason: "too much".into() }, "a person refused `pay`: ann: too much"),
        (Decision::Respond { text: "ask Bob".into() }, "a person refused `pay`: ann: ask Bob"),
        (amended, "a person refused `pay`: ann would approve other arguments: {\"cents\":5}"),
    ];
    for (decision, told) in table {
        let pay = probe(guarded(FOREVER));
        let rig = program(&World::memory(), pay.clone(), "rules");
        let run_id = asked(&rig).await;
        rig.decide(run_id, decision).await;
        assert_eq!(rig.completed(run_id).await, json!(format!("denied: {told}")));
        assert_eq!(pay.count(), 0);
    }
}

#[tokio::test]
async fn silence_is_no_approval() {
    let pay = probe(guarded(FOREVER));
    let rig = program(&World::memory(), pay.clone(), "rules");
    let run_id = asked(&rig).await;
    rig.clock.advance(Duration::from_secs(8 * 24 * 3_600));
    let worker = rig.worker();
    rig.wait_for(run_id, |row| row.status.is_terminal()).await;
    worker.stop().await;
    let told = rig.output(&rig.view(run_id).await.projection).await;
    assert_eq!(told, json!("denied: a person refused `pay`: nobody approved it in time"));
    assert_eq!(pay.count(), 0);
}

#[tokio::test]
async fn a_condition_without_a_value_denies_and_one_that_does_not_hold_lets_through() {
    for (condition, told, calls) in [
        ("args.cents >", "denied: a policy forbids `pay`: its condition has no value", 0),
        ("false", "found", 1),
    ] {
        let pay = probe(spec("pay", FOREVER).with_approval(condition));
        let rig = program(&World::memory(), pay.clone(), "rules");
        let run_id = rig.start("pay", json!({ "number": ALONE })).await;
        let output = rig.completed(run_id).await;
        assert!(output.as_str().unwrap().starts_with(told), "{output}");
        assert_eq!(pay.count(), calls);
    }
}

#[tokio::test]
async fn an_approval_outlives_the_worker_and_is_used_once() {
    let world = World::memory();
    let hangs = Probe::of(guarded(FOREVER), |_, nth| async move {
        if nth == 1 {
            std::future::pending::<()>().await;
        }
        Ok(json!("paid"))
    });
    let rig = program(&world, hangs.clone(), "rules");
    let run_id = asked(&rig).await;
    rig.approve(run_id).await;
    let worker = rig.worker();
    hangs.called(1).await;
    worker.kill().await;
    rig.let_leases_lapse();
    let next = program(&world, hangs.clone(), "rules");
    assert_eq!(next.completed(run_id).await, json!("found \"paid\""));
    assert_eq!(hangs.count(), 2, "the call that a crash hides is repeated under its key");
    assert!(hangs.keys().iter().all(|key| *key == hangs.keys()[0]));
    assert!(next.open_reviews(run_id).await.is_empty(), "nobody is asked again");
}

#[tokio::test]
async fn nobody_approves_an_irreversible_call_of_their_own_run() {
    let irreversible = guarded(FOREVER).with_reversibility(Reversibility::Irreversible);
    for (spec, refused) in [(irreversible, true), (guarded(FOREVER), false)] {
        let pay = probe(spec);
        let rig = program(&World::memory(), pay.clone(), "rules");
        let (run_id, review) = asked_by_ann(&rig).await;
        let approve = Decision::Approve { note: None };
        let decide =
            |by| rig.runtime.decide(review.review_id, review.subject_digest, approve.clone(), by);
        let own = decide("ann").await;
        assert_eq!(own.is_err_and(|error| error.code == Code::OwnRequest), refused);
        if refused {
            decide("bob").await.unwrap();
        }
        assert_eq!(rig.completed(run_id).await, json!("found \"paid\""));
    }
}

#[tokio::test]
async fn an_approval_of_the_requester_that_reached_the_store_all_the_same_does_not_count() {
    let pay = probe(guarded(FOREVER).with_reversibility(Reversibility::Irreversible));
    let rig = program(&World::memory(), pay.clone(), "rules");
    let (run_id, review) = asked_by_ann(&rig).await;
    let decision = Decision::Approve { note: None };
    let outcome =
        ReviewOutcome::Decided { decision, by: "ann".to_owned(), at: review.expires_at.unwrap() };
    let (review_id, subject_digest) = (review.review_id, review.subject_digest);
    let decide = DecideReview { review_id, subject_digest, outcome };
    rig.runtime.store.decide(decide).await.unwrap();
    let view = rig.drive(run_id).await;
    assert_eq!((view.row.status, pay.count()), (RunStatus::Parked, 0));
    assert_ne!(rig.open_review(run_id).await.request.review_id, review_id, "asked anew");
}

/// What may have changed between the approval and the call.
#[tokio::test]
async fn any_change_after_the_approval_voids_it() {
    type Change = fn(ToolSpec) -> ToolSpec;
    let changes: [(&str, Change, &'static str); 6] = [
        ("description", |spec| spec.with_description("pays twice"), "rules"),
        ("schema", |spec| ToolSpec { input_schema: Arc::new(json!({})), ..spec }, "rules"),
        ("effect", |spec| spec.with_effect(EffectClass::AtMostOnce), "rules"),
        ("timeout", |spec| spec.with_timeout(Duration::from_secs(1)), "rules"),
        ("result", |spec| spec.with_result_label(Label::TRUSTED), "rules"),
        ("policy", |spec| spec, "other rules"),
    ];
    for (what, change, bundle) in changes {
        let world = World::memory();
        let rig = program(&world, probe(guarded(FOREVER)), "rules");
        let run_id = asked(&rig).await;
        rig.approve(run_id).await;
        let pay = probe(change(guarded(FOREVER)));
        let next = program(&world, pay.clone(), bundle);
        let view = next.drive(run_id).await;
        assert_eq!((view.row.status, pay.count()), (RunStatus::Parked, 0), "{what}");
        next.approve(run_id).await;
        assert_eq!(next.completed(run_id).await, json!("found \"paid\""), "{what}");
        assert_eq!(pay.count(), 1, "{what}");
    }
}

/// Runs that are approved and then want to pay something else, unless `MUTATIONS` says how many.
const MUTATIONS: usize = 500;

#[expect(clippy::disallowed_methods, reason = "a test that is told how long to go on")]
fn so_many(name: &str, usually: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usually)
}

/// Returns a value of any kind, the same for the same bytes.
fn any_value(drawn: &[u8]) -> Value {
    let (Some(kind), rest) = (drawn.first(), drawn.get(1..).unwrap_or_default()) else {
        return Value::Null;
    };
    let (left, right) = rest.split_at(rest.len() / 2);
    let text =
        || rest.iter().map(|b| char::from_u32(u32::from(*b) * 61)).map(Option::unwrap_or_default);
    match kind % 7 {
        0 => json!(rest.len() % 2 == 0),
        1 => json!(i64::from(*kind) - 128 + rest.first().map_or(0, |b| i64::from(*b) << 20)),
        2 => json!(text().collect::<String>()),
        3 => json!([any_value(left), any_value(right)]),
        4 => json!({ "a": any_value(left), "b": any_value(right) }),
        5 => json!("ann\u{200b}"),
        _ => Value::Null,
    }
}

/// Changes one thing about arguments: a field more, a field less, a field that is something else.
fn mutated(original: &Value, how: usize, value: Value) -> Value {
    let mut fields = original.as_object().cloned().unwrap();
    match how % 4 {
        0 => drop(fields.insert("to".to_owned(), value)),
        1 => drop(fields.insert("cents".to_owned(), value)),
        2 => drop(fields.insert("more".to_owned(), value)),
        _ => drop(fields.remove("to")),
    }
    Value::Object(fields)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arguments_that_change_after_the_approval_are_never_executed() {
    let mutations = so_many("MUTATIONS", MUTATIONS);
    let world = World::memory();
    let pay = probe(guarded(FOREVER));
    let rig = program(&world, pay.clone(), "rules");
    let original = amount(ALONE);
    *AMOUNTS.lock().unwrap() = vec![original.clone(); mutations];
    let mut runs = Vec::new();
    for number in 0..mutations {
        runs.push(rig.start("pay", json!({ "number": number })).await);
    }
    let worker = rig.worker();
    for run_id in &runs {
        rig.wait_for(*run_id, |row| row.status == RunStatus::Parked).await;
    }
    worker.stop().await;
    for run_id in &runs {
        rig.approve(*run_id).await;
    }
    let dice = SeededEntropy::new(7);
    let changed: Vec<_> = (0..mutations)
        .map(|how| {
            loop {
                let changed = mutated(&original, how, any_value(&dice.draw()));
                if changed != original {
                    break changed;
                }
            }
        })
        .collect();
    *AMOUNTS.lock().unwrap() = changed;
    let worker = rig.worker();
    let mut diverged = 0;
    for run_id in &runs {
        let row =
            rig.wait_for(*run_id, |row| waits(row) == ["divergence"] || row.status.is_terminal());
        diverged += usize::from(waits(&row.await) == ["divergence"]);
    }
    worker.stop().await;
    println!("{mutations} changed arguments, {} executed", pay.count());
    println!("figure mutations_executed={} calls", pay.count());
    assert_eq!((pay.count(), diverged), (0, mutations));
}

/// Workers that race for each approval.
const WORKERS: usize = 16;

/// Approvals that are raced for, unless `TRIALS` says how many.
const TRIALS: usize = 60;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_workers_race_for_an_approval_and_one_uses_it() {
    let trials = so_many("TRIALS", TRIALS);
    let world = World::sqlite("approvals").await;
    let pay = probe(guarded(FOREVER));
    let rigs: Vec<_> = (0..WORKERS).map(|_| program(&world, pay.clone(), "rules")).collect();
    let rig = &rigs[0];
    let mut runs = Vec::new();
    for _ in 0..trials {
        runs.push(rig.start("pay", json!({ "number": ALONE })).await);
    }
    let worker = rig.worker();
    for run_id in &runs {
        rig.wait_for(*run_id, |row| row.status == RunStatus::Parked).await;
    }
    worker.stop().await;
    let workers: Vec<_> = rigs.iter().map(Rig::worker).collect();
    for run_id in &runs {
        rig.approve(*run_id).await;
    }
    for run_id in &runs {
        rig.wait_for(*run_id, |row| row.status.is_terminal()).await;
    }
    let drove = AtomicUsize::new(0);
    for worker in workers {
        let report = worker.stop().await;
        drove.fetch_add(usize::from(report.claimed > 0), Ordering::Relaxed);
    }
    let mut keys = pay.keys();
    keys.sort();
    keys.dedup();
    println!("{trials} approvals, {} calls, {} workers took part", pay.count(), drove.into_inner());
    println!("figure executions_beyond_one={} calls", pay.count() - keys.len());
    assert_eq!((pay.count(), keys.len()), (trials, trials));
}
