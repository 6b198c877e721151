//! The desk as a program of its own: every command of `mainstay`, with the desk's flows inside.

use std::{error::Error, process::ExitCode};

fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    Ok(support_desk::sample::app()?.main())
}
