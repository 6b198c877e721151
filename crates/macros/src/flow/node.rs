//! One node of a flow, read from one function.

use std::collections::BTreeSet;

use quote::quote;
use syn::{
    Attribute, FnArg, GenericArgument, Ident, ImplItemFn, PathArguments, ReceiverKind, ReturnType,
    Type, parse_quote,
};

use super::{
    condition::Condition,
    marks::{self, DueKind, Marks},
    options::Options,
    patch,
    served::{self, Served},
};
use crate::{fingerprint, report::Report};

/// A step, a router or a compensation.
pub(crate) struct Node {
    pub(crate) name: Ident,
    pub(crate) role: Role,
    pub(crate) trigger: Trigger,
    pub(crate) writes: bool,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) finish: bool,
    pub(crate) options: Options,
    /// The worker's step that is its code.
    pub(crate) served: Option<Served>,
    pub(crate) returns: Type,
    /// The function's tokens in normal form.
    pub(crate) text: String,
    /// The same before one or several of its patches went in.
    pub(crate) before: Vec<String>,
}

/// What the node is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Step,
    Router,
    Compensation,
}

/// What makes the node due.
pub(crate) enum Trigger {
    Start,
    On(Condition),
    Never,
    /// Reported already.
    Unreadable,
}

/// One parameter after `self`.
pub(crate) enum Parameter {
    Context,
    Value(Box<Wanted>),
}

/// A value the node wants from another one.
pub(crate) struct Wanted {
    /// The whole type, for messages.
    pub(crate) shown: Type,
    /// The producer named by `#[from(…)]`.
    pub(crate) from: Option<Ident>,
    /// Whether it is an `Option<&T>`.
    pub(crate) optional: bool,
}

impl Role {
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Router => "router",
            Self::Compensation => "compensation",
        }
    }
}

impl Node {
    /// Reads a function; its attributes are in `marks`, those of its parameters are taken off here.
    pub(crate) fn read(
        function: &mut ImplItemFn,
        marks: Marks,
        bodiless: &BTreeSet<Ident>,
        report: &mut Report,
    ) -> Self {
        let (role, trigger) = match marks.due.map(|due| due.kind) {
            None => (Role::Compensation, Trigger::Never),
            Some(DueKind::Start) => (Role::Step, Trigger::Start),
            Some(DueKind::Listen(condition)) => (Role::Step, Trigger::On(condition)),
            Some(DueKind::Router(condition)) => (Role::Router, Trigger::On(condition)),
            Some(DueKind::Unreadable) if function.sig.asyncness.is_none() => {
                (Role::Router, Trigger::Unreadable)
            }
            Some(DueKind::Unreadable) => (Role::Step, Trigger::Unreadable),
        };
        let mut wanted: Vec<Option<Ident>> =
            function.sig.inputs.iter_mut().map(|input| marks::take_from(input, report)).collect();
        check_shape(function, role, report);
        let served = served::read(function, role, &marks.options, bodiless, report);
        // It has a context now, which comes from nowhere.
        wanted.resize(function.sig.inputs.len(), None);
        if role == Role::Router
            && let Some(finish) = &marks.finish
        {
            report.at(finish, "a router has no output; `#[finish]` marks a step");
        }
        let parameters = read_parameters(function, wanted, role, report);
        check_patches(function, report);
        let (text, before) = match &served {
            Some(served) => (served.text.clone(), Vec::new()),
            None => texts(function),
        };
        function.attrs.push(shape_is_given());
        Self {
            name: function.sig.ident.clone(),
            role,
            trigger,
            writes: writes(function, role, report),
            parameters,
            finish: marks.finish.is_some(),
            options: marks.options,
            served,
            returns: returns(function, role, report),
            text,
            before,
        }
    }

    /// Returns the name as text.
    pub(crate) fn text_name(&self) -> String {
        self.name.to_string()
    }

    /// Returns the condition, if it has one.
    pub(crate) const fn condition(&self) -> Option<&Condition> {
        match &self.trigger {
            Trigger::On(condition) => Some(condition),
            Trigger::Start | Trigger::Never | Trigger::Unreadable => None,
        }
    }

    /// Returns the last name in the router's route type.
    pub(crate) fn route(&self) -> Option<&Ident> {
        match &self.returns {
            Type::Path(path) if self.role == Role::Router => {
                path.path.segments.last().map(|segment| &segment.ident)
            }
            _ => None,
        }
    }
}

/// The flow asks for `async`, `&self` and borrowed values, whether or not a step needs them.
fn shape_is_given() -> Attribute {
    parse_quote! {
        #[allow(clippy::ptr_arg, clippy::unused_async, clippy::unused_self, clippy::trivially_copy_pass_by_ref)]
    }
}

/// Returns the function's text, and what it was before its patches.
fn texts(function: &ImplItemFn) -> (String, Vec<String>) {
    let (signature, block) = (&function.sig, &function.block);
    let whole = quote!(#signature #block);
    let before = patch::before(&whole).into_iter().map(fingerprint::text).collect();
    (fingerprint::text(whole), before)
}

fn check_patches(function: &ImplItemFn, report: &mut Report) {
    let block = &function.block;
    let patches = patch::names(quote!(#block)).len();
    if patches > patch::MOST {
        let message = format!(
            "{patches} patches in one step, and at most {} are taken apart: take out those whose \
             runs have all gone past them",
            patch::MOST
        );
        report.at(&function.sig.ident, message);
    }
}

fn check_shape(function: &ImplItemFn, role: Role, report: &mut Report) {
    let signature = &function.sig;
    let name = &signature.ident;
    match (role, &signature.asyncness) {
        (Role::Router, Some(keyword)) => report.at(
            keyword,
            format!("the router `{name}` must be a plain `fn`: it decides from what is known and waits for nothing; ask in a step, route on its answer"),
        ),
        (Role::Step | Role::Compensation, None) => report.at(
            signature.fn_token,
            format!("the {} `{name}` must be an `async fn`", role.noun()),
        ),
        _ => {}
    }
    if !signature.generics.params.is_empty() {
        report.at(
            &signature.generics,
            format!("the {} `{name}` cannot be generic: what it takes and returns is kept in the journal", role.noun()),
        );
    }
}

fn writes(function: &ImplItemFn, role: Role, report: &mut Report) -> bool {
    let name = &function.sig.ident;
    let Some(receiver) = function.sig.receiver() else {
        report.at(name, format!("`{name}` must take `&self`{}", or_mut(role)));
        return false;
    };
    match &receiver.kind {
        ReceiverKind::Reference(_, _, Some(_)) if role == Role::Router => {
            report.at(receiver, format!("the router `{name}` must take `&self`: it only looks"));
            false
        }
        ReceiverKind::Reference(_, _, mutability) => mutability.is_some(),
        _ => {
            report.at(receiver, format!("`{name}` must take `&self`{}", or_mut(role)));
            false
        }
    }
}

const fn or_mut(role: Role) -> &'static str {
    match role {
        Role::Router => "",
        Role::Step | Role::Compensation => ", or `&mut self` to change the state",
    }
}

fn returns(function: &ImplItemFn, role: Role, report: &mut Report) -> Type {
    let signature = &function.sig;
    match &signature.output {
        ReturnType::Type(_, ty) => (**ty).clone(),
        ReturnType::Default => {
            let wanted = match role {
                Role::Router => "a router returns a type with `#[derive(Route)]`",
                Role::Step | Role::Compensation => {
                    "a step returns `Result<T>`; `Result<()>` is fine"
                }
            };
            report.at(&signature.ident, format!("`{}` returns nothing: {wanted}", signature.ident));
            parse_quote!(())
        }
    }
}

fn read_parameters(
    function: &ImplItemFn,
    from: Vec<Option<Ident>>,
    role: Role,
    report: &mut Report,
) -> Vec<Parameter> {
    let mut parameters = Vec::new();
    for (input, from) in function.sig.inputs.iter().zip(from) {
        let FnArg::Typed(typed) = input else { continue };
        if is_context(&typed.ty) {
            check_context(&typed.ty, role, &parameters, report);
            parameters.push(Parameter::Context);
        } else {
            parameters.push(Parameter::Value(Box::new(wanted(&typed.ty, from, report))));
        }
    }
    parameters
}

fn check_context(ty: &Type, role: Role, before: &[Parameter], report: &mut Report) {
    if role == Role::Router {
        report.at(ty, "a router has no context: it decides from the state and what steps returned");
    } else if !matches!(ty, Type::Reference(reference) if reference.mutability.is_none()) {
        report.at(ty, "take the context as `&StepContext`");
    } else if before.iter().any(|parameter| matches!(parameter, Parameter::Context)) {
        report.at(ty, "the context is taken twice");
    }
}

fn wanted(ty: &Type, from: Option<Ident>, report: &mut Report) -> Wanted {
    let (inner, optional) = match option_of(ty) {
        Some(inner) => (inner, true),
        None => (ty, false),
    };
    if !matches!(inner, Type::Reference(reference) if reference.mutability.is_none()) {
        let bare = fingerprint::compact(match inner {
            Type::Reference(reference) => &reference.elem,
            other => other,
        });
        report.at(
            ty,
            format!("a parameter borrows what a step returned: write `&{bare}`, or `Option<&{bare}>` if that step may not have run"),
        );
    }
    Wanted { shown: ty.clone(), from, optional }
}

pub(super) fn is_context(ty: &Type) -> bool {
    match ty {
        Type::Reference(reference) => is_context(&reference.elem),
        Type::Path(path) => {
            path.path.segments.last().is_some_and(|segment| segment.ident == "StepContext")
        }
        _ => false,
    }
}

/// Returns `T` of `Option<T>`.
fn option_of(ty: &Type) -> Option<&Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|segment| segment.ident == "Option")?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(inner)) => Some(inner),
        _ => None,
    }
}
