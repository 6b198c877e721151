//! The stock binary: the command line with the sample flows linked in.

use std::{error::Error, process::ExitCode};

/// A step allocates and frees some hundred small values, and they wander between threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    Ok(support_desk::sample::app()?.main())
}
