//! A program that knows the hidden verb and nothing else: what the tests of process tools start.

use std::process::ExitCode;

use mainstay_tools::transport::process::jail;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments.as_slice() {
        [_, verb, order] if verb == jail::VERB => jail::enter(order),
        _ => ExitCode::FAILURE,
    }
}
