//! What a condition asks first of all, answered without the interpreter.
//!
//! Most rules are not about most calls, and say so at once: `tool.name == 'refund' && …`,
//! `label.untrusted && …`. In the language a false operand ends an `&&` without a look at what
//! follows, so a condition whose first test is false is false. Only operands that stand before
//! anything else are looked at here: one behind a loop or an error would not have been reached.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, operators};
use mainstay_core::{
    label::{Integrity, Readers},
    policy::Question,
    tool::Reversibility,
};

use super::variables::effect;

/// The tests that a condition begins with; all must be true for it to be.
#[derive(Debug, Default)]
pub(super) struct Leading(Vec<Test>);

#[derive(Debug)]
enum Test {
    /// A text is one of these, or is none of these.
    Text { path: (String, String), texts: Vec<String>, wanted: bool },
    /// A truth value is so.
    Truth { path: (String, String), wanted: bool },
}

impl Leading {
    /// Reads the tests that a condition begins with.
    pub(super) fn of(condition: &IdedExpr) -> Self {
        let mut tests = Vec::new();
        gather(condition, &mut tests);
        Self(tests)
    }

    /// Returns whether the condition is certainly false of a call.
    pub(super) fn rules_out(&self, question: &Question<'_>) -> bool {
        for test in &self.0 {
            match test.holds(question) {
                Some(true) => {}
                Some(false) => return true,
                // What is not known here may be an error, and then what follows decides.
                None => return false,
            }
        }
        false
    }
}

impl Test {
    fn holds(&self, question: &Question<'_>) -> Option<bool> {
        match self {
            Self::Text { path, texts, wanted } => {
                let text = text(question, path)?;
                Some(texts.iter().any(|one| one == text) == *wanted)
            }
            Self::Truth { path, wanted } => Some(truth(question, path)? == *wanted),
        }
    }
}

/// Gathers tests from the left and returns whether there may be more behind them.
fn gather(node: &IdedExpr, tests: &mut Vec<Test>) -> bool {
    if let Expr::Call(CallExpr { func_name, args, target: None }) = &node.expr
        && func_name == operators::LOGICAL_AND
    {
        return args.iter().all(|operand| gather(operand, tests));
    }
    let test = test(&node.expr);
    let is_test = test.is_some();
    tests.extend(test);
    is_test
}

fn test(node: &Expr) -> Option<Test> {
    if let Some(path) = path(node) {
        return Some(Test::Truth { path, wanted: true });
    }
    let Expr::Call(CallExpr { func_name, args, target: None }) = node else { return None };
    match (func_name.as_str(), args.as_slice()) {
        (operators::LOGICAL_NOT, [of]) => {
            Some(Test::Truth { path: path(&of.expr)?, wanted: false })
        }
        (operators::EQUALS, [left, right]) => compare(&left.expr, &right.expr, true),
        (operators::NOT_EQUALS, [left, right]) => compare(&left.expr, &right.expr, false),
        (operators::IN, [left, right]) => {
            let Expr::List(list) = &right.expr else { return None };
            let texts = list.elements.iter().map(|element| literal(&element.expr));
            let texts = texts.collect::<Option<_>>()?;
            Some(Test::Text { path: path(&left.expr)?, texts, wanted: true })
        }
        _ => None,
    }
}

fn compare(left: &Expr, right: &Expr, wanted: bool) -> Option<Test> {
    let (path, text) = match (path(left), literal(right)) {
        (Some(path), Some(text)) => (path, text),
        _ => (path(right)?, literal(left)?),
    };
    Some(Test::Text { path, texts: vec![text], wanted })
}

/// Returns variable and field of an expression that is nothing else.
fn path(node: &Expr) -> Option<(String, String)> {
    let Expr::Select(select) = node else { return None };
    let Expr::Ident(variable) = &select.operand.expr else { return None };
    (!select.test).then(|| (variable.clone(), select.field.clone()))
}

fn literal(node: &Expr) -> Option<String> {
    let Expr::Literal(LiteralValue::String(text)) = node else { return None };
    Some(text.inner().to_owned())
}

fn text<'a>(question: &Question<'a>, (variable, field): &(String, String)) -> Option<&'a str> {
    let (asker, tool) = (&question.asker, question.tool);
    match (variable.as_str(), field.as_str()) {
        ("principal", "tenant") => Some(asker.tenant),
        ("principal", "flow") => Some(asker.flow),
        ("principal", "step") => Some(asker.step),
        ("principal", "agent") => asker.agent,
        ("tool", "name") => Some(&tool.name),
        ("tool", "effect") => Some(effect(&tool.effect)),
        ("tool", "owner") => tool.owner.as_deref(),
        ("label", "integrity") => Some(match question.label.integrity {
            Integrity::Untrusted => "untrusted",
            Integrity::Trusted => "trusted",
        }),
        _ => None,
    }
}

fn truth(question: &Question<'_>, (variable, field): &(String, String)) -> Option<bool> {
    match (variable.as_str(), field.as_str()) {
        ("tool", "reversible") => Some(question.tool.reversibility == Reversibility::Reversible),
        ("label", "untrusted") => Some(question.label.integrity == Integrity::Untrusted),
        ("label", "public") => Some(question.label.readers == Readers::Public),
        _ => None,
    }
}
