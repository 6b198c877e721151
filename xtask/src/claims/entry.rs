//! One entry of docs/claims.toml, and what makes it acceptable.

use std::collections::BTreeSet;
use std::fmt;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::bar::Bar;

/// A promise and how it is measured.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    /// Area and number, e.g. `backbone-4a`.
    pub(super) id: String,
    /// What is promised, as we print it elsewhere.
    pub(super) sentence: String,
    /// What measures it, run by `sh` in the root.
    pub(super) command: String,
    /// The name in its last line `figure NAME=VALUE UNIT`.
    pub(super) figure: String,
    /// What the value must be.
    pub(super) bar: Bar,
    /// Whether the value is the same on every machine.
    pub(super) kind: Kind,
    /// How often it is measured. Odd, so that the median is a value that was measured.
    pub(super) rounds: usize,
    /// Whether `--quick` leaves it out.
    pub(super) pace: Pace,
}

/// Whether a figure depends on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// The same everywhere: one run decides.
    Exact,
    /// A time or a rate: the median of five runs decides, or of as many as the claim says.
    Timing,
}

impl Kind {
    const fn rounds(self) -> usize {
        match self {
            Self::Exact => 1,
            Self::Timing => 5,
        }
    }
}

/// Whether a claim is fit for every CI run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Quick,
    Slow,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    claim: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: String,
    sentence: String,
    command: String,
    figure: Option<String>,
    bar: Option<String>,
    kind: Kind,
    rounds: Option<usize>,
    #[serde(default)]
    slow: bool,
}

/// Reads all entries; one bad entry refuses the file.
pub(super) fn read(text: &str) -> Result<Vec<Claim>> {
    let file: File = toml::from_str(text)?;
    let mut seen = BTreeSet::new();
    let mut claims = Vec::new();
    for row in file.claim {
        let id = row.id.clone();
        let claim = accept(row).with_context(|| format!("claim `{id}`"))?;
        if !seen.insert(id.clone()) {
            bail!("claim `{id}` stands there twice");
        }
        claims.push(claim);
    }
    Ok(claims)
}

fn accept(row: Row) -> Result<Claim> {
    let Some(figure) = row.figure.filter(|name| is_word(name)) else {
        bail!("has no figure: name what its command prints last");
    };
    let Some(bar) = row.bar else { bail!("has no bar: say what its figure must be") };
    if !is_word(&row.id) || !row.id.contains('-') {
        bail!("an id is an area and a number, like `backbone-4a`");
    }
    if row.sentence.trim().is_empty() || row.command.trim().is_empty() {
        bail!("has no sentence or no command");
    }
    let rounds = row.rounds.unwrap_or(row.kind.rounds());
    if rounds.is_multiple_of(2) {
        bail!("its rounds are not odd: then no median was measured");
    }
    Ok(Claim {
        id: row.id,
        sentence: row.sentence,
        command: row.command,
        figure,
        bar: bar.parse()?,
        kind: row.kind,
        rounds,
        pace: if row.slow { Pace::Slow } else { Pace::Quick },
    })
}

fn is_word(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    !text.is_empty() && text.chars().all(fits)
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Exact => "exact",
            Self::Timing => "timing",
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Claim, Pace, read};

    const SOUND: &str = r#"
        [[claim]]
        id = "backbone-4a"
        sentence = "Two runs give the same journal."
        command = "true"
        figure = "differing_bytes"
        bar = "== 0 bytes"
        kind = "exact"
    "#;

    /// Returns a sound claim that runs `command`.
    pub(in crate::claims) fn claim(command: &str, kind: &str) -> Claim {
        let text = SOUND.replace("\"exact\"", &format!("\"{kind}\""));
        Claim { command: command.to_owned(), ..read(&text).unwrap().remove(0) }
    }

    #[test]
    fn a_sound_entry_is_read_and_is_quick_unless_it_says_otherwise() {
        assert_eq!(read(SOUND).unwrap()[0].pace, Pace::Quick);
        assert_eq!(read(&format!("{SOUND}slow = true")).unwrap()[0].pace, Pace::Slow);
    }

    #[test]
    fn a_timing_entry_has_five_rounds_or_as_many_as_it_says() {
        assert_eq!(claim("true", "timing").rounds, 5);
        let long = SOUND.replace("\"exact\"", "\"timing\"\nrounds = 1");
        assert_eq!(read(&long).unwrap()[0].rounds, 1);
    }

    #[test]
    fn planted_faults_refuse_the_file() {
        let without = |key: &str| -> String {
            SOUND
                .lines()
                .filter(|line| !line.trim().starts_with(key))
                .fold(String::new(), |text, line| text + line + "\n")
        };
        for (text, expected) in [
            (without("figure"), "has no figure"),
            (without("bar"), "has no bar"),
            (without("kind"), "missing field"),
            (SOUND.replace("== 0 bytes", "about 0"), "cannot read the bar `about 0`"),
            (SOUND.replace("\"exact\"", "\"roughly\""), "unknown variant"),
            (SOUND.replace("backbone-4a", "four"), "an area and a number"),
            (format!("{SOUND}rounds = 2"), "not odd"),
            (format!("{SOUND}mood = \"good\""), "unknown field"),
            (format!("{SOUND}{SOUND}"), "stands there twice"),
        ] {
            let error = format!("{:#}", read(&text).unwrap_err());
            assert!(error.contains(expected), "{error}\n{text}");
        }
    }
}
