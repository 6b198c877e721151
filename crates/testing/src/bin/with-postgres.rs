//! Runs a command with a Postgres: `with-postgres -- cargo nextest run`.
//!
//! The server that is found or started lives as long as the command, which sees it as
//! `DATABASE_URL`. So a thousand test processes share one server instead of starting a thousand.

use std::error::Error;
use std::fmt::Display;
use std::process::{Command, ExitCode};

use mainstay_testing::postgres::Server;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1).skip_while(|word| word == "--");
    let Some(program) = words.next() else {
        return refuse(2, &"usage: with-postgres -- COMMAND [ARGUMENT]…");
    };
    let server = match Server::find_or_start().await {
        Ok(server) => server,
        Err(error) => return refuse(1, &whole(&error)),
    };
    match Command::new(&program).args(words).env("DATABASE_URL", server.url()).status() {
        // A command that died of a signal has no code; it did not succeed either.
        Ok(status) => ExitCode::from(status.code().map_or(1, |code| code.try_into().unwrap_or(1))),
        Err(error) => {
            refuse(127, &format!("error: running {}: {error}", program.to_string_lossy()))
        }
    }
}

/// Returns an error with everything that caused it.
fn whole(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.fold(format!("error: {error}"), |text, cause| format!("{text}\n  because: {cause}"))
}

#[expect(clippy::print_stderr, reason = "a program's own messages go to standard error")]
fn refuse(code: u8, message: &dyn Display) -> ExitCode {
    eprintln!("{message}");
    ExitCode::from(code)
}
