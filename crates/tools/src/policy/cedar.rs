//! Policy in Cedar, for those who have theirs in it: the same port, facts, verdicts and bounds as
//! rules in CEL.
//!
//! Cedar's policies permit or forbid. A `forbid` that says `@approval` asks a person instead: a
//! reader that does not know the annotation, or a misspelt one, leaves a policy that denies.
//!
//! # Why Cedar's own decision is not asked for
//!
//! Cedar denies where nothing permits; here the grant came first, and a policy only narrows. And
//! Cedar skips a policy that has no value, so a `forbid` that fails would let pass what it was
//! written against. So each policy is asked whether it applies, one without a value is no ruling,
//! and of those that apply the strictest wins, by the same rule as in CEL.

mod facts;
mod measure;
mod names;
mod text;

use std::{collections::HashMap, fmt, sync::Arc, time::Duration};

use cedar_policy::{AuthorizationError, Authorizer, Effect, PolicyId, PolicySet};
use mainstay_core::{
    digest::Digest,
    policy::{Applied, Policy, PolicyFault, Question, Ruling},
};

use self::{
    facts::Facts,
    text::{Read, Rule},
};
use super::{Bundle, Otherwise, condition::short, in_time, rules::Rules};

pub use measure::LONGEST;
pub use text::TextError;

/// Reads policies into one that answers within `limit`.
///
/// # Errors
/// They cannot be read, or name what there is not.
pub fn open(
    text: &str,
    otherwise: Otherwise,
    limit: Duration,
) -> Result<Arc<dyn Policy>, TextError> {
    let read = text::read_apart(text)?;
    let bundle = digest(text, otherwise);
    let made = |rules: Vec<&Read>| Engine::of(bundle, otherwise, &rules).map(Arc::new);
    let enforced = made(read.iter().filter(|read| !read.rule.shadow).collect())?;
    let trial = read.iter().any(|read| read.rule.shadow);
    let trial = trial.then(|| made(read.iter().collect())).transpose()?;
    Ok(in_time(enforced, trial.map(|trial| trial as _), limit))
}

/// Whitespace and comments count: the hash stands for the file that was reviewed.
fn digest(text: &str, otherwise: Otherwise) -> Digest {
    let otherwise: &[u8] = match otherwise {
        Otherwise::Permit => b"permit",
        Otherwise::Deny => b"deny",
    };
    Digest::of_parts([b"cedar".as_slice(), otherwise, text.as_bytes()])
}

/// Policies at work.
struct Engine {
    bundle: Digest,
    otherwise: Otherwise,
    authorizer: Authorizer,
    facts: Facts,
    /// Apart from the others: of a set with both Cedar names only those that decided.
    sets: [PolicySet; 2],
    rules: HashMap<PolicyId, Rule>,
    /// What tools themselves declare is CEL, whatever policies are written in.
    conditions: Rules,
}

impl Engine {
    fn of(bundle: Digest, otherwise: Otherwise, read: &[&Read]) -> Result<Self, TextError> {
        let set = |effect| {
            let wanted = read.iter().filter(|read| read.policy.effect() == effect);
            let set = PolicySet::from_policies(wanted.map(|read| read.policy.clone()));
            set.map_err(|error| TextError::whole(&error))
        };
        let conditions = Rules::open(&Bundle::default(), std::iter::empty());
        Ok(Self {
            bundle,
            otherwise,
            authorizer: Authorizer::new(),
            facts: Facts::new().map_err(|error| TextError::whole(&error))?,
            sets: [set(Effect::Permit)?, set(Effect::Forbid)?],
            rules: read.iter().map(|it| (it.policy.id().clone(), it.rule.clone())).collect(),
            conditions: conditions.map_err(|error| TextError::whole(&error))?,
        })
    }

    fn rule(&self, id: &PolicyId) -> Result<&Rule, PolicyFault> {
        let unknown = || PolicyFault(format!("there is no policy `{id}`"));
        self.rules.get(id).ok_or_else(unknown)
    }

    /// Returns the rules that apply, in the order of the text.
    fn applied(&self, question: &Question<'_>) -> Result<Vec<&Rule>, PolicyFault> {
        let (request, entities) = self.facts.of(question).map_err(PolicyFault)?;
        let (mut applied, mut failed) = (Vec::new(), Vec::new());
        for set in &self.sets {
            let response = self.authorizer.is_authorized(&request, set, &entities);
            for error in response.diagnostics().errors() {
                let AuthorizationError::PolicyEvaluationError(error) = error;
                failed.push((self.rule(error.policy_id())?, error.inner().to_string()));
            }
            for id in response.diagnostics().reason() {
                applied.push(self.rule(id)?);
            }
        }
        if let Some((rule, why)) = failed.into_iter().min_by_key(|(rule, _)| rule.at) {
            return Err(PolicyFault(format!("rule `{}`: {}", rule.name, short(why))));
        }
        applied.sort_by_key(|rule| rule.at);
        Ok(applied)
    }
}

impl Policy for Engine {
    fn bundle(&self) -> Digest {
        self.bundle
    }

    fn judge(&self, question: &Question<'_>) -> Result<Ruling, PolicyFault> {
        let applied = self.applied(question)?.into_iter().map(|rule| {
            let (name, reason) = (rule.name.clone(), rule.reason.clone());
            Applied { rule: name, verdict: rule.verdict, reason }
        });
        Ok(self.otherwise.ruling(applied.collect()))
    }

    fn holds(&self, condition: &str, question: &Question<'_>) -> Result<bool, PolicyFault> {
        self.conditions.holds(condition, question)
    }

    fn sound(&self, condition: &str) -> Result<(), PolicyFault> {
        self.conditions.sound(condition)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("bundle", &self.bundle).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
