//! The tables `[mcp.NAME]`: MCP servers, how they are reached, and what holds for their tools.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroU32,
    path::{Path, PathBuf},
};

use mainstay_core::{
    breaker::BreakerPolicy,
    code::Code,
    secret::SecretRef,
    tool::{Control, Reversibility},
};
use mainstay_tools::transport::mcp::{Given, Overrides, Reach, Settings, Trust};
use serde::Deserialize;

use super::{
    section::{Dollar, Rate, Span},
    tool::{Attempts, BreakerSection, Effect, LabelSection, Validity},
};
use crate::cli::error::CliError;

/// Where the pins are when nothing else is said: beside the configuration.
const PINS: &str = "mainstay.mcp.lock";

/// A server's name begins the names of its tools, so it is short.
const LONGEST_NAME: usize = 32;

/// Variables that a server gets whatever is listed: without them hardly a program starts.
const ALWAYS: [&str; 2] = ["PATH", "HOME"];

/// What the configuration says about MCP.
#[derive(Debug, Clone)]
pub(crate) struct McpSettings {
    pub(crate) servers: Vec<Settings>,
    /// Addresses of servers that are called what they call themselves.
    pub(crate) nameless: Vec<String>,
    pub(crate) pins: PathBuf,
}

impl Default for McpSettings {
    fn default() -> Self {
        Self { servers: Vec::new(), nameless: Vec::new(), pins: PINS.into() }
    }
}

impl McpSettings {
    /// Returns what the file says of breakers, by the names of tools.
    pub(crate) fn breakers(&self) -> impl Iterator<Item = (String, Option<BreakerPolicy>)> {
        self.servers.iter().flat_map(|server| {
            let tools = server.tools.iter();
            tools.map(|(tool, said)| (format!("{}.{tool}", server.name), said.breaker))
        })
    }
}

/// `[mcp.NAME]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct McpSection {
    command: Option<Vec<String>>,
    #[serde(default)]
    env: BTreeMap<String, Value>,
    #[serde(default)]
    inherit: Vec<String>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, Value>,
    #[serde(default)]
    trusted: bool,
    timeout: Option<Span>,
    start_timeout: Option<Span>,
    key_valid_for: Option<Validity>,
    #[serde(default)]
    tools: BTreeMap<String, ToolSection>,
}

/// `[mcp.NAME.tools.TOOL]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct ToolSection {
    effect: Option<Effect>,
    reversibility: Option<Reversibility>,
    key_valid_for: Option<Validity>,
    timeout: Option<Span>,
    attempts: Option<Attempts>,
    rate: Option<Rate>,
    concurrency: Option<NonZeroU32>,
    control: Option<BTreeSet<String>>,
    approval: Option<String>,
    label: Option<LabelSection>,
    owner: Option<String>,
    cost: Option<Dollar>,
    breaker: Option<BreakerSection>,
    polls: Option<bool>,
}

/// A text, `secret:NAME`, or `Bearer secret:NAME`.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
struct Value(Given);

impl TryFrom<String> for Value {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if let Some(reference) = text.strip_prefix("Bearer ") {
            return SecretRef::try_from(reference.to_owned()).map(|name| Self(Given::Bearer(name)));
        }
        if text.starts_with("secret:") {
            return SecretRef::try_from(text).map(|name| Self(Given::Secret(name)));
        }
        Ok(Self(Given::Text(text)))
    }
}

impl McpSettings {
    pub(super) fn of(
        sections: BTreeMap<String, McpSection>,
        pins: Option<String>,
        folder: &Path,
        variables: &BTreeMap<String, String>,
    ) -> Result<Self, CliError> {
        let read = |(name, section)| server(name, section, variables);
        let servers = sections.into_iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self {
            servers,
            nameless: Vec::new(),
            pins: folder.join(pins.as_deref().unwrap_or(PINS)),
        })
    }

    /// Adds a server of the command line: an address, or `NAME=` before one.
    pub(crate) fn add(&mut self, text: &str) -> Result<(), CliError> {
        let named = text.split_once('=').filter(|(name, _)| !name.contains([':', '/']));
        let Some((name, url)) = named else {
            check_url("--mcp", text)?;
            self.nameless.push(text.to_owned());
            return Ok(());
        };
        check_name(name)?;
        check_url("--mcp", url)?;
        if self.servers.iter().any(|server| server.name == name) {
            return Err(wrong(format!("there are two MCP servers `{name}`"))
                .with_hint("give one of them another name: --mcp NAME=URL"));
        }
        let given_as = Some(text.to_owned());
        self.servers.push(Settings { given_as, ..Settings::new(name, at(url)) });
        Ok(())
    }
}

/// Returns how a server is reached at an address, without headers.
pub(crate) fn at(url: &str) -> Reach {
    Reach::Url { url: url.to_owned(), headers: BTreeMap::new() }
}

/// Returns a name for a server that calls itself this and that nobody has.
pub(crate) fn name_of(calls_itself: &str, taken: &[Settings]) -> String {
    let fit = |c: char| match c.to_ascii_lowercase() {
        c @ ('a'..='z' | '0'..='9' | '-' | '_') => c,
        _ => '-',
    };
    let fitted: String = calls_itself.chars().take(LONGEST_NAME - 3).map(fit).collect();
    let fitted = fitted.trim_matches('-');
    let base = if fitted.is_empty() { "mcp" } else { fitted };
    let names = std::iter::once(base.to_owned()).chain((2..100).map(|n| format!("{base}-{n}")));
    let mut free = names.filter(|name| taken.iter().all(|server| server.name != *name));
    free.next().unwrap_or_else(|| base.to_owned())
}

fn wrong(message: String) -> CliError {
    CliError::new(Code::InvalidConfig, message)
}

fn check_name(name: &str) -> Result<(), CliError> {
    let allowed = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    if (1..=LONGEST_NAME).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(wrong(format!("`{name}` cannot be the name of an MCP server"))
        .with_hint(format!("write up to {LONGEST_NAME} lower-case letters, digits, `-` and `_`")))
}

fn check_url(place: &str, url: &str) -> Result<(), CliError> {
    if ["http://", "https://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Ok(());
    }
    let message = format!("{place}: this is no address of an MCP server");
    Err(wrong(message).with_hint("write http://… or https://…"))
}

fn server(
    name: String,
    section: McpSection,
    variables: &BTreeMap<String, String>,
) -> Result<Settings, CliError> {
    check_name(&name)?;
    let reach = reach(&name, &section, variables)?;
    let of_server = section.key_valid_for;
    let tool = |(tool, section): (String, ToolSection)| {
        let overrides = overrides(&format!("mcp.{name}.tools.{tool}"), section, of_server)?;
        Ok((tool, overrides))
    };
    let tools = section.tools.into_iter().map(tool).collect::<Result<_, CliError>>()?;
    let usual = Settings::new(name, reach);
    Ok(Settings {
        trust: if section.trusted { Trust::Trusted } else { Trust::Untrusted },
        timeout: section.timeout.map(|span| span.0),
        start_timeout: section.start_timeout.map_or(usual.start_timeout, |span| span.0),
        key_valid_for: of_server.map(|validity| validity.0),
        tools,
        ..usual
    })
}

fn reach(
    name: &str,
    section: &McpSection,
    variables: &BTreeMap<String, String>,
) -> Result<Reach, CliError> {
    let given = |values: &BTreeMap<String, Value>| {
        values.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect()
    };
    let of_a_command = !section.env.is_empty() || !section.inherit.is_empty();
    match (&section.command, &section.url) {
        (Some(argv), None) if section.headers.is_empty() => {
            if argv.first().is_none_or(String::is_empty) {
                return Err(wrong(format!("mcp.{name}.command is empty"))
                    .with_hint("write the program and its arguments: [\"npx\", \"…\"]"));
            }
            let names = ALWAYS.into_iter().chain(section.inherit.iter().map(String::as_str));
            let inherited = names.filter_map(|name| {
                Some((name.to_owned(), Given::Text(variables.get(name)?.clone())))
            });
            let mut env: BTreeMap<_, _> = inherited.collect();
            env.extend(given(&section.env));
            Ok(Reach::Command { argv: argv.clone(), env })
        }
        (None, Some(url)) if !of_a_command => {
            check_url(&format!("mcp.{name}.url"), url)?;
            Ok(Reach::Url { url: url.clone(), headers: given(&section.headers) })
        }
        (Some(_), None) => Err(wrong(format!("mcp.{name} has a command and headers"))
            .with_hint("`headers` belong to a `url`")),
        (None, Some(_)) => Err(wrong(format!("mcp.{name} has a url and an environment"))
            .with_hint("`env` and `inherit` belong to a `command`")),
        _ => Err(wrong(format!("mcp.{name} needs a command or a url, and not both"))
            .with_hint("write command = [\"npx\", \"…\"] or url = \"https://…\"")),
    }
}

fn overrides(
    place: &str,
    section: ToolSection,
    of_server: Option<Validity>,
) -> Result<Overrides, CliError> {
    let validity = section.key_valid_for.or(of_server);
    let class = section.effect.map(|effect| effect.class(validity)).transpose();
    let effect = class.map_err(|none| none.at(place))?;
    Ok(Overrides {
        effect,
        reversibility: section.reversibility,
        key_valid_for: section.key_valid_for.map(|validity| validity.0),
        timeout: section.timeout.map(|span| span.0),
        retry: section.attempts.map(|attempts| attempts.0),
        rate: section.rate.map(|rate| rate.0),
        concurrency: section.concurrency,
        control: section.control.map(Control::Only),
        approval: section.approval,
        result_label: section.label.map(LabelSection::label),
        owner: section.owner,
        cost: section.cost.map(|cost| cost.0),
        breaker: section.breaker.map(BreakerSection::policy),
        polls: section.polls,
    })
}

#[cfg(test)]
#[path = "mcp/tests.rs"]
mod tests;
