//! Policies that are refused before anything is asked, with their place and what would be right.

use serde_json::json;

use super::{ALL, AMPLE, TextError, open};
use crate::policy::{Otherwise, cedar::LONGEST, tests::about};

fn refused(text: &str) -> TextError {
    open(text, Otherwise::Permit, AMPLE).err().unwrap_or_else(|| panic!("{text} was read"))
}

/// Refuses a policy that stands on the third line.
fn said(policy: &str) -> String {
    let error = refused(&format!("@id(\"fine\")\npermit {ALL};\n{policy}"));
    assert_eq!(error.line, Some(3), "{error:?}");
    assert!(!error.hint.is_empty());
    error.message
}

fn when(condition: &str) -> String {
    said(&format!("@id(\"big\") forbid {ALL} when {{ {condition} }};"))
}

#[test]
fn what_is_no_cedar_is_refused_with_its_line() {
    let error = refused(&format!("@id(\"a\")\npermit {ALL}\nwhen {{ context.args.n > }};"));
    assert_eq!(error.line, Some(3), "{error:?}");
    assert!(error.message.contains("unexpected token"), "{error:?}");
    assert_eq!(
        refused("\npermit (principal, action, resource) when { decimal(1) == 1 };").line,
        Some(2)
    );
    assert!(refused(&" ".repeat(LONGEST + 1)).message.contains("longer"));
    let many: String = (0..513).map(|n| format!("@id(\"{n}\") permit {ALL};")).collect();
    assert!(refused(&many).message.starts_with("513 policies"));
}

#[test]
fn what_nests_without_end_is_refused_and_nothing_falls_over() {
    let nested = |open: &str, close: &str, depth| {
        let condition = [&open.repeat(depth), "true", &close.repeat(depth)].concat();
        format!("// ((((\n@id(\"a\") forbid {ALL} when {{ {condition} }};")
    };
    for depth in [100, 1_000, 100_000] {
        let error = refused(&nested("(", ")", depth));
        assert_eq!(error.message, "it nests deeper than 100 levels");
        assert_eq!(error.line, Some(2));
    }
    assert!(refused(&nested("!", "", 10_000)).message.contains("longer than 4096 bytes"));
    assert!(open(&nested("(", ")", 98), Otherwise::Permit, AMPLE).is_ok());
}

#[test]
fn the_longest_and_deepest_policies_of_every_shape_are_read_and_asked() {
    let shapes = [
        ("(", ")"),
        ("[", "].isEmpty()"),
        ("{a:", "}.a"),
        ("{a:", "}"),
        ("if true then (", ") else false"),
        ("if false then true else ", ""),
        ("true && ", ""),
        ("", " && true"),
        ("", ".a"),
        ("", " has a"),
        ("", "[\"a\"]"),
        ("1 + ", " == 1"),
        ("!(", ")"),
        ("-", ""),
        ("context.args.a.", ""),
    ];
    for (before, after) in shapes {
        let nested = before.ends_with(['(', '[', ':']);
        let depth = if nested { 97 } else { 4_000 / (before.len() + after.len()) };
        let condition = [&before.repeat(depth), "true", &after.repeat(depth)].concat();
        let text = format!("@id(\"a\") forbid {ALL} when {{ {condition} }};");
        // What matters is that there is an answer.
        if let Ok(policy) = open(&text, Otherwise::Permit, AMPLE) {
            drop(about(&json!({}), |question| policy.judge(question)));
        }
    }
}

#[test]
fn brackets_in_texts_and_comments_are_no_levels() {
    let many = "(".repeat(200);
    let condition = format!("context.args.a == \"\\\"{many}\" // \" {many}\n");
    assert!(
        open(&format!("@id(\"a\") forbid {ALL} when {{ {condition} }};"), Otherwise::Permit, AMPLE)
            .is_ok()
    );
}

#[test]
fn annotations_say_what_they_say_or_are_refused() {
    assert_eq!(said(&format!("forbid {ALL};")), "rule ``: it has no name");
    assert_eq!(
        said(&format!("@id(\"x\") @aproval forbid {ALL};")),
        "rule `x`: there is no annotation `@aproval`; did you mean `approval`?"
    );
    let permit = said(&format!("@id(\"x\") @approval permit {ALL};"));
    assert_eq!(permit, "rule `x`: what permits needs no approval");
    let value = said(&format!("@id(\"x\") @shadow(\"false\") forbid {ALL};"));
    assert_eq!(value, "rule `x`: `@shadow` has no value");
    let twice = said(&format!("@id(\"fine\") forbid {ALL};"));
    assert_eq!(twice, "rule `fine`: another rule has the name too");
    let slots = said("@id(\"x\") forbid (principal == ?principal, action, resource);");
    assert_eq!(slots, "a policy with slots is none");
}

#[test]
fn names_that_there_are_not_are_found_at_the_start() {
    let cases = [
        ("context.arg.n > 1", "`context` has no `arg`; did you mean `args`?"),
        ("context has lable", "`context` has no `lable`; did you mean `label`?"),
        (
            "context has label.untrustd",
            "`context.label` has no `untrustd`; did you mean `untrusted`?",
        ),
        ("context.budget has usd", "`context.budget` has no `usd`; "),
        ("context.plan.stp == \"a\"", "`context.plan` has no `stp`; did you mean `step`?"),
        ("principal.agnt == \"a\"", "`principal` has no `agnt`; did you mean `agent`?"),
        ("[1].contains(resource.nam)", "`resource` has no `nam`; did you mean `name`?"),
        ("if action has x then true else false", "`action` has no `x`; there is none"),
        ("principal in Agnt::\"a\"", "principal is never `Agnt`; did you mean `Agent`?"),
        ("principal == Flow::\"a\"", "principal is never `Flow`; "),
        ("principal is Tool", "principal is never `Tool`; "),
        ("resource == Agent::\"a\"", "resource is never `Agent`; "),
        ("resource != Tol::\"a\"", "resource is never `Tol`; did you mean `Tool`?"),
        ("[Usr::\"a\"].contains(principal)", "an entity is never `Usr`; "),
        ("action == Action::\"read\"", "there is no action `read`; "),
        ("principal.hasTag(\"a\")", "there are no tags"),
    ];
    for (condition, message) in cases {
        let said = when(condition);
        assert!(said.starts_with(&format!("rule `big`: {message}")), "{condition}: {said}");
    }
}

#[test]
fn what_the_parentheses_can_never_be_is_found_at_the_start() {
    let cases = [
        ("principal == Flow::\"a\", action, resource", "principal is never `Flow`"),
        ("principal in Tool::\"a\", action, resource", "principal is never `Tool`"),
        ("principal is Flow, action, resource", "principal is never `Flow`"),
        ("principal is Agent in Tool::\"a\", action, resource", "principal is never `Tool`"),
        ("principal, action == Action::\"read\", resource", "there is no action `read`"),
        (
            "principal, action in [Action::\"call\", Action::\"x\"], resource",
            "there is no action `x`",
        ),
        ("principal, action, resource == Tol::\"a\"", "an entity is never `Tol`"),
        ("principal, action, resource is Agent", "resource is never `Agent`"),
    ];
    for (scope, message) in cases {
        let said = said(&format!("@id(\"big\") forbid ({scope});"));
        assert!(said.starts_with(&format!("rule `big`: {message}")), "{scope}: {said}");
    }
    let sound = [
        "principal == Agent::\"a\", action == Action::\"call\", resource == Tool::\"a\"",
        "principal in Flow::\"a\", action in [Action::\"call\"], resource is Tool",
        "principal is Agent in Tenant::\"a\", action, resource in Tool::\"a\"",
    ];
    for scope in sound {
        assert!(open(&format!("@id(\"a\") forbid ({scope});"), Otherwise::Permit, AMPLE).is_ok());
    }
}
