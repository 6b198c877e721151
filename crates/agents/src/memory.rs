//! Working memory: what an agent knows besides the last rounds of its conversation.
//!
//! # Why the conversation itself is not enough
//!
//! A transcript grows with each turn, is paid for again with each turn, and pushes out of a
//! model's sight what mattered at its beginning. So what matters is kept apart, each fact with its
//! source, and the prompt of a turn is made of it and of the last rounds. The size of both is
//! bounded, and with it what a turn costs.

use mainstay_core::label::Integrity;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest fact, decision or question, in characters.
const LONGEST: usize = 400;
/// At most so many decisions, and so many open questions; the oldest go.
const MOST: usize = 12;
/// What all facts together may take, in characters.
const FACTS: usize = 2_000;

/// Who wrote a fact down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Writer {
    /// The agent, because it will need it.
    Agent,
    /// Code, when the round it comes from left the window. These go first.
    Window,
}

/// Something that is known, and where from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What is known.
    pub text: String,
    /// Where from: a tool, a document, a person.
    pub source: String,
    /// Whether anything untrusted may stand in it.
    pub integrity: Integrity,
    /// Who wrote it down.
    pub writer: Writer,
}

/// What an agent keeps in mind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkingMemory {
    /// What is known, oldest first.
    pub facts: Vec<Fact>,
    /// What was decided.
    pub decisions: Vec<String>,
    /// What is still to be found out.
    pub open_questions: Vec<String>,
}

/// What an agent asks to be kept in mind.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Note {
    /// Facts that will be needed later.
    pub facts: Vec<NotedFact>,
    /// What was decided, and why.
    pub decisions: Vec<String>,
    /// What is still to be found out.
    pub open_questions: Vec<String>,
    /// Open questions, in the same words, that have their answer.
    pub answered: Vec<String>,
}

/// A fact as an agent writes it down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotedFact {
    /// What is known.
    pub text: String,
    /// The tool, document or person that said so.
    pub source: String,
}

impl WorkingMemory {
    /// Takes a note. What an agent writes after it has read untrusted text is untrusted itself.
    pub fn note(&mut self, note: Note, integrity: Integrity) {
        for NotedFact { text, source } in note.facts {
            self.keep(Fact { text, source, integrity, writer: Writer::Agent });
        }
        let answered = |question: &String| note.answered.contains(question);
        self.open_questions.retain(|question| !answered(question));
        add(&mut self.decisions, note.decisions);
        add(&mut self.open_questions, note.open_questions);
    }

    /// Keeps a fact once; where there is no room, what code wrote down goes first, then the oldest.
    pub fn keep(&mut self, fact: Fact) {
        let (text, source) = (cut(&fact.text), cut(&fact.source));
        self.facts.retain(|known| known.text != text || known.source != source);
        self.facts.push(Fact { text, source, ..fact });
        while self.facts.len() > 1 && self.facts.iter().map(Fact::size).sum::<usize>() > FACTS {
            let of_window = self.facts.iter().position(|fact| fact.writer == Writer::Window);
            self.facts.remove(of_window.unwrap_or(0));
        }
    }

    /// Returns whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.decisions.is_empty() && self.open_questions.is_empty()
    }
}

impl Fact {
    fn size(&self) -> usize {
        self.text.chars().count() + self.source.chars().count()
    }
}

fn add(kept: &mut Vec<String>, more: Vec<String>) {
    for text in more.iter().map(|text| cut(text)) {
        if !kept.contains(&text) {
            kept.push(text);
        }
    }
    kept.drain(..kept.len().saturating_sub(MOST));
}

/// A longer text is cut where everybody sees it.
fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fact(text: &str, writer: Writer) -> Fact {
        Fact { text: text.into(), source: "look".into(), integrity: Integrity::Untrusted, writer }
    }

    fn questions(open: &[&str], answered: &[&str]) -> Note {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Note { open_questions: owned(open), answered: owned(answered), ..Note::default() }
    }

    #[test]
    fn a_question_is_open_until_it_has_its_answer() {
        let mut memory = WorkingMemory::default();
        memory.note(questions(&["who?", "when?", "who?"], &[]), Integrity::Trusted);
        memory.note(questions(&["why?"], &["who?"]), Integrity::Trusted);
        assert_eq!(memory.open_questions, ["when?", "why?"]);
    }

    #[test]
    fn what_the_agent_wrote_down_outlives_what_fell_out_of_the_window() {
        let mut memory = WorkingMemory::default();
        memory.keep(fact("the code is 4711", Writer::Agent));
        for n in 0..100 {
            memory.keep(fact(&format!("{n:0300}"), Writer::Window));
        }
        assert_eq!(memory.facts[0].text, "the code is 4711");
        assert!(memory.facts.len() < 15, "{} facts", memory.facts.len());
    }

    #[test]
    fn a_fact_is_kept_once() {
        let mut memory = WorkingMemory::default();
        (0..3).for_each(|_| memory.keep(fact("same", Writer::Window)));
        assert_eq!(memory.facts.len(), 1);
    }

    proptest! {
        #[test]
        fn memory_never_outgrows_its_bounds(texts in proptest::collection::vec(".{0,600}", 0..60)) {
            let mut memory = WorkingMemory::default();
            for (n, text) in texts.iter().enumerate() {
                let writer = if n % 3 == 0 { Writer::Agent } else { Writer::Window };
                memory.keep(fact(text, writer));
                let note = Note { decisions: vec![text.clone()], ..Note::default() };
                memory.note(note, Integrity::Untrusted);
            }
            let size: usize = memory.facts.iter().map(Fact::size).sum();
            prop_assert!(size <= FACTS && memory.decisions.len() <= MOST);
        }
    }
}
