//! `mainstay tools validate --schema FILE`: the check that every call's arguments pass, by itself.

use std::io::Read;

use mainstay_core::{
    code::Code,
    schema::{SchemaCheck, SchemaError},
    tool::gate::MOST_BYTES,
};
use mainstay_tools::schema::{JsonSchemaCheck, closed, read_strict};
use serde::Serialize;
use serde_json::Value;

use crate::cli::{error::CliError, exit::Exit, shell::Shell};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The JSON Schema, draft 2020-12; objects that list their properties take no others
    #[arg(long, value_name = "FILE")]
    schema: std::path::PathBuf,
}

/// The answer. Its fields and their order are a contract.
#[derive(Serialize)]
struct Checked {
    valid: bool,
    errors: Vec<SchemaError>,
}

pub(super) fn run(shell: &Shell, args: &Args) -> Result<Exit, CliError> {
    let schema = read_schema(args)?;
    let mut bytes = Vec::new();
    std::io::stdin().lock().take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
    let errors = match read_strict(&bytes) {
        Ok(arguments) => JsonSchemaCheck::new().errors(&closed(&schema), &arguments),
        Err(not_strict) => vec![not_strict.into()],
    };
    let checked = Checked { valid: errors.is_empty(), errors };
    shell.output.line(serde_json::to_string(&checked).unwrap_or_default())?;
    Ok(if checked.valid { Exit::Ok } else { Exit::Usage })
}

fn read_schema(args: &Args) -> Result<Value, CliError> {
    let path = args.schema.display();
    let file = std::fs::File::open(&args.schema).and_then(|file| {
        let mut bytes = Vec::new();
        file.take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes).map(|_| bytes)
    });
    let bytes = file.map_err(|error| {
        CliError::new(Code::InvalidArgument, format!("`{path}` cannot be read: {error}"))
            .with_hint("give `--schema` a file that holds a JSON Schema")
    })?;
    serde_json::from_slice(&bytes).map_err(|error| {
        CliError::new(Code::InvalidJson, format!("`{path}` is not JSON: {error}"))
            .with_hint("give `--schema` a file of at most a mebibyte that holds a JSON Schema")
    })
}
