//! Writes the program behind a flow that has no mistakes.

mod bodies;
mod definition;
mod guards;

use proc_macro2::TokenStream;
use quote::quote;
use syn::Type;

use super::Flow;

/// Returns the hidden type that is the flow's program, and the `Flow` implementation that reaches it.
pub(super) fn program(flow: &Flow<'_>) -> TokenStream {
    let this = flow.this;
    let (name, version) = (&flow.header.name, flow.header.version);
    let definition = definition::definition(flow);
    let (run, route, migrate) = (bodies::run(flow), bodies::route(flow), bodies::migrate(flow));
    let guards = guards::guards(flow);
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

/// Returns the type a step hands on: `T` of its `Result<T>`, whatever that is called.
fn output_of(returns: &Type) -> TokenStream {
    quote!(<#returns as ::mainstay::__private::StepReturn>::Output)
}
