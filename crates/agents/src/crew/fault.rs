//! What is wrong with a crew, found before anything of it begins.

use std::{collections::BTreeSet, fmt};

use mainstay_core::{code::Code, failure::Failure, flow::check::near};

use super::{
    definition::{Context, Crew, Process, Task},
    order::waves,
};

/// What a fault is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The crew as a whole.
    Crew,
    /// One of its agents.
    Agent(String),
    /// One of its tasks.
    Task(String),
}

/// One thing that is wrong with a crew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// What it is about.
    pub subject: Subject,
    /// The field of it that is wrong.
    pub field: &'static str,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subject {
            Subject::Crew => write!(f, "`{}`: {}", self.field, self.problem),
            Subject::Agent(name) => write!(f, "agent `{name}`, `{}`: {}", self.field, self.problem),
            Subject::Task(name) => write!(f, "task `{name}`, `{}`: {}", self.field, self.problem),
        }
    }
}

impl Crew {
    /// Refuses a crew that cannot work.
    ///
    /// # Errors
    /// `MS-1121`, with everything that is wrong.
    pub fn check(&self) -> Result<(), Failure> {
        let faults = self.faults();
        if faults.is_empty() {
            return Ok(());
        }
        let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
        let message = format!("the crew `{}` is not sound: {}", self.name, told.join("; "));
        Err(Failure::permanent(Code::CrewInvalid, message))
    }

    /// Returns everything that is wrong with it.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        self.check_names(&mut faults);
        for (place, task) in self.tasks.iter().enumerate() {
            let mut found = |field, problem| {
                let subject = Subject::Task(task.name.clone());
                faults.push(Fault { subject, field, problem });
            };
            self.check_agent(task, &mut found);
            self.check_looks(place, task, &mut found);
            if let Some(problem) = task.file.as_deref().and_then(unsafe_path) {
                found("output_file", problem);
            }
        }
        faults
    }

    fn check_names(&self, faults: &mut Vec<Fault>) {
        let crew = |field, problem: &str| Fault {
            subject: Subject::Crew,
            field,
            problem: problem.to_owned(),
        };
        if self.tasks.is_empty() {
            faults.push(crew("tasks", "a crew has at least one task"));
        }
        if self.members.is_empty() {
            faults.push(crew("agents", "a crew has at least one agent"));
        }
        let agents = self.members.iter().map(|member| &member.agent.name);
        for name in twice(agents) {
            let subject = Subject::Agent(name.clone());
            faults.push(Fault { subject, field: "name", problem: "the name stands twice".into() });
        }
        for name in twice(self.tasks.iter().map(|task| &task.name)) {
            let subject = Subject::Task(name.clone());
            faults.push(Fault { subject, field: "name", problem: "the name stands twice".into() });
        }
    }

    fn check_agent(&self, task: &Task, found: &mut impl FnMut(&'static str, String)) {
        match (&task.agent, &self.process) {
            (Some(name), _) if self.member(name).is_none() => {
                let names = self.members.iter().map(|member| member.agent.name.as_str());
                found("agent", format!("there is no agent `{name}`; {}", near::hint(name, names)));
            }
            (None, Process::Sequential) => {
                let problem = "in a sequential crew each task has an agent";
                found("agent", problem.to_owned());
            }
            (Some(_) | None, _) => {}
        }
    }

    /// Checks what a task looks at: it has to be done when the task begins.
    fn check_looks(&self, place: usize, task: &Task, found: &mut impl FnMut(&'static str, String)) {
        let context: &[String] = match &task.context {
            Context::Previous => &[],
            Context::Named(names) => names,
        };
        for name in context {
            if let Some(problem) = self.no_output(place, name) {
                found("context", problem);
            }
        }
        let Some(condition) = &task.condition else { return };
        if place == 0 {
            found("condition", "nothing is done before the first task".to_owned());
        }
        for name in condition.tasks() {
            if let Some(problem) = self.no_output(place, name) {
                found("condition", problem);
            }
        }
    }

    /// Returns why the task at `place` cannot have the output of the named one, if it cannot.
    fn no_output(&self, place: usize, name: &str) -> Option<String> {
        let wave_of = |wanted| waves(&self.tasks).iter().position(|wave| wave.contains(&wanted));
        let other = self.tasks.iter().position(|task| task.name == name);
        match other {
            None => {
                let names = self.tasks.iter().map(|task| task.name.as_str());
                Some(format!("there is no task `{name}`; {}", near::hint(name, names)))
            }
            Some(other) if other == place => Some("a task cannot wait for itself".to_owned()),
            Some(other) if wave_of(other) >= wave_of(place) => {
                let circle = self.leads_to(other, place, &mut BTreeSet::new());
                Some(if circle {
                    format!("`{name}` and this task wait for each other")
                } else {
                    format!("`{name}` is done later: move it before this task")
                })
            }
            Some(_) => None,
        }
    }

    /// Returns whether `from` waits for `to`, directly or through others.
    fn leads_to(&self, from: usize, to: usize, seen: &mut BTreeSet<usize>) -> bool {
        let Some(task) = self.tasks.get(from) else { return false };
        let Context::Named(names) = &task.context else { return false };
        let places =
            names.iter().filter_map(|name| self.tasks.iter().position(|t| t.name == *name));
        let places: Vec<usize> = places.collect();
        places
            .into_iter()
            .any(|next| next == to || (seen.insert(next) && self.leads_to(next, to, seen)))
    }
}

/// Returns the names that stand more than once, each once.
fn twice<'a>(names: impl Iterator<Item = &'a String>) -> BTreeSet<&'a String> {
    let mut seen = BTreeSet::new();
    names.filter(|name| !seen.insert(*name)).collect()
}

/// Returns why a file's name may not be used, if it may not: whoever writes it must not be led
/// elsewhere.
fn unsafe_path(path: &str) -> Option<String> {
    let leads_out = path.starts_with(['/', '\\', '~'])
        || path.contains(':')
        || path.split(['/', '\\']).any(|part| part == "..");
    let control = path.chars().any(char::is_control);
    (leads_out || control || path.is_empty())
        .then(|| format!("`{}` leads out of the folder it is written to", path.escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{agent::Agent, crew::Condition};
    use expect_test::{Expect, expect};
    use serde_json::json;

    fn crew(tasks: impl IntoIterator<Item = Task>) -> Crew {
        let crew = Crew::new("desk").with_member(Agent::new("ann", "Analyst", "find out"));
        tasks.into_iter().fold(crew, Crew::with_task)
    }

    fn task(name: &str) -> Task {
        Task::new(name, "do", "done").with_agent("ann")
    }

    fn check(crew: &Crew, expected: &Expect) {
        let told: Vec<String> = crew.faults().iter().map(ToString::to_string).collect();
        expected.assert_eq(&told.join("\n"));
    }

    #[test]
    fn a_sound_crew_has_no_fault() {
        let after = task("b").with_context(["a"]).with_file("out/report.md");
        check(&crew([task("a").alongside(), after]), &expect![""]);
    }

    #[test]
    fn a_circle_is_told_from_a_wrong_order() {
        check(
            &crew([
                task("a").with_context(["c"]),
                task("b").with_context(["b", "d"]),
                task("c").with_context(["a"]),
                task("d"),
            ]),
            &expect![[r#"
                task `a`, `context`: `c` and this task wait for each other
                task `b`, `context`: a task cannot wait for itself
                task `b`, `context`: `d` is done later: move it before this task"#]],
        );
    }

    #[test]
    fn what_does_not_exist_is_named_with_what_does() {
        let nobody = Task::new("b", "do", "done");
        let if_so = Condition::read(&json!({"task": "x", "exists": true})).unwrap();
        check(
            &crew([task("a").with_agent("an").with_condition(if_so), nobody, task("b")]),
            &expect![[r#"
                task `b`, `name`: the name stands twice
                task `a`, `agent`: there is no agent `an`; did you mean `ann`?
                task `a`, `condition`: nothing is done before the first task
                task `a`, `condition`: there is no task `x`; did you mean `a`?
                task `b`, `agent`: in a sequential crew each task has an agent"#]],
        );
        check(
            &Crew::new("empty"),
            &expect![[r#"
                `tasks`: a crew has at least one task
                `agents`: a crew has at least one agent"#]],
        );
    }

    #[test]
    fn a_file_stays_in_its_folder() {
        for path in ["/etc/passwd", "../up.md", "a/../../b", "C:\\x", "~/x", "", "a\u{0}"] {
            assert!(unsafe_path(path).is_some(), "{path:?}");
        }
        for path in ["report.md", "out/report.md", "a..b.md"] {
            assert_eq!(unsafe_path(path), None, "{path}");
        }
    }
}
