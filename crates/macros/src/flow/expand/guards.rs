//! Writes what only the compiler can check: types, and the closed sets of routes.

use std::collections::BTreeMap;

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::{Type, spanned::Spanned};

use crate::flow::{
    Flow,
    condition::{Condition, RoutePath},
    node::{Node, Role},
};

/// Returns items that fail to compile where a type or a route does not fit.
pub(super) fn guards(flow: &Flow<'_>) -> TokenStream {
    let this = flow.this;
    let state = quote_spanned! {located(this)=>
        const _: fn() = ::mainstay::__private::is_state::<#this>;
    };
    let returns = flow.nodes.iter().map(returns_fit);
    let variants = heard(flow).into_values().flatten().map(variant_exists);
    let routers = flow.nodes.iter().filter(|node| node.role == Role::Router);
    let all_heard = routers.map(|router| all_heard(flow, router));
    quote!(#state #(#returns)* #(#variants)* #(#all_heard)*)
}

fn located(ty: &Type) -> Span {
    ty.span().resolved_at(Span::mixed_site())
}

fn returns_fit(node: &Node) -> TokenStream {
    let returns = &node.returns;
    let check = match node.role {
        Role::Router => quote_spanned!(located(returns)=> ::mainstay::__private::is_route),
        Role::Step | Role::Compensation => {
            quote_spanned!(located(returns)=> ::mainstay::__private::is_step_return)
        }
    };
    quote_spanned!(located(returns)=> const _: fn() = #check::<#returns>;)
}

/// Returns the routes that are heard, by the name of their type.
fn heard<'a>(flow: &Flow<'a>) -> BTreeMap<String, Vec<&'a RoutePath>> {
    let mut heard: BTreeMap<String, Vec<&RoutePath>> = BTreeMap::new();
    for route in flow.nodes.iter().filter_map(Node::condition).flat_map(Condition::routes) {
        heard.entry(route.route.to_string()).or_default().push(route);
    }
    heard
}

fn variant_exists(route: &RoutePath) -> TokenStream {
    let path = &route.path;
    quote!(const _: fn() = || { let _ = #path; };)
}

/// The comparison is a constant, so a variant that nobody hears is a compile error at the router.
fn all_heard(flow: &Flow<'_>, router: &Node) -> TokenStream {
    let route = &router.returns;
    let heard = heard(flow);
    let name = router.route().map_or_else(String::new, ToString::to_string);
    let variants = heard.get(&name).into_iter().flatten().map(|route| route.variant.to_string());
    let place = router.name.span().resolved_at(Span::mixed_site());
    quote_spanned! {place=>
        const _: () = if let ::core::option::Option::Some(unheard) =
            ::mainstay::__private::unheard::<#route>(&[#(#variants),*])
        {
            ::core::panic!("{}", unheard.text())
        };
    }
}
