//! `#[tool]`: an async function that may be granted to a step.

mod expand;
mod governed;
mod options;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, FnArg, Ident, ItemFn, Pat, ReturnType, Type};

use self::options::Options;
use crate::{fingerprint, flow::doc_lines, report::Report};

/// A tool without mistakes, ready to be written out.
struct Tool {
    function: ItemFn,
    options: Options,
    description: String,
    takes_context: bool,
    arguments: Vec<Argument>,
    returns: Type,
}

/// One argument that a caller gives.
struct Argument {
    /// Doc comments and `serde` or `schemars` attributes, which move to the arguments' struct.
    attributes: Vec<Attribute>,
    name: Ident,
    ty: Type,
}

/// Expands the attribute. With mistakes the function stays, so that its body is checked too.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut report = Report::default();
    let options = options::read(arguments, &mut report);
    let Some(mut function) = report.keep(syn::parse2::<ItemFn>(item)) else {
        return report.into_tokens();
    };
    let tool = read(&mut function, options, &mut report);
    match tool.filter(|_| report.is_clean()) {
        Some(tool) => expand::tool(&tool),
        None => {
            let errors = report.into_tokens();
            quote!(#function #errors)
        }
    }
}

fn read(function: &mut ItemFn, options: Options, report: &mut Report) -> Option<Tool> {
    let name = function.sig.ident.clone();
    check_shape(function, report);
    let description = doc_lines(&function.attrs).join("\n").trim().to_owned();
    if description.is_empty() {
        report.at(
            &name,
            format!("a model chooses tools by what they say they do: give `{name}` a doc comment"),
        );
    }
    let (mut takes_context, mut arguments) = (false, Vec::new());
    for (place, input) in function.sig.inputs.iter_mut().enumerate() {
        match input {
            FnArg::Receiver(receiver) => {
                report.at(receiver, "a tool is a free function: it has no `self`");
            }
            FnArg::Typed(typed) if is_context(&typed.ty) => {
                takes_context = true;
                if place != 0 || !matches!(&*typed.ty, Type::Reference(_)) {
                    report.at(&*typed, "the context comes first, as `cx: &ToolContext`");
                }
            }
            FnArg::Typed(typed) => {
                let attributes = std::mem::take(&mut typed.attrs);
                arguments.extend(argument(attributes, &typed.pat, &typed.ty, report));
            }
        }
    }
    let returns = match &function.sig.output {
        ReturnType::Type(_, ty) => (**ty).clone(),
        ReturnType::Default => {
            report.at(&name, format!("`{name}` returns nothing: a tool returns `Result<T, ToolFailure>`; `Result<(), ToolFailure>` is fine"));
            return None;
        }
    };
    governed::check_control(options.control.as_deref().unwrap_or_default(), &arguments, report);
    Some(Tool {
        function: function.clone(),
        options,
        description,
        takes_context,
        arguments,
        returns,
    })
}

fn check_shape(function: &ItemFn, report: &mut Report) {
    let signature = &function.sig;
    if signature.asyncness.is_none() {
        report.at(
            signature.fn_token,
            format!("the tool `{}` must be an `async fn`", signature.ident),
        );
    }
    if !signature.generics.params.is_empty() {
        report.at(
            &signature.generics,
            "a tool cannot be generic: its arguments have one JSON Schema",
        );
    }
}

fn argument(
    attributes: Vec<Attribute>,
    pattern: &Pat,
    ty: &Type,
    report: &mut Report,
) -> Option<Argument> {
    let Pat::Ident(name) = pattern else {
        report.at(pattern, "an argument of a tool has a name: callers and models give it by that");
        return None;
    };
    if let Type::Reference(reference) = ty {
        let shown = match fingerprint::compact(&reference.elem).as_str() {
            "str" => "String".to_owned(),
            other => other.to_owned(),
        };
        report.at(ty, format!("an argument comes as JSON, so nobody lends it: take `{shown}`"));
        return None;
    }
    Some(Argument { attributes, name: name.ident.clone(), ty: ty.clone() })
}

fn is_context(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => is_context(&reference.elem),
        Type::Path(path) => {
            path.path.segments.last().is_some_and(|segment| segment.ident == "ToolContext")
        }
        _ => false,
    }
}
