//! What both languages can say, written in each.

use std::fmt;

use mainstay_core::policy::Verdict;
use proptest::prelude::*;

use crate::policy::Rule;

/// A value that stands in a condition.
#[derive(Debug, Clone, Copy)]
pub(super) enum Literal {
    Int(i64),
    Text(&'static str),
    Truth(bool),
    Null,
}

/// A condition.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    /// As it is written in CEL and in Cedar.
    Said(String, String),
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
}

impl Condition {
    pub(super) fn cel(&self) -> String {
        match self {
            Self::Said(cel, _) => cel.clone(),
            Self::Not(inner) => format!("!({})", inner.cel()),
            Self::And(left, right) => format!("({}) && ({})", left.cel(), right.cel()),
            Self::Or(left, right) => format!("({}) || ({})", left.cel(), right.cel()),
        }
    }

    pub(super) fn cedar(&self) -> String {
        match self {
            Self::Said(_, cedar) => cedar.clone(),
            Self::Not(inner) => format!("!({})", inner.cedar()),
            Self::And(left, right) => format!("({}) && ({})", left.cedar(), right.cedar()),
            Self::Or(left, right) => format!("({}) || ({})", left.cedar(), right.cedar()),
        }
    }
}

impl Literal {
    fn cel(self) -> String {
        match self {
            Self::Text(text) => format!("'{text}'"),
            Self::Null => "null".to_owned(),
            Self::Int(_) | Self::Truth(_) => self.to_string(),
        }
    }
}

/// As it is in Cedar.
impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(int) => write!(f, "{int}"),
            Self::Text(text) => write!(f, "\"{text}\""),
            Self::Truth(truth) => write!(f, "{truth}"),
            Self::Null => write!(f, "Json::\"null\""),
        }
    }
}

fn said(cel: impl Into<String>, cedar: impl Into<String>) -> Condition {
    Condition::Said(cel.into(), cedar.into())
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        3 => (-1..5i64).prop_map(Literal::Int),
        2 => prop_oneof![Just("a"), Just("b")].prop_map(Literal::Text),
        1 => any::<bool>().prop_map(Literal::Truth),
        1 => Just(Literal::Null),
    ]
}

fn order() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("<"), Just("<="), Just(">"), Just(">=")]
}

fn argument() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("n"), Just("s"), Just("b"), Just("list"), Just("o")]
}

/// Conditions about what is always there: they have a value whatever is asked.
fn total() -> impl Strategy<Value = Condition> {
    let text = prop_oneof![
        Just(("principal.tenant", "principal.tenant", "acme")),
        Just(("principal.flow", "principal.flow", "desk")),
        Just(("principal.step", "principal.step", "answer")),
        Just(("tool.name", "resource.name", "pay")),
        Just(("tool.effect", "resource.effect", "read")),
        Just(("label.integrity", "context.label.integrity", "trusted")),
    ];
    let plain = prop_oneof![
        Just(said("label.untrusted", "context.label.untrusted")),
        Just(said("label.public", "context.label.public")),
        Just(said("tool.reversible", "resource.reversible")),
        Just(said("plan != null", "context has plan")),
        Just(said("principal.agent == null", "!(principal has agent)")),
        Just(said(
            "principal.agent == 'writer'",
            "principal has agent && principal.agent == \"writer\""
        )),
        Just(said("principal.agent == 'writer'", "principal == Agent::\"writer\"")),
        Just(said("principal.flow == 'desk'", "principal in Flow::\"desk\"")),
        Just(said("tool.name == 'pay'", "resource == Tool::\"pay\"")),
        Just(said("'role:a' in label.readers", "context.label.readers.contains(\"role:a\")")),
        Just(said("has(budget.tool_calls)", "context.budget has tool_calls")),
    ];
    prop_oneof![
        text.prop_map(|(cel, cedar, text)| said(
            format!("{cel} == '{text}'"),
            format!("{cedar} == \"{text}\"")
        )),
        plain,
        argument()
            .prop_map(|name| said(format!("has(args.{name})"), format!("context.args has {name}"))),
    ]
}

/// Conditions about what may be absent, or of another type: they may have no value.
fn partial() -> impl Strategy<Value = Condition> {
    prop_oneof![
        4 => (argument(), literal()).prop_map(|(name, literal)| said(
            format!("args.{name} == {}", literal.cel()),
            format!("context.args.{name} == {literal}"),
        )),
        4 => (argument(), order(), -1..5i64).prop_map(|(name, order, int)| said(
            format!("args.{name} {order} {int}"),
            format!("context.args.{name} {order} {int}"),
        )),
        // In CEL a map contains its keys, and Cedar's records contain nothing: there they differ.
        2 => literal().prop_map(|literal| said(
            format!("{} in args.list", literal.cel()),
            format!("context.args.list.contains({literal})"),
        )),
        1 => argument().prop_map(|name| said(format!("args.{name}"), format!("context.args.{name}"))),
        1 => (order(), 0..3i64).prop_map(|(order, int)| said(
            format!("args.o.k {order} {int}"),
            format!("context.args.o.k {order} {int}"),
        )),
        1 => (order(), 0..4i64).prop_map(|(order, calls)| said(
            format!("budget.tool_calls {order} {calls}"),
            format!("context.budget.tool_calls {order} {calls}"),
        )),
        1 => (order(), 0..4i64).prop_map(|(order, quarters)| said(
            format!("budget.usd {order} {}", [0.0, 0.25, 0.5, 0.75][usize::try_from(quarters).unwrap()]),
            format!("context.budget.usd_micros {order} {}", quarters * 250_000),
        )),
        1 => (order(), 0..3i64).prop_map(|(order, version)| said(
            format!("plan.version {order} {version}"),
            format!("context.plan.version {order} {version}"),
        )),
        1 => Just(said("plan.step == 'pay'", "context.plan.step == \"pay\"")),
    ]
}

fn and(left: Condition, right: Condition) -> Condition {
    Condition::And(Box::new(left), Box::new(right))
}

fn or(left: Condition, right: Condition) -> Condition {
    Condition::Or(Box::new(left), Box::new(right))
}

fn always() -> impl Strategy<Value = Condition> {
    total().prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Condition::Not(Box::new(inner))),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| and(left, right)),
            (inner.clone(), inner).prop_map(|(left, right)| or(left, right)),
        ]
    })
}

/// Conditions whose left sides have a value: there CEL, which looks at both sides, and Cedar, which
/// goes from left to right, say the same.
pub(super) fn ordered() -> impl Strategy<Value = Condition> {
    prop_oneof![always(), partial()].prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Condition::Not(Box::new(inner))),
            (always(), inner.clone()).prop_map(|(left, right)| and(left, right)),
            (always(), inner).prop_map(|(left, right)| or(left, right)),
        ]
    })
}

/// Conditions of which any part may have no value.
pub(super) fn any_order() -> impl Strategy<Value = Condition> {
    prop_oneof![total(), partial()].prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| Condition::Not(Box::new(inner))),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| and(left, right)),
            (inner.clone(), inner).prop_map(|(left, right)| or(left, right)),
        ]
    })
}

/// A rule, to be written in both.
#[derive(Debug, Clone)]
pub(super) struct Both {
    pub(super) verdict: Verdict,
    pub(super) tools: Option<&'static str>,
    pub(super) when: Option<Condition>,
    pub(super) shadow: bool,
}

impl Both {
    pub(super) fn cel(&self, name: usize) -> Rule {
        let rule = Rule::new(format!("r{name}"), self.verdict).because("because");
        Rule {
            tools: self.tools.map(|pattern| vec![pattern.to_owned()]),
            when: self.when.as_ref().map(Condition::cel),
            shadow: self.shadow,
            ..rule
        }
    }

    pub(super) fn cedar(&self, name: usize) -> String {
        let effect = match self.verdict {
            Verdict::Permit => "permit",
            Verdict::RequireApproval => "@approval forbid",
            Verdict::Deny => "forbid",
        };
        let shadow = if self.shadow { "@shadow " } else { "" };
        let tools =
            self.tools.map(|pattern| format!("when {{ resource.name like \"{pattern}\" }} "));
        let when = self.when.as_ref().map(|when| format!("when {{ {} }}", when.cedar()));
        format!(
            "@id(\"r{name}\") @reason(\"because\") {shadow}{effect} (principal, action, resource) {}{};\n",
            tools.unwrap_or_default(),
            when.unwrap_or_default()
        )
    }
}

pub(super) fn rule(when: impl Strategy<Value = Condition>) -> impl Strategy<Value = Both> {
    let verdict =
        prop_oneof![Just(Verdict::Permit), Just(Verdict::RequireApproval), Just(Verdict::Deny)];
    let tools = proptest::option::of(prop_oneof![Just("mail.*"), Just("pay"), Just("pay*")]);
    let when = proptest::option::weighted(0.9, when);
    let shadow = proptest::bool::weighted(0.25);
    (verdict, tools, when, shadow).prop_map(|(verdict, tools, when, shadow)| Both {
        verdict,
        tools,
        when,
        shadow,
    })
}
