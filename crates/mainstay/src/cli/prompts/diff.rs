//! `mainstay prompts diff`: which lines of two prompts differ.

use serde::Serialize;

use super::Source;
use crate::cli::{error::CliError, exit::Exit, output::Tone, shell::Shell};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The one: NAME, NAME@VERSION or a file
    one: String,
    /// The other
    other: String,
    #[command(flatten)]
    source: Source,
}

/// One line of one or both texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "in", content = "line", rename_all = "snake_case")]
enum Line<'t> {
    Both(&'t str),
    From(&'t str),
    To(&'t str),
}

pub(super) fn run(shell: &Shell, args: &Args) -> Result<Exit, CliError> {
    let from = args.source.find(shell, &args.one)?;
    let to = args.source.find(shell, &args.other)?;
    let lines = lines(from.text(), to.text());
    if !shell.output.is_for_people() {
        let changed: Vec<_> = lines.iter().filter(|line| !matches!(line, Line::Both(_))).collect();
        let document = serde_json::json!({
            "from": from.reference(), "to": to.reference(), "changed": changed,
        });
        shell.output.document(&document)?;
        return Ok(Exit::Ok);
    }
    for line in lines {
        let told = match line {
            Line::Both(text) => format!("  {text}"),
            Line::From(text) => shell.output.paint(Tone::Attention, format!("- {text}")),
            Line::To(text) => shell.output.paint(Tone::Strong, format!("+ {text}")),
        };
        shell.output.line(told)?;
    }
    Ok(Exit::Ok)
}

/// Returns the lines of both texts with a longest common subsequence kept together (Wagner and
/// Fischer 1974). Prompts are short: the table has at most as many fields as the product of lines.
fn lines<'t>(from: &'t str, to: &'t str) -> Vec<Line<'t>> {
    let (from, to): (Vec<_>, Vec<_>) = (from.lines().collect(), to.lines().collect());
    let mut common = vec![vec![0_usize; to.len() + 1]; from.len() + 1];
    let at = |common: &[Vec<usize>], i: usize, j: usize| {
        common.get(i).and_then(|row| row.get(j)).copied().unwrap_or(0)
    };
    for (i, a) in from.iter().enumerate().rev() {
        for (j, b) in to.iter().enumerate().rev() {
            let longest = match a == b {
                true => at(&common, i + 1, j + 1) + 1,
                false => at(&common, i + 1, j).max(at(&common, i, j + 1)),
            };
            if let Some(field) = common.get_mut(i).and_then(|row| row.get_mut(j)) {
                *field = longest;
            }
        }
    }
    let (mut i, mut j, mut lines) = (0, 0, Vec::new());
    loop {
        let (line, down, right) = match (from.get(i), to.get(j)) {
            (Some(a), Some(b)) if a == b => (Line::Both(a), 1, 1),
            (Some(a), Some(_)) if at(&common, i + 1, j) >= at(&common, i, j + 1) => {
                (Line::From(a), 1, 0)
            }
            (_, Some(b)) => (Line::To(b), 0, 1),
            (Some(a), None) => (Line::From(a), 1, 0),
            (None, None) => return lines,
        };
        lines.push(line);
        (i, j) = (i + down, j + right);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Line::{Both, From, To},
        lines,
    };

    #[test]
    fn lines_that_both_have_stay_together() {
        let found = lines("a\nb\nc\n", "a\nc\nd\n");
        assert_eq!(found, [Both("a"), From("b"), Both("c"), To("d")]);
        assert_eq!(lines("", "a"), [To("a")]);
        assert_eq!(lines("a", ""), [From("a")]);
    }
}
