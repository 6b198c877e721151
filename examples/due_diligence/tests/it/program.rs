//! Running the program in a folder of its own, on the model that knows the documents or on one that
//! does wrong.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use due_diligence::flow::Examined;
use serde_json::Value;

/// The company of the documents.
pub(crate) const COMPANY: &str = "Nordkamm Pumps GmbH";

const MODEL: &str = include_str!("../../model.yaml");

/// A folder with nothing in it but what the program makes; gone when the test is over.
pub(crate) struct Place(PathBuf);

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) exit: Option<i32>,
    /// What `run --json` printed.
    pub(crate) document: Value,
    /// The tool calls of its trace, each with its arguments and what came of it.
    pub(crate) tools: Vec<String>,
}

impl Place {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = format!("due-diligence-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(folder);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn say(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_due_diligence"));
        command.args(arguments).current_dir(&self.0).env_clear();
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }

    /// Runs the program as it is, and returns what a person reads.
    pub(crate) fn print(&self, company: &str) -> String {
        self.say(&["run", "due_diligence", "--input", &format!("company={company}")]).1
    }

    fn run(&self, company: &str, more: &[&str]) -> Ran {
        let input = format!("company={company}");
        let run = ["run", "due_diligence", "--input", &input, "--json"];
        let (exit, out) = self.say(&[&run, more].concat());
        let (_, trace) = self.say(&["runs", "show"]);
        let calls = trace.lines().filter_map(|line| line.split_once("  tool "));
        let tools = calls.map(|(_, call)| call.to_owned()).collect();
        Ran { exit, document: serde_json::from_str(&out).unwrap(), tools }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What is left behind lies in a folder for such things.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Runs the program as it is.
pub(crate) fn run(company: &str) -> Ran {
    Place::new().run(company, &[])
}

/// Runs it on the model with these words replaced by others, wherever they stand.
pub(crate) fn run_with(changes: &[(&str, &str)]) -> Ran {
    let mut model = MODEL.to_owned();
    for (words, others) in changes {
        assert!(model.contains(words), "{words}");
        model = model.replace(words, others);
    }
    let place = Place::new();
    fs::write(place.0.join("other.yaml"), model).unwrap();
    place.run(COMPANY, &["--model", "scripted:other.yaml"])
}

impl Ran {
    /// Returns what the flow returned.
    pub(crate) fn examined(&self) -> Examined {
        assert_eq!(self.exit, Some(0), "{self:?}");
        serde_json::from_value(self.document["output"].clone()).unwrap()
    }

    /// Returns the names of the tools that were called, each once.
    pub(crate) fn tool_names(&self) -> Vec<&str> {
        let mut names: Vec<_> =
            self.tools.iter().filter_map(|call| call.split(' ').next()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
