//! Writes the program behind a flow that has no mistakes.

mod bodies;
mod definition;
mod guards;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{LitStr, Type};

use super::{Flow, header::Intent};

/// Returns the hidden type that is the flow's program, and the `Flow` implementation that reaches it.
pub(super) fn program(flow: &Flow<'_>) -> TokenStream {
    let this = flow.this;
    let (name, version) = (&flow.header.name, flow.header.version);
    let definition = definition::definition(flow);
    let (run, route, migrate) = (bodies::run(flow), bodies::route(flow), bodies::migrate(flow));
    let (guards, intent) = (guards::guards(flow), intent(&flow.header.intent));
    let output = flow.nodes.get(flow.finish).map(|node| output_of(&node.returns));
    quote! {
        const _: () = {
            struct Program {
                definition: ::mainstay::__private::FlowDefinition,
            }

            #[automatically_derived]
            impl ::mainstay::__private::FlowProgram for Program {
                fn definition(&self) -> &::mainstay::__private::FlowDefinition {
                    &self.definition
                }

                fn initial(
                    &self,
                    input: &::mainstay::__private::Value,
                ) -> ::core::result::Result<::mainstay::__private::Value, ::mainstay::__private::InputError> {
                    ::mainstay::__private::initial::<#this>(&self.definition.state_schema, input)
                }

                #route
                #run
                #migrate
                #intent
            }

            #[automatically_derived]
            impl ::mainstay::Flow for #this {
                const NAME: &'static str = #name;
                const VERSION: u32 = #version;
                type Output = #output;

                fn program() -> ::std::sync::Arc<dyn ::mainstay::__private::FlowProgram> {
                    ::std::sync::Arc::new(Program { definition: #definition })
                }
            }

            #guards
        };
    }
}

/// Returns what people say when they want the flow, if its author said anything.
fn intent(intent: &Intent) -> Option<TokenStream> {
    let Intent { examples, rules, captures } = intent;
    if examples.is_empty() && rules.is_empty() && captures.is_empty() {
        return None;
    }
    let list = |texts: &[LitStr]| quote!(::std::vec![#(::std::string::String::from(#texts)),*]);
    let (examples, rules, captures) = (list(examples), list(rules), list(captures));
    Some(quote! {
        fn intent(&self) -> ::mainstay::__private::Intent {
            ::mainstay::__private::Intent {
                examples: #examples,
                rules: #rules,
                captures: #captures,
            }
        }
    })
}

/// Returns the type a step hands on: `T` of its `Result<T>`, whatever that is called.
fn output_of(returns: &Type) -> TokenStream {
    quote!(<#returns as ::mainstay::__private::StepReturn>::Output)
}
