//! What a step's body must not do around its context: anything a replay would do in another order.
//!
//! The check is syntactic, so it finds what is written in the step itself. It is a help, not the
//! fence: the engine compares every effect with the journal and parks a run that diverges.

use std::collections::BTreeSet;

use quote::ToTokens;
use syn::{
    Block, Expr, ExprForLoop, ExprMethodCall, Ident, Local, Macro, Pat, Path,
    visit::{self, Visit},
};

use crate::report::Report;

/// Macros by their last segment, and what to write instead.
const MACROS: [(&str, &str); 7] = [
    ("select", "cx.race"),
    ("select_biased", "cx.race"),
    ("join", "cx.join"),
    ("try_join", "cx.join"),
    ("pin_mut", "cx.join"),
    ("stream", "cx.map"),
    ("try_stream", "cx.map"),
];

/// Ends of paths that are called, and why not.
const CALLS: [(&[&str], &str); 19] = [
    (&["tokio", "spawn"], SPAWN),
    (&["task", "spawn"], SPAWN),
    (&["task", "spawn_local"], SPAWN),
    (&["task", "spawn_blocking"], SPAWN),
    (&["thread", "spawn"], SPAWN),
    (&["thread", "sleep"], SLEEP),
    (&["time", "sleep"], SLEEP),
    (
        &["time", "timeout"],
        "the step's `timeout` option limits it, and `cx.race` against `cx.sleep` limits a part of it",
    ),
    (&["select_all"], "use `cx.race`: its order is the same on replay"),
    (&["select_ok"], "use `cx.race`: its order is the same on replay"),
    (&["join_all"], "use `cx.map`: its order is the same on replay"),
    (&["try_join_all"], "use `cx.map`: its order is the same on replay"),
    (&["FuturesUnordered", "new"], "use `cx.map`: its order is the same on replay"),
    (&["SystemTime", "now"], NOW),
    (&["Instant", "now"], NOW),
    (&["Utc", "now"], NOW),
    (&["Timestamp", "now"], NOW),
    (&["rand", "random"], RANDOM),
    (&["Uuid", "new_v4"], RANDOM),
];

const SPAWN: &str = "use `cx.join` or `cx.map`: a spawned task outlives the step, and its effects have no position in the journal";
const SLEEP: &str = "use `cx.sleep`: it costs nothing while it waits and survives a restart";
const NOW: &str = "use `cx.now()`: it answers the same on replay";
const RANDOM: &str = "use `cx.random()`: it answers the same on replay";

/// Reports what a replay would do in another order.
pub(crate) fn check(block: &Block, report: &mut Report) {
    let mut unordered = Unordered::default();
    unordered.visit_block(block);
    Body { report, unordered: unordered.names }.visit_block(block);
}

struct Body<'a> {
    report: &'a mut Report,
    unordered: BTreeSet<Ident>,
}

impl<'ast> Visit<'ast> for Body<'_> {
    fn visit_macro(&mut self, call: &'ast Macro) {
        let last = call.path.segments.last().map(|segment| segment.ident.to_string());
        let found = MACROS.iter().find(|(name, _)| last.as_deref() == Some(name));
        if let Some((name, instead)) = found {
            let message = format!(
                "use `{instead}`: `{name}!` may go another way on replay than it went live"
            );
            self.report.at(&call.path, message);
        }
    }

    fn visit_expr_call(&mut self, call: &'ast syn::ExprCall) {
        if let Expr::Path(function) = &*call.func
            && let Some((_, instead)) = CALLS.iter().find(|(end, _)| ends(&function.path, end))
        {
            self.report.at(&function.path, instead);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_for_loop(&mut self, each: &'ast ExprForLoop) {
        if let Some(name) = root(&each.expr)
            && self.unordered.contains(name)
            && mentions_context(&each.body)
        {
            self.report.at(
                &each.expr,
                format!("`{name}` has no order, and each effect has its place in the journal: use a `BTreeMap`, a `BTreeSet` or a sorted `Vec`"),
            );
        }
        visit::visit_expr_for_loop(self, each);
    }
}

fn ends(path: &Path, end: &[&str]) -> bool {
    let written = path.segments.iter().rev().map(|segment| segment.ident.to_string());
    path.segments.len() >= end.len() && written.zip(end.iter().rev()).all(|(a, b)| a == *b)
}

/// Local names that hold a hash map or set, as far as their `let` shows it.
#[derive(Default)]
struct Unordered {
    names: BTreeSet<Ident>,
}

impl<'ast> Visit<'ast> for Unordered {
    fn visit_local(&mut self, local: &'ast Local) {
        let (pattern, declared) = match &local.pat {
            Pat::Type(typed) => (&*typed.pat, has_hash(&typed.ty)),
            other => (other, false),
        };
        let made = local.init.as_ref().is_some_and(|init| makes_hash(&init.expr));
        if let (Pat::Ident(name), true) = (pattern, declared || made) {
            self.names.insert(name.ident.clone());
        }
        visit::visit_local(self, local);
    }
}

fn has_hash(tokens: &impl ToTokens) -> bool {
    outermost_word(tokens.to_token_stream())
        .is_some_and(|word| word == "HashMap" || word == "HashSet")
}

/// Returns the last word of a type's path, before its arguments.
fn outermost_word(tokens: proc_macro2::TokenStream) -> Option<Ident> {
    let mut last = None;
    for tree in tokens {
        match tree {
            proc_macro2::TokenTree::Ident(word) => last = Some(word),
            proc_macro2::TokenTree::Punct(sign) if sign.as_char() == ':' => {}
            _ => break,
        }
    }
    last
}

/// Returns whether an initialiser is `HashMap::new()` or `….collect::<HashMap<…>>()`.
fn makes_hash(expr: &Expr) -> bool {
    match expr {
        Expr::Call(call) => match &*call.func {
            Expr::Path(function) => {
                let owner = function.path.segments.iter().rev().nth(1);
                owner.is_some_and(|owner| owner.ident == "HashMap" || owner.ident == "HashSet")
            }
            _ => false,
        },
        Expr::MethodCall(ExprMethodCall { turbofish: Some(arguments), .. }) => {
            arguments.args.iter().any(has_hash)
        }
        _ => false,
    }
}

/// Returns the variable that an expression such as `&map` or `map.iter()` walks over.
fn root(expr: &Expr) -> Option<&Ident> {
    match expr {
        Expr::Path(path) => path.path.get_ident(),
        Expr::Reference(reference) => root(&reference.expr),
        Expr::MethodCall(call) => root(&call.receiver),
        Expr::Paren(paren) => root(&paren.expr),
        _ => None,
    }
}

fn mentions_context(block: &Block) -> bool {
    crate::fingerprint::text(block.to_token_stream()).split(' ').any(|word| word == "cx")
}
