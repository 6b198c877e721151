//! Delegating to coworkers and asking them: two skills of an agent that may do so.
//!
//! Names and arguments are CrewAI's. Whoever works for another works inside the other's scope: it
//! can call no tool that the other could not, and spends from what the other may spend.

use std::sync::Arc;

use mainstay_core::{
    code::Code,
    effects::{Asked, Effects},
    failure::Failure,
    flow::check::near,
    label::Integrity,
    model::ToolOffer,
    tool::{ToolFailure, ToolOutcome},
};
use serde_json::{Value, json};

use super::{
    definition::{Member, Voice},
    judge::Judges,
    output::Delegation,
    rules::Rules,
    tally::{Count, Tally},
};
use crate::agent::{Assignment, Kit, Skill, Source};

/// The skill of handing work on.
pub const DELEGATE: &str = "delegate_work_to_coworker";
/// The skill of asking.
pub const ASK: &str = "ask_question_to_coworker";

/// Whom an agent can turn to, and what is counted for it.
#[derive(Clone)]
pub(super) struct Coworkers {
    /// Who turns to them.
    pub(super) by: Member,
    /// Everybody in the crew who may be turned to.
    pub(super) crew: Arc<Vec<Member>>,
    /// How often work may still be handed on.
    pub(super) left: u32,
    pub(super) rules: Rules,
    pub(super) tally: Tally,
}

impl Coworkers {
    /// Returns the skills that the agent has: none where it works alone, has nobody to turn to, or
    /// where work was handed on often enough.
    pub(super) fn skills(&self) -> Vec<Arc<dyn Skill>> {
        if self.by.voice == Voice::Alone || self.left == 0 || self.others().next().is_none() {
            return Vec::new();
        }
        let skill = |kind| -> Arc<dyn Skill> { Arc::new(Turn { kind, coworkers: self.clone() }) };
        vec![skill(Kind::Delegate), skill(Kind::Ask)]
    }

    fn others(&self) -> impl Iterator<Item = &Member> {
        self.crew.iter().filter(|member| member.agent.name != self.by.agent.name)
    }

    /// Finds a coworker by role or name, whatever the case, spaces and quotes.
    fn find(&self, wanted: &str) -> Option<&Member> {
        let wanted = plain(wanted);
        self.others().find(|member| {
            plain(&member.agent.role) == wanted || plain(&member.agent.name) == wanted
        })
    }

    fn roles(&self) -> Vec<&str> {
        self.others().map(|member| member.agent.role.trim()).collect()
    }

    /// Lets a coworker do it, and returns its answer.
    async fn hand_on(self, on: Arc<dyn Effects>, kind: Kind, words: Words) -> (Count, ToolOutcome) {
        let mut count = Count::default();
        let done = match self.find(&words.coworker) {
            Some(member) => self.work(member, on, kind, &words, &mut count).await,
            None => Err(self.nobody(&words.coworker)),
        };
        let outcome = match done {
            Ok(answer) => ToolOutcome::Found(Value::String(answer)),
            Err(failure) => {
                ToolOutcome::Failed(ToolFailure::new(failure.message).with_code(failure.code))
            }
        };
        let to = self.find(&words.coworker).map(|member| member.agent.name.clone());
        count.delegations.insert(
            0,
            Delegation {
                by: self.by.agent.name.clone(),
                to: to.unwrap_or(words.coworker),
                skill: kind.name().to_owned(),
                task: words.what,
                outcome: outcome.word().to_owned(),
            },
        );
        (count, outcome)
    }

    async fn work(
        &self,
        member: &Member,
        on: Arc<dyn Effects>,
        kind: Kind,
        words: &Words,
        count: &mut Count,
    ) -> Result<String, Failure> {
        let mut agent = member.agent.clone();
        agent.grants = self.by.agent.grants.narrowed_by(&agent.grants);
        let tally = Tally::default();
        let coworkers = Self {
            by: Member { agent: agent.clone(), ..member.clone() },
            left: self.left.saturating_sub(1),
            tally: tally.clone(),
            ..self.clone()
        };
        let judges = Judges::of_member(member, self.rules.clone(), tally.clone());
        let kit = Kit { judge: judges.into_judge(), ..Kit::from(coworkers.skills()) };
        let mut assignment = Assignment::of(&words.what).by_a_model().expecting(kind.expected());
        if !words.context.trim().is_empty() {
            assignment = assignment.with_context(Source {
                name: format!("what {} told you", self.by.agent.role.trim()),
                text: words.context.clone(),
                // It is the words of a model, which may have read anything.
                integrity: Integrity::Untrusted,
            });
        }
        let reply = agent.work(on, assignment, kit).await;
        count.add(tally.sum());
        let reply = reply?;
        count.add_reply(&reply);
        Ok(reply.text)
    }

    fn nobody(&self, wanted: &str) -> Failure {
        let roles = near::list(&self.roles());
        let why = format!("there is no coworker `{}`; there is {roles}", wanted.trim());
        Failure::permanent(Code::CoworkerUnknown, why)
    }
}

/// Returns a name as it is compared.
fn plain(name: &str) -> String {
    let words: Vec<&str> = name.split_whitespace().collect();
    words.join(" ").replace('"', "").to_lowercase()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Delegate,
    Ask,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Delegate => DELEGATE,
            Self::Ask => ASK,
        }
    }

    /// The argument that says what is wanted.
    const fn argument(self) -> &'static str {
        match self {
            Self::Delegate => "task",
            Self::Ask => "question",
        }
    }

    const fn expected(self) -> &'static str {
        match self {
            Self::Delegate => {
                "Your best answer to the coworker who gave you this, complete and checked."
            }
            Self::Ask => "Your best answer to the coworker who asks you.",
        }
    }

    fn description(self, roles: &str) -> String {
        let does = match self {
            Self::Delegate => "Hands a task on to a coworker",
            Self::Ask => "Asks a coworker a question",
        };
        format!(
            "{does}, one of {roles}. They know nothing of what you are doing: give them everything \
             they need as `context`."
        )
    }
}

/// What an agent says to a coworker.
struct Words {
    what: String,
    context: String,
    coworker: String,
}

/// One of the two skills.
struct Turn {
    kind: Kind,
    coworkers: Coworkers,
}

impl Skill for Turn {
    fn offer(&self) -> ToolOffer {
        let roles = near::list(&self.coworkers.roles());
        let what = self.kind.argument();
        ToolOffer {
            name: self.kind.name().to_owned(),
            description: self.kind.description(&roles),
            schema: Arc::new(json!({
                "type": "object",
                "properties": {
                    what: { "type": "string", "description": format!("the {what}, in full") },
                    "context": { "type": "string", "description": "everything they need to know" },
                    "coworker": { "type": "string", "description": "the role of the coworker" },
                },
                "required": [what, "context", "coworker"],
                "additionalProperties": false,
            })),
        }
    }

    fn call(&self, on: Arc<dyn Effects>, arguments: Value) -> Asked<'static, ToolOutcome> {
        let text =
            |name: &str| arguments.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let words = Words {
            what: text(self.kind.argument()),
            context: text("context"),
            coworker: text("coworker"),
        };
        let (coworkers, kind) = (self.coworkers.clone(), self.kind);
        let (tally, place) = (coworkers.tally.clone(), coworkers.tally.place());
        Box::pin(async move {
            let (count, outcome) = coworkers.hand_on(on, kind, words).await;
            tally.set(place, count);
            outcome
        })
    }
}
