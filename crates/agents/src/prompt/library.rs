//! The prompts of a program, by name and version.

use std::collections::BTreeMap;

use super::{Bundled, Prompt, PromptError};

/// Prompts, each with all its versions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prompts(BTreeMap<(String, u32), Prompt>);

impl Prompts {
    /// Makes an empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the prompts of a program.
    ///
    /// # Errors
    /// One of them is not a prompt, or two texts claim to be the same version.
    pub fn bundled<'b>(
        prompts: impl IntoIterator<Item = &'b Bundled>,
    ) -> Result<Self, PromptError> {
        let mut all = Self::new();
        for bundled in prompts {
            all.add(bundled.file(), bundled.prompt()?.clone())?;
        }
        Ok(all)
    }

    /// Adds a prompt that was read from `file`.
    ///
    /// # Errors
    /// Another text is this version already: a version is one text.
    pub fn add(&mut self, file: &str, prompt: Prompt) -> Result<(), PromptError> {
        let key = (prompt.name.clone(), prompt.version);
        if self.0.get(&key).is_some_and(|known| known.hash() != prompt.hash()) {
            let problem = format!("`{}` version {} is another text already", key.0, key.1);
            return Err(PromptError::at(file, 0, problem, "give the changed text a new version"));
        }
        self.0.insert(key, prompt);
        Ok(())
    }

    /// Returns these and `others`; where both have a version, that of `others`.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Returns the newest version of a prompt.
    #[must_use]
    pub fn newest(&self, name: &str) -> Option<&Prompt> {
        self.versions(name).last()
    }

    /// Returns one version of a prompt.
    #[must_use]
    pub fn version(&self, name: &str, version: u32) -> Option<&Prompt> {
        self.versions(name).find(|prompt| prompt.version == version)
    }

    /// Returns every prompt, by name and then by version.
    pub fn iter(&self) -> impl Iterator<Item = &Prompt> {
        self.0.values()
    }

    fn versions(&self, name: &str) -> impl Iterator<Item = &Prompt> {
        self.iter().filter(move |prompt| prompt.name == name)
    }
}
