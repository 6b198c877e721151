//! Reading a script: every mistake in it is found now, not when a request meets it.

use std::{fs, path::Path, time::Duration};

use mainstay_core::model::{ModelId, ModelRequest, Price};
use regex::Regex;
use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use super::{
    Scripted,
    answer::Answer,
    error::ScriptError,
    file::{ReplyFile, RuleFile, ScriptFile, ToolCallFile, WhenFile},
    rule::{Body, Condition, Question, Rule},
    template,
};

/// A scripted model, ready to answer.
#[derive(Debug, Clone)]
pub struct Script {
    file: String,
    model: String,
    price: Option<Price>,
    rules: Vec<Rule>,
}

impl Script {
    /// Reads a script from a file.
    ///
    /// # Errors
    /// The file cannot be read, or is no script: see [`ScriptError`].
    pub fn load(path: &Path) -> Result<Self, ScriptError> {
        let file = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&file, &text),
            Err(error) => Err(ScriptError {
                file,
                line: 0,
                column: 0,
                problem: error.to_string(),
                hint: "check the path and that the file is UTF-8".into(),
            }),
        }
    }

    /// Reads a script from text; `file` is the name that errors show.
    ///
    /// # Errors
    /// The text is no script: see [`ScriptError`].
    pub fn parse(file: &str, text: &str) -> Result<Self, ScriptError> {
        Reader { file }.script(text)
    }

    /// Returns the part of the model's id after `scripted:`.
    #[must_use]
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Returns the price that the script declares.
    #[must_use]
    pub const fn price(&self) -> Option<Price> {
        self.price
    }

    /// Returns the name of the file it was read from.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The first rule that fits answers.
    pub(super) fn answer(&self, request: &ModelRequest) -> Option<Answer<'_>> {
        let question = Question::new(request);
        self.rules.iter().find_map(|rule| rule.answer(&question))
    }
}

struct Reader<'f> {
    file: &'f str,
}

impl Reader<'_> {
    fn script(&self, text: &str) -> Result<Script, ScriptError> {
        let file: ScriptFile =
            serde_saphyr::from_str(text).map_err(|error| self.unreadable(&error))?;
        if format!("{}:{}", Scripted::NAME, file.model.value).parse::<ModelId>().is_err() {
            return Err(self.wrong(
                file.model.referenced,
                "`model` is no name",
                "write a word, such as `desk`",
            ));
        }
        if file.rules.value.is_empty() {
            let hint = "a last rule without `when` answers whatever no other rule does";
            return Err(self.wrong(file.rules.referenced, "there are no rules", hint));
        }
        let latency = Duration::from_millis(file.latency_ms);
        let rules = file.rules.value.into_iter().map(|rule| {
            let name = rule.name.clone();
            self.rule(rule, latency).map_err(|error| named(error, name))
        });
        Ok(Script {
            file: self.file.to_owned(),
            model: file.model.value,
            price: file.price,
            rules: rules.collect::<Result<_, _>>()?,
        })
    }

    fn rule(&self, rule: RuleFile, latency: Duration) -> Result<Rule, ScriptError> {
        let RuleFile { name: _, when, capture, reply, usage, latency_ms, faults } = rule;
        let captures = capture.into_iter().map(|(name, pattern)| {
            let regex = self.regex(&pattern)?;
            if regex.captures_len() != 2 {
                let problem = format!("the capture `{name}` needs exactly one group");
                let hint = r"put the part to quote into (…), and other groups into (?:…)";
                return Err(self.wrong(pattern.referenced, problem, hint));
            }
            Ok((name, regex))
        });
        let captures: Vec<_> = captures.collect::<Result<_, _>>()?;
        self.check_reply(&reply, &captures)?;
        let reply = reply.value;
        Ok(Rule {
            condition: self.condition(when)?,
            captures,
            body: match (reply.text, reply.json) {
                (Some(text), _) => Body::Text(text),
                (None, Some(json)) => Body::Json(json),
                (None, None) => Body::Nothing,
            },
            calls: reply.tool_calls.into_iter().map(ToolCallFile::completed).collect(),
            reasoning: reply.reasoning,
            finish: reply.finish,
            usage,
            latency: latency_ms.map_or(latency, Duration::from_millis),
            faults,
        })
    }

    fn condition(&self, when: WhenFile) -> Result<Condition, ScriptError> {
        let lower = |texts: Vec<String>| texts.iter().map(|t| t.to_lowercase()).collect::<Vec<_>>();
        Ok(Condition {
            output: when.output,
            tool: when.tool,
            turn: when.turn,
            system: lower(when.system),
            all: lower(when.all),
            any: lower(when.any),
            none: lower(when.none),
            last: lower(when.last),
            matches: when.matches.map(|pattern| self.regex(&pattern)).transpose()?,
        })
    }

    fn check_reply(
        &self,
        reply: &Spanned<ReplyFile>,
        captures: &[(String, Regex)],
    ) -> Result<(), ScriptError> {
        let place = reply.referenced;
        let ReplyFile { text, json, tool_calls, reasoning: _, finish: _ } = &reply.value;
        if text.is_some() && json.is_some() {
            let hint = "a reply has `text` or `json`; both may have `tool_calls`";
            return Err(self.wrong(place, "the reply has both `text` and `json`", hint));
        }
        if text.is_none() && json.is_none() && tool_calls.is_empty() {
            let hint = "give it `text`, `json` or `tool_calls`";
            return Err(self.wrong(place, "the reply says nothing", hint));
        }
        if let Some(call) = tool_calls.iter().find(|call| call.is_contradictory()) {
            let problem = format!("`{}` is called with JSON and with `malformed`", call.name);
            let hint = "write JSON under `arguments`, and under `malformed` what is none";
            return Err(self.wrong(place, problem, hint));
        }
        let mut texts: Vec<&str> = text.as_deref().into_iter().collect();
        let values = json.iter().chain(tool_calls.iter().map(|call| &call.arguments));
        values.for_each(|value| template::each_string(value, &mut |text| texts.push(text)));
        texts.into_iter().try_for_each(|text| self.check_names(place, text, captures))
    }

    fn check_names(
        &self,
        place: Location,
        text: &str,
        captures: &[(String, Regex)],
    ) -> Result<(), ScriptError> {
        let names = template::names(text)
            .map_err(|problem| self.wrong(place, problem, "write `{{name}}`"))?;
        match names.into_iter().find(|name| captures.iter().all(|(known, _)| known != name)) {
            None => Ok(()),
            Some(name) => {
                let problem = format!("the reply quotes `{name}`, which no capture finds");
                Err(self.wrong(place, problem, "add it under the rule's `capture`"))
            }
        }
    }

    fn regex(&self, pattern: &Spanned<String>) -> Result<Regex, ScriptError> {
        Regex::new(&pattern.value).map_err(|error| {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default().trim_start_matches("error: ");
            let problem = format!("the pattern `{}` cannot be read: {reason}", pattern.value);
            let hint = "patterns are those of the Rust `regex` crate; quote them with '…' in YAML";
            self.wrong(pattern.referenced, problem, hint)
        })
    }

    fn unreadable(&self, error: &serde_saphyr::Error) -> ScriptError {
        let place = error.location().unwrap_or(Location::UNKNOWN);
        let text = error.without_snippet().to_string();
        let problem = text.lines().next().unwrap_or_default();
        // The place stands at the front already.
        let problem = problem.split(" at line ").next().unwrap_or(problem);
        self.wrong(place, problem, "docs/scripted-model.md shows every field of a script")
    }

    fn wrong(
        &self,
        place: Location,
        problem: impl Into<String>,
        hint: impl Into<String>,
    ) -> ScriptError {
        ScriptError {
            file: self.file.to_owned(),
            line: place.line(),
            column: place.column(),
            problem: problem.into(),
            hint: hint.into(),
        }
    }
}

/// Says which rule is meant, where it has a name.
fn named(error: ScriptError, name: Option<String>) -> ScriptError {
    match name {
        Some(name) => ScriptError { problem: format!("rule `{name}`: {}", error.problem), ..error },
        None => error,
    }
}

impl ToolCallFile {
    fn is_contradictory(&self) -> bool {
        self.malformed.as_ref().is_some_and(|text| {
            !self.arguments.is_null() || serde_json::from_str::<Value>(text).is_ok()
        })
    }

    /// Arguments are an object; leaving them out means an empty one, unless others that are no
    /// JSON stand in their place.
    fn completed(self) -> Self {
        match &self.malformed {
            None if self.arguments.is_null() => {
                Self { arguments: Value::Object(serde_json::Map::new()), ..self }
            }
            _ => self,
        }
    }
}
