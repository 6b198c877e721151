//! Writes a tool: its type, its arguments and what it declares.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::{
    Argument, Tool,
    options::{Effect, Options},
};

/// Returns the function, a type of its name and the `NativeTool` implementation.
pub(super) fn tool(tool: &Tool) -> TokenStream {
    let (function, ident, visibility) =
        (&tool.function, &tool.function.sig.ident, &tool.function.vis);
    let name = tool.options.name.clone().unwrap_or_else(|| ident.to_string());
    let (description, arguments, spec) =
        (&tool.description, arguments(&tool.arguments), spec(tool));
    let (call, reconcile, with) = (call(tool), reconcile(tool), with(tool));
    let output = output(tool);
    quote! {
        #[allow(clippy::unused_async)]
        #function

        #[doc = #description]
        #[allow(non_camel_case_types)]
        #[derive(Debug)]
        #visibility struct #ident {}

        const _: () = {
            #arguments

            #[automatically_derived]
            impl ::mainstay::__private::NativeTool for #ident {
                type Args = Arguments;
                type Output = #output;
                const NAME: &'static str = #name;

                fn spec() -> ::mainstay::__private::ToolSpec {
                    #spec
                }

                #call
                #reconcile
            }

            #with
        };
    }
}

fn output(tool: &Tool) -> TokenStream {
    let returns = &tool.returns;
    quote_spanned!(returns.span()=> <#returns as ::mainstay::__private::ToolReturn>::Output)
}

/// The struct is public inside a block nobody can name: a public tool needs public arguments.
fn arguments(arguments: &[Argument]) -> TokenStream {
    let fields = arguments
        .iter()
        .map(|Argument { attributes, name, ty }| quote!(#(#attributes)* #name: #ty));
    quote! {
        #[derive(
            ::mainstay::__private::serde::Serialize,
            ::mainstay::__private::serde::Deserialize,
            ::mainstay::__private::schemars::JsonSchema,
        )]
        #[serde(crate = "::mainstay::__private::serde", deny_unknown_fields)]
        #[schemars(crate = "::mainstay::__private::schemars")]
        pub struct Arguments {
            #(#fields,)*
        }
    }
}

fn spec(tool: &Tool) -> TokenStream {
    let (description, options) = (&tool.description, &tool.options);
    let effect = effect(&options.effect);
    let harmless = matches!(options.effect, Effect::Read);
    let reversibility = if options.reversible.unwrap_or(harmless) {
        quote!(Reversible)
    } else {
        quote!(Irreversible)
    };
    let timeout = options.timeout.map(|span| {
        let span = millis(span);
        quote!(.with_timeout(#span))
    });
    let rate = options.rate.map(|(calls, per)| {
        let per = millis(per);
        quote!(.with_rate(::mainstay::__private::RateLimit::new(#calls, #per)))
    });
    let retry = options.retry.map(|max| {
        quote! {
            .with_retry(::mainstay::__private::retry(
                #max,
                ::core::option::Option::None,
                ::core::option::Option::None,
                ::core::option::Option::None,
            ))
        }
    });
    let governed = governed(options);
    quote! {
        ::mainstay::__private::spec_of::<Self>()
            .with_description(#description)
            .with_effect(#effect)
            .with_reversibility(::mainstay::__private::Reversibility::#reversibility)
            #timeout
            #rate
            #retry
            #governed
    }
}

/// Returns what governs calls.
fn governed(options: &Options) -> TokenStream {
    let control = options.control.as_ref().map(|names| {
        let names = names.iter().map(ToString::to_string);
        quote!(.with_control(::mainstay::__private::control([#(#names),*])))
    });
    let approval = options.approval.as_ref().map(|when| quote!(.with_approval(#when)));
    let places = options.concurrency.map(|places| {
        quote!(.with_concurrency(::core::num::NonZeroU32::MIN.saturating_add(#places - 1)))
    });
    let cost = options.cost.map(|cost| quote!(.with_cost(#cost)));
    let owner = options.owner.as_ref().map(|owner| quote!(.with_owner(#owner)));
    let breaker = options.breaker.as_ref().map(|breaker| {
        let (percent, of, cool_down) = (breaker.percent, breaker.of, millis(breaker.cool_down));
        quote! {
            .with_breaker(::mainstay::__private::BreakerPolicy {
                window: #of,
                failure_percent: #percent,
                cool_down: #cool_down,
            })
        }
    });
    quote!(#control #approval #places #cost #owner #breaker)
}

fn effect(effect: &Effect) -> TokenStream {
    let class = quote!(::mainstay::__private::EffectClass);
    match effect {
        Effect::Read => quote!(#class::Read),
        Effect::AtMostOnce => quote!(#class::AtMostOnce),
        Effect::Reconcilable(span) => {
            let span = millis(*span);
            quote!(#class::Reconcilable { visible_within: #span })
        }
        Effect::Idempotent(None) => {
            quote!(#class::Idempotent { key_valid_for: ::mainstay::__private::KeyValidity::Forever })
        }
        Effect::Idempotent(Some(span)) => {
            let span = millis(*span);
            quote!(#class::Idempotent { key_valid_for: ::mainstay::__private::KeyValidity::For(#span) })
        }
    }
}

fn call(tool: &Tool) -> TokenStream {
    let ident = &tool.function.sig.ident;
    let names: Vec<_> = tool.arguments.iter().map(|argument| &argument.name).collect();
    let context = tool.takes_context.then(|| quote!(&cx,));
    quote! {
        fn call(
            cx: ::mainstay::__private::ToolContext,
            Arguments { #(#names),* }: Arguments,
        ) -> ::mainstay::__private::BoxFuture<
            'static,
            ::core::result::Result<Self::Output, ::mainstay::__private::ToolFailure>,
        > {
            ::std::boxed::Box::pin(async move {
                let _ = &cx;
                ::mainstay::__private::tool_returned(#ident(#context #(#names),*).await)
            })
        }
    }
}

fn reconcile(tool: &Tool) -> Option<TokenStream> {
    let ask = tool.options.reconcile.as_ref()?;
    let names: Vec<_> = tool.arguments.iter().map(|argument| &argument.name).collect();
    let asked = quote_spanned!(ask.span()=> #ask(&cx, #(#names),*));
    Some(quote! {
        fn reconcile(
            cx: ::mainstay::__private::ToolContext,
            Arguments { #(#names),* }: Arguments,
        ) -> ::mainstay::__private::BoxFuture<
            'static,
            ::mainstay::__private::Reconciled<Self::Output>,
        > {
            ::std::boxed::Box::pin(async move { #asked.await })
        }
    })
}

fn with(tool: &Tool) -> TokenStream {
    let (ident, visibility) = (&tool.function.sig.ident, &tool.function.vis);
    let names: Vec<_> = tool.arguments.iter().map(|argument| &argument.name).collect();
    let types = tool.arguments.iter().map(|argument| &argument.ty);
    quote! {
        impl #ident {
            /// Returns a call of this tool with its arguments, for `cx.tool(…)`.
            #[must_use]
            #[allow(dead_code, clippy::too_many_arguments)]
            #visibility fn with(#(#names: #types),*) -> ::mainstay::__private::ToolRequest<Self> {
                ::mainstay::__private::ToolRequest::new(Arguments { #(#names),* })
            }
        }
    }
}

fn millis(span: u64) -> TokenStream {
    quote!(::core::time::Duration::from_millis(#span))
}
