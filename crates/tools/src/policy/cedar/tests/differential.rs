//! Cedar against CEL: the same rules in both, asked the same questions.

use std::{cell::RefCell, collections::BTreeMap};

use mainstay_core::{
    budget::Limits,
    digest::Digest,
    label::{Label, Principal, Readers},
    policy::{Asker, PlanSlot, Policy, PolicyFault, Question, Ruling},
    tool::{EffectClass, Reversibility, ToolSpec},
};
use proptest::{
    prelude::*,
    test_runner::{Config, TestError, TestRunner},
};
use serde_json::{Map, Value, json};

use super::{
    AMPLE,
    fragment::{Both, Condition, any_order, ordered, rule},
};
use crate::policy::{Bundle, Otherwise, cedar, open};

/// A question that stands by itself.
#[derive(Debug, Clone)]
struct Asked {
    asker: Asker<'static>,
    tool: ToolSpec,
    arguments: Value,
    label: Label,
    left: Limits,
    slot: Option<PlanSlot>,
}

impl Asked {
    fn of(&self, policy: &dyn Policy) -> Result<Ruling, PolicyFault> {
        let Self { asker, tool, arguments, label, left, slot } = self;
        let (asker, slot) = (asker.clone(), slot.as_ref());
        policy.judge(&Question { asker, tool, arguments, label, left, slot })
    }
}

fn asker() -> impl Strategy<Value = Asker<'static>> {
    let tenant = prop_oneof![Just("acme"), Just("other")];
    let flow = prop_oneof![Just("desk"), Just("job")];
    let step = prop_oneof![Just("answer"), Just("pay")];
    let agent = proptest::option::of(prop_oneof![Just("writer"), Just("reader")]);
    (tenant, flow, step, agent).prop_map(|(tenant, flow, step, agent)| Asker {
        tenant,
        flow,
        step,
        agent,
    })
}

fn tool() -> impl Strategy<Value = ToolSpec> {
    let name = prop_oneof![Just("mail.send"), Just("mail.read"), Just("pay"), Just("payment.make")];
    let effect = prop_oneof![Just(EffectClass::Read), Just(EffectClass::AtMostOnce)];
    let undone = prop_oneof![Just(Reversibility::Reversible), Just(Reversibility::Irreversible)];
    (name, effect, undone).prop_map(|(name, effect, undone)| {
        ToolSpec::new(name, json!({})).with_effect(effect).with_reversibility(undone)
    })
}

fn scalar() -> BoxedStrategy<Value> {
    let scalar = prop_oneof![
        6 => (-1..5i64).prop_map(Value::from),
        1 => (-1..5i32).prop_map(|whole| Value::from(f64::from(whole))),
        3 => prop_oneof![Just("a"), Just("b")].prop_map(Value::from),
        2 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    scalar.boxed()
}

/// Mostly what the name says, so that most conditions have a value.
fn value(name: &'static str) -> BoxedStrategy<Value> {
    let list = proptest::collection::vec(scalar(), 0..3).prop_map(Value::from).boxed();
    let object = (0..3i64).prop_map(|k| json!({"k": k})).boxed();
    let own = match name {
        "n" => (-1..5i64).prop_map(Value::from).boxed(),
        "s" => prop_oneof![Just("a"), Just("b")].prop_map(Value::from).boxed(),
        "b" => any::<bool>().prop_map(Value::from).boxed(),
        "list" => list.clone(),
        _ => object.clone(),
    };
    let other = if name == "list" { scalar() } else { prop_oneof![list, object].boxed() };
    prop_oneof![6 => own, 2 => scalar(), 2 => other].boxed()
}

fn arguments(odd: &BoxedStrategy<Value>) -> impl Strategy<Value = Value> {
    let field = |name| (Just(name), prop_oneof![9 => value(name), 1 => odd.clone()]);
    let all = ["n", "s", "b", "list", "o"].map(field);
    let there = proptest::collection::vec(proptest::bool::weighted(0.85), 5);
    (all, there).prop_map(|(all, there)| {
        let there = all.into_iter().zip(there).filter(|(_, there)| *there);
        let fields = there.map(|((name, value), _)| (name.to_owned(), value));
        Value::Object(fields.collect::<Map<_, _>>())
    })
}

fn question(odd: &BoxedStrategy<Value>) -> impl Strategy<Value = Asked> {
    let readers = prop_oneof![
        Just(Readers::Public),
        Just(Readers::only([Principal::new("role:a")])),
        Just(Readers::only([Principal::new("role:b")])),
    ];
    let label = (any::<bool>(), readers).prop_map(|(untrusted, readers)| {
        (if untrusted { Label::UNTRUSTED } else { Label::TRUSTED }).with_readers(readers)
    });
    let left = (proptest::option::weighted(0.8, 0..4u64), proptest::option::weighted(0.8, 0..4u64));
    let left = left.prop_map(|(tool_calls, quarters)| {
        let usd = quarters.map(|quarters| quarters * 250_000);
        Limits { tool_calls, usd, ..Limits::default() }
    });
    let step = prop_oneof![Just("pay"), Just("mail")];
    let slot = (1..3u32, step).prop_map(|(version, step)| PlanSlot {
        plan: Digest::of(b"plan"),
        version,
        step: step.to_owned(),
    });
    (asker(), tool(), arguments(odd), label, left, proptest::option::weighted(0.7, slot)).prop_map(
        |(asker, tool, arguments, label, left, slot)| Asked {
            asker,
            tool,
            arguments,
            label,
            left,
            slot,
        },
    )
}

/// What came out, to see that nothing is shown of a few cases only.
type Seen = RefCell<BTreeMap<&'static str, usize>>;

fn saw(seen: &Seen, what: &'static str) {
    *seen.borrow_mut().entry(what).or_default() += 1;
}

/// Asks both engines two thousand times eight questions, and lets `compare` look at the answers.
fn ask_both(
    when: impl Strategy<Value = Condition>,
    odd: BoxedStrategy<Value>,
    compare: impl Fn(
        Result<Ruling, PolicyFault>,
        Result<Ruling, PolicyFault>,
    ) -> Result<(), TestCaseError>,
) {
    let rules = proptest::collection::vec(rule(when), 0..5);
    let questions = proptest::collection::vec(question(&odd), 8);
    let cases = (rules, any::<bool>(), questions);
    let mut runner =
        TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(2_000) });
    let ran = runner.run(&cases, |(rules, closed, questions)| {
        let otherwise = if closed { Otherwise::Deny } else { Otherwise::Permit };
        let text: String = numbered(&rules, Both::cedar).collect();
        let bundle = Bundle { otherwise, rules: numbered(&rules, Both::cel).collect() };
        let cel = open(bundle, AMPLE).map_err(|error| TestCaseError::fail(error.to_string()))?;
        let cedar = cedar::open(&text, otherwise, AMPLE)
            .map_err(|error| TestCaseError::fail(format!("{error:?}\n{text}")))?;
        questions.iter().try_for_each(|asked| {
            compare(asked.of(&*cel), asked.of(&*cedar))
                .map_err(|error| TestCaseError::fail(format!("{error}\n{text}{}", asked.arguments)))
        })
    });
    match ran {
        // The whole of the case is pages of defaults.
        Err(TestError::Fail(reason, (rules, ..))) => {
            let rules: Vec<_> = numbered(&rules, Both::cel).collect();
            panic!("{reason}\n{rules:?}")
        }
        ran => ran.unwrap(),
    }
}

fn numbered<T>(rules: &[Both], write: impl Fn(&Both, usize) -> T) -> impl Iterator<Item = T> {
    rules.iter().enumerate().map(move |(name, rule)| write(rule, name))
}

#[test]
fn both_engines_give_the_same_ruling_and_fail_at_the_same_rule() {
    let seen = Seen::default();
    ask_both(ordered(), scalar(), |cel, cedar| {
        let rule = |fault: &PolicyFault| fault.0.split(": ").next().map(str::to_owned);
        match (&cel, &cedar) {
            (Ok(cel), Ok(cedar)) => {
                prop_assert_eq!(cel, cedar);
                saw(&seen, cel.verdict.word());
                cel.would_be.into_iter().for_each(|_| saw(&seen, "would be"));
            }
            (Err(cel), Err(cedar)) => {
                prop_assert_eq!(rule(cel), rule(cedar), "{} and {}", cel.0, cedar.0);
                saw(&seen, "fault");
            }
            _ => prop_assert!(false, "{cel:?} and {cedar:?}"),
        }
        Ok(())
    });
    let seen = seen.into_inner();
    println!("{seen:?}");
    let often = |what| seen.get(what).is_some_and(|times| *times >= 500);
    for what in ["permit", "require_approval", "deny", "fault", "would be"] {
        assert!(often(what), "{what}: {seen:?}");
    }
    let rulings: usize = seen.iter().filter(|(what, _)| **what != "would be").map(|it| it.1).sum();
    println!("figure rulings={rulings} rulings");
}

#[test]
fn where_the_engines_differ_cedar_denies() {
    let odd = prop_oneof![
        Just(json!(0.5)),
        Just(json!(2.5)),
        Just(json!(1e300)),
        Just(json!(u64::MAX)),
        Just(json!([0.5])),
    ]
    .boxed();
    let seen = Seen::default();
    ask_both(any_order(), odd, |cel, cedar| {
        match (cel, cedar) {
            (Ok(cel), Ok(cedar)) => {
                prop_assert_eq!((cel.verdict, cel.applied), (cedar.verdict, cedar.applied));
                saw(&seen, "same");
            }
            (Ok(_), Err(_)) => saw(&seen, "Cedar alone fails"),
            (Err(_), Err(_)) => saw(&seen, "both fail"),
            (Err(cel), Ok(cedar)) => prop_assert!(false, "{cel:?} and {cedar:?}"),
        }
        Ok(())
    });
    let seen = seen.into_inner();
    let often = |what| seen.get(what).is_some_and(|times| *times >= 100);
    assert!(["same", "Cedar alone fails", "both fail"].into_iter().all(often), "{seen:?}");
}
