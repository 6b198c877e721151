//! The section `[policy]`: read and compiled at the start, so that a rule that cannot be read is
//! found before anything is called.

mod cedar;

use std::{path::Path, sync::Arc};

use mainstay_core::{
    code::Code,
    policy::{NoPolicy, Policy},
    tool::ToolSpec,
};
use mainstay_tools::policy::{self, Bundle, BundleError, Otherwise, Rule};
use serde::Deserialize;
use toml::{Spanned, Value};

use self::cedar::CedarFile;
use crate::cli::error::CliError;

/// The section as it is written.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PolicySection {
    engine: Engine,
    /// The policies of an engine that has a language of its own.
    file: Option<String>,
    #[serde(rename = "default")]
    otherwise: Otherwise,
    pub(super) rules: Vec<Rule>,
}

/// What rules are written in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Engine {
    #[default]
    Cel,
    Cedar,
}

/// The rules of the configuration; they were compiled once already.
#[derive(Debug, Clone)]
pub(crate) enum PolicySettings {
    Cel(Bundle),
    Cedar(CedarFile),
}

impl Default for PolicySettings {
    fn default() -> Self {
        Self::Cel(Bundle::default())
    }
}

impl PolicySettings {
    pub(super) fn of(section: PolicySection, folder: &Path) -> Result<Self, CliError> {
        let PolicySection { engine: _, file, otherwise, rules } = section;
        let Some(file) = file else { return Ok(Self::Cel(Bundle { otherwise, rules })) };
        let file = CedarFile::read(&folder.join(file), otherwise)?;
        file.open()?;
        Ok(Self::Cedar(file))
    }
}

/// Where the rules stand in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Places {
    policy: RulePlaces,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RulePlaces {
    rules: Vec<Spanned<Value>>,
}

/// Returns what the runtime asks; nobody is asked where neither the file nor a tool has a rule.
pub(crate) fn compile(
    settings: &PolicySettings,
    specs: &[ToolSpec],
) -> Result<Arc<dyn Policy>, CliError> {
    let bundle = match settings {
        PolicySettings::Cel(bundle) => bundle,
        PolicySettings::Cedar(file) => return file.open(),
    };
    if *bundle == Bundle::default() && specs.iter().all(|spec| spec.approval.is_none()) {
        return Ok(Arc::new(NoPolicy));
    }
    let opened = policy::open(bundle.clone(), policy::LIMIT);
    opened.map_err(|error| told("the configuration", &error))
}

/// Checks the conditions that tools themselves declare for an approval.
pub(crate) fn check_approvals(policy: &dyn Policy, specs: &[ToolSpec]) -> Result<(), CliError> {
    specs.iter().try_for_each(|spec| {
        let Some(condition) = &spec.approval else { return Ok(()) };
        policy.sound(condition).map_err(|fault| {
            let message = format!("tool `{}`: its condition for an approval: {fault}", spec.name);
            CliError::new(Code::ToolInvalid, message).with_hint("docs/tools.md lists the variables")
        })
    })
}

/// Checks the section of a file, to say on which line it is at fault.
pub(super) fn check(name: &str, text: &str, section: &PolicySection) -> Result<(), CliError> {
    let PolicySection { engine, file, otherwise, rules } = section;
    let mixed = match (engine, file) {
        (Engine::Cedar, None) => Some("`engine = \"cedar\"` has its policies in a `file`"),
        (Engine::Cel, Some(_)) => Some("`file` is for `engine = \"cedar\"`"),
        (Engine::Cedar, Some(_)) if !rules.is_empty() => {
            Some("`[[policy.rules]]` are CEL, and the engine is Cedar")
        }
        (Engine::Cedar, Some(_)) | (Engine::Cel, None) => None,
    };
    if let Some(mixed) = mixed {
        let told = CliError::new(Code::InvalidConfig, format!("{name}: [policy]: {mixed}"));
        return Err(
            told.with_hint("one engine decides; write all rules for it, as in docs/tools.md")
        );
    }
    let bundle = Bundle { otherwise: *otherwise, rules: rules.clone() };
    policy::open(bundle, policy::LIMIT).map(drop).map_err(|error| {
        let line = error.index.and_then(|index| line_of_rule(text, index));
        let place = line.map_or_else(|| name.to_owned(), |line| format!("{name}:{line}"));
        told(&place, &error)
    })
}

fn told(place: &str, error: &BundleError) -> CliError {
    CliError::new(Code::PolicyInvalid, format!("{place}: {error}")).with_hint(error.hint.as_str())
}

fn line_of_rule(text: &str, index: usize) -> Option<usize> {
    let places: Places = toml::from_str(text).ok()?;
    let rule = places.policy.rules.get(index)?;
    Some(super::file::line_of(text, rule.span().start))
}
