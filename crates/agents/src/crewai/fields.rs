//! The fields of CrewAI's files, one table a kind of file: what is done with each of them.
//!
//! The tables follow CrewAI 1.15. A field that is in no table is unknown, and said to be.

mod agent;
mod crew;
mod llm;
mod task;

use mainstay_core::flow::check::near::nearest;

use super::{node::Node, report::Says};

pub(super) use self::{agent::AGENT, crew::CREW, llm::LLM, task::TASK};

/// What is done with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It means here what it means in CrewAI.
    Supported,
    /// It may stand there and changes nothing, because of this.
    WithoutEffect(&'static str),
    /// It is not done: why, and what to use instead.
    Unsupported(&'static str, &'static str),
}

/// One field of a kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Its name in the file.
    pub name: &'static str,
    /// What is done with it.
    pub support: Support,
    /// The truth value that asks for nothing, so that nothing has to be said about it.
    quiet: bool,
}

const fn supported(name: &'static str) -> Field {
    Field { name, support: Support::Supported, quiet: false }
}

const fn without_effect(name: &'static str, why: &'static str) -> Field {
    Field { name, support: Support::WithoutEffect(why), quiet: false }
}

const fn unsupported(name: &'static str, why: &'static str, instead: &'static str) -> Field {
    Field { name, support: Support::Unsupported(why, instead), quiet: false }
}

impl Field {
    /// Says that `true` asks for nothing, and `false` for something.
    const fn quiet_when_true(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// Returns what is to be said where it has this value.
    fn says(&self, value: &Node) -> Option<Says> {
        let truth = if let Node::Scalar(serde_json::Value::Bool(truth)) = value {
            *truth == self.quiet
        } else {
            value.asks_nothing()
        };
        match self.support {
            Support::Supported => None,
            Support::WithoutEffect(_) | Support::Unsupported(..) if truth => None,
            Support::WithoutEffect(why) => Some(Says::WithoutEffect(why)),
            Support::Unsupported(why, instead) => Some(Says::Unsupported { why, instead }),
        }
    }
}

/// Returns what is to be said about a field of a kind of file, if anything.
pub(super) fn says(table: &'static [Field], name: &str, value: &Node) -> Option<Says> {
    match table.iter().find(|field| field.name == name) {
        Some(field) => field.says(value),
        None => Some(Says::Unknown(nearest(name, table.iter().map(|field| field.name)))),
    }
}

/// Returns every kind of file with its table, as documentation prints them.
#[must_use]
pub fn tables() -> [(&'static str, &'static [Field]); 4] {
    [
        ("An agent (`agents.yaml`)", AGENT),
        ("A task (`tasks.yaml`)", TASK),
        ("The crew (`crew.yaml`, `crew.jsonc`)", CREW),
        ("A model written as a mapping (`llm`)", LLM),
    ]
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fmt::Write};

    use expect_test::expect_file;

    use super::*;

    #[test]
    fn no_field_stands_twice_in_a_table() {
        for (kind, table) in tables() {
            let names: BTreeSet<_> = table.iter().map(|field| field.name).collect();
            assert_eq!(names.len(), table.len(), "{kind}");
        }
    }

    #[test]
    fn the_documentation_lists_every_field() {
        let mut page = String::from(concat!(
            "# The fields of CrewAI's files\n\n",
            "Written by `UPDATE_EXPECT=1 cargo test -p mainstay-agents documentation_lists` from ",
            "the tables in `crates/agents/src/crewai/fields/`. They follow CrewAI 1.15. What to do ",
            "with a crew stands in [crews.md](crews.md).\n",
        ));
        for (kind, table) in tables() {
            writeln!(page, "\n## {kind}\n\n| field | here |\n|---|---|").unwrap();
            for Field { name, support, .. } in table {
                let told = match support {
                    Support::Supported => "supported".to_owned(),
                    Support::WithoutEffect(why) => format!("without effect: {why}"),
                    Support::Unsupported(why, instead) => {
                        format!("**unsupported**: {why}. Instead: {instead}")
                    }
                };
                writeln!(page, "| `{name}` | {told} |").unwrap();
            }
        }
        expect_file!["../../../../docs/crew-fields.md"].assert_eq(&page);
    }
}
