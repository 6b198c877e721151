//! `mainstay models prices`.

use mainstay_core::model::{ModelId, PriceTable};
use serde::Serialize;

use super::Dollars;
use crate::{
    cli::{error::CliError, exit::Exit, shell::Shell},
    models,
};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only models whose name holds this
    pattern: Option<String>,
}

#[derive(Serialize)]
struct Table {
    version: String,
    as_of: String,
    unit: &'static str,
    reasoning_tokens: &'static str,
    prices: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    model: ModelId,
    #[serde(flatten)]
    price: Dollars,
}

pub(super) fn run(shell: &Shell, args: &Args) -> Result<Exit, CliError> {
    let table = models::prices(&shell.settings.models);
    let pattern = args.pattern.as_deref().unwrap_or_default().to_lowercase();
    let fits = |model: &ModelId| model.to_string().to_lowercase().contains(&pattern);
    let rows = table.iter().filter(|(model, _)| fits(model));
    let rows = rows.map(|(model, price)| Row { model: model.clone(), price: (*price).into() });
    let table = Table {
        version: table.version().to_owned(),
        as_of: table.as_of().to_owned(),
        unit: "usd per million tokens",
        reasoning_tokens: "billed as output",
        prices: rows.collect(),
    };
    if !shell.output.is_for_people() {
        shell.output.document(&table)?;
        return Ok(Exit::Ok);
    }
    let cells = table.prices.iter().map(|row| {
        let Dollars { input, cached_input, output } = row.price;
        vec![row.model.to_string(), input.to_string(), cached_input.to_string(), output.to_string()]
    });
    shell.output.table(&["MODEL", "INPUT", "CACHED INPUT", "OUTPUT"], cells)?;
    shell.output.note(format!(
        "table {} of {}, in dollars for a million tokens; reasoning tokens are billed as output",
        table.version, table.as_of
    ));
    shell.output.next("mainstay models ls");
    Ok(Exit::Ok)
}
