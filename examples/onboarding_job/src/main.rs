//! The command line of the onboarding sample.

use std::{error::Error, process::ExitCode};

fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    Ok(onboarding_job::app()?.main())
}
