//! A route is an enum without fields.

use mainstay::prelude::*;

#[derive(Route)]
enum Lane {
    Refund(u32),
    Question {
        text: String,
    },
    #[ends(now)]
    Spam,
}

#[derive(Route)]
struct Way;

#[derive(Route)]
enum Nowhere {}

fn main() {}
