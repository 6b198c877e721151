//! `#[derive(Route)]`: the closed set of routes a router may pick.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DataEnum, DeriveInput, Fields, Meta, Variant};

use crate::report::Report;

/// Expands the derive.
pub(crate) fn expand(item: TokenStream) -> TokenStream {
    let mut report = Report::default();
    let Some(item) = report.keep(syn::parse2::<DeriveInput>(item)) else {
        return report.into_tokens();
    };
    let Some(data) = check(&item, &mut report).filter(|_| report.is_clean()) else {
        return report.into_tokens();
    };
    let (ident, name) = (&item.ident, item.ident.to_string());
    let variants = data.variants.iter().map(|variant| {
        let (name, ends) = (variant.ident.to_string(), ends(variant));
        quote!((#name, #ends))
    });
    let arms = data.variants.iter().map(|variant| {
        let (variant, name) = (&variant.ident, variant.ident.to_string());
        quote!(Self::#variant => #name,)
    });
    quote! {
        #[automatically_derived]
        impl ::mainstay::__private::Route for #ident {
            const NAME: &'static str = #name;
            const VARIANTS: &'static [(&'static str, bool)] = &[#(#variants),*];

            fn variant(&self) -> &'static str {
                match self { #(#arms)* }
            }
        }
    }
}

fn check<'a>(item: &'a DeriveInput, report: &mut Report) -> Option<&'a DataEnum> {
    let Data::Enum(data) = &item.data else {
        report.at(&item.ident, "a route is an enum: each variant is one way on");
        return None;
    };
    if !item.generics.params.is_empty() {
        report.at(
            &item.generics,
            "a route cannot be generic: its variants are part of the flow's graph",
        );
    }
    if data.variants.is_empty() {
        report.at(&item.ident, "a route needs at least one variant");
    }
    data.variants.iter().for_each(|variant| check_variant(variant, report));
    Some(data)
}

fn check_variant(variant: &Variant, report: &mut Report) {
    if !matches!(variant.fields, Fields::Unit) {
        report.at(
            &variant.fields,
            format!("the route `{}` carries no values: return them from a step, and listeners take them as parameters", variant.ident),
        );
    }
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("ends")) {
        if !matches!(attribute.meta, Meta::Path(_)) {
            report.at(attribute, "`#[ends]` takes no arguments");
        }
    }
}

fn ends(variant: &Variant) -> bool {
    variant.attrs.iter().any(|attribute| attribute.path().is_ident("ends"))
}
