//! `mainstay explain MS-2104`: the page of an error code.

use mainstay_core::code::Code;
use serde::Serialize;

use super::{error::CliError, exit::Exit, shell::Shell};

// Written by the build script from `docs/errors/`.
include!(concat!(env!("OUT_DIR"), "/pages.rs"));

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The code, as MS-2104 or 2104; without one, all codes are listed
    code: Option<String>,
}

#[derive(Serialize)]
struct Listed {
    code: Code,
    title: &'static str,
    exit: u8,
}

#[derive(Serialize)]
struct Explained {
    code: Code,
    title: &'static str,
    exit: u8,
    page: &'static str,
}

pub(crate) fn run(shell: &Shell, args: &Args) -> Result<Exit, CliError> {
    let Some(text) = &args.code else { return list(shell) };
    let code = Code::read(text).ok_or_else(|| {
        CliError::new(Code::UnknownCode, format!("no error has the code `{text}`"))
            .with_hint("mainstay explain")
    })?;
    let (title, exit) = (code.title(), Exit::of(code).number());
    let page = page(code);
    if shell.output.is_for_people() {
        shell.output.line(page.trim_end())?;
    } else {
        shell.output.document(&Explained { code, title, exit, page })?;
    }
    Ok(Exit::Ok)
}

fn page(code: Code) -> &'static str {
    let found = PAGES.iter().find(|(number, _)| *number == code.number());
    found.map_or(code.title(), |(_, page)| page)
}

fn list(shell: &Shell) -> Result<Exit, CliError> {
    let codes: Vec<_> = Code::ALL
        .iter()
        .map(|&code| Listed { code, title: code.title(), exit: Exit::of(code).number() })
        .collect();
    shell.output.list("codes", &codes, &["CODE", "WHAT HAPPENED", "EXIT"], |listed| {
        let (code, exit) = (listed.code.to_string(), listed.exit.to_string());
        vec![code.into(), listed.title.into(), exit.into()]
    })?;
    Ok(Exit::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_page() {
        for &code in Code::ALL {
            assert!(page(code).starts_with(&format!("# {code}: ")), "{code}");
        }
    }
}
