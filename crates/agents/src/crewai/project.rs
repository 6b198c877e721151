//! A crew's folder: its files found, read, checked against each other, and filled with inputs.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use mainstay_core::{
    code::Code,
    failure::Failure,
    model::{ModelName, Tier},
    tool::Grants,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use serde_saphyr::Location;

use super::{
    entry::Notes,
    fill,
    node::Source,
    report::{Remark, Report},
    tasks::{TRIGGER, Trigger},
};
use crate::crew::{Crew, Process};

/// What a caller adds to what the files say.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Unsupported fields that may stand there, by name or by path: they are left out.
    pub accept: Vec<String>,
    /// What a text under `llm` stands for, where it is not what it says.
    pub models: BTreeMap<String, ModelName>,
    /// The model of agents that name none.
    pub default_model: ModelName,
    /// The model of every agent, whatever its file says, if it is set.
    pub only_model: Option<ModelName>,
    /// How often work may be handed on; the usual number when absent.
    pub delegations: Option<u32>,
    /// What a tool is called here that has another name in the files.
    pub tools: BTreeMap<String, String>,
    /// Shapes of answers by name, in addition to those in the folder `schemas`.
    pub schemas: BTreeMap<String, Value>,
    /// The checks in code that guardrails may name.
    pub checks: BTreeSet<String>,
    /// The functions in code that conditions may name.
    pub conditions: BTreeSet<String>,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            accept: Vec::new(),
            models: BTreeMap::new(),
            default_model: Tier::Workhorse.into(),
            only_model: None,
            delegations: None,
            tools: BTreeMap::new(),
            schemas: BTreeMap::new(),
            checks: BTreeSet::new(),
            conditions: BTreeSet::new(),
        }
    }
}

impl Reading {
    /// Returns what a tool is called here.
    pub(super) fn tool(&self, name: &str) -> String {
        let name = name.strip_prefix("custom:").unwrap_or(name);
        self.tools.get(name).cloned().unwrap_or_else(|| name.to_owned())
    }
}

/// What `mainstay.yaml` beside the files says: whatever a crew needs here and has no field for.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Beside {
    accept: Vec<String>,
    models: BTreeMap<String, ModelName>,
    default_model: Option<ModelName>,
    tools: BTreeMap<String, String>,
    delegations: Option<u32>,
}

impl Reading {
    /// Adds what stands beside the files. What a caller gave comes first.
    fn add(&mut self, beside: Beside) {
        self.accept.extend(beside.accept);
        beside.models.into_iter().for_each(|(from, to)| {
            self.models.entry(from).or_insert(to);
        });
        beside.tools.into_iter().for_each(|(from, to)| {
            self.tools.entry(from).or_insert(to);
        });
        if let Some(model) = beside.default_model {
            self.default_model = model;
        }
        self.delegations = self.delegations.or(beside.delegations);
    }
}

/// The files of one crew.
#[derive(Debug, Clone)]
pub(super) struct Files {
    /// The folder's name.
    pub(super) name: String,
    pub(super) agents: Source,
    pub(super) tasks: Source,
    pub(super) crew: Option<Source>,
}

/// A crew as its files hold it.
#[derive(Debug)]
pub struct Project {
    pub(super) crew: Crew,
    pub(super) triggers: Vec<Trigger>,
    pub(super) defaults: Map<String, Value>,
    pub(super) notes: Notes,
    pub(super) report: Report,
    pub(super) accept: Vec<String>,
}

impl Project {
    /// Reads the crew in a folder: `agents.yaml` and `tasks.yaml` in it, in its `config` or in
    /// `src/NAME/config`, with `crew.yaml` or
    /// `crew.jsonc`, and `mainstay.yaml`, if they are there.
    ///
    /// What is wrong with the crew is in the [report](Self::report); [`Self::crew`] refuses it.
    ///
    /// # Errors
    /// `MS-1121`: there are no such files, or one of them cannot be read.
    pub fn read(folder: &Path, reading: &Reading) -> Result<Self, Failure> {
        let home = home(folder)?;
        let mut reading = reading.clone();
        for place in [&home, folder] {
            schemas(&place.join("schemas"), &mut reading.schemas)?;
        }
        if let Some(source) = first(folder, &home, &["mainstay.yaml", "mainstay.yml"])? {
            reading.add(beside(&source)?);
        }
        let name = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        let name = name.file_name().map_or_else(|| "crew".into(), |name| name.to_string_lossy());
        let files = Files {
            name: name.into_owned(),
            agents: first(folder, &home, &["agents.yaml", "agents.yml"])?
                .unwrap_or(missing("agents.yaml")),
            tasks: first(folder, &home, &["tasks.yaml", "tasks.yml"])?
                .unwrap_or(missing("tasks.yaml")),
            crew: match first(folder, &home, &CREW_FILES)? {
                Some(source) => Some(source),
                None => first(folder, folder, &CREW_FILES)?,
            },
        };
        Self::parse(&files, &reading)
    }

    /// Returns what the files hold, and what of it does not carry over.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// Returns every tool that the crew may call.
    #[must_use]
    pub fn grants(&self) -> Grants {
        self.crew.grants()
    }

    /// Refuses a crew that cannot be used as it is.
    ///
    /// # Errors
    /// Those of [`Report::check`], leaving out what was accepted.
    pub fn check(&self) -> Result<(), Failure> {
        self.report.check(&self.accept)
    }

    /// Returns what refuses the crew, leaving out what was accepted.
    pub fn refusals(&self) -> impl Iterator<Item = &Remark> {
        self.report.refusals(&self.accept)
    }

    /// Returns the inputs that the crew's files set themselves.
    #[must_use]
    pub const fn defaults(&self) -> &Map<String, Value> {
        &self.defaults
    }

    /// Returns the crew with its placeholders filled. The caller's inputs come before those that
    /// `crew.yaml` sets.
    ///
    /// # Errors
    /// `MS-1120` or `MS-1121`: something in the files forbids it. `MS-1122`: inputs are missing,
    /// each named with the place that asks for it.
    pub fn crew(&self, inputs: &Map<String, Value>) -> Result<Crew, Failure> {
        self.check()?;
        let mut all = self.defaults.clone();
        all.extend(inputs.clone());
        let mut crew = self.crew.clone();
        let mut missing = Vec::new();
        for (path, text) in texts(&mut crew) {
            match fill::fill(text, &all) {
                Ok(filled) => *text = filled,
                Err(name) => missing.push(self.missing(&path, &name)),
            }
        }
        if !missing.is_empty() {
            let message = format!("inputs are missing: {}", missing.join("; "));
            return Err(Failure::permanent(Code::CrewInput, message));
        }
        if let Some(payload) = all.get(TRIGGER) {
            self.trigger(&mut crew, payload);
        }
        Ok(crew)
    }

    fn missing(&self, path: &str, name: &str) -> String {
        match self.notes.places.get(path) {
            Some((source, at)) => {
                let place = source.find(*at, &format!("{{{name}}}"));
                format!("{place}: `{path}` asks for `{name}`")
            }
            None => format!("`{path}` asks for `{name}`"),
        }
    }

    fn trigger(&self, crew: &mut Crew, payload: &Value) {
        let told = payload.as_str().map_or_else(|| payload.to_string(), ToOwned::to_owned);
        for (place, (task, trigger)) in crew.tasks.iter_mut().zip(&self.triggers).enumerate() {
            let given = match trigger {
                Trigger::WhereFirst => place == 0,
                Trigger::Given => true,
                Trigger::KeptBack => false,
            };
            if given {
                task.description = format!("{}\n\nTrigger Payload: {told}", task.description);
            }
        }
    }
}

/// Returns every text that may hold placeholders, with the path of its field.
pub(super) fn texts(crew: &mut Crew) -> Vec<(String, &mut String)> {
    let mut texts = Vec::new();
    let manager = match &mut crew.process {
        Process::Sequential => None,
        Process::Hierarchical { manager } => Some(manager.as_mut()),
    };
    for member in crew.members.iter_mut().chain(manager) {
        let agent = &mut member.agent;
        let path = |field: &str| format!("agents.{}.{field}", agent.name);
        let paths = [path("role"), path("goal"), path("backstory")];
        texts.extend(paths.into_iter().zip([
            &mut agent.role,
            &mut agent.goal,
            &mut agent.backstory,
        ]));
    }
    for task in &mut crew.tasks {
        let path = |field: &str| format!("tasks.{}.{field}", task.name);
        let paths = [path("description"), path("expected_output"), path("output_file")];
        let fields =
            [Some(&mut task.description), Some(&mut task.expected_output), task.file.as_mut()];
        texts.extend(paths.into_iter().zip(fields).filter_map(|(path, text)| Some((path, text?))));
    }
    texts
}

const CREW_FILES: [&str; 4] = ["crew.yaml", "crew.yml", "crew.jsonc", "crew.json"];

/// A file that is not there is as good as an empty one, and whatever it lacks is said.
fn missing(name: &str) -> Source {
    Source { name: name.into(), text: "".into() }
}

/// Returns the folder with `agents.yaml` and `tasks.yaml`.
fn home(folder: &Path) -> Result<PathBuf, Failure> {
    let mut homes = vec![folder.to_owned(), folder.join("config")];
    let packages = fs::read_dir(folder.join("src")).into_iter().flatten().flatten();
    let mut packages: Vec<PathBuf> = packages.map(|entry| entry.path().join("config")).collect();
    packages.sort();
    homes.append(&mut packages);
    let names = ["agents.yaml", "agents.yml", "tasks.yaml", "tasks.yml"];
    let holds = |home: &PathBuf| names.iter().any(|name| home.join(name).is_file());
    homes.into_iter().find(holds).ok_or_else(|| {
        let message = format!(
            "there is no `agents.yaml` and no `tasks.yaml` in `{}`, in its `config` or in \
             `src/NAME/config`",
            folder.display()
        );
        Failure::permanent(Code::CrewInvalid, message)
    })
}

/// Reads the first of these files that is in `home`, named relative to `folder`.
fn first(folder: &Path, home: &Path, names: &[&str]) -> Result<Option<Source>, Failure> {
    let Some(path) = names.iter().map(|name| home.join(name)).find(|path| path.is_file()) else {
        return Ok(None);
    };
    let name = path.strip_prefix(folder).unwrap_or(&path).to_string_lossy().into_owned();
    let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
    Ok(Some(Source { name: name.into(), text: text.into() }))
}

fn beside(source: &Source) -> Result<Beside, Failure> {
    if source.text.trim().is_empty() {
        return Ok(Beside::default());
    }
    serde_saphyr::from_str(&source.text).map_err(|error| {
        let place = source.place(error.location().unwrap_or(Location::UNKNOWN));
        let told = error.without_snippet().to_string();
        let problem = told.lines().next().unwrap_or_default();
        Failure::permanent(Code::CrewInvalid, format!("{place}: {problem}"))
    })
}

/// Adds the schemas of a folder, each by its file's name. What a caller gave stays.
fn schemas(folder: &Path, known: &mut BTreeMap<String, Value>) -> Result<(), Failure> {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let (Some(name), Some("json")) =
            (path.file_stem(), path.extension().and_then(|e| e.to_str()))
        else {
            continue;
        };
        let text = fs::read_to_string(&path).map_err(|error| unreadable(&path, &error))?;
        let schema = serde_json::from_str(&text).map_err(|error| unreadable(&path, &error))?;
        known.entry(name.to_string_lossy().into_owned()).or_insert(schema);
    }
    Ok(())
}

fn unreadable(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::permanent(Code::CrewInvalid, format!("`{}` cannot be read: {error}", path.display()))
}
