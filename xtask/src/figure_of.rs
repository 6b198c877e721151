//! `cargo xtask figure-of NAME POINTER UNIT -- COMMAND…`: makes a number in a command's JSON
//! document a figure, so that whatever answers `--json` can carry a claim. `POINTER:POINTER` is the
//! first number by the second.

use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::shell;

/// Runs the command, passes its document on, and prints the figure last.
pub(crate) fn run(name: &str, pointer: &str, unit: &str, command: &[String]) -> Result<ExitCode> {
    let [program, arguments @ ..] = command else { bail!("no command") };
    let output = shell::command(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting `{program}`"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    println!("{}", text.trim_end());
    if !output.status.success() {
        bail!("`{program}` ended with {}", output.status);
    }
    println!("figure {name}={} {unit}", number(&text, pointer)?);
    Ok(ExitCode::SUCCESS)
}

fn number(text: &str, pointer: &str) -> Result<f64> {
    let document: Value = serde_json::from_str(text).context("it did not print one document")?;
    let Some((number, by)) = pointer.split_once(':') else { return at(&document, pointer) };
    match (at(&document, number)?, at(&document, by)?) {
        (_, 0.0) => bail!("`{by}` is 0"),
        (number, by) => Ok(number / by),
    }
}

fn at(document: &Value, pointer: &str) -> Result<f64> {
    let found = document.pointer(pointer).with_context(|| format!("it has no `{pointer}`"))?;
    found.as_f64().with_context(|| format!("`{pointer}` is no number but {found}"))
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn a_number_is_found_by_its_pointer() {
        let found = number(r#"{"reference":{"flush_p50_us":134}}"#, "/reference/flush_p50_us");
        assert_eq!(found.unwrap().to_string(), "134");
    }

    #[test]
    fn two_pointers_are_one_number_by_the_other() {
        assert_eq!(number(r#"{"a":3,"b":{"c":2}}"#, "/a:/b/c").unwrap().to_string(), "1.5");
        number(r#"{"a":3,"b":0}"#, "/a:/b").unwrap_err();
        number(r#"{"a":3}"#, "/a:/b").unwrap_err();
    }

    #[test]
    fn what_holds_no_number_is_refused() {
        for document in ["", "{}", r#"{"a":"7"}"#, r#"{"a":null}"#] {
            number(document, "/a").unwrap_err();
        }
    }
}
