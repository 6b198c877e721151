//! A bundle's rules at work.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use mainstay_core::{
    digest::Digest,
    policy::{Applied, Policy, PolicyFault, Question, Ruling},
};

use super::{
    bundle::{Bundle, BundleError, Otherwise, Rule},
    condition::{Condition, Language},
    variables::Variables,
};

/// At most so many conditions of tools are kept; beyond that they are forgotten and read anew.
const KEPT: usize = 1_024;

/// Rules, each with its condition.
pub(super) struct Rules {
    bundle: Digest,
    otherwise: Otherwise,
    rules: Vec<(Rule, Option<Condition>)>,
    language: Language,
    /// The conditions of tools.
    conditions: RwLock<HashMap<String, Arc<Condition>>>,
}

impl Rules {
    /// Reads some of a bundle's rules.
    pub(super) fn open<'a>(
        bundle: &'a Bundle,
        rules: impl Iterator<Item = &'a Rule>,
    ) -> Result<Self, BundleError> {
        bundle.check()?;
        let language = Language::new();
        let hint = "conditions are CEL over principal, tool, args, label, budget and plan; see \
                    docs/tools.md";
        let read = |rule: &Rule| {
            let condition = rule.when.as_deref().map(|source| language.read(source)).transpose();
            let condition = condition.map_err(|message| bundle.fault(rule, message, hint))?;
            Ok((rule.clone(), condition))
        };
        let rules = rules.map(read).collect::<Result<_, BundleError>>()?;
        let (bundle, otherwise) = (bundle.digest(), bundle.otherwise);
        Ok(Self { bundle, otherwise, rules, language, conditions: RwLock::default() })
    }

    fn applied(&self, question: &Question<'_>) -> Result<Vec<Applied>, PolicyFault> {
        let names = Variables::of(question);
        let mut applied = Vec::new();
        for (rule, condition) in &self.rules {
            if !rule.concerns(&question.tool.name) {
                continue;
            }
            let holds = condition.as_ref().map(|condition| self.language.holds(condition, &names));
            let holds = holds.unwrap_or(Ok(true));
            if holds.map_err(|why| PolicyFault(format!("rule `{}`: {why}", rule.name)))? {
                let (rule, verdict, reason) = (rule.name.clone(), rule.verdict, &rule.reason);
                applied.push(Applied { rule, verdict, reason: reason.clone() });
            }
        }
        Ok(applied)
    }

    fn condition(&self, source: &str) -> Result<Arc<Condition>, PolicyFault> {
        // A panic while the lock was held cannot have left a half-made entry behind.
        let kept = self.conditions.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(condition) = kept.get(source) {
            return Ok(Arc::clone(condition));
        }
        drop(kept);
        let condition = Arc::new(self.language.read(source).map_err(PolicyFault)?);
        let mut kept = self.conditions.write().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(source.to_owned(), Arc::clone(&condition));
        Ok(condition)
    }
}

impl Policy for Rules {
    fn bundle(&self) -> Digest {
        self.bundle
    }

    fn judge(&self, question: &Question<'_>) -> Result<Ruling, PolicyFault> {
        Ok(self.otherwise.ruling(self.applied(question)?))
    }

    fn holds(&self, condition: &str, question: &Question<'_>) -> Result<bool, PolicyFault> {
        let read = self.condition(condition)?;
        let holds = self.language.holds(&read, &Variables::of(question));
        holds.map_err(|why| PolicyFault(format!("the condition `{condition}`: {why}")))
    }

    fn sound(&self, condition: &str) -> Result<(), PolicyFault> {
        self.condition(condition).map(drop)
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("bundle", &self.bundle).finish_non_exhaustive()
    }
}
