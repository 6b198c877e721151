//! A prompt that is part of the program: its text is compiled in, and read at its first use.

use std::sync::OnceLock;

use mainstay_core::failure::Failure;
use serde_json::Value;

use super::{Filled, Prompt, PromptError};

/// A prompt in the program. The file is still the author's: it is read, hashed and shown like any
/// other, and one that cannot be read is an error of the step that wants it.
///
/// ```
/// # use mainstay_agents::prompt::Bundled;
/// static GREET: Bundled = Bundled::new(
///     "prompts/greet.md",
///     // As a rule `include_str!("../prompts/greet.md")`.
///     "---\nname: greet\nversion: 1\ndescription: says hello\n\
///      variables:\n  name: { type: string }\n---\nBe kind.\n---\nGreet {{ name }}.\n",
/// );
/// let filled = GREET.fill([("name", "Anna")], 7).unwrap();
/// assert_eq!(filled.user, "Greet Anna.");
/// ```
#[derive(Debug)]
pub struct Bundled {
    file: &'static str,
    text: &'static str,
    read: OnceLock<Result<Prompt, PromptError>>,
}

impl Bundled {
    /// Names a prompt's file and gives its text.
    #[must_use]
    pub const fn new(file: &'static str, text: &'static str) -> Self {
        Self { file, text, read: OnceLock::new() }
    }

    pub(super) const fn file(&self) -> &'static str {
        self.file
    }

    /// Returns the prompt.
    ///
    /// # Errors
    /// The text is not a prompt.
    pub fn prompt(&self) -> Result<&Prompt, PromptError> {
        let read = self.read.get_or_init(|| Prompt::parse(self.file, self.text));
        read.as_ref().map_err(Clone::clone)
    }

    /// Fills the prompt, see [`Prompt::fill`].
    ///
    /// # Errors
    /// The text is not a prompt (`MS-1105`), or the values are not what it needs (`MS-2013`).
    pub fn fill<'v, V: Into<Value>>(
        &self,
        values: impl IntoIterator<Item = (&'v str, V)>,
        random: u64,
    ) -> Result<Filled, Failure> {
        self.prompt()?.fill(values, random)
    }
}
