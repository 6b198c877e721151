//! What a crew's files hold and what of it does not carry over, field by field with its place.

use std::fmt;

use mainstay_core::{code::Code, failure::Failure};
use serde::Serialize;

/// A place in a file, counted from 1.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file, relative to the folder that was read.
    pub file: String,
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What is said about a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// No field has that name; the nearest that one has.
    Unknown(Option<&'static str>),
    /// The field means something that is not done here: why, and what to use instead.
    Unsupported {
        /// Why it is not done.
        why: &'static str,
        /// What does the same here.
        instead: &'static str,
    },
    /// The field may stand there and changes nothing, because of this.
    WithoutEffect(&'static str),
    /// The value cannot be used, because of this.
    Wrong(String),
}

/// One field that does not simply carry over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Where it stands.
    pub place: Place,
    /// Its path, such as `agents.researcher.memory`.
    pub field: String,
    /// What is said about it.
    pub says: Says,
}

impl Remark {
    /// Returns the field's own name, the last part of its path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.field.rsplit('.').next().unwrap_or(&self.field)
    }

    /// Returns whether a crew with it may not be used unless somebody accepts it.
    #[must_use]
    pub const fn refuses(&self) -> bool {
        match self.says {
            Says::Unknown(_) | Says::Unsupported { .. } | Says::Wrong(_) => true,
            Says::WithoutEffect(_) => false,
        }
    }

    /// Returns the word for it in tables and JSON.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self.says {
            Says::Unknown(_) => "unknown",
            Says::Unsupported { .. } => "unsupported",
            Says::WithoutEffect(_) => "without effect",
            Says::Wrong(_) => "wrong",
        }
    }

    /// Returns why, without place and field.
    #[must_use]
    pub fn why(&self) -> String {
        match &self.says {
            Says::Unknown(None) => "no field has that name".to_owned(),
            Says::Unknown(Some(near)) => format!("no field has that name; did you mean `{near}`?"),
            Says::Unsupported { why, instead } => format!("{why}; instead: {instead}"),
            Says::WithoutEffect(why) => (*why).to_owned(),
            Says::Wrong(problem) => problem.clone(),
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: `{}`: {}", self.place, self.word(), self.field, self.why())
    }
}

/// An agent as the report lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AgentLine {
    /// Its name in the file.
    pub name: String,
    /// Its role, placeholders as they are.
    pub role: String,
    /// The model or tier it asks.
    pub model: String,
    /// The tools it is granted.
    pub tools: Vec<String>,
    /// Whether it may delegate to its coworkers.
    pub delegates: bool,
}

/// A task as the report lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TaskLine {
    /// Its name.
    pub name: String,
    /// Who does it; nobody in particular when the manager decides.
    pub agent: Option<String>,
    /// The tasks whose outputs it gets; all before it when absent.
    pub context: Option<Vec<String>>,
}

/// What a folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The crew's name.
    pub name: String,
    /// `sequential` or `hierarchical`.
    pub process: &'static str,
    /// The agents, as they stand in the file.
    pub agents: Vec<AgentLine>,
    /// The tasks, in their order.
    pub tasks: Vec<TaskLine>,
    /// The inputs that placeholders ask for, in alphabetical order.
    pub inputs: Vec<String>,
    /// Everything that does not simply carry over, in order of its place.
    pub remarks: Vec<Remark>,
}

impl Report {
    /// Returns what forbids to use the crew, leaving out unsupported fields that `accepted` names
    /// by their own name or by their whole path.
    pub fn refusals<'a>(
        &'a self,
        accepted: &'a [String],
    ) -> impl Iterator<Item = &'a Remark> + use<'a> {
        self.remarks.iter().filter(move |remark| {
            let named = |name: &String| *name == remark.field || name == remark.name();
            let accepted =
                matches!(remark.says, Says::Unsupported { .. }) && accepted.iter().any(named);
            remark.refuses() && !accepted
        })
    }

    /// Refuses a crew that cannot be used as it is.
    ///
    /// # Errors
    /// `MS-1120` if all that is in the way is unsupported, else `MS-1121`; either lists it all.
    pub fn check(&self, accepted: &[String]) -> Result<(), Failure> {
        let refusals: Vec<&Remark> = self.refusals(accepted).collect();
        if refusals.is_empty() {
            return Ok(());
        }
        let unsupported = |remark: &&Remark| matches!(remark.says, Says::Unsupported { .. });
        let code = if refusals.iter().all(unsupported) {
            Code::CrewUnsupported
        } else {
            Code::CrewInvalid
        };
        let told: Vec<String> = refusals.iter().map(ToString::to_string).collect();
        let message =
            format!("the crew `{}` cannot be used as it is: {}", self.name, told.join("; "));
        Err(Failure::permanent(code, message))
    }
}
