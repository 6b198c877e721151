//! Finding an agent that goes round in circles, from what it calls and what comes of it.
//!
//! Arguments and results are compared by the digest of their canonical JSON: another order of
//! fields, or another way to write a number, is no other call.

use std::{
    collections::{BTreeMap, VecDeque},
    fmt,
};

use mainstay_core::digest::Digest;

/// How often a call may be made with equal arguments while nothing else comes of it.
const REPEATS: u32 = 3;
/// How often two calls may take turns.
const CYCLES: usize = 4;
/// How often in a row a tool may answer the same, whatever it is asked.
const SAME_RESULTS: u32 = 5;
/// How many turns in a row may bring nothing that was not seen before.
const IDLE_TURNS: u32 = 8;
/// A call that is refused for going round in circles may be tried once more in other words.
const REFUSALS: u32 = 2;

/// A call by its tool and the digest of its arguments.
type Call = (String, Digest);

/// A circle, and the call that would have gone on with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Circle {
    /// The same call, with the same result.
    Repeat {
        /// The tool.
        tool: String,
    },
    /// Two calls that take turns.
    PingPong {
        /// The one.
        tool: String,
        /// The other.
        other: String,
    },
    /// A tool that answers the same whatever it is asked.
    SameResult {
        /// The tool.
        tool: String,
    },
    /// Turns that bring nothing new.
    NothingNew,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeat { tool } => {
                write!(
                    f,
                    "`{tool}` was called {REPEATS} times with equal arguments and answered the same"
                )
            }
            Self::PingPong { tool, other } => {
                write!(f, "`{tool}` and `{other}` took turns {CYCLES} times with equal arguments")
            }
            Self::SameResult { tool } => {
                write!(f, "`{tool}` answered the same {SAME_RESULTS} times in a row")
            }
            Self::NothingNew => write!(f, "{IDLE_TURNS} turns brought nothing new"),
        }
    }
}

/// Whether repeating a call is what its tool is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nature {
    /// A call is asked once and answers.
    Answers,
    /// A call is asked again until something has changed.
    Polls,
}

/// What an agent has called, and what came of it.
#[derive(Debug, Clone, Default)]
pub struct Watch {
    /// How often each call led to its last result, one time after the other.
    repeats: BTreeMap<Call, (Digest, u32)>,
    /// How often each tool's last result came in a row.
    same: BTreeMap<String, (Digest, u32)>,
    /// The last calls that were asked for.
    recent: VecDeque<Call>,
    news: bool,
    idle: u32,
    refusals: u32,
}

impl Watch {
    /// Allows a call, or says which circle it would go on with.
    ///
    /// # Errors
    /// The call must not be made.
    pub fn admit(&mut self, tool: &str, arguments: Digest, nature: Nature) -> Result<(), Circle> {
        if nature == Nature::Polls {
            return Ok(());
        }
        let call = (tool.to_owned(), arguments);
        let circle = self.circle(&call);
        if self.recent.len() == 2 * CYCLES {
            self.recent.pop_front();
        }
        // Also what is refused: who is told and goes on taking turns has not left the circle.
        self.recent.push_back(call);
        self.refusals += u32::from(circle.is_some());
        circle.map_or(Ok(()), Err)
    }

    fn circle(&self, call: &Call) -> Option<Circle> {
        let tool = call.0.clone();
        if self.repeats.get(call).is_some_and(|(_, times)| *times >= REPEATS) {
            return Some(Circle::Repeat { tool });
        }
        if let Some(other) = self.took_turns(call) {
            return Some(Circle::PingPong { tool, other: other.0.clone() });
        }
        let same = self.same.get(&call.0).is_some_and(|(_, times)| *times >= SAME_RESULTS);
        same.then_some(Circle::SameResult { tool })
    }

    /// Returns the call that took turns with this one, if all that was called lately is the two.
    fn took_turns(&self, call: &Call) -> Option<&Call> {
        let other = self.recent.back().filter(|last| *last != call)?;
        let cycle = [call, other].into_iter().cycle().take(2 * CYCLES);
        let full = self.recent.len() == 2 * CYCLES;
        (full && self.recent.iter().eq(cycle)).then_some(other)
    }

    /// Takes what came of a call.
    pub fn saw(&mut self, tool: &str, arguments: Digest, result: Digest) {
        let call = (tool.to_owned(), arguments);
        self.news |= self.repeats.get(&call).is_none_or(|(last, _)| *last != result);
        count(&mut self.same, call.0.clone(), result);
        count(&mut self.repeats, call, result);
    }

    /// Ends a turn, and says whether the agent must be stopped.
    ///
    /// # Errors
    /// It goes round in circles although it was told, or nothing has come of its last turns.
    pub fn end_turn(&mut self, found: Option<Circle>) -> Result<(), Circle> {
        self.idle = if std::mem::take(&mut self.news) { 0 } else { self.idle + 1 };
        match found {
            Some(circle) if self.refusals >= REFUSALS => Err(circle),
            _ if self.idle > IDLE_TURNS => Err(Circle::NothingNew),
            _ => Ok(()),
        }
    }
}

fn count<K: Ord>(times: &mut BTreeMap<K, (Digest, u32)>, what: K, result: Digest) {
    let entry = times.entry(what).or_insert((result, 0));
    *entry = if entry.0 == result { (result, entry.1 + 1) } else { (result, 1) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    /// Makes calls `(tool, arguments, result)`, each in a turn of its own, until one is refused.
    fn made(
        calls: impl IntoIterator<Item = (&'static str, String, String)>,
    ) -> (usize, Option<Circle>) {
        let mut watch = Watch::default();
        let mut made = 0;
        for (tool, arguments, result) in calls {
            match watch.admit(tool, digest(&arguments), Nature::Answers) {
                Ok(()) => watch.saw(tool, digest(&arguments), digest(&result)),
                Err(circle) => return (made, Some(circle)),
            }
            made += 1;
        }
        (made, None)
    }

    fn fixed(tool: &'static str, arguments: &str, result: &str) -> (&'static str, String, String) {
        (tool, arguments.to_owned(), result.to_owned())
    }

    #[test]
    fn the_same_call_with_the_same_result_is_made_three_times() {
        let repeat = Circle::Repeat { tool: "look".into() };
        assert_eq!(made((0..9).map(|_| fixed("look", "a", "r"))), (3, Some(repeat)));
    }

    #[test]
    fn a_call_whose_result_changes_is_no_repeat() {
        assert_eq!(made((0..9).map(|n| fixed("look", "a", &n.to_string()))), (9, None));
    }

    #[test]
    fn two_calls_take_turns_four_times() {
        // Results that change, so that only the order of the calls tells.
        let turns = (0..20).map(|n| {
            let (tool, result) = (if n % 2 == 0 { "a" } else { "b" }, n.to_string());
            fixed(tool, "x", &result)
        });
        let ping_pong = Circle::PingPong { tool: "a".into(), other: "b".into() };
        assert_eq!(made(turns), (8, Some(ping_pong)));
    }

    #[test]
    fn a_tool_that_answers_the_same_to_everything_is_asked_five_times() {
        let same = Circle::SameResult { tool: "look".into() };
        let asked = (0..9).map(|n| fixed("look", &n.to_string(), "nothing"));
        assert_eq!(made(asked), (5, Some(same)));
    }

    #[test]
    fn a_tool_that_polls_may_be_asked_again() {
        let mut watch = Watch::default();
        for _ in 0..20 {
            assert_eq!(watch.admit("status", digest("a"), Nature::Polls), Ok(()));
            watch.saw("status", digest("a"), digest("pending"));
        }
    }

    #[test]
    fn eight_turns_may_bring_nothing_new_and_the_ninth_is_the_last() {
        let mut watch = Watch::default();
        watch.saw("look", digest("a"), digest("r"));
        assert_eq!(watch.end_turn(None), Ok(()));
        for turn in 1..=IDLE_TURNS {
            assert_eq!(watch.end_turn(None), Ok(()), "turn {turn}");
        }
        assert_eq!(watch.end_turn(None), Err(Circle::NothingNew));
    }

    #[test]
    fn an_agent_that_was_told_twice_is_stopped() {
        let mut watch = Watch::default();
        (0..3).for_each(|_| watch.saw("look", digest("a"), digest("r")));
        let refused = |watch: &mut Watch| watch.admit("look", digest("a"), Nature::Answers).err();
        let first = refused(&mut watch);
        assert!(first.is_some());
        assert_eq!(watch.end_turn(first), Ok(()), "it may go on otherwise");
        let second = refused(&mut watch);
        assert_eq!(watch.end_turn(second.clone()), Err(second.unwrap()));
    }
}
