//! Shortcuts say what the interpreter says.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::{super::patterns::is_kept, about, deny, holds, judge, policy};

/// What the shortcut knows, what it does not, and what has no value.
const ATOMS: [&str; 24] = [
    "tool.name == 'mail.send'",
    "tool.name != 'mail.send'",
    "'refund' == tool.name",
    "tool.name in ['refund', 'mail.send']",
    "tool.name in ['refund']",
    "tool.effect == 'at_most_once'",
    "tool.owner == 'crm'",
    "tool.owner != 'crm'",
    "tool.reversible",
    "!tool.reversible",
    "label.untrusted",
    "!label.untrusted",
    "label.public",
    "label.integrity == 'trusted'",
    "principal.tenant == 'acme'",
    "principal.flow != 'refund_desk'",
    "principal.step == 'answer'",
    "principal.agent == 'writer'",
    "tool.name == 1",
    "tool.name",
    "args.missing > 1",
    "args.n > 1",
    "args.list.all(x, x > 1)",
    "has(args.n)",
];

/// Whether it holds, by the interpreter alone: a condition that begins with something else than a
/// test has no shortcut.
fn in_full(condition: &str, arguments: &Value) -> Result<bool, ()> {
    holds(&format!("1 == 1 && ({condition})"), arguments).map_err(drop)
}

fn some_condition() -> impl Strategy<Value = String> {
    let atom = proptest::sample::select(&ATOMS[..]).prop_map(str::to_owned);
    atom.prop_recursive(3, 12, 2, |inner| {
        (inner.clone(), inner, 0..6).prop_map(|(left, right, way)| match way {
            0 | 1 => format!("{left} && {right}"),
            2 => format!("({left}) && ({right})"),
            3 => format!("({left}) || ({right})"),
            4 => format!("!({left}) && ({right})"),
            _ => format!("({left}) ? ({right}) : false"),
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn a_condition_holds_with_its_shortcut_where_it_holds_without(
        condition in some_condition(),
        n in 0..4i64,
    ) {
        let arguments = json!({ "n": n, "list": [n, 2] });
        let short = holds(&condition, &arguments).map_err(drop);
        prop_assert_eq!(short, in_full(&condition, &arguments), "{}", condition);
    }
}

#[test]
fn every_test_alone_is_what_the_interpreter_says() {
    for condition in ATOMS {
        let followed = format!("{condition} && args.missing == 1");
        let short = holds(&followed, &json!({ "n": 3, "list": [] })).map_err(drop);
        let full = in_full(&followed, &json!({ "n": 3, "list": [] }));
        assert_eq!(short, full, "{followed}");
    }
}

#[test]
fn a_rule_whose_first_test_is_false_is_not_evaluated_and_any_other_is() {
    let missing =
        |first: &str| judge([deny("a").when(format!("{first} && args.no == 1"))], json!({}));
    assert!(missing("tool.name == 'other'").is_ok());
    assert!(missing("!label.untrusted && label.untrusted").is_ok());
    for first in ["tool.name == 'mail.send'", "label.untrusted", "principal.agent == 'writer'"] {
        assert!(missing(first).is_err(), "{first}");
    }
    let behind = deny("a").when("args.no == 1 || tool.name == 'other'");
    assert!(judge([behind], json!({})).is_err(), "only what stands before everything else counts");
}

#[test]
fn a_loop_before_a_test_costs_what_it_costs() {
    let endless = "args.list.all(a, args.list.all(b, args.list.all(c, c > 0)))";
    let list = json!({ "list": vec![1; 60] });
    let said = |condition: String| holds(&condition, &list);
    assert!(said(format!("{endless} && tool.name == 'other'")).is_err());
    assert_eq!(said(format!("tool.name == 'other' && {endless}")), Ok(false));
}

#[test]
fn a_pattern_matches_the_same_whoever_wrote_it() {
    for (pattern, text) in
        [("^[b-d]$", "c"), ("^[b-d]$", "e"), ("", ""), (r"order-\d+$", "order-7")]
    {
        let arguments = json!({ "text": text, "pattern": pattern });
        let written = format!("args.text.matches(r'{pattern}')");
        for _ in 0..2 {
            assert_eq!(
                holds(&written, &arguments),
                holds("args.text.matches(args.pattern)", &arguments)
            );
        }
    }
}

#[test]
fn only_patterns_that_an_author_wrote_are_kept() {
    let arguments = json!({ "text": "a", "pattern": "from the arguments" });
    assert_eq!(holds("args.text.matches('from the author')", &arguments), Ok(false));
    assert_eq!(holds("args.text.matches(args.pattern)", &arguments), Ok(false));
    assert!(is_kept("from the author"));
    assert!(!is_kept("from the arguments"));
}

#[test]
fn what_is_said_of_a_pattern_names_the_function_that_was_written() {
    let policy = policy([]);
    let said = |condition: &str, arguments: Value| {
        about(&arguments, |question| policy.holds(condition, question)).unwrap_err().0
    };
    let unsound = said("args.text.matches('(')", json!({ "text": "a" }));
    assert!(unsound.contains("not a valid regex") && !unsound.contains('@'), "{unsound}");
    let number = said("args.text.matches('a')", json!({ "text": 1 }));
    assert!(number.contains("matches") && !number.contains('@'), "{number}");
}
