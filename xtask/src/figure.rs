//! `cargo xtask figure NAME -- COMMAND…`: makes a figure that a command prints somewhere its last
//! line, so that any program can carry a claim.

use std::io::{BufRead, BufReader};
use std::process::{ExitCode, Stdio};

use anyhow::{Context, Result, bail};

use crate::claims::read_figure;
use crate::shell;

/// Runs the command, passes its output on, and prints the figure last.
pub(crate) fn run(name: &str, command: &[String]) -> Result<ExitCode> {
    let [program, arguments @ ..] = command else { bail!("no command") };
    let mut child = shell::command(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting `{program}`"))?;
    let mut found = None;
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let line = line?;
        println!("{line}");
        found = figure_line(name, &line).or(found);
    }
    let status = child.wait()?;
    if !status.success() {
        // A skip (77) stays a skip; a death by signal has no code.
        return Ok(ExitCode::from(status.code().map_or(1, |code| code.try_into().unwrap_or(1))));
    }
    let line = found.with_context(|| format!("`{program}` printed no line `figure {name}=…`"))?;
    println!("{line}");
    Ok(ExitCode::SUCCESS)
}

/// Returns the line if it holds the figure, without what stands before it.
fn figure_line(name: &str, line: &str) -> Option<String> {
    let line = line.get(line.find("figure ")?..)?.trim_end();
    read_figure(line).filter(|figure| figure.name == name).map(|_| line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::figure_line;

    #[test]
    fn a_figure_is_found_behind_what_a_test_runner_puts_before_it() {
        let line = "test it::works ... figure points=412 crash points";
        assert_eq!(figure_line("points", line).as_deref(), Some("figure points=412 crash points"));
    }

    #[test]
    fn other_figures_and_broken_ones_are_not_taken() {
        assert_eq!(figure_line("points", "figure other=1 x"), None);
        assert_eq!(figure_line("points", "figure points=many x"), None);
    }
}
