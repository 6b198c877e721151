//! A support desk for a small shop: letters come in, money and parcels go out.
//!
//! Modules in reading order: the flow of a letter ([`desk`]), what it may do to the shop ([`tool`]),
//! a second flow that undoes what it did ([`onboarding`]); then the shop itself ([`shop`]), what
//! letters want ([`wish`]), what they get ([`rules`]), what an answer may claim ([`facts`]), the
//! sample letters ([`ticket`]) and what models are told ([`prompt`]).

mod words;

pub mod cents;
pub mod desk;
pub mod facts;
pub mod id;
pub mod onboarding;
pub mod prompt;
pub mod rules;
pub mod sample;
pub mod shop;
pub mod ticket;
pub mod tool;
pub mod wish;

/// What the models may read for one letter, in tokens: enough for every letter of a reasonable
/// length even when an answer has to be asked for twice.
pub const INPUT_TOKENS_PER_LETTER: u64 = 4_500;
