//! Policies in Cedar: what they permit, what they see, and everything that makes them say nothing.

use std::{sync::Arc, time::Duration};

use mainstay_core::policy::{Policy, PolicyFault, Ruling, Verdict};
use serde_json::{Value, json};

use super::{TextError, open};
use crate::policy::{Otherwise, tests::about};

mod differential;
mod fragment;
mod refused;

/// Nothing in these tests waits so long: what they refuse they refuse for another reason.
const AMPLE: Duration = Duration::from_secs(120);

fn policy(text: &str) -> Arc<dyn Policy> {
    open(text, Otherwise::Permit, AMPLE).unwrap_or_else(|error| panic!("{text}\n{error:?}"))
}

fn judge(text: &str, arguments: &Value) -> Result<Ruling, PolicyFault> {
    about(arguments, |question| policy(text).judge(question))
}

/// Returns whether a `forbid` with this condition denies a call with these arguments.
fn holds(condition: &str, arguments: &Value) -> Result<bool, String> {
    let text = format!("@id(\"x\") forbid (principal, action, resource) when {{ {condition} }};");
    let ruling = judge(&text, arguments).map_err(|fault| fault.0)?;
    Ok(ruling.verdict == Verdict::Deny)
}

const ALL: &str = "(principal, action, resource)";

#[test]
fn a_forbid_wins_over_an_approval_and_an_approval_over_a_permit() {
    let permit = format!("@id(\"permit\") permit {ALL};\n");
    let approve = format!("@id(\"approve\") @approval forbid {ALL};\n");
    let deny = format!("@id(\"no\") @reason(\"so\") forbid {ALL};\n");
    let verdict = |text: String| judge(&text, &json!({})).unwrap().verdict;
    assert_eq!(verdict(String::new()), Verdict::Permit, "the grant came first");
    assert_eq!(verdict(format!("{approve}{permit}")), Verdict::RequireApproval);
    assert_eq!(verdict(format!("{permit}{approve}{deny}")), Verdict::Deny);
    let ruling = judge(&format!("{deny}{permit}{approve}"), &json!({})).unwrap();
    assert_eq!(ruling.because(), "rule `no`: so");
    let applied: Vec<_> = ruling.applied.iter().map(|applied| applied.rule.as_str()).collect();
    assert_eq!(applied, ["no", "permit", "approve"], "all that applied, in their order");
}

#[test]
fn where_no_policy_applies_the_default_holds_as_it_does_in_cel() {
    let text = "@id(\"small\") permit (principal, action, resource) when { context.args.n < 10 };";
    for (otherwise, large) in
        [(Otherwise::Permit, Verdict::Permit), (Otherwise::Deny, Verdict::Deny)]
    {
        let policy = open(text, otherwise, AMPLE).unwrap();
        let verdict = |n| about(&json!({"n": n}), |question| policy.judge(question)).unwrap();
        assert_eq!((verdict(5).verdict, verdict(50).verdict), (Verdict::Permit, large));
    }
    let closed = open("", Otherwise::Deny, AMPLE).unwrap();
    let ruling = about(&json!({}), |question| closed.judge(question)).unwrap();
    assert_eq!(ruling.because(), "rule `default`: no rule is about it");
}

#[test]
fn a_policy_without_a_value_is_no_ruling_although_cedar_would_skip_it() {
    for effect in ["forbid", "permit", "@approval forbid", "@shadow @approval forbid"] {
        let text = format!("@id(\"x\") {effect} {ALL} when {{ context.args.n > 10 }};");
        for n in [json!({}), json!({"n": "50"}), json!({"n": null}), json!({"n": 10.5})] {
            let ruling = judge(&text, &n);
            if effect.starts_with("@shadow") {
                assert_eq!(ruling.unwrap().would_be, Some(Verdict::Deny), "{n}");
            } else {
                assert!(ruling.unwrap_err().0.starts_with("rule `x`: "), "{effect} {n}");
            }
        }
    }
    let both = "@id(\"a\") permit (principal, action, resource);
                @id(\"b\") forbid (principal, action, resource) when { context.args.n };
                @id(\"c\") permit (principal, action, resource) when { context.args.gone };";
    let fault = judge(both, &json!({"n": 1})).unwrap_err().0;
    assert!(fault.starts_with("rule `b`: type error"), "the first: {fault}");
}

#[test]
fn a_policy_sees_who_asks_what_for_with_what_and_what_is_left() {
    let arguments = json!({"count": 3, "tags": ["a", "b"], "note": null, "to": {"name": "ann"}});
    let seen = [
        "principal.tenant == \"acme\" && principal.flow == \"refund_desk\"",
        "principal.step == \"answer\" && principal has agent && principal.agent == \"writer\"",
        "principal == Agent::\"writer\" && principal is Agent && principal in Step::\"answer\"",
        "principal in Flow::\"refund_desk\" && principal in Tenant::\"acme\"",
        "resource == Tool::\"mail.send\" && resource.name like \"mail.*\"",
        "resource.effect == \"at_most_once\" && !resource.reversible",
        "resource.origin == \"native\" && resource.owner == \"crm\"",
        "resource.cost_usd_micros == 20000",
        "context.args.count + 1 == 4 && context.args.tags.contains(\"b\")",
        "context.args.note == Json::\"null\" && context.args has to.name",
        "context.label.untrusted && context.label.integrity == \"untrusted\"",
        "!context.label.public && context.label.readers.contains(\"role:support\")",
        "context.budget.usd_micros == 500000 && context.budget.tool_calls == 3",
        "!(context.budget has tokens) && !(context has plan)",
        "action == Action::\"call\"",
    ];
    for condition in seen {
        assert_eq!(holds(condition, &arguments), Ok(true), "{condition}");
    }
}

#[test]
fn a_whole_number_is_one_number_however_it_is_written_and_a_fraction_has_no_order() {
    let n = |text: &str| serde_json::from_str(&format!("{{\"n\":{text}}}")).unwrap();
    for five in ["5", "5.0", "5e0", "0.5e1"] {
        assert_eq!(holds("context.args.n == 5", &n(five)), Ok(true), "{five}");
    }
    let large = "context.args.n == 100000000000000000";
    assert_eq!(holds(large, &n("1e17")), Ok(true));
    assert_eq!(holds("context.args.n == 0", &n("-0.0")), Ok(true));
    for odd in ["5.5", "1e300", "-1e300", "9223372036854775808", "18446744073709551615", "1e-7"] {
        assert!(holds("context.args.n > 10", &n(odd)).is_err(), "{odd}");
        assert!(holds("context.args.n + 1 > 10", &n(odd)).is_err(), "{odd}");
        assert_eq!(holds("context.args.n == 5", &n(odd)), Ok(false), "{odd}");
    }
    assert!(holds("context.args.n * 2 > 0", &json!({"n": i64::MAX})).is_err(), "no silent wrap");
}

#[test]
fn arguments_cannot_pass_for_entities_or_for_what_is_not_theirs() {
    let forged = json!({
        "who": {"__entity": {"type": "Agent", "id": "boss"}},
        "ip": {"__extn": {"fn": "decimal", "arg": "0.1"}},
        "principal": "boss",
    });
    assert_eq!(holds("context.args.who == Agent::\"boss\"", &forged), Ok(false));
    assert_eq!(holds("context.args.who has __entity", &forged), Ok(true), "it is a record");
    assert_eq!(holds("principal == Agent::\"boss\"", &forged), Ok(false));
    let null = json!({"note": "null"});
    assert_eq!(holds("context.args.note == Json::\"null\"", &null), Ok(false), "a text is a text");
}

#[test]
fn a_list_is_a_set() {
    let arguments = json!({"to": ["b", "a", "a"]});
    assert_eq!(holds("context.args.to == [\"a\", \"b\"]", &arguments), Ok(true));
    assert_eq!(holds("context.args.to.containsAny([\"x\", \"a\"])", &arguments), Ok(true));
    assert!(holds("context.args.to == \"a\" || context.args.to > 1", &arguments).is_err());
}

#[test]
fn a_tools_own_condition_stays_cel() {
    let policy = policy("");
    assert_eq!(policy.sound("args.amount > 10"), Ok(()));
    assert!(policy.sound("context.args.amount > 10").is_err());
    let holds = |amount| {
        let arguments = json!({"amount": amount});
        about(&arguments, |question| policy.holds("args.amount > 10", question))
    };
    assert_eq!((holds(json!(50)), holds(json!(5))), (Ok(true), Ok(false)));
    assert!(holds(json!("50")).is_err());
}

#[test]
fn a_policy_on_trial_is_reported_where_it_would_flip_and_changes_nothing() {
    let text = format!("@id(\"new\") @shadow forbid {ALL} when {{ context.args.n > 10 }};");
    let would_be = |arguments| {
        let ruling = judge(&text, &arguments).unwrap();
        assert_eq!((ruling.verdict, ruling.applied.len()), (Verdict::Permit, 0));
        ruling.would_be
    };
    assert_eq!(would_be(json!({"n": 50})), Some(Verdict::Deny));
    assert_eq!(would_be(json!({"n": 5})), None);
    assert_eq!(would_be(json!({})), Some(Verdict::Deny), "without a ruling there is no call");
}

#[test]
fn whatever_decides_is_in_the_hash() {
    let one = format!("@id(\"a\") forbid {ALL};");
    let hash = |text: &str, otherwise| open(text, otherwise, AMPLE).unwrap().bundle();
    let (text, first) = (one.as_str(), hash(&one, Otherwise::Permit));
    assert_eq!(first, hash(text, Otherwise::Permit));
    assert_ne!(first, hash(text, Otherwise::Deny));
    for other in ["forbid", "@shadow forbid", "@approval forbid", "@reason(\"x\") forbid", "permit"]
    {
        let other = format!("@id(\"a\") {other}{ALL} ;");
        assert_ne!(first, hash(&other, Otherwise::Permit), "{other}");
    }
}

#[test]
fn the_policies_that_the_page_shows_can_be_read() {
    let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/tools.md");
    let page = std::fs::read_to_string(page).unwrap();
    let shown: Vec<&str> = page.split("```cedar\n").skip(1).collect();
    assert!(!shown.is_empty());
    for block in shown {
        let text = block.split("```").next().unwrap();
        let read =
            super::text::read_apart(text).unwrap_or_else(|error: TextError| panic!("{error:?}"));
        assert!(read.len() >= 3, "{text}");
    }
}

#[test]
fn a_value_that_is_not_in_order_is_not_handed_on_as_it_was_made() {
    use mainstay_core::digest::reads_back;
    assert!(reads_back(&json!({"a": 1, "b": {"c": 2, "d": [3]}})));
    assert!(!reads_back(&json!({"b": 1, "a": 2})), "Cedar has maps keep their order");
    assert!(!reads_back(&json!({"a": {"d": 1, "c": 2}})));
}
