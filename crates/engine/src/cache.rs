//! Answers of models kept in this process, bounded in size: the one unused longest goes first.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Mutex, PoisonError},
};

use mainstay_core::{
    model::{CacheKey, ModelReply, ResponseCache},
    time::Timestamp,
};

/// How much is kept unless said otherwise.
const SIXTY_FOUR_MIB: usize = 64 << 20;

/// What an entry takes beside its answer, as a round number above the truth.
const FRAME: usize = 512;

/// A cache in memory. What it keeps, it forgets when the process ends.
pub struct ReplyCache {
    most_bytes: usize,
    shelf: Mutex<Shelf>,
}

#[derive(Default)]
struct Shelf {
    kept: HashMap<CacheKey, Kept>,
    /// Keys by when they were last used.
    by_use: BTreeMap<u64, CacheKey>,
    uses: u64,
    bytes: usize,
}

struct Kept {
    reply: ModelReply,
    until: Timestamp,
    bytes: usize,
    used: u64,
}

impl Default for ReplyCache {
    fn default() -> Self {
        Self::new(SIXTY_FOUR_MIB)
    }
}

impl ReplyCache {
    /// Makes a cache that keeps answers of so many bytes in all, by their JSON.
    #[must_use]
    pub fn new(most_bytes: usize) -> Self {
        Self { most_bytes, shelf: Mutex::default() }
    }
}

impl fmt::Debug for ReplyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyCache").field("most_bytes", &self.most_bytes).finish_non_exhaustive()
    }
}

impl ResponseCache for ReplyCache {
    fn get(&self, key: &CacheKey, now: Timestamp) -> Option<ModelReply> {
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if shelf.kept.get(key).is_some_and(|kept| kept.until <= now) {
            shelf.forget(key);
        }
        shelf.touch(key)
    }

    fn put(&self, key: CacheKey, reply: &ModelReply, until: Timestamp) {
        let json = serde_json::to_vec(reply).map_or(usize::MAX, |json| json.len());
        let bytes = json.saturating_add(key.tenant.len()).saturating_add(FRAME);
        if bytes > self.most_bytes {
            return;
        }
        let mut shelf = self.shelf.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.forget(&key);
        while shelf.bytes + bytes > self.most_bytes {
            let Some((_, oldest)) = shelf.by_use.first_key_value() else { break };
            let oldest = oldest.clone();
            shelf.forget(&oldest);
        }
        let used = shelf.next_use();
        shelf.by_use.insert(used, key.clone());
        shelf.kept.insert(key, Kept { reply: reply.clone(), until, bytes, used });
        shelf.bytes += bytes;
    }
}

impl Shelf {
    fn next_use(&mut self) -> u64 {
        self.uses += 1;
        self.uses
    }

    fn touch(&mut self, key: &CacheKey) -> Option<ModelReply> {
        let used = self.next_use();
        let kept = self.kept.get_mut(key)?;
        self.by_use.remove(&kept.used);
        kept.used = used;
        self.by_use.insert(used, key.clone());
        Some(kept.reply.clone())
    }

    fn forget(&mut self, key: &CacheKey) {
        if let Some(kept) = self.kept.remove(key) {
            self.by_use.remove(&kept.used);
            self.bytes = self.bytes.saturating_sub(kept.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use mainstay_core::{
        digest::Digest,
        model::{FinishReason, Usage},
    };

    use super::*;

    fn key(tenant: &str, question: &str) -> CacheKey {
        CacheKey { tenant: tenant.to_owned(), question: Digest::of(question.as_bytes()) }
    }

    fn reply(text: &str) -> ModelReply {
        ModelReply {
            model: "m".to_owned(),
            text: text.to_owned(),
            tool_calls: Vec::new(),
            json: None,
            usage: Usage::reported(1, 1),
            finish: FinishReason::Stop,
            cost: None,
            reasoning: None,
        }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(seconds * 1_000)
    }

    fn text(cache: &ReplyCache, question: &str, seconds: i64) -> Option<String> {
        cache.get(&key("ann", question), at(seconds)).map(|reply| reply.text)
    }

    #[test]
    fn an_answer_is_kept_until_its_time_is_over() {
        let cache = ReplyCache::default();
        cache.put(key("ann", "q"), &reply("blue"), at(10));
        assert_eq!(text(&cache, "q", 9).as_deref(), Some("blue"));
        assert_eq!(text(&cache, "q", 10), None);
        assert_eq!(cache.get(&key("bob", "q"), at(0)), None);
    }

    #[test]
    fn the_one_unused_longest_makes_room() {
        let one = serde_json::to_vec(&reply("x")).unwrap().len() + "ann".len() + FRAME;
        let cache = ReplyCache::new(2 * one);
        cache.put(key("ann", "a"), &reply("a"), at(10));
        cache.put(key("ann", "b"), &reply("b"), at(10));
        assert_eq!(text(&cache, "a", 0).as_deref(), Some("a"));
        cache.put(key("ann", "c"), &reply("c"), at(10));
        assert_eq!(text(&cache, "b", 0), None);
        assert_eq!(text(&cache, "a", 0).as_deref(), Some("a"));
        assert!(cache.shelf.lock().unwrap().bytes <= 2 * one);
    }

    #[test]
    fn an_answer_larger_than_all_is_not_kept() {
        let cache = ReplyCache::new(FRAME);
        cache.put(key("ann", "a"), &reply("a"), at(10));
        assert_eq!(text(&cache, "a", 0), None);
    }
}
