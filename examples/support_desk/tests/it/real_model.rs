//! Letters through the whole desk with a real small model over a real socket. Tokens, streams,
//! schemas and disconnects are real; what the model makes of a letter is worth little and is not
//! looked at.
//!
//! `tools/tiny-model/with.sh cargo test -p support_desk --test it real_model -- --ignored`

use std::sync::Arc;

use mainstay_core::{
    code::Code,
    effect::EffectOutcome,
    failure::Failure,
    id::RunId,
    model::{FinishReason, ModelCatalog, ModelId, Provider, UsageSource, check},
    retry::MOST_ATTEMPTS,
    run::RunStatus,
};
use mainstay_engine::commands::RunView;
use mainstay_providers::{
    prices::Prices,
    vendor::{Endpoint, Vendor},
};

use crate::{
    database,
    rig::{Rig, Settled},
};

mod heard;

use heard::{Call, Ear, calls};

/// A letter of most lanes, and one with a planted instruction: short ones, for speed.
const LETTERS: [&str; 5] = ["T-12", "T-18", "T-27", "T-35", "T-44"];

const MODEL: &str = "openai:smollm2";
/// The same, and the server hangs up after a few pieces of each answer.
const HANGS_UP: &str = "openai:smollm2+hangup";

fn vendor() -> Arc<Vendor> {
    #[expect(clippy::disallowed_methods, reason = "where the server is, the environment says")]
    let url = std::env::var("OPENAI_BASE_URL").expect("OPENAI_BASE_URL; see the top of this file");
    Arc::new(Vendor::openai(Endpoint::new(&url).unwrap()).unwrap())
}

async fn desk(model: &str) -> (Rig, Ear) {
    let models = ModelCatalog::new(Arc::new(Prices::bundled()))
        .with_provider(vendor())
        .with_default(&model.parse().unwrap());
    let rig = Rig::open_with(database::sqlite(), models).await;
    let ear = Ear::at(&rig.runtime.live);
    (rig, ear)
}

/// A letter that was worked through.
struct Done {
    id: &'static str,
    settled: Settled,
    view: RunView,
    calls: Vec<Call>,
}

async fn work_through(rig: &Rig, ear: &Ear, id: &'static str) -> Done {
    let run_id = rig.letter(id).await;
    let settled = rig.settle(run_id).await;
    let view = rig.runtime.view(run_id).await.unwrap();
    let calls = calls(rig, ear, &view).await;
    Done { id, settled, view, calls }
}

impl Done {
    fn failure(&self) -> Option<&Failure> {
        self.view.projection.finished.as_ref()?.failure.as_ref()
    }
}

fn ends_or_says_why_not(done: &Done) {
    let (id, settled) = (done.id, &done.settled);
    match settled.status {
        RunStatus::Completed => assert!(settled.output["outcomes"].is_array(), "{id}: {settled:?}"),
        RunStatus::Parked => assert!(!settled.waits.is_empty(), "{id}: {settled:?}"),
        RunStatus::Failed => {
            // A small model may miss the schema for good; nothing else may go wrong.
            assert_eq!(done.failure().unwrap().code, Code::ModelSchema, "{id}: {settled:?}");
        }
        RunStatus::Queued | RunStatus::Running | RunStatus::Cancelled | RunStatus::Partial => {
            panic!("{id}: {settled:?}")
        }
    }
}

fn came_in_pieces(done: &Done) {
    for call in &done.calls {
        let reply = call.reply.as_ref().unwrap_or_else(|| panic!("{}: {call:?}", done.id));
        assert_eq!(call.pieces.concat(), reply.text, "{} {}", done.id, call.step);
        assert!(call.pieces.len() > 2, "{} {}: {:?}", done.id, call.step, call.pieces);
    }
}

fn tokens_were_reported_and_reserved(done: &Done) {
    let (vendor, model): (_, ModelId) = (vendor(), MODEL.parse().unwrap());
    for Call { step, request, reply, .. } in &done.calls {
        let (id, usage) = (done.id, reply.as_ref().unwrap().usage);
        assert_eq!(usage.source, UsageSource::Reported, "{id} {step}");
        assert!(usage.input_tokens <= vendor.count_input(&model, request), "{id} {step}");
        assert!(usage.output_tokens <= u64::from(request.max_output_tokens), "{id} {step}");
    }
}

/// Every answer that does not fit is followed by another, at most twice, or by the run's failure;
/// one that fits is the last.
fn schemas_were_kept_or_missed_for_good(rig: &Rig, done: &Done) {
    for step in ["classify", "decide"] {
        let asked: Vec<_> = done.calls.iter().filter(|call| call.step == step).collect();
        let fits = |call: &&Call| {
            let output = call.request.output.as_ref().unwrap();
            check(call.reply.as_ref().unwrap(), output, rig.runtime.schema.as_ref()).is_ok()
        };
        let Some((last, earlier)) = asked.split_last() else { continue };
        assert!(!earlier.iter().any(fits) && asked.len() <= 3, "{} {step}: {asked:?}", done.id);
        if !fits(last) && done.settled.status == RunStatus::Failed {
            assert_eq!(asked.len(), 3, "{} {step}", done.id);
        } else if !fits(last) {
            assert_eq!(done.settled.status, RunStatus::Parked, "{} {step}", done.id);
        }
    }
}

async fn everything_happened_once_and_whole(rig: &Rig, letters: &[Done]) {
    for (kind, subject, times) in rig.performed().await {
        assert_eq!(times, 1, "{kind:?} {subject}");
    }
    let sent = rig.shop.outbox().await.unwrap();
    let answered = letters.iter().filter(|done| done.settled.output["answer"].is_string());
    assert_eq!(sent.len(), answered.count());
    for message in sent {
        let of = letters.iter().find(|done| done.id == message.ticket.as_str()).unwrap();
        let replies = of.calls.iter().filter_map(|call| call.reply.as_ref());
        let mut drafts = replies.filter(|reply| reply.text == message.body);
        assert!(drafts.all(|draft| draft.finish == FinishReason::Stop), "{message:?}");
        assert!(!message.body.trim().is_empty(), "{message:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a model server: tools/tiny-model/with.sh"]
async fn letters_go_through_the_desk_in_one_piece() {
    let (rig, ear) = desk(MODEL).await;
    let mut letters = Vec::new();
    for id in LETTERS {
        let done = work_through(&rig, &ear, id).await;
        println!("{id}: {:?} after {} calls", done.settled, done.calls.len());
        ends_or_says_why_not(&done);
        came_in_pieces(&done);
        tokens_were_reported_and_reserved(&done);
        schemas_were_kept_or_missed_for_good(&rig, &done);
        letters.push(done);
    }
    assert!(letters.iter().any(|done| done.calls.iter().any(|call| call.step == "compose")));
    everything_happened_once_and_whole(&rig, &letters).await;
    // Four looks at each letter, and one at the shop.
    println!("figure real_model_checks={} checks", 4 * letters.len() + 1);
    rig.close().await;
}

/// Returns how the model calls of a run failed, and the attempts of each.
fn failures(view: &RunView) -> Vec<(Code, u32)> {
    let settled = heard::settled(view);
    let failed = settled.filter_map(|effect| match &effect.outcome {
        EffectOutcome::Failed(failure) => Some((failure.code, effect.attempt)),
        EffectOutcome::Completed(_) | EffectOutcome::Denied(_) | EffectOutcome::InDoubt(_) => None,
    });
    failed.collect()
}

async fn nothing_came_of_it(rig: &Rig, done: &Done, why: (Code, u32)) {
    assert_eq!(done.settled.status, RunStatus::Failed, "{:?}", done.settled);
    assert_eq!(failures(&done.view), [why]);
    assert_eq!(done.failure().unwrap().code, why.0);
    assert_eq!(rig.performed().await, []);
    println!("figure real_model_checks=1 checks");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a model server: tools/tiny-model/with.sh"]
async fn a_server_that_hangs_up_gave_no_answer_and_nothing_comes_of_it() {
    let (rig, ear) = desk(HANGS_UP).await;
    let done = work_through(&rig, &ear, "T-35").await;
    assert!(!ear.pieces_of(done.view.row.run_id).is_empty(), "nothing was seen before it hung up");
    nothing_came_of_it(&rig, &done, (Code::ModelTruncated, MOST_ATTEMPTS)).await;
    rig.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a model server: tools/tiny-model/with.sh"]
async fn a_model_that_is_not_there_is_asked_once() {
    let (rig, ear) = desk("openai:no-such-model").await;
    let done = work_through(&rig, &ear, "T-35").await;
    nothing_came_of_it(&rig, &done, (Code::ModelRefused, 1)).await;
    rig.close().await;
}

async fn until_the_first_piece(rig: &Rig, ear: &Ear, run_id: RunId) {
    while ear.pieces_of(run_id).is_empty() {
        rig.runtime.clock.sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a model server: tools/tiny-model/with.sh"]
async fn a_letter_that_is_taken_back_in_the_middle_of_an_answer_leaves_the_model_usable() {
    let (rig, ear) = desk(MODEL).await;
    let run_id = rig.letter("T-35").await;
    until_the_first_piece(&rig, &ear, run_id).await;
    rig.runtime.cancel(run_id, "ann", "the letter is taken back").await.unwrap();
    assert_eq!(rig.settle(run_id).await.status, RunStatus::Cancelled);
    assert_eq!(rig.performed().await, []);
    let next = work_through(&rig, &ear, "T-44").await;
    ends_or_says_why_not(&next);
    println!("figure real_model_checks=1 checks");
    rig.close().await;
}
