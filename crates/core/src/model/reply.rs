//! What comes back from a model: the answer, the tokens it took, and the pieces as they arrive.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Cost, ToolCall};

/// Where token counts come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsageSource {
    /// The vendor said so.
    Reported,
    /// The vendor said nothing, or less than what was seen to arrive: counted here, upwards.
    #[default]
    Estimated,
}

/// Tokens that a call took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens sent, the cached ones included.
    pub input_tokens: u64,
    /// Tokens received, the thinking included.
    pub output_tokens: u64,
    /// Those of the sent tokens that came from the vendor's cache.
    #[serde(default)]
    pub cached_input_tokens: u64,
    /// Those of the received tokens that were spent on thinking.
    #[serde(default)]
    pub reasoning_tokens: u64,
    /// Who counted.
    #[serde(default)]
    pub source: UsageSource,
}

impl Usage {
    /// Makes a count that the vendor reported.
    #[must_use]
    pub fn reported(input_tokens: u64, output_tokens: u64) -> Self {
        Self { input_tokens, output_tokens, source: UsageSource::Reported, ..Self::default() }
    }

    /// Makes a count of our own.
    #[must_use]
    pub fn estimated(input_tokens: u64, output_tokens: u64) -> Self {
        Self { input_tokens, output_tokens, ..Self::default() }
    }

    /// Returns the count to settle with: what the vendor reported, and where it left a number out
    /// (zero tokens for an answer that has some) our own instead.
    #[must_use]
    pub fn settled(reported: Option<Self>, estimated: Self) -> Self {
        let Some(reported) = reported else { return estimated };
        let input_missing = reported.input_tokens == 0;
        let output_missing = reported.output_tokens == 0 && estimated.output_tokens > 0;
        if !input_missing && !output_missing {
            return reported;
        }
        Self {
            input_tokens: reported.input_tokens.max(if input_missing {
                estimated.input_tokens
            } else {
                0
            }),
            output_tokens: reported.output_tokens.max(if output_missing {
                estimated.output_tokens
            } else {
                0
            }),
            source: UsageSource::Estimated,
            ..reported
        }
    }

    /// Returns the tokens of both together; estimated as soon as one of them is.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let estimated = [self.source, other.source].contains(&UsageSource::Estimated);
        let source = if estimated { UsageSource::Estimated } else { UsageSource::Reported };
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cached_input_tokens: self.cached_input_tokens.saturating_add(other.cached_input_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
            source,
        }
    }

    /// Returns all tokens, sent and received.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }
}

/// Why the answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model had said what it wanted.
    Stop,
    /// The limit of `max_output_tokens`; the answer is cut.
    Length,
    /// It waits for the tools it asked for.
    ToolCalls,
    /// The vendor's filter, or the model, declined.
    Filtered,
}

/// A complete answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelReply {
    /// The model's name as the vendor reports it, often more exact than what was asked for.
    pub model: String,
    /// The text; empty when only tools are asked for.
    pub text: String,
    /// The tools it asks for. One whose arguments were cut by the length limit is not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
    /// What the vendor showed of the model's thinking. It is no part of the answer: it is never
    /// sent back as conversation and never taken for a fact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// The answer as JSON, once it was found to fit the schema that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// The tokens it took.
    pub usage: Usage,
    /// Why it ended.
    pub finish: FinishReason,
    /// What it cost, once settled; `None` when the model has no price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
}

/// A piece of an answer, as it arrives. Pieces are for watching; only the reply counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum StreamEvent {
    /// More text.
    TextDelta {
        /// The text that follows what came before.
        text: String,
    },
    /// More of what the model thinks before it answers.
    ThinkingDelta {
        /// The text that follows what came before.
        text: String,
    },
    /// More of a tool call's arguments.
    ToolCallDelta {
        /// Which of the calls, counted from 0.
        index: u32,
        /// The call's id, in its first piece.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The tool's name, in its first piece.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// The JSON text that follows what came before.
        arguments: String,
    },
    /// The vendor's count.
    Usage {
        /// The tokens so far.
        usage: Usage,
    },
    /// The finish marker came: the answer is whole.
    Finished {
        /// Why it ended.
        finish: FinishReason,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reported_count_wins_only_where_it_says_something() {
        let estimated = Usage::estimated(120, 30);
        assert_eq!(Usage::settled(None, estimated), estimated);
        assert_eq!(
            Usage::settled(Some(Usage::reported(100, 20)), estimated),
            Usage::reported(100, 20)
        );
        assert_eq!(
            Usage::settled(Some(Usage::reported(0, 20)), estimated),
            Usage::estimated(120, 20)
        );
        assert_eq!(
            Usage::settled(Some(Usage::reported(100, 0)), estimated),
            Usage::estimated(100, 30)
        );
    }
}
