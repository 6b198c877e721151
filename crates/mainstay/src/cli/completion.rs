//! `mainstay completion SHELL`.

use clap_complete::Shell as Kind;

use super::{error::CliError, exit::Exit, shell::Shell};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The shell
    shell: Kind,
}

pub(crate) fn run(
    shell: &Shell,
    args: &Args,
    mut command: clap::Command,
) -> Result<Exit, CliError> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    shell.output.raw(&script)?;
    Ok(Exit::Ok)
}
