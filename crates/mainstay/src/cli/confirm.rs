//! Asking before something is taken away.

use std::io::{BufRead, IsTerminal};

use mainstay_core::code::Code;

use super::{error::CliError, output::Output};

/// What destructive verbs take.
#[derive(clap::Args, Clone, Copy)]
pub(crate) struct Consent {
    /// Do not ask
    #[arg(long, short = 'y')]
    yes: bool,
    /// Show what would be touched, and change nothing
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Yes,
    No,
}

impl Consent {
    /// Returns whether nothing is to be changed.
    pub(crate) const fn only_looks(self) -> bool {
        self.dry_run
    }

    /// Shows what will be touched and asks.
    pub(crate) fn ask(
        self,
        output: &Output,
        verb: &str,
        what: &[String],
    ) -> Result<Answer, CliError> {
        if self.yes {
            return Ok(Answer::Yes);
        }
        output.note(format!("{verb}:"));
        what.iter().for_each(|line| output.note(format!("  {line}")));
        if self.dry_run {
            output.note("nothing was changed");
            return Ok(Answer::No);
        }
        if !std::io::stdin().is_terminal() {
            return Err(CliError::new(Code::ConfirmationNeeded, format!("`{verb}` needs a yes"))
                .with_hint("add `--yes`, or look first with `--dry-run`"));
        }
        output.note("go on? [y/N]");
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer)?;
        let yes = matches!(answer.trim(), "y" | "Y" | "yes");
        Ok(if yes { Answer::Yes } else { Answer::No })
    }
}
