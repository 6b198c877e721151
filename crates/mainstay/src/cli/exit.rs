//! Exit codes: what a script may rely on.

use mainstay_core::{code::Code, run::RunStatus, store::row::RunRow, wait::Wait};

macro_rules! exits {
    ($($name:ident = $number:literal, $doc:literal;)*) => {
        /// How a command ends, as the shell sees it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Exit { $(#[doc = $doc] $name,)* }

        impl Exit {
            /// Returns the number.
            pub(crate) const fn number(self) -> u8 { match self { $(Self::$name => $number),* } }
        }
    };
}

exits! {
    Ok = 0, "Done.";
    Failed = 1, "It failed.";
    Usage = 2, "What was typed, sent or configured is wrong.";
    NotFound = 3, "Nothing has that name or id.";
    Denied = 4, "Not allowed.";
    Conflict = 5, "The current status does not allow it.";
    Unreachable = 6, "The store does not answer; try again.";
    Review = 10, "Parked until a person looks.";
    Budget = 11, "Stopped by the budget.";
    Cancelled = 12, "Cancelled.";
    Partial = 13, "Something could not be undone.";
    Parked = 14, "Parked for a signal, or without a worker for its version.";
    Doctor = 21, "The doctor found problems.";
    Interrupted = 130, "Interrupted.";
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.number().into()
    }
}

impl Exit {
    /// Returns the exit code of an error code.
    #[expect(clippy::too_many_lines, reason = "a table: one line for each code of the closed list")]
    pub(crate) const fn of(code: Code) -> Self {
        use Code as C;
        match code {
            C::UnknownFlow
            | C::UnknownId
            | C::UnknownCode
            | C::NoFlowFits
            | C::UnknownPrompt
            | C::McpUnknown => Self::NotFound,
            C::InvalidInput
            | C::InvalidJson
            | C::AmbiguousId
            | C::NotAnId
            | C::InvalidBudget
            | C::InvalidArgument
            | C::ConfirmationNeeded
            | C::InvalidConfig
            | C::InvalidFlow
            | C::PromptInvalid
            | C::CrewUnsupported
            | C::CrewInvalid
            | C::CrewInput
            | C::PromptUnfilled
            | C::TooManyEffects
            | C::PoisonPayload
            | C::PlanInvalid
            | C::PlanTool
            | C::PlanSlot
            | C::PlanCycle
            | C::PlanArguments
            | C::PlanEffect
            | C::PlanCost
            | C::UnsafeReference
            | C::WriteInvalid
            | C::ModelUnknown
            | C::ModelUnpriced
            | C::ModelKeyMissing
            | C::ScriptInvalid
            | C::CassetteInvalid
            | C::ToolUnknown
            | C::ToolInvalid
            | C::RuleOfTwo
            | C::OpenapiInvalid
            | C::SecretMissing
            | C::McpPins
            | C::PolicyInvalid
            | C::ProcessInvalid
            | C::WorkerUndeclared
            | C::WorkerMessage
            | C::WorkerPublic
            | C::StepUnserved
            | C::DecisionInvalid => Self::Usage,
            C::KeyConflict
            | C::WrongStatus
            | C::PortInUse
            | C::FlowChanged
            | C::SchemaMismatch
            | C::WorkerClosed
            | C::ReviewClosed => Self::Conflict,
            C::OwnRequest | C::WorkerDenied => Self::Denied,
            C::StoreUnreachable | C::StoreLocked | C::Fenced | C::WorkersFull | C::McpUnseen => {
                Self::Unreachable
            }
            C::Divergence | C::Quarantined | C::InDoubt => Self::Review,
            C::BudgetReached | C::DeadlinePassed | C::CapReached => Self::Budget,
            C::Cancelled => Self::Cancelled,
            C::CompensationFailed => Self::Partial,
            C::NoWorkerForVersion => Self::Parked,
            C::StepFailed
            | C::StepTimedOut
            | C::IllegalTransition
            | C::RouteUnknown
            | C::StepPanicked
            | C::StoreCorrupt
            | C::ModelUnavailable
            | C::ModelRefused
            | C::ModelMalformed
            | C::ModelTruncated
            | C::ModelSchema
            | C::ScriptNoRule
            | C::NotRecorded
            | C::AgentTurns
            | C::AgentCircles
            | C::AgentArguments
            | C::AgentAnswer
            | C::ToolNotGranted
            | C::ToolArguments
            | C::ToolTimedOut
            | C::ToolUnavailable
            | C::ToolFailed
            | C::WorkerLost
            | C::ToolForbidden
            | C::NotEndorsed
            | C::ToolRefused
            | C::EgressRefused
            | C::McpDrift
            | C::McpInput
            | C::McpAnswer
            | C::ReviewExpired
            | C::CoworkerUnknown
            | C::TaskGuardrail
            | C::TaskRejected
            | C::TaskToolFailed
            | C::PlanRejected
            | C::JobStopped
            | C::ExtractFailed
            | C::ToolDrifted
            | C::Bug => Self::Failed,
        }
    }

    /// Returns the exit code of `run` for where the run stands.
    pub(crate) fn of_run(row: &RunRow) -> Self {
        match row.status {
            // Queued for good: no worker has its version.
            RunStatus::Queued => Self::Parked,
            RunStatus::Running | RunStatus::Completed => Self::Ok,
            RunStatus::Failed => Self::Failed,
            RunStatus::Cancelled => Self::Cancelled,
            RunStatus::Partial => Self::Partial,
            RunStatus::Parked => {
                Self::of_waits(row.wait.as_ref().map(|set| &*set.waits).unwrap_or_default())
            }
        }
    }

    /// A person's part comes first: what only a person can bring is what a script must report.
    fn of_waits(waits: &[Wait]) -> Self {
        let has = |wanted: fn(&Wait) -> bool| waits.iter().any(wanted);
        if has(|wait| {
            matches!(wait, Wait::Review { .. } | Wait::Divergence(_) | Wait::Quarantine { .. })
        }) {
            Self::Review
        } else if has(|wait| matches!(wait, Wait::Budget { .. })) {
            Self::Budget
        } else {
            Self::Parked
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::explain::PAGES;

    #[test]
    fn every_page_that_names_an_exit_code_names_the_one_of_the_table() {
        let mut named = 0;
        for (number, page) in PAGES {
            let code = Code::ALL.iter().find(|code| code.number() == *number).unwrap();
            let Some((_, rest)) = page.split_once("Exit code ") else { continue };
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            assert_eq!(digits, Exit::of(*code).number().to_string(), "{code}");
            named += 1;
        }
        assert!(named > 20, "only {named} pages name an exit code");
    }
}
