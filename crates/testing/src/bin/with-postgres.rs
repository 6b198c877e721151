//! Runs a command with a Postgres: `with-postgres -- cargo nextest run`.
//!
//! The server that is found or started lives as long as the command, which sees it as
//! `DATABASE_URL`. So a thousand test processes share one server instead of starting a thousand.
//! With `--fresh` the command sees an empty database on it, which is dropped afterwards.

use std::error::Error;
use std::ffi::OsString;
use std::fmt::Display;
use std::process::{Command, ExitCode};

use mainstay_testing::postgres::{Server, ServerError, TestDatabase};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let fresh = words.first().is_some_and(|word| word == "--fresh");
    words.drain(..usize::from(fresh));
    words.drain(..words.iter().take_while(|word| *word == "--").count());
    let Some((program, arguments)) = words.split_first() else {
        return refuse(2, &"usage: with-postgres [--fresh] -- COMMAND [ARGUMENT]…");
    };
    let mut command = Command::new(program);
    command.args(arguments);
    let ended = if fresh { on_a_database(command).await } else { on_a_server(command).await };
    ended.unwrap_or_else(|error| refuse(1, &whole(&error)))
}

async fn on_a_server(command: Command) -> Result<ExitCode, ServerError> {
    let server = Server::find_or_start().await?;
    Ok(run(command, server.url()))
}

async fn on_a_database(command: Command) -> Result<ExitCode, ServerError> {
    let server = Server::find_or_start().await?;
    let database = TestDatabase::create_on(server.url()).await?;
    let code = run(command, database.url());
    database.close().await?;
    Ok(code)
}

fn run(mut command: Command, url: &str) -> ExitCode {
    match command.env("DATABASE_URL", url).status() {
        // A command that died of a signal has no code; it did not succeed either.
        Ok(status) => ExitCode::from(status.code().map_or(1, |code| code.try_into().unwrap_or(1))),
        Err(error) => {
            let program = command.get_program().to_string_lossy();
            refuse(127, &format!("error: running {program}: {error}"))
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
