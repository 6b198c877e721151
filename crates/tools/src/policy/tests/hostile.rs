//! Conditions and arguments that are out to get a permission, a crash or an hour of processor time.

use std::sync::Arc;

use mainstay_core::policy::{Policy, Verdict};
use serde_json::{Value, json};

use super::{AMPLE, about, holds};
use crate::policy::{Bundle, Rule, condition::LONGEST, open};

fn why_not(condition: &str, arguments: &Value) -> String {
    holds(condition, arguments).unwrap_err()
}

#[test]
fn what_is_missing_has_no_value_and_so_no_ruling() {
    assert!(why_not("args.amount > 10", &json!({})).contains("amount"));
    assert!(why_not("!(args.amount > 10)", &json!({})).contains("amount"));
    assert!(holds("budget.tokens > 10", &json!({})).is_err(), "unlimited is not plenty");
    assert_eq!(holds("has(args.amount) && args.amount > 10", &json!({})), Ok(false));
}

#[test]
fn what_has_another_type_has_no_ruling() {
    for amount in [json!("50"), json!(null), json!([50]), json!({"value": 50}), json!(true)] {
        assert!(holds("args.amount > 10", &json!({"amount": amount})).is_err(), "{amount}");
    }
    assert!(why_not("args.amount", &json!({"amount": 1})).contains("no truth value"));
    assert!(why_not("'true'", &json!({})).contains("no truth value"));
    assert!(holds("1 / args.n > 0", &json!({"n": 0})).is_err());
    assert!(holds("args.n * 2 > 0", &json!({"n": i64::MAX})).is_err(), "no silent wrap");
}

#[test]
fn numbers_are_compared_as_numbers_however_they_are_written() {
    for amount in ["50", "50.0", "5e1", "18446744073709551615", "1e300"] {
        let arguments = serde_json::from_str(&format!("{{\"amount\":{amount}}}")).unwrap();
        assert_eq!(holds("args.amount > 10", &arguments), Ok(true), "{amount}");
        assert_eq!(holds("args.amount > 10.0", &arguments), Ok(true), "{amount}");
    }
    for amount in ["-50", "-0.0", "10", "10.0"] {
        let arguments = serde_json::from_str(&format!("{{\"amount\":{amount}}}")).unwrap();
        assert_eq!(holds("args.amount > 10", &arguments), Ok(false), "{amount}");
    }
}

#[test]
fn a_loop_in_a_loop_over_a_long_list_is_stopped() {
    let arguments = json!({"list": (0..2_000).collect::<Vec<_>>()});
    let slow = [
        "args.list.all(x, args.list.all(y, x + y >= 0))",
        "args.list.exists(x, args.list.exists(y, x + y < 0))",
        "args.list.exists_one(x, args.list.exists_one(y, x == y) && x < 0)",
        "args.list.map(x, args.list.map(y, x + y)).size() > 0",
        "args.list.filter(x, args.list.filter(y, x == y).size() > 1).size() > 0",
        "args.list.map(x, args.list.map(y, x < 0, y).size() > 0, x).size() > 0",
    ];
    for condition in slow {
        assert!(why_not(condition, &arguments).contains("turns"), "{condition}");
    }
    // The language lets a truth swallow an error. The meter is not one of its errors.
    let swallowed = format!("{} || true", slow[0]);
    assert!(why_not(&swallowed, &arguments).contains("turns"));
    let inside = "args.list.exists(x, x == 1999 || args.list.all(y, args.list.all(z, z >= 0)))";
    assert!(why_not(inside, &arguments).contains("turns"));
}

#[test]
fn rules_share_one_meter() {
    let turns = "args.list.all(x, x >= 0)";
    let arguments = json!({"list": (0..40_000).collect::<Vec<_>>()});
    let verdict = |count: usize| {
        let rule = |n: usize| Rule::new(format!("r{n}"), Verdict::Permit).when(turns);
        let rules = (0..count).map(rule).collect();
        let policy = open(Bundle { rules, ..Bundle::default() }, AMPLE).unwrap();
        about(&arguments, |question| policy.judge(question))
    };
    assert!(verdict(2).is_ok());
    assert!(verdict(3).unwrap_err().0.contains("rule `r2`"));
}

#[test]
fn a_loop_over_a_list_of_any_length_is_fine_while_it_is_one_loop() {
    let arguments = json!({"list": (0..50_000).collect::<Vec<_>>()});
    assert_eq!(holds("args.list.map(x, x + 1).filter(x, x < 1).size() == 0", &arguments), Ok(true));
}

#[test]
fn hostile_arguments_are_values_and_nothing_else() {
    let texts = ["true", "' || true || '", "args", "@meter", "\u{0}", "𝕏".repeat(1_000).as_str()]
        .map(str::to_owned);
    for text in texts {
        let arguments =
            json!({"to": text.clone(), "@meter": true, "principal": {"tenant": "root"}, text: 1});
        assert_eq!(holds("args.to == 'boss'", &arguments), Ok(false));
        assert_eq!(holds("principal.tenant == 'acme'", &arguments), Ok(true));
    }
    let deep = (0..30).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(holds("args == args", &deep), Ok(true));
    assert!(holds("args.to.matches(args.pattern)", &json!({"to": "a", "pattern": "("})).is_err());
    let explosive = json!({"to": "a".repeat(50_000) + "!", "pattern": "^(a+)+$"});
    assert_eq!(holds("args.to.matches(args.pattern)", &explosive), Ok(false), "in linear time");
}

#[test]
fn a_source_of_any_shape_is_read_or_refused_and_never_ends_the_process() {
    let fill = |part: &str| part.repeat(LONGEST / part.len());
    let shapes = [
        fill("("),
        fill("["),
        fill("{"),
        fill("!"),
        fill("-"),
        fill("a."),
        fill("1+"),
        fill("1+1+"),
        fill("true&&"),
        fill("true||"),
        fill("true?"),
        fill("1?1:"),
        fill("[1]."),
        fill("args.a"),
        fill("f("),
        fill("[0].all(x,"),
        fill("\""),
        fill("'''"),
        fill("\\"),
        fill("\u{0}"),
        fill("💥"),
        fill("{1:"),
        fill("a[0]"),
        fill("x in "),
        fill("/"),
        fill("0x"),
        fill("1e9"),
        fill("b'"),
        format!("{}1", fill("1+1+").trim_end_matches('+').to_owned() + "+"),
        format!("true{}", "&&true".repeat(600)),
        format!("args{}", ".a".repeat(1_900)),
        format!("args{}", "[0]".repeat(1_300)),
        "x".repeat(LONGEST + 1),
    ];
    let policy = open(Bundle::default(), AMPLE).unwrap();
    for shape in shapes {
        let start: String = shape.chars().take(12).collect();
        let flat = shape.starts_with("true&&") && shape.ends_with("true");
        assert_eq!(policy.sound(&shape).is_ok(), flat, "{start}");
        // At the start there is no judge, and a thread may have a small stack.
        let rules = vec![Rule::new("a", Verdict::Deny).when(shape)];
        assert_eq!(open(Bundle { rules, ..Bundle::default() }, AMPLE).is_ok(), flat, "{start}");
    }
}

#[test]
fn a_panic_while_judging_is_a_denial() {
    struct Broken;
    impl Policy for Broken {
        fn bundle(&self) -> mainstay_core::digest::Digest {
            mainstay_core::digest::Digest::ZERO
        }
        fn judge(
            &self,
            _question: &mainstay_core::policy::Question<'_>,
        ) -> Result<mainstay_core::policy::Ruling, mainstay_core::policy::PolicyFault> {
            panic!("out of cheese")
        }
        fn holds(
            &self,
            _condition: &str,
            question: &mainstay_core::policy::Question<'_>,
        ) -> Result<bool, mainstay_core::policy::PolicyFault> {
            self.judge(question).map(|_| true)
        }
        fn sound(&self, _condition: &str) -> Result<(), mainstay_core::policy::PolicyFault> {
            Ok(())
        }
    }
    let bounded = crate::policy::Bounded::new(Arc::new(Broken), AMPLE);
    for _ in 0..100 {
        let fault = about(&json!({}), |question| bounded.judge(question)).unwrap_err();
        assert_eq!(fault.0, "the evaluation panicked: out of cheese");
    }
    assert_eq!(bounded.judges(), 1, "a judge survives");
}
