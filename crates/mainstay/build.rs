//! Writes the table of error pages, so that `explain` works without the repository.

use std::{error::Error, fmt::Write, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let home = told("CARGO_MANIFEST_DIR")?;
    let pages = Path::new(&home).join("../../docs/errors").canonicalize()?;
    println!("cargo::rerun-if-changed={}", pages.display());
    let mut rows = Vec::new();
    for page in fs::read_dir(&pages)? {
        let path = page?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if let Some(number) = stem.strip_prefix("MS-").and_then(|digits| digits.parse::<u16>().ok())
        {
            rows.push((number, path));
        }
    }
    rows.sort();
    let mut table = String::from("/// Every page of `docs/errors/`, by number.\n");
    writeln!(table, "pub(crate) const PAGES: &[(u16, &str)] = &[")?;
    for (number, path) in rows {
        writeln!(table, "    ({number}, include_str!({path:?})),")?;
    }
    table.push_str("];\n");
    let out = told("OUT_DIR")?;
    fs::write(Path::new(&out).join("pages.rs"), table)?;
    Ok(())
}

/// Two checkouts may share one build of this script: it must not remember where it was made.
#[expect(clippy::disallowed_methods, reason = "cargo tells a build script everything so")]
fn told(name: &str) -> Result<String, std::env::VarError> {
    std::env::var(name)
}
