//! The fields of the crew itself.

use super::{Field, supported, unsupported, without_effect};

const PYTHON: &str = "no Python is run";
const JOURNALED: &str =
    "every call of a model or tool is a row already, shown by `mainstay runs show`";
const INTERNAL: &str = "it is a value of CrewAI's own at run time";
const KNOWLEDGE: &str =
    "documents reach an agent by tools, so that what it quotes can be found again";
const FLOW: &str = "a step of the flow before or after the crew";

/// The crew.
pub(in crate::crewai) const CREW: &[Field] = &[
    supported("name"),
    supported("agents"),
    supported("tasks"),
    supported("process"),
    supported("manager_llm"),
    supported("manager_agent"),
    supported("inputs"),
    supported("tool_failure_policy"),
    without_effect("verbose", JOURNALED),
    without_effect(
        "cache",
        "a finished call is never repeated; the response cache is set in the configuration",
    ),
    without_effect(
        "max_rpm",
        "the vendor's rate limit in the configuration holds for all its callers together",
    ),
    without_effect(
        "function_calling_llm",
        "an agent's own model writes the arguments of its tools",
    ),
    without_effect("embedder", "nothing here embeds; what would need it is listed by itself"),
    without_effect("planning_llm", "it only counts where `planning` is asked for"),
    without_effect("chat_llm", "it only counts in `crewai chat`"),
    without_effect("stream", "whoever watches a run gets the pieces as they arrive"),
    without_effect("share_crew", "nothing is ever sent to anybody"),
    without_effect("tracing", JOURNALED),
    without_effect("output_log_file", JOURNALED),
    without_effect("full_output", "the output always holds every task's"),
    without_effect("security_config", "crews and runs have ids, and the journal has a hash chain"),
    without_effect("checkpoint", "every effect is a checkpoint already"),
    unsupported(
        "memory",
        "an agent of a crew starts each task with what its context gives it",
        "the memory of an agent that a step calls",
    ),
    unsupported(
        "planning",
        "nothing is planned that is not checked and committed",
        "a planned job",
    ),
    unsupported(
        "step_callback",
        PYTHON,
        "`mainstay runs tail`, or a step of the flow around the crew",
    ),
    unsupported("task_callback", PYTHON, FLOW),
    unsupported("before_kickoff_callbacks", PYTHON, FLOW),
    unsupported("after_kickoff_callbacks", PYTHON, FLOW),
    unsupported(
        "prompt_file",
        "the prompt is built from the agents' fields",
        "the text in `backstory`",
    ),
    unsupported(
        "language",
        "the prompt is built from the agents' fields",
        "write them in your language",
    ),
    unsupported(
        "language_file",
        "the prompt is built from the agents' fields",
        "write them in your language",
    ),
    unsupported(
        "trained_agents_file",
        "what was learned in a file of pickled Python cannot be read",
        "the advice, written into `backstory`",
    ),
    unsupported("knowledge", KNOWLEDGE, "a tool that lists, searches and reads the documents"),
    unsupported(
        "knowledge_sources",
        KNOWLEDGE,
        "a tool that lists, searches and reads the documents",
    ),
    unsupported(
        "skills",
        "texts from elsewhere do not become instructions",
        "the text in `backstory`",
    ),
    unsupported(
        "config",
        "a field has one place",
        "its entries, written out as fields of the crew",
    ),
    unsupported(
        "task_execution_output_json_files",
        INTERNAL,
        "a replay that is given the earlier outputs",
    ),
    unsupported("execution_logs", INTERNAL, "leave it out"),
    unsupported("usage_metrics", INTERNAL, "leave it out"),
    unsupported("token_usage", INTERNAL, "leave it out"),
    unsupported("id", INTERNAL, "leave it out"),
    unsupported("execution_context", INTERNAL, "leave it out"),
    unsupported("checkpoint_inputs", INTERNAL, "leave it out"),
    unsupported("checkpoint_train", INTERNAL, "leave it out"),
    unsupported("checkpoint_kickoff_event_id", INTERNAL, "leave it out"),
    unsupported("entity_type", INTERNAL, "leave it out"),
];
