//! The fields of an agent.

use super::{Field, supported, unsupported, without_effect};

const JOURNALED: &str =
    "every call of a model or tool is a row already, shown by `mainstay runs show`";
const PYTHON: &str = "no Python is run";
const KNOWLEDGE: &str =
    "documents reach an agent by tools, so that what it quotes can be found again";
const SEARCH_TOOL: &str = "a tool that lists, searches and reads the documents";
const PROMPTS: &str = "the prompt is built from the agent's fields, with what is untrusted marked";
const TOOLS: &str = "an agent calls the tools that are registered and granted, and nothing else";
const REGISTER: &str = "register the tool and name it under `tools`";
const INTERNAL: &str = "it is a value of CrewAI's own at run time";
const PLANS: &str = "a plan that an agent makes for itself binds nobody";

/// An agent.
pub(in crate::crewai) const AGENT: &[Field] = &[
    supported("role"),
    supported("goal"),
    supported("backstory"),
    supported("llm"),
    supported("tools"),
    supported("allow_delegation"),
    supported("max_iter"),
    supported("max_tokens"),
    supported("max_execution_time"),
    supported("guardrail"),
    supported("guardrail_max_retries"),
    supported("tool_failure_policy"),
    without_effect(
        "max_rpm",
        "the vendor's rate limit in the configuration holds for all its callers together",
    ),
    without_effect("verbose", JOURNALED),
    without_effect(
        "cache",
        "a finished call is never repeated; the response cache is set in the configuration",
    ),
    without_effect(
        "max_retry_limit",
        "a call that fails is tried again as the step's retry policy says",
    ),
    without_effect("respect_context_window", "a conversation is always held to the model's window")
        .quiet_when_true(),
    without_effect(
        "use_better_compaction",
        "the working memory keeps what matters, whatever the window",
    ),
    without_effect(
        "function_calling_llm",
        "the agent's own model writes the arguments of its tools",
    ),
    without_effect("code_execution_mode", "no code is run unless a tool is granted that does it"),
    without_effect("max_reasoning_attempts", "it only counts where `reasoning` is asked for"),
    without_effect("date_format", "it only counts where `inject_date` is asked for"),
    without_effect("embedder", "nothing here embeds; what would need it is listed by itself"),
    without_effect("knowledge_config", "it only counts where knowledge is given"),
    without_effect("security_config", "agents and runs have ids, and the journal has a hash chain"),
    without_effect("checkpoint", "every effect is a checkpoint already"),
    unsupported(
        "use_system_prompt",
        "the instructions always stand apart from what is said",
        "leave it out",
    )
    .quiet_when_true(),
    unsupported(
        "memory",
        "an agent of a crew starts each task with what its context gives it",
        "the memory of an agent that a step calls",
    ),
    unsupported("reasoning", PLANS, "a planned job, whose plan is checked and committed"),
    unsupported("planning", PLANS, "a planned job, whose plan is checked and committed"),
    unsupported("planning_config", PLANS, "a planned job, whose plan is checked and committed"),
    unsupported(
        "allow_code_execution",
        "code that a model writes is not run",
        "a tool that runs what you allow, in your sandbox",
    ),
    unsupported("multimodal", "what is said to a model is text", "a tool that describes the image"),
    unsupported(
        "inject_date",
        "a date read while the agent works would be another one on a repeat",
        "an input `date`, written as `{date}`",
    ),
    unsupported("system_template", PROMPTS, "the text in `backstory`"),
    unsupported("prompt_template", PROMPTS, "the text in `backstory`"),
    unsupported("response_template", PROMPTS, "`expected_output` or `output_json` at the task"),
    unsupported(
        "step_callback",
        PYTHON,
        "`mainstay runs tail`, or a step of the flow around the crew",
    ),
    unsupported("callbacks", PYTHON, "`mainstay runs tail`, or a step of the flow around the crew"),
    unsupported("cache_handler", PYTHON, "the response cache in the configuration"),
    unsupported("knowledge", KNOWLEDGE, SEARCH_TOOL),
    unsupported("knowledge_sources", KNOWLEDGE, SEARCH_TOOL),
    unsupported("knowledge_storage", KNOWLEDGE, SEARCH_TOOL),
    unsupported("agent_knowledge_context", KNOWLEDGE, "`backstory`, or an input"),
    unsupported("crew_knowledge_context", KNOWLEDGE, "`backstory`, or an input"),
    unsupported("knowledge_search_query", KNOWLEDGE, SEARCH_TOOL),
    unsupported("apps", TOOLS, REGISTER),
    unsupported("mcps", TOOLS, REGISTER),
    unsupported(
        "skills",
        "texts from elsewhere do not become instructions",
        "the text in `backstory`",
    ),
    unsupported(
        "from_repository",
        "nothing is fetched while a crew is read",
        "the agent's fields, written out",
    ),
    unsupported(
        "config",
        "a field has one place",
        "its entries, written out as fields of the agent",
    ),
    unsupported(
        "settings",
        "a field has one place",
        "its entries, written out as fields of the agent",
    ),
    unsupported("type", PYTHON, "leave it out"),
    unsupported("agent_executor", PYTHON, "leave it out"),
    unsupported("executor_class", PYTHON, "leave it out"),
    unsupported("adapted_agent", INTERNAL, "leave it out"),
    unsupported("tools_handler", INTERNAL, "leave it out"),
    unsupported("tools_results", INTERNAL, "leave it out"),
    unsupported("i18n", PROMPTS, "write the agent's fields in your language"),
    unsupported("id", INTERNAL, "leave it out"),
    unsupported("crew", INTERNAL, "leave it out"),
    unsupported("execution_context", INTERNAL, "leave it out"),
    unsupported("checkpoint_kickoff_event_id", INTERNAL, "leave it out"),
    unsupported("a2a", TOOLS, REGISTER),
    unsupported("entity_type", INTERNAL, "leave it out"),
];
