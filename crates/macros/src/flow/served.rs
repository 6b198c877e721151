//! Steps that a worker in another process serves: functions without a body.
//!
//! Such a function gets a body here that calls the worker's step with its parameters by name. It is
//! called by nothing but the flow's program.

use std::collections::BTreeSet;

use proc_macro2::Span;
use quote::quote;
use syn::{
    Attribute, FnArg, Ident, ImplItem, ImplItemFn, ItemImpl, LitStr, Pat, ReceiverKind, Signature,
    Token, Visibility,
    ext::IdentExt,
    parse::{ParseStream, Parser},
    parse_quote,
};

use super::{
    node::{Role, is_context},
    options::{Grant, Options},
};
use crate::{fingerprint, report::Report};

/// A worker's name has at most so many characters, as in the configuration.
const LONGEST_WORKER: usize = 32;

/// A tool's name has at most so many characters, and a step's is held to the same.
const LONGEST_CALL: usize = 64;

/// The worker's step that is a node's code.
pub(crate) struct Served {
    pub(crate) worker: String,
    pub(crate) step: String,
    /// What stands for the function's text: what we write for it may change, what it does may not.
    pub(crate) text: String,
}

/// Gives every function without a body one that stands there until more is known, and returns
/// their names. The parser does not take such functions for any in an `impl` block.
pub(crate) fn give_bodies(item: &mut ItemImpl) -> BTreeSet<Ident> {
    let mut bodiless = BTreeSet::new();
    for part in &mut item.items {
        let ImplItem::Verbatim(tokens) = part else { continue };
        if let Ok(function) = declaration.parse2(tokens.clone()) {
            bodiless.insert(function.sig.ident.clone());
            *part = ImplItem::Fn(function);
        }
    }
    bodiless
}

fn declaration(input: ParseStream<'_>) -> syn::Result<ImplItemFn> {
    let attributes = input.call(Attribute::parse_outer)?;
    let visibility: Visibility = input.parse()?;
    let signature: Signature = input.parse()?;
    input.parse::<Token![;]>()?;
    Ok(parse_quote! {
        #(#attributes)*
        #[allow(unused_variables)]
        #visibility #signature { ::core::unreachable!() }
    })
}

/// Reports a function without a body that nobody serves.
pub(crate) fn report_no_body(function: &ImplItemFn, report: &mut Report) {
    let name = &function.sig.ident;
    report.at(
        name,
        format!("`{name}` has no body: write one, or let a worker serve it as a step with `#[step(worker = \"…\")]`"),
    );
}

/// Reads which worker serves a node, and gives the node a body that calls it.
pub(crate) fn read(
    function: &mut ImplItemFn,
    role: Role,
    options: &Options,
    bodiless: &BTreeSet<Ident>,
    report: &mut Report,
) -> Option<Served> {
    let name = function.sig.ident.clone();
    let worker = match (&options.worker, bodiless.contains(&name)) {
        (Some(worker), true) => worker,
        (Some(worker), false) => {
            report.at(worker, format!("a worker serves `{name}`, so its code is not here: end it with `;` instead of a body"));
            return None;
        }
        (None, true) => {
            report_no_body(function, report);
            return None;
        }
        (None, false) => {
            if let Some(named) = &options.name {
                report.at(
                    named,
                    "`name` is what a worker calls the step: say which one, `worker = \"…\"`",
                );
            }
            return None;
        }
    };
    let mut faults = Report::default();
    check_shape(function, role, options, &mut faults);
    let step = options.name.as_ref().map_or_else(|| name.unraw().to_string(), LitStr::value);
    check_names(worker, options.name.as_ref(), &step, &mut faults);
    let parameters = parameters(function, &mut faults);
    // A body for what cannot be served would only be a second mistake.
    if !report.take(faults) {
        return None;
    }
    let (signature, worker) = (&function.sig, worker.value());
    let text = fingerprint::text(quote!(#signature = #worker #step));
    give_body(function, &parameters, &format!("{worker}.{step}"));
    Some(Served { worker, step, text })
}

fn check_shape(function: &ImplItemFn, role: Role, options: &Options, report: &mut Report) {
    let name = &function.sig.ident;
    if role != Role::Step {
        report.at(
            name,
            format!("the {} `{name}` is code of this flow: a worker serves steps", role.noun()),
        );
    }
    if let Some(receiver) = function.sig.receiver()
        && matches!(&receiver.kind, ReceiverKind::Reference(_, _, Some(_)))
    {
        report.at(receiver, format!("`{name}` must take `&self`: a worker does not change the state; let a step that listens to `{name}` do that"));
    }
    for input in &function.sig.inputs {
        if let FnArg::Typed(typed) = input
            && is_context(&typed.ty)
        {
            report.at(
                typed,
                "a worker's step has no context here: what it calls, it calls in its own process",
            );
        }
    }
    match options.grants.first() {
        Some(Grant::Named(granted)) => report.at(granted, NO_GRANTS),
        Some(Grant::Tool(granted)) => report.at(granted, NO_GRANTS),
        None => {}
    }
}

const NO_GRANTS: &str = "a step that a worker serves calls nothing else: take `grants` out";

fn check_names(worker: &LitStr, named: Option<&LitStr>, step: &str, report: &mut Report) {
    let value = worker.value();
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if !(1..=LONGEST_WORKER).contains(&value.len()) || !value.bytes().all(allowed) {
        report.at(worker, format!("`{value}` cannot be the name of a worker: write up to {LONGEST_WORKER} lower-case letters, digits, `-` and `_`"));
        return;
    }
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    let length = value.len() + 1 + step.len();
    if step.is_empty() || length > LONGEST_CALL || !step.bytes().all(allowed) {
        let message = format!(
            "`{value}.{step}` cannot be the name of a worker's step: write up to {LONGEST_CALL} letters, digits, `-` and `_` in all"
        );
        report.at(named.unwrap_or(worker), message);
    }
}

fn give_body(function: &mut ImplItemFn, parameters: &[Ident], call: &str) {
    let names = parameters.iter().map(|name| name.unraw().to_string());
    let cx = Ident::new("cx", Span::mixed_site());
    let arguments = quote!(#((#names, ::mainstay::__private::write(&#parameters)?)),*);
    function.block = parse_quote!({
        ::mainstay::__private::served(#cx, #call, ::std::vec![#arguments]).await
    });
    function.sig.inputs.push(parse_quote!(#cx: &::mainstay::__private::StepContext));
}

/// Returns the names of the values, which are what the worker knows them by.
fn parameters(function: &ImplItemFn, report: &mut Report) -> Vec<Ident> {
    let mut names = Vec::new();
    for input in &function.sig.inputs {
        let FnArg::Typed(typed) = input else { continue };
        match &*typed.pat {
            Pat::Ident(pattern) if pattern.subpat.is_none() => names.push(pattern.ident.clone()),
            other => report.at(other, "give the value one name: the worker gets it by that"),
        }
    }
    names
}
