//! The loop of an agent: ask, call, tell, until there is an answer.

use std::sync::Arc;

use mainstay_core::{
    code::Code,
    digest::Digest,
    effects::{Effects, Scope, ScopeKind},
    failure::Failure,
    label::Integrity,
    model::{Cost, Message, ModelReply, ModelRequest, OutputSchema, ToolChoice, Usage},
};

use super::{
    Agent, AgentReply, Assignment, Kit, ToolTrouble,
    answer::Answer,
    conversation::{Conversation, Round, RoundAnswer},
    offer::{Beginning, PROTOCOL},
    prompt,
};
use crate::{loops::Watch, mark::Mark, memory::WorkingMemory};

/// So many turns in a row may call tools with arguments that do not fit.
const UNFIT_TURNS: u32 = 3;

/// Opens the agent's scope and works in it, as the agent that it began as.
pub(super) async fn work(
    agent: Agent,
    on: Arc<dyn Effects>,
    assignment: Assignment,
    kit: Kit,
) -> Result<AgentReply, Failure> {
    let by_author = ["/assignment/task", "/assignment/instructions"];
    let told = by_author.into_iter().filter(|_| !assignment.delegated);
    let scope = Scope::new(ScopeKind::Agent, &agent.name)
        .with_grants(agent.grants.clone())
        .with_limits(agent.limits)
        .telling(told);
    let today = Beginning::new(agent, assignment, on.as_ref(), &kit);
    let pinned = serde_json::to_value(&today).map_err(|e| unreadable(&e))?;
    let opened = on.open(scope, pinned).await?;
    let beginning: Beginning = serde_json::from_value(opened.pinned).map_err(|e| unreadable(&e))?;
    if beginning.protocol != PROTOCOL {
        let (began, speaks) = (beginning.protocol, PROTOCOL);
        let why = format!("the agent began by protocol {began}, and this program speaks {speaks}");
        return Err(Failure::permanent(Code::Divergence, why));
    }
    let beginning = beginning.sharing(&today);
    drop(today);
    let seed = opened.effects.random().await;
    Worker::new(beginning, opened.effects, kit, seed).run().await
}

fn unreadable(error: &serde_json::Error) -> Failure {
    Failure::permanent(Code::Bug, format!("an agent's beginning does not read back: {error}"))
}

/// An agent at work.
pub(super) struct Worker {
    pub(super) beginning: Beginning,
    pub(super) effects: Arc<dyn Effects>,
    pub(super) kit: Kit,
    pub(super) memory: WorkingMemory,
    pub(super) watch: Watch,
    pub(super) tool_calls: u32,
    pub(super) tool_failures: Vec<ToolTrouble>,
    /// Untrusted as soon as anything untrusted was read.
    pub(super) integrity: Integrity,
    conversation: Conversation,
    /// What marks of untrusted text are made from.
    seed: u64,
    usage: Usage,
    cost: Cost,
    /// Turns in a row whose calls did not fit.
    unfit: u32,
    /// Answers that could not be used.
    pub(super) faults: u32,
    /// Answers that its judge sent back.
    pub(super) sent_back: u32,
}

/// What a turn led to.
pub(super) enum Next {
    /// Another turn.
    Turn,
    /// The end.
    Answer(Answer),
}

impl Worker {
    fn new(beginning: Beginning, effects: Arc<dyn Effects>, kit: Kit, seed: u64) -> Self {
        let context = beginning.assignment.context.iter().map(|source| source.integrity);
        let integrity = context.max().unwrap_or(Integrity::Trusted);
        Self {
            beginning,
            effects,
            kit,
            memory: WorkingMemory::default(),
            watch: Watch::default(),
            tool_calls: 0,
            tool_failures: Vec::new(),
            integrity,
            conversation: Conversation::default(),
            seed,
            usage: Usage::reported(0, 0),
            cost: Cost::ZERO,
            unfit: 0,
            faults: 0,
            sent_back: 0,
        }
    }

    async fn run(mut self) -> Result<AgentReply, Failure> {
        self.check_task().await?;
        let turns = self.beginning.agent.turns.max(1);
        for turn in 1..=turns {
            let request = self.request(turn, turns);
            let offered = !request.tools.is_empty();
            let reply = self.effects.model(request).await?;
            self.count(&reply);
            let next = if reply.tool_calls.is_empty() {
                self.answered(reply).await?
            } else if offered {
                self.called(reply).await?
            } else {
                break;
            };
            if let Next::Answer(answer) = next {
                return Ok(self.reply(turn, answer));
            }
        }
        let why = format!("`{}` used up its {turns} turns without an answer", self.name());
        Err(Failure::permanent(Code::AgentTurns, why))
    }

    pub(super) fn name(&self) -> &str {
        &self.beginning.agent.name
    }

    fn count(&mut self, reply: &ModelReply) {
        self.usage = self.usage.plus(&reply.usage);
        self.cost = self.cost + reply.cost.unwrap_or_default();
    }

    pub(super) fn output(&self) -> Option<&OutputSchema> {
        self.beginning.assignment.output.as_ref().or(self.beginning.agent.output.as_ref())
    }

    /// Writes the question of a turn anew, from the assignment, what is kept in mind, and the last
    /// rounds. In the last turn nothing is offered, so that the model must answer.
    fn request(&self, turn: u32, turns: u32) -> ModelRequest {
        let Beginning { agent, assignment, offers, .. } = &self.beginning;
        let mark = self.mark(turn);
        let opening = prompt::opening(assignment, &self.memory, (turn, turns), &mark);
        let mut request = ModelRequest::new(agent.model.clone())
            .with_system(prompt::system(&self.beginning, &mark))
            .with_prompt(prompt::reference(assignment))
            .with_user(opening)
            .with_max_output_tokens(agent.max_output_tokens);
        request.messages.extend(self.conversation.messages(&mark));
        if turn < turns {
            request.tools = offers.iter().map(|offer| offer.offer.clone()).collect();
        } else if !offers.is_empty() {
            request.messages.push(Message::user(prompt::LAST_TURN));
            request.tool_choice = ToolChoice::Never;
        }
        request.output = self.output().cloned();
        request
    }

    /// Draws another mark for each turn: what a tool has seen of one says nothing of the next.
    fn mark(&self, turn: u32) -> Mark {
        let digest = Digest::of_parts([&self.seed.to_be_bytes()[..], &turn.to_be_bytes()[..]]);
        let drawn = digest.as_bytes().iter().take(8);
        Mark::new(drawn.fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    async fn called(&mut self, reply: ModelReply) -> Result<Next, Failure> {
        let calls = self.calls(&reply.tool_calls).await;
        self.unfit = if calls.unfit { self.unfit + 1 } else { 0 };
        self.add(Round::new(reply, RoundAnswer::Results(calls.told)));
        self.watch.end_turn(calls.circle).map_err(|circle| {
            let why = format!("`{}` went round in circles: {circle}", self.name());
            Failure::permanent(Code::AgentCircles, why)
        })?;
        if self.unfit >= UNFIT_TURNS {
            let why = format!(
                "in {UNFIT_TURNS} turns in a row `{}` called tools with arguments that do not fit",
                self.name()
            );
            return Err(Failure::permanent(Code::AgentArguments, why));
        }
        Ok(Next::Turn)
    }

    pub(super) fn add(&mut self, round: Round) {
        self.conversation.add(round, self.beginning.agent.window, &mut self.memory);
    }

    fn reply(self, turns: u32, answer: Answer) -> AgentReply {
        AgentReply {
            text: answer.text,
            json: answer.json,
            integrity: self.integrity,
            turns,
            usage: self.usage,
            cost: self.cost,
            tool_calls: self.tool_calls,
            tool_failures: self.tool_failures,
            sent_back: self.sent_back,
            memory: self.memory,
        }
    }
}
