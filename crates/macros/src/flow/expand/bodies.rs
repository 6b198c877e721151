//! Writes the functions that read values back, call the author's and write what they return.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::{Ident, spanned::Spanned};

use super::output_of;
use crate::flow::{
    Flow,
    bind::Bound,
    node::{Node, Parameter, Role},
};

/// Writes `FlowProgram::run`.
pub(super) fn run(flow: &Flow<'_>) -> TokenStream {
    let arms = places(flow).filter(|(_, node, _)| node.role != Role::Router).map(
        |(place, node, bound)| {
            let body = step_body(flow, node, bound);
            quote!(#place => ::std::boxed::Box::pin(async move { #body }),)
        },
    );
    quote! {
        fn run(
            &self,
            step: usize,
            state: ::std::sync::Arc<::mainstay::__private::Value>,
            inputs: ::mainstay::__private::Inputs,
            cx: ::mainstay::__private::StepContext,
        ) -> ::mainstay::__private::BoxFuture<
            'static,
            ::core::result::Result<::mainstay::__private::StepDone, ::mainstay::__private::StepError>,
        > {
            match step {
                #(#arms)*
                other => ::std::boxed::Box::pin(async move {
                    ::core::result::Result::Err(::mainstay::__private::no_such_step(other))
                }),
            }
        }
    }
}

/// Writes `FlowProgram::route`.
pub(super) fn route(flow: &Flow<'_>) -> TokenStream {
    let arms = places(flow).filter(|(_, node, _)| node.role == Role::Router).map(
        |(place, node, bound)| {
            let (reads, call) = call(flow, node, bound, &quote!(this));
            let this = flow.this;
            quote! {
                #place => {
                    let this: #this = ::mainstay::__private::read_state(state)?;
                    #reads
                    let route = #call;
                    ::core::result::Result::Ok(::mainstay::__private::variant(&route))
                }
            }
        },
    );
    quote! {
        fn route(
            &self,
            router: usize,
            state: &::mainstay::__private::Value,
            inputs: &::mainstay::__private::Inputs,
        ) -> ::core::result::Result<::std::string::String, ::mainstay::__private::StepError> {
            let _ = (state, inputs);
            match router {
                #(#arms)*
                other => ::core::result::Result::Err(::mainstay::__private::no_such_step(other)),
            }
        }
    }
}

/// Writes `FlowProgram::migrate`, if an older version can be migrated from.
pub(super) fn migrate(flow: &Flow<'_>) -> TokenStream {
    if flow.migrations.is_empty() {
        return TokenStream::new();
    }
    let this = flow.this;
    let arms = flow.migrations.iter().map(|migration| {
        let (from, name) = (migration.from, &migration.name);
        quote! {
            #from => ::core::option::Option::Some(
                ::mainstay::__private::migrated::<#this, _>(<#this>::#name(state.clone())),
            ),
        }
    });
    quote! {
        fn migrate(
            &self,
            from: u32,
            state: &::mainstay::__private::Value,
        ) -> ::core::option::Option<
            ::core::result::Result<::mainstay::__private::Value, ::mainstay::__private::StepError>,
        > {
            match from {
                #(#arms)*
                _ => ::core::option::Option::None,
            }
        }
    }
}

fn places<'a>(flow: &'a Flow<'_>) -> impl Iterator<Item = (usize, &'a Node, &'a [Bound])> {
    let nodes = flow.nodes.iter().zip(&flow.bound).enumerate();
    nodes.map(|(place, (node, bound))| (place, node, bound.as_slice()))
}

fn step_body(flow: &Flow<'_>, node: &Node, bound: &[Bound]) -> TokenStream {
    let this = flow.this;
    let (reads, call) = call(flow, node, bound, &quote!(this));
    let (keyword, state) = if node.writes {
        let state = quote!(::core::option::Option::Some(::mainstay::__private::write(&this)?));
        (quote!(mut), state)
    } else {
        (TokenStream::new(), quote!(::core::option::Option::None))
    };
    quote! {
        let #keyword this: #this = ::mainstay::__private::read_state(&state)?;
        #reads
        let output = ::mainstay::__private::returned(#call.await)?;
        ::core::result::Result::Ok(::mainstay::__private::StepDone {
            output: ::mainstay::__private::write(&output)?,
            state: #state,
        })
    }
}

/// Returns the statements that read the values, and the call that borrows them. The borrow stands
/// at the parameter's place, so a type that does not fit is an error there.
fn call(
    flow: &Flow<'_>,
    node: &Node,
    bound: &[Bound],
    this: &TokenStream,
) -> (TokenStream, TokenStream) {
    let (name, mut reads, mut arguments) = (&node.name, TokenStream::new(), Vec::new());
    let mut values = bound.iter().enumerate();
    for parameter in &node.parameters {
        let wanted = match parameter {
            Parameter::Context => {
                arguments.push(quote!(&cx));
                continue;
            }
            Parameter::Value(wanted) => wanted,
        };
        let Some((index, bound)) = values.next() else { continue };
        let variable = format_ident!("value_{index}", span = Span::mixed_site());
        reads.extend(read(flow, *bound, index, &variable));
        let place = wanted.shown.span().resolved_at(Span::mixed_site());
        let mut here = variable;
        here.set_span(place);
        arguments.push(if bound.optional {
            quote_spanned!(place=> #here.as_ref())
        } else {
            quote_spanned!(place=> &#here)
        });
    }
    (reads, quote!(#this.#name(#(#arguments),*)))
}

fn read(flow: &Flow<'_>, bound: Bound, index: usize, variable: &Ident) -> Option<TokenStream> {
    let producer = flow.nodes.get(bound.producer)?;
    let (name, output) = (producer.text_name(), output_of(&producer.returns));
    Some(if bound.optional {
        quote! {
            let #variable: ::core::option::Option<#output> =
                ::mainstay::__private::read_optional(&inputs, #index, #name)?;
        }
    } else {
        quote!(let #variable: #output = ::mainstay::__private::read_input(&inputs, #index, #name)?;)
    })
}
