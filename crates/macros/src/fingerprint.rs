//! The text of a function's tokens, the same however it is laid out.
//!
//! The hash of this text tells whether a step that was open when a new build was deployed may go on.
//! `TokenStream`'s own `Display` is left alone here: its spacing differs between compilers.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Type;

/// Returns the tokens with one space between any two.
pub(crate) fn text(tokens: TokenStream) -> String {
    let mut text = String::new();
    write(tokens, &mut text);
    text
}

/// Returns a type as people write it, for messages.
pub(crate) fn compact(ty: &Type) -> String {
    let spaced = text(ty.to_token_stream());
    let tight = ["<", ">", "&", "::", ",", "[", "]", "(", ")"];
    let joined = spaced.replace(": :", "::");
    let glued = tight.iter().fold(joined, |text, sign| {
        text.replace(&format!(" {sign}"), sign).replace(&format!("{sign} "), sign)
    });
    glued.replace(',', ", ")
}

fn write(tokens: TokenStream, text: &mut String) {
    for tree in tokens {
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = brackets(group.delimiter());
                word(open, text);
                write(group.stream(), text);
                word(close, text);
            }
            TokenTree::Ident(ident) => word(&ident.to_string(), text),
            TokenTree::Punct(punct) => word(punct.as_char().encode_utf8(&mut [0; 4]), text),
            TokenTree::Literal(literal) => word(&literal.to_string(), text),
        }
    }
}

fn word(word: &str, text: &mut String) {
    if !text.is_empty() && !word.is_empty() {
        text.push(' ');
    }
    text.push_str(word);
}

const fn brackets(delimiter: Delimiter) -> (&'static str, &'static str) {
    match delimiter {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(source: &str) -> String {
        text(source.parse().unwrap())
    }

    #[test]
    fn layout_and_comments_do_not_change_the_text() {
        let spread = "{\n    // why\n    let x=a . b( 1 ,2 );\n}";
        assert_eq!(of(spread), of("{ let x = a.b(1, 2); }"));
        assert_eq!(of(spread), "{ let x = a . b ( 1 , 2 ) ; }");
    }

    #[test]
    fn a_type_is_shown_as_it_is_written() {
        let shown = |source: &str| compact(&syn::parse_str(source).unwrap());
        assert_eq!(shown("& Vec< (a::Order , u8)>"), "&Vec<(a::Order, u8)>");
    }

    #[test]
    fn a_changed_literal_changes_the_text() {
        assert_ne!(of("{ \"a b\" }"), of("{ \"a  b\" }"));
    }
}
