//! The section `[policy]`: read and compiled at the start, so that a rule that cannot be read is
//! found before anything is called.

use std::sync::Arc;

use mainstay_core::{
    code::Code,
    policy::{NoPolicy, Policy},
    tool::ToolSpec,
};
use mainstay_tools::policy::{self, Bundle, BundleError};
use serde::Deserialize;
use toml::{Spanned, Value};

use crate::cli::error::CliError;

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
pub(crate) fn compile(bundle: &Bundle, specs: &[ToolSpec]) -> Result<Arc<dyn Policy>, CliError> {
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

/// Checks the bundle of a file, to say on which line it is at fault.
pub(super) fn check(name: &str, text: &str, bundle: &Bundle) -> Result<(), CliError> {
    let opened = policy::open(bundle.clone(), policy::LIMIT);
    opened.map(drop).map_err(|error| {
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
