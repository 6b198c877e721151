//! Everything CI checks, as one program: `cargo xtask ci`.
//!
//! One file a command, one arm here. Only what must not depend on a shell lives here; whatever
//! can be a test of a crate is a test of that crate.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this program is its output: data on standard output, progress on standard error"
)]

mod arrows;
mod checkout;
mod ci;
mod claims;
mod command_line;
mod drift;
mod environment;
mod figure;
mod figure_of;
mod figure_tests;
mod figure_time;
mod fresh_clone;
mod house;
mod instructions;
mod shell;
mod stopwatch;
mod test;

use std::process::ExitCode;

use command_line::{Command, HELP};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let command = match Command::parse(&words) {
        Ok(command) => command,
        Err(error) => {
            eprintln!("error: {error:#}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match run(command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Help => {
            println!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        Command::Ci => ci::run(),
        Command::Test { filter } => test::run(filter.as_deref()),
        Command::Arrows => arrows::run(),
        Command::House => house::run(),
        Command::Drift { mode } => drift::run(mode),
        Command::Claims(selection) => claims::run(&selection),
        Command::Figure { name, command } => figure::run(&name, &command),
        Command::FigureOf { name, pointer, unit, command } => {
            figure_of::run(&name, &pointer, &unit, &command)
        }
        Command::FigureTests { name, selection } => figure_tests::run(&name, &selection),
        Command::FigureTime { name, arguments } => figure_time::run(&name, &arguments),
        Command::Instructions { purpose } => instructions::run(purpose),
        Command::FreshClone { part } => fresh_clone::run(part),
    }
}
