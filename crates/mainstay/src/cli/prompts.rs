//! `mainstay prompts …`: this program's prompts, and those of a folder.

mod diff;
mod ls;
mod show;

use std::path::{Path, PathBuf};

use mainstay_agents::prompt::{Prompt, PromptError, Prompts};
use mainstay_core::{code::Code, flow::check::near};

use super::{error::CliError, exit::Exit, shell::Shell};

#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// List prompts with their versions and digests
    Ls(Source),
    /// Print a prompt: its variables and its text
    Show(show::Args),
    /// Print what differs between two prompts or versions
    Diff(diff::Args),
}

/// Where prompts are looked for.
#[derive(clap::Args)]
pub(crate) struct Source {
    /// A folder of prompts, instead of the program's own
    #[arg(long, value_name = "FOLDER")]
    from: Option<PathBuf>,
}

pub(crate) fn run(shell: &Shell, command: &Command) -> Result<Exit, CliError> {
    match command {
        Command::Ls(source) => ls::run(shell, source),
        Command::Show(args) => show::run(shell, args),
        Command::Diff(args) => diff::run(shell, args),
    }
}

impl Source {
    fn prompts(&self, shell: &Shell) -> Result<Prompts, CliError> {
        let Some(folder) = &self.from else { return Ok(shell.app.prompts.clone()) };
        let mut files: Vec<_> = std::fs::read_dir(folder)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| unreadable(folder, &error))?
            .into_iter()
            .map(|entry| entry.path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
            .collect();
        files.sort();
        let mut prompts = Prompts::new();
        for path in files {
            let prompt = read(&path)?;
            prompts.add(&path.display().to_string(), prompt).map_err(wrong)?;
        }
        Ok(prompts)
    }

    /// Finds a prompt: a file, `NAME@VERSION`, or the newest of a name.
    fn find(&self, shell: &Shell, wanted: &str) -> Result<Prompt, CliError> {
        let path = Path::new(wanted);
        if path.is_file() {
            return read(path);
        }
        let prompts = self.prompts(shell)?;
        let found = match wanted.split_once('@') {
            Some((name, version)) => {
                version.parse().ok().and_then(|version| prompts.version(name, version))
            }
            None => prompts.newest(wanted),
        };
        found.cloned().ok_or_else(|| {
            let hint = near::hint(wanted, prompts.iter().map(|prompt| prompt.name.as_str()));
            CliError::new(Code::UnknownPrompt, format!("there is no prompt `{wanted}`"))
                .with_hint(format!("{hint} (mainstay prompts ls)"))
        })
    }
}

fn read(path: &Path) -> Result<Prompt, CliError> {
    let text = std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
    Prompt::parse(&path.display().to_string(), &text).map_err(wrong)
}

fn unreadable(path: &Path, error: &std::io::Error) -> CliError {
    CliError::new(Code::InvalidArgument, format!("`{}` cannot be read: {error}", path.display()))
        .with_hint("give a prompt's name, or the path of its file")
}

fn wrong(error: PromptError) -> CliError {
    CliError::new(error.code(), error.to_string()).with_hint(error.hint)
}
