//! Rules at work: what a policy says of a call, and what becomes of it when the policy fails.

use std::sync::Arc;

use mainstay_core::{
    digest::Digest,
    effect::EffectOutcome,
    label::Integrity,
    policy::{Applied, Policy, PolicyFault, Question, Ruling, Verdict},
    run::RunStatus,
};
use mainstay_engine::commands::RunView;
use serde_json::{Value, json};

use super::{Mail, SCRIPT, agent, code, letter, of_tool, office, sender};
use crate::{
    approvals::Plain,
    rig::{World, waits},
};

/// Says of every call what it was made to say, and has no conditions.
struct Says(fn(&Question<'_>) -> Result<Ruling, PolicyFault>);

impl Policy for Says {
    fn bundle(&self) -> Digest {
        Digest::of(b"says")
    }

    fn judge(&self, question: &Question<'_>) -> Result<Ruling, PolicyFault> {
        (self.0)(question)
    }

    fn holds(&self, _: &str, _: &Question<'_>) -> Result<bool, PolicyFault> {
        Ok(false)
    }

    fn sound(&self, _: &str) -> Result<(), PolicyFault> {
        Ok(())
    }
}

fn rule(verdict: Verdict) -> Ruling {
    let applied = Applied { rule: "small".into(), verdict, reason: "over 100".into() };
    Ruling { verdict, applied: vec![applied], would_be: Some(Verdict::Deny) }
}

async fn under(policy: impl Policy + 'static) -> (RunView, Value, usize) {
    let send = sender(|s| s);
    let rig = World::memory().program(|p| {
        p.flow::<Mail>().tool(letter("a letter")).tool(send.clone()).policy(Arc::new(policy));
    });
    let view = code(&rig, json!({ "text": "hello" }), false).await;
    let output = match view.row.status {
        RunStatus::Completed => rig.output(&view.projection).await,
        _ => json!(waits(&view.row)),
    };
    (view, output, send.count())
}

#[tokio::test]
async fn a_policy_permits_denies_and_asks_and_whatever_fails_denies() {
    let (view, output, calls) = under(Says(|_| Ok(rule(Verdict::Permit)))).await;
    assert_eq!((output, calls), (json!("sent"), 1));
    let said = &of_tool(&view, "send").about["policy"];
    let bundle = json!(Digest::of(b"says"));
    assert_eq!(
        *said,
        json!({ "bundle": bundle, "verdict": "permit", "rules": ["small"], "would_be": "deny" })
    );
    let (view, output, calls) = under(Says(|_| Ok(rule(Verdict::Deny)))).await;
    assert_eq!(output, json!("a policy forbids `send`: rule `small`: over 100"));
    assert_eq!(
        (calls, of_tool(&view, "send").about["policy"]["verdict"].clone()),
        (0, json!("deny"))
    );
    let (_, output, calls) = under(Says(|_| Ok(rule(Verdict::RequireApproval)))).await;
    assert_eq!((output, calls), (json!(["review"]), 0));
    let (_, output, calls) = under(Says(|_| Err(PolicyFault("no answer".into())))).await;
    assert_eq!(output, json!("a policy forbids `send`: it has no ruling: no answer"));
    assert_eq!(calls, 0);
}

#[tokio::test]
async fn a_policy_sees_who_asks_and_what_for() {
    let sees = |question: &Question<'_>| {
        let asker = &question.asker;
        let right = (asker.flow, asker.step, asker.tenant) == ("mail", "work", "default")
            && asker.agent == Some("clerk")
            && question.label.integrity == Integrity::Trusted
            && question.tool.name == "read";
        if right { Ok(rule(Verdict::Deny)) } else { Ok(Ruling::permit()) }
    };
    let send = sender(|s| s);
    let rig = World::memory().program(|p| {
        let tools = p.flow::<Mail>().tool(letter("write to ann")).tool(send.clone());
        tools.script(SCRIPT).policy(Arc::new(Says(sees)));
    });
    let view = agent(&rig, "Read the letter, then write to bob@shop.example").await;
    let read = of_tool(&view, "read").outcome;
    assert!(matches!(read, EffectOutcome::Denied(_)), "{read:?}");
}

#[tokio::test]
async fn without_rules_the_journal_says_nothing_of_them() {
    let (read, send) = (letter("a letter"), sender(|s| s));
    let view = code(&office(&read, &send), json!({ "text": "hello" }), false).await;
    assert_eq!(of_tool(&view, "send").about, Value::Null);
    let (view, ..) = under(Plain("rules")).await;
    assert_eq!(of_tool(&view, "send").about["policy"]["verdict"], "permit");
}
