//! The fields of a task.

use super::{Field, supported, unsupported, without_effect};

const PYTHON: &str = "no Python is run";
const INTERNAL: &str = "it is a value of CrewAI's own at run time";

/// A task.
pub(in crate::crewai) const TASK: &[Field] = &[
    supported("name"),
    supported("description"),
    supported("expected_output"),
    supported("agent"),
    supported("context"),
    supported("tools"),
    supported("output_json"),
    supported("output_pydantic"),
    supported("response_model"),
    supported("output_file"),
    supported("async_execution"),
    supported("human_input"),
    supported("markdown"),
    supported("guardrail"),
    supported("guardrails"),
    supported("guardrail_max_retries"),
    supported("max_retries"),
    supported("condition"),
    supported("type"),
    supported("tool_failure_policy"),
    supported("allow_crewai_trigger_context"),
    without_effect(
        "create_directory",
        "the file is a part of the output; who writes it out decides where",
    )
    .quiet_when_true(),
    without_effect("security_config", "tasks and runs have ids, and the journal has a hash chain"),
    unsupported("callback", PYTHON, "a step of the flow around the crew"),
    unsupported("callbacks", PYTHON, "a step of the flow around the crew"),
    unsupported(
        "converter_cls",
        PYTHON,
        "`output_json`: what is returned fits the schema or the task fails",
    ),
    unsupported(
        "input_files",
        "files reach an agent by tools, so that what it quotes can be found again",
        "a tool that reads them, or an input",
    ),
    unsupported(
        "config",
        "a field has one place",
        "its entries, written out as fields of the task",
    ),
    unsupported("prompt_context", INTERNAL, "leave it out"),
    unsupported("id", INTERNAL, "leave it out"),
    unsupported("output", INTERNAL, "a replay that is given the earlier outputs"),
    unsupported("processed_by_agents", INTERNAL, "leave it out"),
    unsupported("used_tools", INTERNAL, "leave it out"),
    unsupported("tools_errors", INTERNAL, "leave it out"),
    unsupported("delegations", INTERNAL, "leave it out"),
    unsupported("retry_count", INTERNAL, "leave it out"),
    unsupported("start_time", INTERNAL, "leave it out"),
    unsupported("end_time", INTERNAL, "leave it out"),
    unsupported("checkpoint_original_description", INTERNAL, "leave it out"),
    unsupported("checkpoint_original_expected_output", INTERNAL, "leave it out"),
];
