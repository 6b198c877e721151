//! The environment and the configuration file, read once and here, into values that are passed on.

mod file;
mod http;
mod mcp;
mod models;
pub(crate) mod policy;
mod process;
mod section;
mod tool;
mod workers;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use mainstay_core::{code::Code, link::LinkRules, secret::Secrets};
use mainstay_tools::secret::{FolderSecrets, SecretChain, VariableSecrets};

pub(crate) use self::{
    http::HttpSection,
    mcp::{McpSettings, at, name_of},
    models::{EndpointSettings, KeyState, ModelSettings},
    policy::PolicySettings,
    process::ProcessSection,
    section::Dialect,
    workers::{Manifest, ManifestTool, ToolSection, WorkerSection},
};
use crate::{
    budget::{BudgetTable, Cap},
    cli::error::CliError,
    remote,
};

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
    pub(crate) models: ModelSettings,
    /// The caps of the file.
    pub(crate) budgets: Vec<Cap>,
    /// The hosts to which untrusted text may link.
    pub(crate) links: LinkRules,
    /// Where secrets are kept.
    pub(crate) secrets: SecretChain,
    /// The HTTP interfaces whose operations are tools, by name.
    pub(crate) http: BTreeMap<String, HttpSection>,
    /// The MCP servers of the file.
    pub(crate) mcp: McpSettings,
    /// What paths in the file are relative to.
    pub(crate) folder: PathBuf,
    /// The rules of the file; they were compiled once already.
    pub(crate) policy: PolicySettings,
    /// The commands of the file that are tools.
    pub(crate) process: ProcessSection,
    /// The workers in other processes, by name.
    pub(crate) workers: BTreeMap<String, WorkerSection>,
    /// Where a server listens unless its command says something else.
    pub(crate) bind: Option<SocketAddr>,
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
    /// Reads the environment of this process, and the file that it names or that is there.
    #[expect(clippy::disallowed_methods, reason = "this is the one home of the environment")]
    pub(crate) fn from_env() -> Result<Self, CliError> {
        let text = |text: std::ffi::OsString| text.into_string().ok();
        let pairs =
            std::env::vars_os().filter_map(|(name, value)| Some((text(name)?, text(value)?)));
        Self::read(pairs.collect())
    }

    pub(crate) fn read(mut variables: BTreeMap<String, String>) -> Result<Self, CliError> {
        variables.retain(|_, value| !value.is_empty());
        let named = variables.get("MAINSTAY_CONFIG").map(String::as_str);
        let (file, folder) = (file::load(named, &variables)?, file::folder(named));
        let get = |name: &str| variables.get(name).cloned();
        let span = |name: &str| get(name).map(|text| read_span(name, &text)).transpose();
        Ok(Self {
            database_url: get("DATABASE_URL"),
            no_color: get("NO_COLOR").is_some(),
            user: get("USER").or_else(|| get("LOGNAME")),
            log: get("MAINSTAY_LOG"),
            log_format: log_format(get("MAINSTAY_LOG_FORMAT"))?,
            drain: span("MAINSTAY_DRAIN_TIMEOUT")?,
            lease: span("MAINSTAY_LEASE")?.map(lease).transpose()?,
            budgets: file.budgets.iter().map(BudgetTable::cap).collect::<Result<_, _>>()?,
            links: LinkRules::allowing(&file.links.hosts),
            mcp: McpSettings::of(file.mcp, file.mcp_pins, &folder, &variables)?,
            policy: PolicySettings::of(file.policy, &folder)?,
            process: file.process,
            models: ModelSettings::of(file.models, &variables)?,
            secrets: secrets(&variables, file.secrets.folder.map(|path| folder.join(path))),
            http: http::named(file.http)?,
            workers: file.workers,
            bind: get("MAINSTAY_BIND").as_deref().map(remote::address).transpose()?,
            folder,
        })
    }
}

/// The environment counts before the folder: it is nearer to whoever starts the program.
fn secrets(variables: &BTreeMap<String, String>, folder: Option<PathBuf>) -> SecretChain {
    let chain = SecretChain::new().then(Arc::new(VariableSecrets::new(variables)));
    let folder = folder.map(|folder| Arc::new(FolderSecrets::new(folder)) as Arc<dyn Secrets>);
    folder.into_iter().fold(chain, SecretChain::then)
}

fn invalid(name: &str, text: &str, right: &str) -> CliError {
    CliError::new(Code::InvalidConfig, format!("{name} is `{text}`")).with_hint(right)
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
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Settings::read(pairs.iter().map(own).collect())
    }

    #[test]
    fn an_empty_variable_is_not_set() {
        let settings = read(&[("NO_COLOR", ""), ("OPENAI_API_KEY", "")]).unwrap();
        assert!(!settings.no_color);
        assert!(matches!(settings.models.endpoints["openai"].key, KeyState::Missing(_)));
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
    fn a_file_may_cap_what_many_runs_spend() {
        let budgets = |text: &str| {
            let file = file::read("mainstay.toml", text, &BTreeMap::new())?;
            file.budgets.iter().map(BudgetTable::cap).collect::<Result<Vec<_>, _>>()
        };
        let text = "[[budgets]]\ntenant = \"*\"\nperiod = \"day\"\nusd = 20\n";
        assert_eq!(budgets(text).unwrap()[0].to_string(), "tenant=* per day");
        for wrong in ["period = \"week\"", "period = \"day\"", "period = \"day\"\nwall = 5"] {
            let error = budgets(&format!("[[budgets]]\n{wrong}\n")).unwrap_err();
            assert_eq!(error.code, Code::InvalidConfig, "{wrong}");
        }
    }

    #[test]
    fn a_rule_that_cannot_be_read_is_refused_with_line_name_and_hint() {
        let read = |text: &str| file::read("mainstay.toml", text, &BTreeMap::new());
        let rule = |when: &str| {
            format!("\n[[policy.rules]]\nname = \"big\"\nverdict = \"deny\"\nwhen = \"{when}\"\n")
        };
        let sound = read(&format!("[policy]\ndefault = \"deny\"\n{}", rule("args.amount > 100")));
        assert_eq!(sound.unwrap().policy.rules.len(), 1);
        let fine = rule("true").replace("big", "fine");
        let error = read(&format!("{fine}{}", rule("arg.amount > 100"))).unwrap_err();
        assert_eq!(error.code, Code::PolicyInvalid);
        let said = "rule `big`: there is no variable `arg`; did you mean `args`?";
        assert_eq!(error.message, format!("mainstay.toml:7: {said}"));
        assert!(error.hint.unwrap().contains("docs/tools.md"));
        let misspelt = read(&rule("true").replace("verdict", "verdickt")).unwrap_err();
        assert_eq!(misspelt.code, Code::InvalidConfig);
        assert!(misspelt.message.starts_with("mainstay.toml:"), "{}", misspelt.message);
    }

    #[test]
    fn rules_of_one_engine_beside_those_of_another_are_refused() {
        let read = |text: &str| file::read("mainstay.toml", text, &BTreeMap::new());
        let cedar = "[policy]\nengine = \"cedar\"\nfile = \"policy.cedar\"\n";
        assert!(read(cedar).is_ok());
        let rule = "[[policy.rules]]\nname = \"big\"\nverdict = \"deny\"\n";
        for (text, says) in [
            (format!("{cedar}{rule}"), "are CEL"),
            ("[policy]\nengine = \"cedar\"\n".to_owned(), "in a `file`"),
            ("[policy]\nfile = \"policy.cedar\"\n".to_owned(), "is for `engine"),
            ("[policy]\nengine = \"rego\"\n".to_owned(), "unknown variant `rego`"),
        ] {
            let error = read(&text).unwrap_err();
            assert_eq!(error.code, Code::InvalidConfig, "{text}");
            assert!(error.message.contains(says), "{}", error.message);
        }
    }

    /// Returns the blocks of configuration that a page shows.
    fn shown(page: &str) -> Vec<String> {
        let blocks = page.split("```toml\n").skip(1);
        blocks.map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
    }

    fn conditions(table: &toml::Value, found: &mut Vec<String>) {
        for (key, value) in table.as_table().into_iter().flatten() {
            match value.as_str() {
                Some(condition) if key == "approval" => found.push(condition.to_owned()),
                _ => conditions(value, found),
            }
        }
    }

    #[test]
    fn what_the_pages_show_can_be_read() {
        let pages = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        let pages = std::fs::read_dir(pages).unwrap().map(|page| page.unwrap().path());
        let (mut blocks, mut approvals) = (0, Vec::new());
        for page in pages.filter(|page| page.extension().is_some_and(|ending| ending == "md")) {
            for block in shown(&std::fs::read_to_string(&page).unwrap()) {
                let name = page.display().to_string();
                file::read(&name, &block, &BTreeMap::new())
                    .unwrap_or_else(|e| panic!("{}", e.message));
                conditions(&toml::from_str(&block).unwrap(), &mut approvals);
                blocks += 1;
            }
        }
        let rules =
            mainstay_tools::policy::open(Default::default(), Duration::from_secs(5)).unwrap();
        for condition in &approvals {
            assert_eq!(rules.sound(condition), Ok(()), "{condition}");
        }
        assert!(blocks >= 9 && approvals.len() >= 3, "{blocks} blocks, {approvals:?}");
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
