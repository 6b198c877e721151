//! Everything CI checks, as one program.
fn main() {}
