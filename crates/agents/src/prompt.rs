//! Prompts: what a model is told, as files with a name, a version and a digest of their text.
//!
//! A prompt declares its variables with their types, and says which of them come from outside. It is
//! filled with exactly those: one that is missing, one that is too many and one of another type are
//! errors before anything is asked. What comes from outside is [marked](crate::mark). A template
//! reads nothing but its variables, and runs for a bounded number of steps.

mod bundled;
mod error;
mod front;
mod library;
mod source;
mod template;
mod variable;

use std::collections::BTreeMap;

use mainstay_core::{
    code::Code,
    digest::Digest,
    failure::Failure,
    model::{ModelName, ModelRequest, PromptRef, Tier},
};
use serde_json::Value;

pub use self::{
    bundled::Bundled,
    error::PromptError,
    library::Prompts,
    variable::{Variable, VariableType},
};
use self::{front::Front, source::Parts, template::Template};
use crate::mark::Mark;

/// One version of a prompt, read and found sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// Its name.
    pub name: String,
    /// The author's version number.
    pub version: u32,
    /// What it is for, in one line.
    pub description: String,
    /// The model or tier that it was written for.
    pub model: ModelName,
    /// The longest answer it has a use for, in tokens.
    pub max_output_tokens: Option<u32>,
    /// What it is filled with, by name.
    pub variables: BTreeMap<String, Variable>,
    system: Template,
    user: Template,
    text: String,
}

/// A prompt that was filled: the texts, and which prompt they were written from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// What the model is; with the sentence about marked text, if there is any.
    pub system: String,
    /// What it is asked.
    pub user: String,
    /// The prompt.
    pub reference: PromptRef,
    /// The model or tier that it was written for.
    pub model: ModelName,
    /// The longest answer it has a use for, in tokens.
    pub max_output_tokens: Option<u32>,
}

impl Prompt {
    /// Reads a prompt. `file` is its name in messages.
    ///
    /// # Errors
    /// The text is not a prompt; the error names the line.
    pub fn parse(file: &str, text: &str) -> Result<Self, PromptError> {
        let text = source::canonical(text);
        let parts = Parts::of(file, &text)?;
        let front = Front::read(file, &parts.front)?;
        let (system, user) = (Template::new(&parts.system), Template::new(&parts.user));
        let prompt = Self {
            name: front.name,
            version: front.version,
            description: front.description,
            model: front.model.unwrap_or(Tier::Workhorse.into()),
            max_output_tokens: front.max_output_tokens,
            variables: front.variables,
            system,
            user,
            text,
        };
        prompt.check(file, front.name_line)?;
        Ok(prompt)
    }

    /// Holds the text against the declarations.
    fn check(&self, file: &str, line: u64) -> Result<(), PromptError> {
        let system = self.system.variables(file)?;
        let used: BTreeMap<_, _> =
            self.user.variables(file)?.into_iter().chain(system.clone()).collect();
        for (name, line) in &used {
            if !self.variables.contains_key(name) {
                let problem = format!("`{name}` is not among the variables");
                return Err(PromptError::at(file, *line, problem, "declare it, with its type"));
            }
        }
        for (name, variable) in &self.variables {
            if !used.contains_key(name) {
                let problem = format!("the variable `{name}` is used nowhere");
                return Err(PromptError::at(file, line, problem, "use it, or take it out"));
            }
            if let (true, Some(line)) = (variable.untrusted, system.get(name)) {
                let problem = format!("`{name}` is untrusted and stands in the system part");
                let hint = "text from outside belongs below the line `---`";
                return Err(PromptError::at(file, *line, problem, hint));
            }
        }
        Ok(())
    }

    /// Returns the text it was read from, in its canonical form: line ends are `\n`, and one stands
    /// at the end.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the digest of [`text`](Self::text).
    #[must_use]
    pub fn hash(&self) -> Digest {
        Digest::of(self.text.as_bytes())
    }

    /// Returns how a request names this prompt.
    #[must_use]
    pub fn reference(&self) -> PromptRef {
        PromptRef { name: self.name.clone(), version: self.version.to_string(), hash: self.hash() }
    }

    /// Returns the prompt with its variables put in. Values are not looked into: a letter that says
    /// `{{facts}}` stays a letter that says so. `random` is a number that the step recorded: it
    /// marks what is untrusted, and a repeat with the same number returns the same text.
    ///
    /// # Errors
    /// `MS-2013`: a variable is missing, of another type or not declared, or the template does not
    /// end.
    pub fn fill<'v, V: Into<Value>>(
        &self,
        values: impl IntoIterator<Item = (&'v str, V)>,
        random: u64,
    ) -> Result<Filled, Failure> {
        let given: BTreeMap<_, Value> =
            values.into_iter().map(|(name, value)| (name, value.into())).collect();
        if let Some(name) = given.keys().find(|name| !self.variables.contains_key(**name)) {
            return Err(self.unfilled(format!("has no variable `{name}`")));
        }
        let mark = Mark::new(random);
        let mut context = BTreeMap::new();
        for (name, variable) in &self.variables {
            let value = given.get(name.as_str());
            let value =
                value.ok_or_else(|| self.unfilled(format!("needs a value for `{name}`")))?;
            let value = variable.value(name, value, &mark).map_err(|why| self.unfilled(why))?;
            context.insert(name.as_str(), value);
        }
        let render = |part: &Template| part.render(&context).map_err(|why| self.unfilled(why));
        let (mut system, user) = (render(&self.system)?, render(&self.user)?);
        if self.variables.values().any(|variable| variable.untrusted) {
            system = format!("{system}\n\n{}", mark.instruction()).trim_start().to_owned();
        }
        Ok(Filled {
            system,
            user,
            reference: self.reference(),
            model: self.model.clone(),
            max_output_tokens: self.max_output_tokens,
        })
    }

    fn unfilled(&self, why: impl AsRef<str>) -> Failure {
        Failure::permanent(Code::PromptUnfilled, format!("prompt `{}` {}", self.name, why.as_ref()))
    }
}

impl Filled {
    /// Returns the question: to the prompt's model, in its length, under its name.
    #[must_use]
    pub fn request(self) -> ModelRequest {
        let limit = self.max_output_tokens.unwrap_or(ModelRequest::DEFAULT_MAX_OUTPUT_TOKENS);
        let request = ModelRequest::new(self.model)
            .with_user(self.user)
            .with_max_output_tokens(limit)
            .with_prompt(self.reference);
        if self.system.is_empty() { request } else { request.with_system(self.system) }
    }
}

#[cfg(test)]
mod tests;
