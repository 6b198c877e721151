//! Rules in CEL: what they permit, and everything that makes them say nothing.

use std::time::Duration;

use mainstay_core::{
    budget::Limits,
    label::{Label, Principal, Readers},
    policy::{Asker, Policy, PolicyFault, Question, Ruling, Verdict},
    tool::{EffectClass, Reversibility, ToolSpec},
};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{Bundle, BundleError, Otherwise, Rule, open};

mod bounded;
mod hostile;
mod leading;

/// Nothing in these tests waits so long: what they refuse they refuse for another reason.
const AMPLE: Duration = Duration::from_secs(120);

pub(super) fn spec() -> ToolSpec {
    ToolSpec::new("mail.send", json!({}))
        .with_effect(EffectClass::AtMostOnce)
        .with_reversibility(Reversibility::Irreversible)
        .with_owner("crm")
        .with_cost(20_000)
}

/// Asks about a call with these arguments.
pub(super) fn about<T>(arguments: &Value, ask: impl FnOnce(&Question<'_>) -> T) -> T {
    let label = Label::UNTRUSTED.with_readers(Readers::only([Principal::new("role:support")]));
    let left = Limits { usd: Some(500_000), tool_calls: Some(3), ..Limits::default() };
    let asker =
        Asker { tenant: "acme", flow: "refund_desk", step: "answer", agent: Some("writer") };
    let (tool, label, left) = (&spec(), &label, &left);
    ask(&Question { asker, tool, arguments, label, left, slot: None })
}

fn policy(rules: impl IntoIterator<Item = Rule>) -> std::sync::Arc<dyn Policy> {
    let bundle = Bundle { rules: rules.into_iter().collect(), ..Bundle::default() };
    open(bundle, AMPLE).unwrap()
}

fn judge(rules: impl IntoIterator<Item = Rule>, arguments: Value) -> Result<Ruling, PolicyFault> {
    about(&arguments, |question| policy(rules).judge(question))
}

fn deny(name: &str) -> Rule {
    Rule::new(name, Verdict::Deny)
}

/// Returns whether a condition holds of a call with these arguments.
pub(super) fn holds(condition: &str, arguments: &Value) -> Result<bool, String> {
    let holds = about(arguments, |question| policy([]).holds(condition, question));
    holds.map_err(|fault| fault.0)
}

#[test]
fn a_denial_wins_over_an_approval_and_an_approval_over_a_permission() {
    let permit = Rule::new("permit", Verdict::Permit);
    let approve = Rule::new("approve", Verdict::RequireApproval);
    let verdict =
        |rules: &[&Rule]| judge(rules.iter().copied().cloned(), json!({})).unwrap().verdict;
    assert_eq!(verdict(&[]), Verdict::Permit);
    assert_eq!(verdict(&[&approve, &permit]), Verdict::RequireApproval);
    assert_eq!(verdict(&[&approve, &deny("no"), &permit]), Verdict::Deny);
    assert_eq!(verdict(&[&permit, &approve, &deny("no")]), Verdict::Deny, "whatever the order");
}

#[test]
fn a_rule_is_about_the_tools_it_names_and_says_why() {
    let rules = [
        deny("mails")
            .about(["mail.*"])
            .when("args.to.endsWith('@rival.example')")
            .because("rivals"),
        deny("payments").about(["pay", "payment.*"]),
    ];
    let ruling = judge(rules.clone(), json!({"to": "a@rival.example"})).unwrap();
    assert_eq!(ruling.because(), "rule `mails`: rivals");
    assert_eq!(judge(rules, json!({"to": "a@home.example"})).unwrap(), Ruling::permit());
    for (pattern, concerned) in
        [("*", true), ("mail.send", true), ("mail.sen", false), ("mail.*", true), ("pay.*", false)]
    {
        assert_eq!(deny("x").about([pattern]).concerns("mail.send"), concerned, "{pattern}");
    }
}

#[test]
fn a_condition_sees_who_asks_what_for_with_what_and_what_is_left() {
    let arguments = json!({"amount": 12.5, "count": 3, "tags": ["a", "b"], "note": null});
    let seen = [
        "principal.tenant == 'acme' && principal.flow == 'refund_desk' && principal.step == 'answer'",
        "principal.agent == 'writer'",
        "tool.name == 'mail.send' && tool.effect == 'at_most_once' && !tool.reversible",
        "tool.origin == 'native' && tool.owner == 'crm' && tool.cost_usd == 0.02",
        "args.amount > 12 && args.count + 1 == 4 && 'b' in args.tags && args.note == null",
        "label.untrusted && label.integrity == 'untrusted' && !label.public",
        "'role:support' in label.readers",
        "budget.usd == 0.5 && budget.tool_calls == 3 && !has(budget.tokens)",
        "plan == null",
        "args.tags.exists(tag, tag.matches('^[b-d]$')) && size(args.tags) == 2",
        "type(args.count) == int && string(args.count) == '3' && dyn(args.count) == 3.0",
        "double('1.5') > 1.0 && uint(3) == 3 && bytes('a') == b'a' && bool('true')",
        "'abc'.contains('b') && 'abc'.startsWith('a') && 'abc'.endsWith('c') && int('3') == 3",
        "args.tags.map(tag, tag + '!').filter(tag, tag == 'a!').size() == 1",
        "args.tags.exists_one(tag, tag == 'a') && args.tags.all(tag, tag != 'z')",
    ];
    for condition in seen {
        assert_eq!(holds(condition, &arguments), Ok(true), "{condition}");
    }
    let elsewhere = "principal.agent == 'reader' || tool.owner == null || label.public";
    assert_eq!(holds(elsewhere, &arguments), Ok(false));
}

#[test]
fn without_a_rule_the_default_holds() {
    let bundle = Bundle {
        otherwise: Otherwise::Deny,
        rules: vec![Rule::new("small", Verdict::Permit).when("args.amount < 10")],
    };
    let policy = open(bundle, AMPLE).unwrap();
    let verdict = |amount| {
        about(&json!({"amount": amount}), |question| policy.judge(question)).unwrap().verdict
    };
    assert_eq!((verdict(5), verdict(50)), (Verdict::Permit, Verdict::Deny));
    let ruling = about(&json!({"amount": 50}), |question| policy.judge(question)).unwrap();
    assert_eq!(ruling.because(), "rule `default`: no rule is about it");
}

#[test]
fn a_rule_in_shadow_is_reported_where_it_would_flip_and_changes_nothing() {
    let shadow = |when: &str| deny("new").when(when).in_shadow();
    let ruling = judge([shadow("args.amount > 10")], json!({"amount": 50})).unwrap();
    assert_eq!(ruling, Ruling { would_be: Some(Verdict::Deny), ..Ruling::permit() });
    let quiet = judge([shadow("args.amount > 10")], json!({"amount": 5})).unwrap();
    assert_eq!(quiet, Ruling::permit());
    let denied = judge([deny("old"), shadow("true")], json!({})).unwrap();
    assert_eq!((denied.verdict, denied.would_be), (Verdict::Deny, None), "it flips nothing");
    let failing = judge([shadow("args.missing > 10")], json!({})).unwrap();
    assert_eq!(failing.would_be, Some(Verdict::Deny), "without a ruling there is no call");
    assert_eq!(failing.verdict, Verdict::Permit);
}

#[test]
fn any_change_of_a_bundle_changes_its_hash() {
    let hash = |rules: Vec<Rule>| policy(rules).bundle();
    let one = hash(vec![deny("a").when("true")]);
    assert_eq!(one, hash(vec![deny("a").when("true")]));
    for other in [
        vec![],
        vec![deny("b").when("true")],
        vec![deny("a").when("false")],
        vec![deny("a").when("true").in_shadow()],
        vec![deny("a").when("true").about(["x"])],
        vec![deny("a").when("true").because("so")],
    ] {
        assert_ne!(one, hash(other.clone()), "{other:?}");
    }
}

fn refused(rule: Rule) -> BundleError {
    let rules = vec![Rule::new("fine", Verdict::Permit), rule];
    open(Bundle { rules, ..Bundle::default() }, AMPLE).err().unwrap()
}

#[test]
fn a_rule_that_cannot_be_read_is_refused_with_its_name_and_place() {
    let said = |when: &str| refused(deny("big").when(when)).to_string();
    assert_eq!(
        said("arg.amount > 10"),
        "rule `big`: there is no variable `arg`; did you mean `args`?"
    );
    assert!(said("args.to.endWith('x')").ends_with("did you mean `endsWith`?"));
    assert!(said("args.amount >").contains("1:1"), "{}", said("args.amount >"));
    assert!(said("[1].all(x, y > 0)").contains("no variable `y`"));
    assert!(said("[1].all(x, x > 0) && x > 0").contains("no variable `x`"), "out of its loop");
    assert_eq!(refused(deny("big").when("1 +")).index, Some(1));
    assert!(refused(deny("fine")).to_string().contains("another rule has it too"));
    assert!(refused(deny("x").about(["m*il"])).to_string().contains("no pattern"));
    assert!(refused(deny("x").about([""; 0])).to_string().contains("about no tool"));
}

#[test]
fn a_bundle_reads_as_it_is_written_and_refuses_what_it_does_not_know() {
    let rule =
        json!({"name": "a", "verdict": "require_approval", "tools": ["mail.*"], "when": "true"});
    let bundle: Bundle =
        serde_json::from_value(json!({"default": "deny", "rules": [rule]})).unwrap();
    let expected = Rule::new("a", Verdict::RequireApproval).about(["mail.*"]).when("true");
    assert_eq!(bundle, Bundle { otherwise: Otherwise::Deny, rules: vec![expected] });
    let misspelt = json!({"rules": [{"name": "a", "verdict": "deny", "wen": "true"}]});
    assert!(serde_json::from_value::<Bundle>(misspelt).is_err());
}

fn some_rule() -> impl Strategy<Value = Rule> {
    let verdict =
        prop_oneof![Just(Verdict::Permit), Just(Verdict::RequireApproval), Just(Verdict::Deny)];
    let when = proptest::option::of(prop_oneof![
        (0..5i64).prop_map(|n| format!("args.n > {n}")),
        (0..5i64).prop_map(|n| format!("args.missing > {n}")),
        (0..5i64).prop_map(|n| format!("args.list.exists(x, x == {n})")),
        Just("args.n".to_owned()),
    ]);
    let tools = proptest::option::of(prop_oneof![Just("mail.*"), Just("pay.*")]);
    (verdict, when, tools, any::<bool>()).prop_map(|(verdict, when, tools, shadow)| {
        let tools = tools.map(|pattern| vec![pattern.to_owned()]);
        Rule { tools, when, shadow, ..Rule::new("", verdict) }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_rule_that_denies_never_makes_anything_permitted(
        rules in proptest::collection::vec(some_rule(), 0..5),
        added in some_rule(),
        at in any::<prop::sample::Index>(),
        n in 0..5i64,
        closed in any::<bool>(),
    ) {
        let otherwise = if closed { Otherwise::Deny } else { Otherwise::Permit };
        let verdict = |mut rules: Vec<Rule>| {
            let names = ["a", "b", "c", "d", "e", "f"];
            rules.iter_mut().zip(names).for_each(|(rule, name)| rule.name = name.to_owned());
            let policy = open(Bundle { otherwise, rules }, AMPLE).unwrap();
            let ruling = about(&json!({"n": n, "list": [n]}), |question| policy.judge(question));
            ruling.map_or(Verdict::Deny, |ruling| ruling.verdict)
        };
        let mut more = rules.clone();
        more.insert(at.index(rules.len() + 1), Rule { verdict: Verdict::Deny, ..added });
        prop_assert!(verdict(more) >= verdict(rules));
    }
}
