//! `mainstay models …`: what the tiers stand for, whether the models answer, what they cost.

mod ls;
mod ping;
mod prices;

use mainstay_core::model::Price;

use super::{error::CliError, exit::Exit, shell::Shell};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List the tiers with their chains of models, and the endpoints
    Ls,
    /// Ask each model once, with a few tokens: does it answer, how soon, at what cost?
    Ping(ping::Args),
    /// Print the price table
    Prices(prices::Args),
}

pub(crate) async fn run(shell: Shell, command: Command) -> Result<Exit, CliError> {
    match command {
        Command::Ls => ls::run(&shell),
        Command::Ping(args) => ping::run(&shell, &args).await,
        Command::Prices(args) => prices::run(&shell, &args),
    }
}

/// A price in dollars for a million tokens, as vendors print it.
#[derive(Debug, Clone, Copy, serde::Serialize)]
struct Dollars {
    input: f64,
    cached_input: f64,
    output: f64,
}

impl From<Price> for Dollars {
    fn from(price: Price) -> Self {
        let cached = price.cached_input_per_million.unwrap_or(price.input_per_million);
        Self {
            input: dollars(price.input_per_million),
            cached_input: dollars(cached),
            output: dollars(price.output_per_million),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "micro-dollars stay far below 2^53")]
fn dollars(micros: u64) -> f64 {
    micros as f64 / 1e6
}
