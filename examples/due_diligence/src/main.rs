//! Due diligence as a program of its own: every command of `mainstay`, with the flow inside.

use std::{error::Error, process::ExitCode};

fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    Ok(due_diligence::app()?.main())
}
