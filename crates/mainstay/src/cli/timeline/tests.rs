//! Timelines of journals written by hand.

use std::collections::BTreeMap;

use expect_test::{Expect, expect};
use mainstay_core::{
    budget::{Limits, Settlement, Spend},
    code::Code,
    digest::Digest,
    effect::{EffectHead, EffectKind, EffectOutcome, FailedAttempt, StepKey},
    effects::{Scope, ScopeKind},
    flow::FlowVersion,
    id::{ReviewId, RunId, SessionId},
    inbox::InboxBody,
    journal::{Created, EffectSettled, Ending, Entry, Finished, Head, JournalRow},
    label::Label,
    payload::Payload,
    review::{Decision, ReviewOutcome, ReviewReason},
    time::Timestamp,
    tool::Grants,
    wait::{Wait, WaitMode, WaitSet},
};
use serde_json::{Value, json};

use super::{Timeline, lines};

/// A journal written by hand: each entry with the milliseconds after the first, and what it
/// carries.
#[derive(Default)]
struct Hand {
    rows: Vec<(JournalRow, Entry)>,
    head: Option<Head>,
}

impl Hand {
    fn put(mut self, ms: i64, entry: Entry, values: &[Value]) -> Self {
        let run = RunId::new(Timestamp::from_millis(1_790_000_000_000), [1; 10]);
        let payloads = values.iter().map(|value| Payload::of(value).unwrap()).collect();
        let head = self.head.unwrap_or(Head::EMPTY);
        let row = JournalRow::after(head, run, 1, at(ms), &entry, payloads).unwrap();
        self.head = Some(row.head(run, head));
        self.rows.push((row, entry));
        self
    }

    fn check(&self, expected: &Expect) {
        let mut timeline = Timeline::default();
        let moments = self.rows.iter().filter_map(|(row, entry)| timeline.take(row, entry));
        let moments: Vec<_> = moments.collect();
        // The bar keeps the lines' own indentation apart from that of this file.
        let lines = lines(&moments, &|_, text| text.to_owned());
        let lines: Vec<_> = lines.iter().map(|line| format!("|{line}")).collect();
        expected.assert_eq(&lines.join("\n"));
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(1_790_000_000_000 + ms)
}

fn held(value: &Value) -> mainstay_core::payload::PayloadRef {
    Payload::of(value).unwrap().reference(Label::default())
}

fn created() -> (Entry, Vec<Value>) {
    let input = json!({"order": "A-7"});
    let created = Created {
        flow: FlowVersion { name: "refund".into(), version: 1, definition: Digest::ZERO },
        tenant: "default".into(),
        input: held(&input),
        state: held(&input),
        key_root: Digest::ZERO,
        limits: Limits::default(),
        requested_by: None,
        tags: BTreeMap::new(),
        parent: None,
        forked: None,
    };
    (Entry::Created(Box::new(created)), vec![input])
}

fn claimed(number: u8) -> Entry {
    let session = SessionId::new(at(0), [number; 10]);
    Entry::Claimed { session, nonce: String::new() }
}

fn started(step: &str, attempt: u32) -> Entry {
    Entry::StepStarted { step: StepKey::new(step, 1), attempt, body: Digest::ZERO }
}

fn done(step: &str, output: &Value) -> Entry {
    let step = StepKey::new(step, 1);
    Entry::StepFinished {
        step,
        began: None,
        output: held(output),
        state: None,
        absorbed: Vec::new(),
    }
}

fn head(kind: EffectKind, name: &str) -> EffectHead {
    EffectHead { kind, name: name.into(), arguments: Digest::ZERO }
}

fn settled(place: &str, head: EffectHead, outcome: EffectOutcome, began: i64) -> EffectSettled {
    EffectSettled {
        position: place.parse().unwrap(),
        head,
        attempt: 1,
        failed: Vec::new(),
        outcome,
        spend: Settlement::NOTHING,
        seen: 0,
        started_at: at(began),
        arguments: None,
        reasoning: None,
        scope: None,
        about: Value::Null,
    }
}

fn finished(ending: Ending) -> Entry {
    Entry::Finished(Box::new(Finished {
        ending,
        output: None,
        failure: None,
        half_filled: Vec::new(),
    }))
}

fn begun() -> Hand {
    let (entry, values) = created();
    Hand::default().put(0, entry, &values).put(4, claimed(1), &[])
}

#[test]
fn a_model_call_shows_its_tokens_its_cost_and_its_failed_tries() {
    let failure = mainstay_core::failure::Failure::retryable(Code::ModelUnavailable, "status 503");
    let call = EffectSettled {
        failed: vec![FailedAttempt { attempt: 1, at: at(40), failure, model: None }],
        spend: Settlement::known(Spend {
            usd: 300,
            input_tokens: 812,
            output_tokens: 40,
            model_calls: 2,
            ..Spend::ZERO
        }),
        about: json!({"model": "scripted:desk", "finish": "stop"}),
        ..settled(
            "answer#1:0",
            head(EffectKind::Model, "fast"),
            EffectOutcome::Completed(held(&json!("Dear Ann"))),
            10,
        )
    };
    begun()
        .put(8, started("answer", 1), &[])
        .put(120, Entry::EffectSettled(Box::new(call)), &[])
        .put(121, done("answer", &json!("Dear Ann")), &[json!("Dear Ann")])
        .put(121, finished(Ending::Completed), &[])
        .check(&expect![[r#"
            |     0.000          created with {"order":"A-7"}
            |     0.004          claimed by ses_01M3250V00E40R
            |     0.008  answer  begins
            |     0.120  answer    model scripted:desk · 812 in · 40 out · 0.0003 usd · 110 ms · stop
            |                        try 1 failed: MS-4001 status 503
            |     0.121  answer  done in 113 ms: "Dear Ann"
            |     0.121          completed"#]]);
}

#[test]
fn a_tool_call_shows_what_was_sent_and_what_came_back() {
    let arguments = json!({"order": "A-7", "cents": 4200});
    let intent = Entry::EffectIntended {
        position: "pay#1:0".parse().unwrap(),
        head: head(EffectKind::Tool, "pay_back"),
        attempt: 1,
        first_sent_at: at(9),
        not_after: at(9_000),
        seen: 0,
        arguments: held(&arguments),
    };
    let found = settled(
        "pay#1:0",
        head(EffectKind::Tool, "pay_back"),
        EffectOutcome::Completed(held(&json!({"receipt": 7}))),
        9,
    );
    let nothing = EffectSettled {
        arguments: Some(held(&arguments)),
        ..settled(
            "pay#1:1",
            head(EffectKind::Tool, "find_order"),
            EffectOutcome::Completed(held(&Value::Null)),
            30,
        )
    };
    begun()
        .put(8, started("pay", 1), &[])
        .put(9, intent, std::slice::from_ref(&arguments))
        .put(25, Entry::EffectSettled(Box::new(found)), &[json!({"receipt": 7})])
        .put(32, Entry::EffectSettled(Box::new(nothing)), &[arguments, Value::Null])
        .put(33, done("pay", &json!(4200)), &[json!(4200)])
        .check(&expect![[r#"
            |     0.000        created with {"order":"A-7"}
            |     0.004        claimed by ses_01M3250V00E40R
            |     0.008  pay   begins
            |     0.009  pay     tool pay_back about to be sent: {"cents":4200,"order":"A-7"}
            |     0.025  pay     tool pay_back → {"receipt":7} · 16 ms
            |     0.032  pay     tool find_order {"cents":4200,"order":"A-7"} → empty · 2 ms
            |     0.033  pay   done in 25 ms: 4200"#]]);
}

#[test]
fn a_crash_a_retry_and_a_second_visit_are_told() {
    let failure =
        mainstay_core::failure::Failure::retryable(Code::ToolTimedOut, "no answer in 5 s");
    let failed = Entry::StepFailed {
        step: StepKey::new("pay", 1),
        attempt: 1,
        failure,
        retry_at: Some(at(3_050)),
    };
    begun()
        .put(8, started("pay", 1), &[])
        .put(2_000, claimed(2), &[])
        .put(2_050, failed, &[])
        .put(3_051, started("pay", 2), &[])
        .put(3_060, Entry::Released, &[])
        .put(3_070, claimed(2), &[])
        .put(
            3_080,
            Entry::StepStarted { step: StepKey::new("pay", 2), attempt: 1, body: Digest::ZERO },
            &[],
        )
        .check(&expect![[r#"
            |     0.000         created with {"order":"A-7"}
            |     0.004         claimed by ses_01M3250V00E40R
            |     0.008  pay    begins
            |     2.000         recovered by ses_01M3250V00E818: its worker died in the middle
            |     2.050  pay    attempt 1 failed in 2.0 s: MS-5004 no answer in 5 s
            |                     again in 1.0 s
            |     3.051  pay    attempt 2
            |     3.060         given back to the queue
            |     3.070         claimed by ses_01M3250V00E818
            |     3.080  pay#2  begins"#]]);
}

#[test]
fn an_agent_shows_what_it_may_call_and_use() {
    let mut scope = Scope::new(ScopeKind::Agent, "clerk").with_grants(Grants::from_iter(["find"]));
    scope.limits.usd = Some(200_000);
    let opened = EffectSettled {
        scope: Some(Box::new(scope)),
        ..settled(
            "pay#1:0",
            head(EffectKind::Scope, "agent clerk"),
            EffectOutcome::Completed(held(&Value::Null)),
            9,
        )
    };
    begun()
        .put(8, started("pay", 1), &[])
        .put(9, Entry::EffectSettled(Box::new(opened)), &[Value::Null])
        .check(&expect![[r#"
            |     0.000        created with {"order":"A-7"}
            |     0.004        claimed by ses_01M3250V00E40R
            |     0.008  pay   begins
            |     0.009  pay     agent `clerk` begins · may call find · at most 0.20 usd"#]]);
}

#[test]
fn a_review_is_followed_from_the_question_to_the_decision() {
    let review_id = ReviewId::new(at(20), [3; 10]);
    let wait = Wait::Review { review_id, reason: ReviewReason::Asked, bound: None };
    let opened = Entry::WaitOpened {
        position: "pay#1:0".parse().unwrap(),
        head: head(EffectKind::Review, "default"),
        wait: wait.clone(),
        arguments: held(&Value::Null),
        seen: 0,
        input: None,
    };
    let decision = Decision::Reject { reason: "too\u{202e} much".into() };
    let outcome = ReviewOutcome::Decided { decision, by: "ann".into(), at: at(60_000) };
    let told = InboxBody::Reviewed { review_id, outcome };
    begun()
        .put(8, started("pay", 1), &[])
        .put(20, opened, &[])
        .put(21, Entry::Parked { wait: WaitSet { mode: WaitMode::Any, waits: vec![wait] } }, &[])
        .put(60_010, claimed(2), &[])
        .put(60_011, Entry::Received { inbox: 1, message: told }, &[])
        .check(&expect![[r#"
            |     0.000        created with {"order":"A-7"}
            |     0.004        claimed by ses_01M3250V00E40R
            |     0.008  pay   begins
            |     0.020  pay     review default waits for a decision on rev_01M3250V0MEC1R60R30C1G60R3
            |     0.021        parked for a decision on rev_01M3250V0MEC1R60R30C1G60R3
            |    60.010        claimed by ses_01M3250V00E818
            |    60.011        ann decided rev_01M3250V0MEC1R: reject
            |                    too\u{202e} much"#]]);
}
