//! Runs a claim's command and reads its figure.

use std::fs;
use std::process::{Output, Stdio};

use anyhow::{Context, Result, bail};

use super::entry::{Claim, Kind};
use crate::shell;

/// A command that ends with this was skipped; its last line says why.
const SKIPPED: i32 = 77;

/// A named number with its unit.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) value: f64,
    pub(crate) unit: String,
}

/// What came of one claim.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Verdict {
    Held { figure: Figure, conditions: Option<String> },
    Missed { figure: Figure, conditions: Option<String> },
    Broken { reason: String },
    Skipped { reason: String },
}

/// What came of one run of a command.
enum Round {
    Measured(Figure),
    Skipped(String),
}

/// Measures a claim as often as it asks for.
pub(super) fn measure(claim: &Claim) -> Verdict {
    let mut figures = Vec::new();
    for _ in 0..claim.rounds {
        match round(claim) {
            Ok(Round::Measured(figure)) => figures.push(figure),
            Ok(Round::Skipped(reason)) => return Verdict::Skipped { reason },
            Err(error) => return Verdict::Broken { reason: format!("{error:#}") },
        }
    }
    judge(claim, figures)
}

fn judge(claim: &Claim, mut figures: Vec<Figure>) -> Verdict {
    figures.sort_by(|a, b| a.value.total_cmp(&b.value));
    let conditions = (claim.kind == Kind::Timing).then(|| conditions(&figures));
    let Some(figure) = figures.get(figures.len() / 2).cloned() else {
        return Verdict::Broken { reason: "nothing was measured".to_owned() };
    };
    match claim.bar.admits(figure.value, &figure.unit) {
        true => Verdict::Held { figure, conditions },
        false => Verdict::Missed { figure, conditions },
    }
}

/// Returns the spread of sorted figures and what else the machine was doing.
fn conditions(figures: &[Figure]) -> String {
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown");
    match figures {
        [least, .., most] => {
            format!("{} runs from {} to {}, load {load}", figures.len(), least.value, most.value)
        }
        _ => format!("load {load}"),
    }
}

fn round(claim: &Claim) -> Result<Round> {
    let output = shell::command("sh")
        .args(["-c", &claim.command])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("starting `{}`", claim.command))?;
    let last = last_line(&output);
    match output.status.code() {
        Some(0) => {}
        Some(SKIPPED) => return Ok(Round::Skipped(last)),
        _ => bail!("its command ended with {}; its last line was `{last}`", output.status),
    }
    let Some(figure) = read_figure(&last) else {
        bail!("its last line is not `figure NAME=VALUE UNIT` but `{last}`");
    };
    if figure.name != claim.figure {
        bail!("it promises the figure `{}` and prints `{}`", claim.figure, figure.name);
    }
    Ok(Round::Measured(figure))
}

fn last_line(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default().to_owned()
}

/// Reads `figure NAME=VALUE UNIT`.
pub(crate) fn read_figure(line: &str) -> Option<Figure> {
    let (name, rest) = line.trim().strip_prefix("figure ")?.split_once('=')?;
    let (value, unit) = rest.split_once(' ')?;
    let (name, unit) = (name.trim().to_owned(), unit.trim().to_owned());
    let value: f64 = value.parse().ok()?;
    (value.is_finite() && !name.is_empty() && !unit.is_empty()).then_some(Figure {
        name,
        value,
        unit,
    })
}

#[cfg(test)]
mod tests {
    use super::super::entry::tests::claim;
    use super::{Verdict, measure, read_figure};

    fn verdict(command: &str) -> Verdict {
        measure(&claim(command, "exact"))
    }

    fn broken(command: &str) -> String {
        let verdict = verdict(command);
        let Verdict::Broken { reason } = verdict else { panic!("{verdict:?}") };
        reason
    }

    #[test]
    fn the_last_line_counts_and_is_compared_to_the_bar() {
        let held =
            verdict("echo figure differing_bytes=7 bytes; echo figure differing_bytes=0 bytes");
        assert!(matches!(held, Verdict::Held { .. }), "{held:?}");
        let missed = verdict("echo figure differing_bytes=1 bytes");
        assert!(matches!(missed, Verdict::Missed { .. }), "{missed:?}");
    }

    #[test]
    fn planted_faults_break_the_claim() {
        assert!(broken("echo all is well").contains("not `figure NAME=VALUE UNIT`"));
        assert!(broken("echo figure differing_bytes=0 bytes; echo done").contains("`done`"));
        assert!(broken("echo figure other=0 bytes").contains("prints `other`"));
        assert!(broken("echo figure differing_bytes=0 bytes; exit 3").contains("exit status: 3"));
        assert!(broken("true").contains("not `figure"));
    }

    #[test]
    fn another_unit_does_not_clear_the_bar() {
        let missed = verdict("echo figure differing_bytes=0 miles");
        assert!(matches!(missed, Verdict::Missed { .. }), "{missed:?}");
    }

    #[test]
    fn exit_code_77_is_a_skip_with_its_reason() {
        let skipped = verdict("echo no model here; exit 77");
        assert_eq!(skipped, Verdict::Skipped { reason: "no model here".to_owned() });
    }

    #[test]
    fn a_timing_claim_takes_the_median_of_five_and_shows_the_spread() {
        let file = std::env::temp_dir().join(format!("mainstay-rounds-{}", std::process::id()));
        let path = file.display();
        let command = format!(
            "echo x >> {path}; n=$(wc -l < {path}); \
             case $n in 1|2) v=900;; *) v=0;; esac; echo figure differing_bytes=$v bytes"
        );
        let verdict = measure(&claim(&command, "timing"));
        std::fs::remove_file(&file).unwrap();
        let Verdict::Held { figure, conditions: Some(conditions) } = verdict else {
            panic!("{verdict:?}")
        };
        assert!(figure.value.abs() < f64::EPSILON);
        assert!(conditions.starts_with("5 runs from 0 to 900, load "), "{conditions}");
    }

    #[test]
    fn only_whole_figures_are_read() {
        assert_eq!(read_figure("figure p50=1.5 ms").unwrap().unit, "ms");
        for line in
            ["figure p50=1.5", "figure p50= ms", "figure =1 ms", "p50=1 ms", "figure p50=NaN ms"]
        {
            assert_eq!(read_figure(line), None, "{line}");
        }
    }
}
