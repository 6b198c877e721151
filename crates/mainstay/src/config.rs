//! The environment, read once and here, into values that are passed on.

use std::{collections::BTreeMap, time::Duration};

use mainstay_core::{
    code::Code,
    model::{ModelId, Tier},
};
use mainstay_providers::vendor::Key;

use crate::cli::error::CliError;

/// What the environment says. An empty variable counts as one that is not set.
#[derive(Debug, Clone, Default)]
pub(crate) struct Settings {
    pub(crate) database_url: Option<String>,
    pub(crate) no_color: bool,
    pub(crate) user: Option<String>,
    pub(crate) log: Option<String>,
    pub(crate) log_format: LogFormat,
    pub(crate) drain: Option<Duration>,
    pub(crate) lease: Option<Duration>,
    pub(crate) default_model: Option<ModelId>,
    pub(crate) tiers: BTreeMap<Tier, ModelId>,
    pub(crate) openai: Access,
    pub(crate) anthropic: Access,
    pub(crate) gemini: Access,
    pub(crate) ollama: Access,
}

/// How a vendor is reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Access {
    pub(crate) key: Option<Key>,
    pub(crate) base_url: Option<String>,
}

impl Access {
    /// Returns whether anything at all was said about the vendor.
    pub(crate) const fn is_set(&self) -> bool {
        self.key.is_some() || self.base_url.is_some()
    }
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

impl Settings {
    /// Reads the environment of this process.
    #[expect(clippy::disallowed_methods, reason = "this is the one home of the environment")]
    pub(crate) fn from_env() -> Result<Self, CliError> {
        Self::read(|name| std::env::var(name).ok())
    }

    fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, CliError> {
        let get = |name: &str| variable(name).filter(|value| !value.is_empty());
        let key = |name: &str| get(name).map(Key::new);
        let span = |name: &str| get(name).map(|text| read_span(name, &text)).transpose();
        let model = |name: &str| get(name).map(|text| read_model(name, &text)).transpose();
        let mut tiers = BTreeMap::new();
        for tier in Tier::ALL {
            let name = format!("MAINSTAY__MODELS__{}", tier.name().to_uppercase());
            tiers.extend(model(&name)?.map(|id| (tier, id)));
        }
        Ok(Self {
            database_url: get("DATABASE_URL"),
            no_color: get("NO_COLOR").is_some(),
            user: get("USER").or_else(|| get("LOGNAME")),
            log: get("MAINSTAY_LOG"),
            log_format: log_format(get("MAINSTAY_LOG_FORMAT"))?,
            drain: span("MAINSTAY_DRAIN_TIMEOUT")?,
            lease: span("MAINSTAY_LEASE")?.map(lease).transpose()?,
            default_model: model("MAINSTAY__MODELS__DEFAULT")?,
            tiers,
            openai: Access { key: key("OPENAI_API_KEY"), base_url: get("OPENAI_BASE_URL") },
            anthropic: Access {
                key: key("ANTHROPIC_API_KEY"),
                base_url: get("ANTHROPIC_BASE_URL"),
            },
            gemini: Access { key: key("GEMINI_API_KEY"), base_url: None },
            ollama: Access { key: None, base_url: get("OLLAMA_HOST") },
        })
    }
}

fn invalid(name: &str, text: &str, right: &str) -> CliError {
    CliError::new(Code::InvalidConfig, format!("{name} is `{text}`")).with_hint(right)
}

fn read_model(name: &str, text: &str) -> Result<ModelId, CliError> {
    text.parse().map_err(|error| invalid(name, text, &format!("{error}")))
}

fn log_format(text: Option<String>) -> Result<LogFormat, CliError> {
    match text.as_deref() {
        None | Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        Some(other) => Err(invalid("MAINSTAY_LOG_FORMAT", other, "write `text` or `json`")),
    }
}

/// Reads `30s`, `2m`, or a bare number of seconds.
fn read_span(name: &str, text: &str) -> Result<Duration, CliError> {
    let bare = text.parse().ok().map(Duration::from_secs);
    bare.or_else(|| crate::cli::span::read(text))
        .ok_or_else(|| invalid(name, text, "write a span such as `30s` or `2m`"))
}

/// Under a second the pause of a scheduler could end a lease.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

fn lease(span: Duration) -> Result<Duration, CliError> {
    let text = format!("{}ms", span.as_millis());
    let wrong =
        || invalid("MAINSTAY_LEASE", &text, "a lease is at least `1s`; it is 15s unless set");
    Some(span).filter(|span| *span >= SHORTEST_LEASE).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, CliError> {
        let get = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Settings::read(get)
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        let settings = read(&[("NO_COLOR", ""), ("OPENAI_API_KEY", "")]).unwrap();
        assert!(!settings.no_color && !settings.openai.is_set());
    }

    #[test]
    fn what_cannot_be_read_is_named_with_what_would_be_right() {
        let error = read(&[("MAINSTAY_LOG_FORMAT", "xml")]).unwrap_err();
        assert_eq!(error.message, "MAINSTAY_LOG_FORMAT is `xml`");
        assert_eq!(error.hint.as_deref(), Some("write `text` or `json`"));
        let error = read(&[("MAINSTAY__MODELS__FAST", "gpt")]).unwrap_err();
        assert_eq!(error.code, Code::InvalidConfig);
    }

    #[test]
    fn a_drain_time_is_a_span_or_seconds() {
        let drain = |text| read(&[("MAINSTAY_DRAIN_TIMEOUT", text)]).unwrap().drain;
        assert_eq!(drain("2m"), Some(Duration::from_secs(120)));
        assert_eq!(drain("5"), Some(Duration::from_secs(5)));
    }

    #[test]
    fn a_lease_that_a_scheduler_could_end_is_refused() {
        let lease = |text| read(&[("MAINSTAY_LEASE", text)]).map(|settings| settings.lease);
        assert_eq!(lease("20s").unwrap(), Some(Duration::from_secs(20)));
        assert_eq!(lease("0").unwrap_err().message, "MAINSTAY_LEASE is `0ms`");
    }
}
