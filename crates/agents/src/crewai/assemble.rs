//! From the text of a crew's files to the crew: read each part, then check them against each other.

use std::collections::BTreeMap;

use mainstay_core::{
    code::Code, failure::Failure, flow::check::near, model::ModelName, tool::Grants,
};
use serde_saphyr::{Location, Spanned};

use super::{
    agents,
    entry::{Entry, Notes},
    fields::{AGENT, CREW, Field, TASK},
    fill,
    node::{self, Node, Source},
    project::{Files, Project, Reading, texts},
    report::{AgentLine, Place, Report, TaskLine},
    settings::{self, Settings, Style},
    tasks::{self, Trigger},
};
use crate::{
    agent::Agent,
    crew::{Context, Crew, Member, Process, Subject, Task, Voice},
};

impl Project {
    /// Reads a crew from the text of its files.
    pub(super) fn parse(files: &Files, reading: &Reading) -> Result<Self, Failure> {
        let mut notes = Notes::default();
        let settings = read_settings(files, reading, &mut notes)?;
        let mut members = each(&files.agents, "agents", AGENT, &mut notes, |name, entry| {
            agents::read(name, entry, reading)
        })?;
        let mut done = each(&files.tasks, "tasks", TASK, &mut notes, |name, entry| {
            tasks::read(name, entry, reading)
        })?;
        for (key, (task, _)) in &done {
            alias(&mut notes, key, &task.name);
        }
        if let Some(on) = settings.on_tool_failure {
            members.iter_mut().for_each(|(_, member)| member.on_tool_failure = on);
        }
        choose(settings.agents.as_deref(), "agents", &mut members, &mut notes);
        choose(settings.tasks.as_deref(), "tasks", &mut done, &mut notes);
        let (tasks, triggers): (Vec<Task>, Vec<Trigger>) =
            done.into_iter().map(|(_, both)| both).unzip();
        let mut crew = Crew::new(settings.name.clone().unwrap_or_else(|| files.name.clone()));
        crew.members = members.into_iter().map(|(_, member)| member).collect();
        crew.tasks = tasks;
        crew.delegations = reading.delegations.unwrap_or(crew.delegations);
        put_manager(&mut crew, &settings, &mut notes);
        let mut project = Self {
            report: report(&mut crew),
            crew,
            triggers,
            defaults: settings.inputs,
            notes,
            accept: reading.accept.clone(),
        };
        project.settle(files);
        Ok(project)
    }

    /// Checks the parts against each other, and puts the remarks in order.
    fn settle(&mut self, files: &Files) {
        for fault in self.crew.faults() {
            let (path, default) = match &fault.subject {
                Subject::Crew if fault.field == "tasks" => (String::new(), &files.tasks),
                Subject::Crew => (String::new(), &files.agents),
                Subject::Agent(name) => (format!("agents.{name}"), &files.agents),
                Subject::Task(name) => (format!("tasks.{name}"), &files.tasks),
            };
            let field = if path.is_empty() {
                fault.field.into()
            } else {
                format!("{path}.{}", fault.field)
            };
            let place = self.notes.place(&field).or_else(|| self.notes.place(&path));
            let place = place.unwrap_or_else(|| begin(default));
            self.notes.wrong(place, field, fault.problem);
        }
        self.report.remarks = std::mem::take(&mut self.notes.remarks);
        self.report.remarks.sort_by(|a, b| (&a.place, &a.field).cmp(&(&b.place, &b.field)));
    }
}

impl Notes {
    /// Returns where a field stands.
    pub(super) fn place(&self, field: &str) -> Option<Place> {
        self.places.get(field).map(|(source, at)| source.place(*at))
    }
}

fn begin(source: &Source) -> Place {
    Place { file: source.name.to_string(), line: 1, column: 1 }
}

fn parse(source: &Source) -> Result<Spanned<Node>, Failure> {
    node::parse(source).map_err(|(place, problem)| {
        Failure::permanent(Code::CrewInvalid, format!("{place}: {problem}"))
    })
}

fn read_settings(files: &Files, reading: &Reading, notes: &mut Notes) -> Result<Settings, Failure> {
    let Some(source) = &files.crew else { return Ok(Settings::default()) };
    let node = parse(source)?;
    let entry = Entry::open(source, "", &node, Location::UNKNOWN, CREW, notes);
    Ok(entry.map(|mut entry| settings::read(&mut entry, reading)).unwrap_or_default())
}

/// Reads every entry of a file that maps names to mappings.
fn each<T>(
    source: &Source,
    path: &str,
    table: &'static [Field],
    notes: &mut Notes,
    read: impl Fn(&str, &mut Entry<'_>) -> T,
) -> Result<Vec<(String, T)>, Failure> {
    let node = parse(source)?;
    let Node::Mapping(entries) = &node.value else {
        let problem = format!("a mapping of names is expected, and this is {}", node.value.word());
        notes.wrong(source.place(node.referenced), path, problem);
        return Ok(Vec::new());
    };
    let mut found = Vec::new();
    for (key, value) in entries {
        let path = format!("{path}.{}", key.value);
        notes.places.insert(path.clone(), (source.clone(), key.referenced));
        if let Some(mut entry) = Entry::open(source, path, value, key.referenced, table, notes) {
            found.push((key.value.clone(), read(&key.value, &mut entry)));
        }
    }
    Ok(found)
}

/// Makes the places of a task's fields known under its name too, where that is not its key.
fn alias(notes: &mut Notes, key: &str, name: &str) {
    if key == name {
        return;
    }
    let (from, to) = (format!("tasks.{key}"), format!("tasks.{name}"));
    let fields: Vec<_> = notes
        .places
        .iter()
        .filter_map(|(path, at)| {
            let rest = path.strip_prefix(&from)?;
            (rest.is_empty() || rest.starts_with('.')).then(|| (format!("{to}{rest}"), at.clone()))
        })
        .collect();
    notes.places.extend(fields);
}

/// Leaves those that `crew.yaml` names, in its order.
fn choose<T>(
    wanted: Option<&[String]>,
    field: &str,
    found: &mut Vec<(String, T)>,
    notes: &mut Notes,
) {
    let Some(wanted) = wanted else { return };
    let mut left: BTreeMap<String, T> = std::mem::take(found).into_iter().collect();
    let names: Vec<String> = left.keys().cloned().collect();
    for name in wanted {
        if let Some(part) = left.remove(name) {
            found.push((name.clone(), part));
        } else if let Some(place) = notes.place(field) {
            let hint = near::hint(name, names.iter().map(String::as_str));
            notes.wrong(place, field, format!("there is no `{name}`; {hint}"));
        }
    }
}

/// Puts the manager of a hierarchical crew over it.
fn put_manager(crew: &mut Crew, settings: &Settings, notes: &mut Notes) {
    if settings.style != Some(Style::Hierarchical) {
        return;
    }
    let place =
        notes.place("process").unwrap_or(Place { file: "crew.yaml".into(), line: 1, column: 1 });
    let manager = match (&settings.manager_agent, &settings.manager_model) {
        (Some(name), _) => {
            let Some(at) = crew.members.iter().position(|member| member.agent.name == *name) else {
                let names = crew.members.iter().map(|member| member.agent.name.as_str());
                let problem = format!("there is no agent `{name}`; {}", near::hint(name, names));
                let place = notes.place("manager_agent").unwrap_or(place);
                return notes.wrong(place, "manager_agent", problem);
            };
            crew.members.remove(at)
        }
        (None, Some(model)) => manager(model.clone()),
        (None, None) => {
            let problem = "a hierarchical crew has a `manager_llm` or a `manager_agent`";
            return notes.wrong(place, "process", problem);
        }
    };
    crew.process = Process::Hierarchical { manager: Box::new(manager) };
}

/// Returns the manager of a crew that only says which model it is to ask.
fn manager(model: ModelName) -> Member {
    let mut agent =
        Agent::new("manager", "Crew Manager", "get each task done well by the right coworker");
    agent.backstory =
        "You lead a crew. You hand work to the coworker whose role fits it, tell them \
                       everything they need, judge what comes back, and answer for the result."
            .to_owned();
    agent.model = model;
    Member::from(agent)
}

fn report(crew: &mut Crew) -> Report {
    let names = |grants: &Grants| grants.iter().map(ToOwned::to_owned).collect();
    let line = |member: &Member| AgentLine {
        name: member.agent.name.clone(),
        role: member.agent.role.trim().to_owned(),
        model: member.agent.model.to_string(),
        tools: names(&member.agent.grants),
        delegates: member.voice == Voice::Delegates,
    };
    let manager = crew.manager().as_ref().map(line);
    let task = |task: &Task| TaskLine {
        name: task.name.clone(),
        agent: task.agent.clone(),
        context: match &task.context {
            Context::Previous => None,
            Context::Named(names) => Some(names.clone()),
        },
    };
    let (name, process) = (crew.name.clone(), crew.process.word());
    let agents = crew.members.iter().map(line).chain(manager).collect();
    let tasks = crew.tasks.iter().map(task).collect();
    let mut inputs: Vec<String> =
        texts(crew).iter().flat_map(|(_, text)| fill::names(text)).map(ToOwned::to_owned).collect();
    inputs.sort();
    inputs.dedup();
    Report { name, process, agents, tasks, inputs, remarks: Vec::new() }
}
