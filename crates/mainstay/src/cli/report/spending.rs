//! Where a run's budget went, read from its journal: who took the most of it, and which tool was
//! asked the same again and again. Both are what a person wants to know before raising a budget.

use std::collections::BTreeMap;

use mainstay_core::{
    budget::{Dimension, Spend},
    effect::{EffectHead, EffectKind, EffectOutcome, EffectPosition},
    journal::{EffectSettled, Entry},
    model::ModelId,
};
use serde_json::Value;

use crate::cli::count;

/// Returns `72 % went to `gpt-4.1` in 11 calls; `search` was called 4 times with equal arguments.`
pub(super) fn sentence<'a>(
    entries: impl Iterator<Item = &'a Entry> + Clone,
    dimension: Dimension,
) -> Option<String> {
    let parts = [largest_share(entries.clone(), dimension), repeated(entries)];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("{}.", parts.join("; ")))
}

fn largest_share<'a>(
    entries: impl Iterator<Item = &'a Entry> + Clone,
    dimension: Dimension,
) -> Option<String> {
    let names = served(entries.clone());
    let mut by_name = BTreeMap::<String, (u64, u64)>::new();
    for (position, head, spend) in entries.filter_map(charge) {
        let name = names.get(position).unwrap_or(&head.name);
        let (used, calls) = by_name.entry(name.clone()).or_default();
        *used = used.saturating_add(spend.get(dimension));
        *calls = calls.saturating_add(spend.model_calls).saturating_add(spend.tool_calls);
    }
    let all: u64 = by_name.values().map(|(used, _)| used).sum();
    let (name, (used, calls)) = by_name.into_iter().max_by_key(|(_, (used, _))| *used)?;
    let percent = used.saturating_mul(100).checked_div(all)?;
    Some(format!("{percent} % went to `{name}` in {}", count::of(calls, "call")))
}

/// Returns what an entry says was used up, and for what. Tries that failed are charged in an entry
/// of their own when their effect has no outcome yet.
pub(crate) fn charge(entry: &Entry) -> Option<(&EffectPosition, &EffectHead, Spend)> {
    let (position, head, spend) = if let Entry::EffectSettled(settled) = entry {
        (&settled.position, &settled.head, settled.spend)
    } else if let Entry::EffectAttempted { position, head, spend, .. } = entry {
        (position, head, *spend)
    } else {
        return None;
    };
    matches!(head.kind, EffectKind::Model | EffectKind::Tool)
        .then(|| (position, head, spend.total()))
}

/// Returns the models that answered: a step asks for a tier, and only the answer says what that
/// was.
fn served<'a>(entries: impl Iterator<Item = &'a Entry>) -> BTreeMap<EffectPosition, String> {
    let model = |settled: &EffectSettled| {
        let id: ModelId = settled.about.get("model").and_then(Value::as_str)?.parse().ok()?;
        Some((settled.position.clone(), id.name().to_owned()))
    };
    settled(entries).filter(|s| s.head.kind == EffectKind::Model).filter_map(model).collect()
}

/// Returns how many calls were answered from the cache, and how many let that be; nothing if none did.
pub(super) fn cached<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<(u64, u64)> {
    let words = settled(entries).filter_map(|settled| settled.about.get("cache")?.as_str());
    let count = |(hits, asked), word: &str| (hits + u64::from(word == "hit"), asked + 1);
    Some(words.fold((0, 0), count)).filter(|(_, asked)| *asked > 0)
}

/// Names the call that was made most often with the same arguments, if it was made twice.
fn repeated<'a>(entries: impl Iterator<Item = &'a Entry>) -> Option<String> {
    let mut calls = BTreeMap::<_, u64>::new();
    for call in settled(entries).filter(|settled| was_made(settled)) {
        *calls.entry((&call.head.name, call.head.arguments)).or_default() += 1;
    }
    let ((name, _), times) = calls.into_iter().max_by_key(|(_, times)| *times)?;
    let times = (times > 1).then(|| count::of(times, "time"))?;
    Some(format!("`{name}` was called {times} with equal arguments"))
}

const fn was_made(settled: &EffectSettled) -> bool {
    matches!(settled.head.kind, EffectKind::Tool)
        && !matches!(settled.outcome, EffectOutcome::Denied(_))
}

fn settled<'a>(
    entries: impl Iterator<Item = &'a Entry>,
) -> impl Iterator<Item = &'a EffectSettled> {
    entries.filter_map(|entry| {
        let Entry::EffectSettled(settled) = entry else { return None };
        Some(&**settled)
    })
}

#[cfg(test)]
mod tests {
    use mainstay_core::{
        budget::Settlement, code::Code, digest::Digest, failure::Failure, label::Label,
        payload::Payload, time::Timestamp,
    };
    use serde_json::json;

    use super::*;

    /// A journal of calls, the next one at the next position.
    #[derive(Default)]
    struct Calls(Vec<Entry>);

    impl Calls {
        fn put(
            mut self,
            (kind, name, arguments): (EffectKind, &str, &str),
            (spent, about): (Spend, Value),
            outcome: EffectOutcome,
        ) -> Self {
            let ordinal = self.0.len();
            let digest = Digest::of(arguments.as_bytes());
            self.0.push(Entry::EffectSettled(Box::new(EffectSettled {
                position: format!("research#1:{ordinal}").parse().unwrap(),
                head: EffectHead { kind, name: name.to_owned(), arguments: digest },
                attempt: 1,
                failed: Vec::new(),
                outcome,
                spend: Settlement::known(spent),
                seen: 0,
                started_at: Timestamp::from_millis(0),
                arguments: None,
                reasoning: None,
                scope: None,
                about,
            })));
            self
        }

        fn model(self, id: &str, usd: u64) -> Self {
            let spent = Spend { usd, model_calls: 1, ..Spend::ZERO };
            self.put(
                (EffectKind::Model, "fast", "a question"),
                (spent, json!({ "model": id })),
                done(),
            )
        }

        fn tool(self, name: &str, arguments: &str) -> Self {
            let spent = Spend { tool_calls: 1, ..Spend::ZERO };
            self.put((EffectKind::Tool, name, arguments), (spent, Value::Null), done())
        }

        fn denied(self, name: &str, arguments: &str) -> Self {
            let denied = Failure::permanent(Code::ToolNotGranted, "no grant".to_owned());
            let call = (EffectKind::Tool, name, arguments);
            self.put(call, (Spend::ZERO, Value::Null), EffectOutcome::Denied(denied))
        }

        /// Tries that failed before the last effect had an outcome.
        fn tried(mut self, usd: u64) -> Self {
            let Some(Entry::EffectSettled(last)) = self.0.last() else { panic!("no call") };
            let spend = Settlement::unknown(Spend { usd, model_calls: 1, ..Spend::ZERO });
            let (position, head) = (last.position.clone(), last.head.clone());
            self.0.push(Entry::EffectAttempted { position, head, attempts: Vec::new(), spend });
            self
        }

        #[track_caller]
        fn check(&self, dimension: Dimension, expected: Option<&str>) {
            assert_eq!(sentence(self.0.iter(), dimension).as_deref(), expected);
        }
    }

    fn done() -> EffectOutcome {
        EffectOutcome::Completed(Payload::of(&json!(1)).unwrap().reference(Label::default()))
    }

    #[test]
    fn the_largest_share_is_named_by_the_model_that_answered() {
        let calls = Calls::default().model("openai:gpt-4.1", 36).model("openai:gpt-4.1", 36);
        let calls = calls.model("ollama:small", 28);
        calls.check(Dimension::Usd, Some("72 % went to `gpt-4.1` in 2 calls."));
    }

    #[test]
    fn tries_that_failed_are_part_of_their_calls_share() {
        let calls = Calls::default().model("ollama:small", 40).model("openai:gpt-4.1", 30);
        calls.tried(30).check(Dimension::Usd, Some("60 % went to `gpt-4.1` in 2 calls."));
    }

    #[test]
    fn calls_with_equal_arguments_are_counted_and_others_are_not() {
        let calls = Calls::default().tool("search", "a").tool("search", "b").tool("read", "a");
        calls.check(Dimension::Usd, None);
        let calls = calls.tool("search", "a").tool("search", "a").denied("search", "a");
        calls.check(Dimension::Usd, Some("`search` was called 3 times with equal arguments."));
        calls.model("openai:gpt-4.1", 5).check(
            Dimension::Usd,
            Some(
                "100 % went to `gpt-4.1` in 1 call; `search` was called 3 times with equal \
                 arguments.",
            ),
        );
    }

    #[test]
    fn a_limit_of_calls_is_shared_by_tools_too() {
        let calls = Calls::default().tool("search", "a").tool("search", "b").tool("read", "a");
        calls.check(Dimension::ToolCalls, Some("66 % went to `search` in 2 calls."));
    }
}
