//! The fields of a model that is written as a mapping.

use super::{Field, supported, unsupported, without_effect};

const SAMPLING: &str = "an agent leaves how words are chosen to the vendor's default";
const CONFIGURED: &str =
    "vendors are reached as the configuration says, never as a crew's file says";
const IN_CONFIG: &str = "set it for the vendor in the configuration";

/// A language model.
pub(in crate::crewai) const LLM: &[Field] = &[
    supported("model"),
    supported("max_tokens"),
    supported("max_completion_tokens"),
    without_effect("stream", "whoever watches a run gets the pieces as they arrive"),
    without_effect(
        "max_retries",
        "a call that fails is tried again as the step's retry policy says",
    ),
    unsupported("temperature", SAMPLING, "leave it out"),
    unsupported("top_p", SAMPLING, "leave it out"),
    unsupported("presence_penalty", SAMPLING, "leave it out"),
    unsupported("frequency_penalty", SAMPLING, "leave it out"),
    unsupported("seed", SAMPLING, "leave it out"),
    unsupported("stop", SAMPLING, "leave it out"),
    unsupported("n", "one answer is asked for at a time", "leave it out"),
    unsupported("logit_bias", SAMPLING, "leave it out"),
    unsupported("reasoning_effort", "how long a model thinks is set for the tier", IN_CONFIG),
    unsupported(
        "response_format",
        "what a task returns is said at the task",
        "`output_json` there",
    ),
    unsupported("timeout", CONFIGURED, IN_CONFIG),
    unsupported("base_url", CONFIGURED, IN_CONFIG),
    unsupported("api_base", CONFIGURED, IN_CONFIG),
    unsupported(
        "api_key",
        "a key in a file is a key that leaks",
        "the vendor's environment variable",
    ),
    unsupported("api_version", CONFIGURED, IN_CONFIG),
    unsupported("provider", "the vendor stands before the model's name", "`model: vendor/name`"),
    unsupported("callbacks", "no code of the file's is run", "`mainstay runs tail`"),
];
