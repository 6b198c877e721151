//! Writes the flow as plain data.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Ident;

use super::output_of;
use crate::flow::{
    Flow,
    bind::Bound,
    condition::Condition,
    node::{Node, Role, Trigger},
    options::{Grant, Retry},
};

/// Returns an expression for the `FlowDefinition`.
pub(super) fn definition(flow: &Flow<'_>) -> TokenStream {
    let (name, version, description) = (&flow.header.name, flow.header.version, &flow.description);
    let this = flow.this;
    let nodes = flow.nodes.iter().zip(&flow.bound).enumerate();
    let steps = nodes.map(|(place, (node, bound))| step(flow, node, bound, place == flow.finish));
    quote! {
        ::mainstay::__private::FlowDefinition {
            name: ::std::string::String::from(#name),
            version: #version,
            description: ::std::string::String::from(#description),
            state_schema: ::mainstay::__private::schema::<#this>(),
            steps: ::std::vec![#(#steps),*],
        }
    }
}

fn step(flow: &Flow<'_>, node: &Node, bound: &[Bound], finish: bool) -> TokenStream {
    let (name, text, before) = (node.text_name(), &node.text, &node.before);
    let (kind, schema) = kind(node);
    let access = if node.writes { quote!(Writes) } else { quote!(Reads) };
    let trigger = trigger(&node.trigger);
    let inputs = bound.iter().filter_map(|bound| input(flow, *bound));
    let options = options(node);
    quote! {
        ::mainstay::__private::StepDefinition {
            name: ::std::sync::Arc::from(#name),
            kind: #kind,
            access: ::mainstay::__private::Access::#access,
            trigger: #trigger,
            inputs: ::std::vec![#(#inputs),*],
            options: #options,
            finish: #finish,
            output_schema: #schema,
            body: ::mainstay::__private::Digest::of(#text.as_bytes()),
            before: ::std::vec![#(::mainstay::__private::Digest::of(#before.as_bytes())),*],
        }
    }
}

fn kind(node: &Node) -> (TokenStream, TokenStream) {
    let returns = &node.returns;
    let output = output_of(returns);
    let schema = quote!(::mainstay::__private::schema::<#output>());
    match node.role {
        Role::Step => (quote!(::mainstay::__private::StepKind::Step), schema),
        Role::Compensation => (quote!(::mainstay::__private::StepKind::Compensation), schema),
        Role::Router => (
            quote!(::mainstay::__private::StepKind::Router(::mainstay::__private::route::<#returns>())),
            quote!(::mainstay::__private::Value::Null),
        ),
    }
}

fn trigger(trigger: &Trigger) -> TokenStream {
    match trigger {
        Trigger::Start => quote!(::mainstay::__private::Trigger::Start),
        Trigger::On(on) => {
            let on = condition(on);
            quote!(::mainstay::__private::Trigger::On(#on))
        }
        Trigger::Never | Trigger::Unreadable => quote!(::mainstay::__private::Trigger::Never),
    }
}

fn condition(on: &Condition) -> TokenStream {
    let list = |inner: &[Condition]| inner.iter().map(condition).collect::<Vec<_>>();
    match on {
        Condition::Step(name) => {
            let name = name.to_string();
            quote!(::mainstay::__private::Condition::Step(::std::sync::Arc::from(#name)))
        }
        Condition::Route(route) => {
            let (owner, variant) = (route.enum_path(), route.variant.to_string());
            quote! {
                ::mainstay::__private::Condition::Route {
                    route: ::std::string::String::from(<#owner as ::mainstay::__private::Route>::NAME),
                    variant: ::std::string::String::from(#variant),
                }
            }
        }
        Condition::Any(inner) => {
            let inner = list(inner);
            quote!(::mainstay::__private::Condition::Any(::std::vec![#(#inner),*]))
        }
        Condition::All(inner) => {
            let inner = list(inner);
            quote!(::mainstay::__private::Condition::All(::std::vec![#(#inner),*]))
        }
    }
}

fn input(flow: &Flow<'_>, bound: Bound) -> Option<TokenStream> {
    let from = flow.nodes.get(bound.producer)?.text_name();
    let optional = bound.optional;
    Some(quote! {
        ::mainstay::__private::Input { from: ::std::sync::Arc::from(#from), optional: #optional }
    })
}

fn options(node: &Node) -> TokenStream {
    let options = &node.options;
    let retry = option(options.retry.as_ref().map(retry));
    let timeout = option(options.timeout.map(millis));
    let compensate = option(options.compensate.as_ref().map(|name: &Ident| {
        let name = name.to_string();
        quote!(::std::sync::Arc::from(#name))
    }));
    let limits: Vec<TokenStream> = options
        .budget
        .iter()
        .map(|limit| {
            let (dimension, amount) = (format_ident!("{}", limit.dimension), limit.amount);
            quote!(#dimension: ::core::option::Option::Some(#amount))
        })
        .collect();
    let budget = option((!limits.is_empty()).then(|| {
        quote!(::mainstay::__private::Limits { #(#limits,)* ..::mainstay::__private::Limits::none() })
    }));
    let grants = options.grants.iter().map(|grant| match grant {
        Grant::Named(name) => quote!(::std::string::String::from(#name)),
        Grant::Tool(path) => {
            quote!(::std::string::String::from(<#path as ::mainstay::__private::NativeTool>::NAME))
        }
    });
    let served = option(node.served.as_ref().map(|served| {
        let (worker, step) = (&served.worker, &served.step);
        quote! {
            ::mainstay::__private::Served {
                worker: ::std::string::String::from(#worker),
                step: ::std::string::String::from(#step),
            }
        }
    }));
    quote! {
        ::mainstay::__private::StepOptions {
            retry: #retry,
            timeout: #timeout,
            compensate: #compensate,
            budget: #budget,
            grants: ::core::iter::IntoIterator::into_iter([#(#grants),*]).collect(),
            served: #served,
        }
    }
}

fn retry(retry: &Retry) -> TokenStream {
    let max = retry.max;
    let base = option(retry.base.map(millis));
    let cap = option(retry.cap.map(millis));
    let factor = option(retry.factor.map(|factor| quote!(#factor)));
    quote!(::mainstay::__private::retry(#max, #base, #cap, #factor))
}

fn millis(span: u64) -> TokenStream {
    quote!(::core::time::Duration::from_millis(#span))
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}
