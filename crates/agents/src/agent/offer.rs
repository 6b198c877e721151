//! What an agent is offered when it begins, kept so that it goes on with the same.

use std::sync::{Arc, LazyLock};

use mainstay_core::{effects::Effects, label::Integrity, model::ToolOffer, tool::ToolSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Agent, Assignment, Kit, Skill, Window};
use crate::{loops::Nature, memory::Note};

/// The one skill every agent with a working memory has.
pub(super) const REMEMBER: &str = "remember";

static NOTE: LazyLock<Arc<Value>> =
    LazyLock::new(|| Arc::new(schemars::schema_for!(Note).to_value()));

/// How agents work today. One that began under another number is not carried on by this program.
pub(super) const PROTOCOL: u32 = 1;

/// What an agent began as.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Beginning {
    pub(super) protocol: u32,
    pub(super) agent: Agent,
    pub(super) assignment: Assignment,
    pub(super) offers: Vec<Offer>,
}

/// One thing it may call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Offer {
    pub(super) offer: ToolOffer,
    pub(super) kind: OfferKind,
    /// Whether its results may be taken for what the author says.
    pub(super) integrity: Integrity,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) polls: bool,
}

/// Where a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OfferKind {
    /// Down the pipeline.
    Tool,
    /// To a skill of the agent's kit.
    Skill,
    /// Into its working memory.
    Memory,
}

impl Beginning {
    /// Returns what the agent begins with here and now.
    pub(super) fn new(agent: Agent, assignment: Assignment, on: &dyn Effects, kit: &Kit) -> Self {
        let granted = |spec: &ToolSpec| agent.grants.allow(&spec.name);
        let tools = on.tools().into_iter().filter(granted).map(Offer::tool);
        let skills = kit.skills.iter().map(|skill| Offer::skill(skill.as_ref()));
        let remembers = matches!(agent.window, Window::Rounds(_));
        let memory = remembers.then(Offer::memory);
        let mut offers: Vec<_> = skills.chain(memory).chain(tools).collect();
        // A vendor refuses two offers of one name, and a tool must not stand in for a skill.
        let mut names = std::collections::BTreeSet::new();
        offers.retain(|offer| names.insert(offer.offer.name.clone()));
        Self { protocol: PROTOCOL, agent, assignment, offers }
    }

    /// Refers to the schemas of `today` where they are still the same: agents that wait in great
    /// numbers hold them once.
    pub(super) fn sharing(mut self, today: &Self) -> Self {
        for own in &mut self.offers {
            let same = today.offers.iter().find(|other| other.offer == own.offer);
            same.into_iter().for_each(|other| own.offer.schema = Arc::clone(&other.offer.schema));
        }
        self
    }

    /// Returns the offer of that name.
    pub(super) fn find(&self, name: &str) -> Option<&Offer> {
        self.offers.iter().find(|offer| offer.offer.name == name)
    }
}

impl Offer {
    fn tool(spec: ToolSpec) -> Self {
        let ToolSpec { name, description, input_schema, result_label, polls, .. } = spec;
        let offer = ToolOffer { name, description, schema: input_schema };
        Self { offer, kind: OfferKind::Tool, integrity: result_label.integrity, polls }
    }

    fn skill(skill: &dyn Skill) -> Self {
        let integrity = Integrity::Untrusted;
        Self { offer: skill.offer(), kind: OfferKind::Skill, integrity, polls: false }
    }

    fn memory() -> Self {
        let offer = ToolOffer {
            name: REMEMBER.to_owned(),
            description:
                "Keeps facts with their sources, decisions and open questions. Older turns \
                          leave your sight: write down what you will need later."
                    .to_owned(),
            schema: Arc::clone(&NOTE),
        };
        Self { offer, kind: OfferKind::Memory, integrity: Integrity::Trusted, polls: false }
    }

    pub(super) const fn nature(&self) -> Nature {
        if self.polls { Nature::Polls } else { Nature::Answers }
    }
}

impl Kit {
    pub(super) fn skill(&self, name: &str) -> Option<&Arc<dyn Skill>> {
        self.skills.iter().find(|skill| skill.offer().name == name)
    }
}
