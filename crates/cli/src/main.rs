//! The stock binary: the command line with the sample flows linked in.

use std::{error::Error, process::ExitCode};

fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    Ok(support_desk::sample::app()?.main())
}
