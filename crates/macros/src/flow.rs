//! `#[flow]`: an `impl` block whose functions are the steps of a durable program.

mod bind;
mod condition;
mod expand;
mod graph;
mod header;
mod marks;
mod node;
mod options;
mod patch;
mod purity;
mod served;
mod wiring;

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Expr, Ident, ImplItem, ImplItemFn, ItemImpl, Lit, Meta, Type};

use self::{
    bind::Bound,
    graph::Graph,
    header::Header,
    marks::{Marks, Migrate},
    node::{Node, Role},
};
use crate::report::Report;

/// A flow without mistakes, ready to be written out.
struct Flow<'a> {
    header: Header,
    description: String,
    this: &'a Type,
    nodes: &'a [Node],
    bound: Vec<Vec<Bound>>,
    finish: usize,
    migrations: &'a [Migration],
}

/// A function that moves the state of an older version to this one.
struct Migration {
    name: Ident,
    from: u32,
}

/// Expands the attribute. With mistakes the functions stay, without the attributes, so that the
/// compiler also checks their bodies and an editor goes on working.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut report = Report::default();
    let header = header::read(arguments, &mut report);
    let Some(mut item) = report.keep(syn::parse2::<ItemImpl>(item)) else {
        return report.into_tokens();
    };
    let Some(this) = name_of(&item, &mut report) else {
        return report.into_tokens();
    };
    let (nodes, migrations) = read(&mut item, &header, &mut report);
    let graph = Graph { nodes: &nodes };
    let finish = wiring::check(&graph, &this, &mut report);
    let bound = bind::bind(&graph, &mut report);
    let Some(finish) = finish.filter(|_| report.is_clean()) else {
        let errors = report.into_tokens();
        return quote!(#item #errors);
    };
    let description = description(&item.attrs);
    let (this, nodes, migrations) = (&*item.self_ty, &*nodes, &*migrations);
    let program =
        expand::program(&Flow { header, description, this, nodes, bound, finish, migrations });
    quote!(#item #program)
}

fn name_of(item: &ItemImpl, report: &mut Report) -> Option<Ident> {
    if let Some((path, _)) = &item.trait_ {
        report.at(path, "`#[flow]` stands on the `impl` block of the state itself, not of a trait");
        return None;
    }
    if !item.generics.params.is_empty() {
        report.at(&item.generics, "a flow cannot be generic: its state is kept in the journal");
        return None;
    }
    match &*item.self_ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.clone()),
        other => {
            report.at(other, "`#[flow]` stands on the `impl` block of a struct");
            None
        }
    }
}

/// Reads every function and takes the flow's attributes off them.
fn read(item: &mut ItemImpl, header: &Header, report: &mut Report) -> (Vec<Node>, Vec<Migration>) {
    let bodiless = served::give_bodies(item);
    drop_duplicates(item, report);
    let mut marked: Vec<(&mut ImplItemFn, Marks)> = Vec::new();
    for part in &mut item.items {
        if let ImplItem::Fn(function) = part {
            let marks = Marks::take(&mut function.attrs, report);
            marked.push((function, marks));
        }
    }
    let undone: BTreeSet<Ident> =
        marked.iter().filter_map(|(_, marks)| marks.options.compensate.clone()).collect();
    let (mut nodes, mut migrations) = (Vec::new(), Vec::new());
    for (function, mut marks) in marked {
        let is_node = marks.due.is_some() || undone.contains(&function.sig.ident);
        if bodiless.contains(&function.sig.ident) && (!is_node || marks.migrate.is_some()) {
            served::report_no_body(function, report);
        }
        if let Some(migrate) = marks.migrate.take() {
            migrations.extend(migration(function, &migrate, header, &migrations, report));
        } else if is_node {
            purity::check(&function.block, report);
            nodes.push(Node::read(function, marks, &bodiless, report));
        } else if !marks.is_empty() {
            report_unused(function, &marks, report);
        }
    }
    // Compensations stand last in the definition, and `sort_by_key` keeps the order otherwise.
    nodes.sort_by_key(|node| node.role == Role::Compensation);
    (nodes, migrations)
}

fn drop_duplicates(item: &mut ItemImpl, report: &mut Report) {
    let mut names = BTreeSet::new();
    item.items.retain(|part| match part {
        ImplItem::Fn(function) if !names.insert(function.sig.ident.clone()) => {
            let name = &function.sig.ident;
            report.at(name, format!("`{name}` is the name of another function of this flow; a step's name is its place in the journal"));
            false
        }
        _ => true,
    });
}

fn report_unused(function: &ImplItemFn, marks: &Marks, report: &mut Report) {
    let name = &function.sig.ident;
    for mark in marks.finish.iter().chain(&marks.step) {
        let message = format!(
            "nothing makes `{name}` due: add `#[start]` or `#[listen(…)]`, or name it in a step's `compensate`"
        );
        report.at(mark, message);
    }
}

fn migration(
    function: &ImplItemFn,
    migrate: &Migrate,
    header: &Header,
    before: &[Migration],
    report: &mut Report,
) -> Option<Migration> {
    let name = function.sig.ident.clone();
    if function.sig.asyncness.is_some()
        || function.sig.receiver().is_some()
        || function.sig.inputs.len() != 1
    {
        report.at(&name, format!("a migration is a plain function of the old state: `fn {name}(state: serde_json::Value) -> Result<Self>`"));
    }
    let from = report.keep(migrate.from.base10_parse::<u32>())?;
    if from == 0 || from >= header.version {
        report.at(
            &migrate.from,
            format!("this is version {}: a migration starts from an older one", header.version),
        );
    }
    if let Some(earlier) = before.iter().find(|earlier| earlier.from == from) {
        report.at(
            &migrate.attribute,
            format!("`{}` migrates from version {from} already", earlier.name),
        );
    }
    Some(Migration { name, from })
}

/// Returns the first paragraph of the doc comment, on one line.
fn description(attributes: &[Attribute]) -> String {
    let lines = doc_lines(attributes);
    let first = lines.iter().skip_while(|line| line.is_empty()).take_while(|line| !line.is_empty());
    first.map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Returns the lines of a doc comment.
pub(crate) fn doc_lines(attributes: &[Attribute]) -> Vec<String> {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    };
    attributes.iter().filter_map(line).collect()
}
