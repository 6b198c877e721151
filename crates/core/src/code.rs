//! Every error that can reach a person: its code, its kind, its title. Each has a page.
//!
//! The first digit says where: 1 usage, configuration and flow definitions; 2 runs, effects and
//! budgets; 3 stores; 4 models; 5 tools; 6 reviews; 9 bugs of ours.

use std::fmt;

/// Who can do something about an error, and what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeKind {
    /// What was typed or sent is wrong.
    User,
    /// A file, setting or definition is wrong.
    Config,
    /// Trying again later may help.
    Retryable,
    /// A person must look at the run.
    Attention,
    /// A defect in Mainstay.
    Bug,
}

macro_rules! codes {
    ($($name:ident = $number:literal, $kind:ident, $title:literal;)*) => {
        /// A stable error code, printed as `MS-2104`, explained by `mainstay explain MS-2104`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $(#[doc = $title] $name,)* }

        impl Code {
            /// Every code, in order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// Returns the number after `MS-`.
            #[must_use]
            pub const fn number(self) -> u16 { match self { $(Self::$name => $number),* } }

            /// Returns who can do something about it.
            #[must_use]
            pub const fn kind(self) -> CodeKind { match self { $(Self::$name => CodeKind::$kind),* } }

            /// Returns one line that says what happened.
            #[must_use]
            pub const fn title(self) -> &'static str { match self { $(Self::$name => $title),* } }
        }
    };
}

codes! {
    UnknownFlow = 1001, User, "no flow of that name";
    InvalidInput = 1002, User, "the input does not fit the flow";
    InvalidJson = 1003, User, "the input is not JSON";
    UnknownId = 1004, User, "nothing has that id";
    AmbiguousId = 1005, User, "several things have that id prefix";
    NotAnId = 1006, User, "that is not an id";
    InvalidBudget = 1007, User, "the budget cannot be read";
    KeyConflict = 1008, User, "the idempotency key was used with another input";
    WrongStatus = 1009, User, "the run's status does not allow this";
    InvalidArgument = 1010, User, "an argument cannot be read";
    ConfirmationNeeded = 1011, User, "this needs a yes";
    UnknownCode = 1012, User, "no error has that code";
    NoFlowFits = 1013, User, "no flow is like the request";
    UnknownPrompt = 1014, User, "no prompt of that name";
    InvalidConfig = 1101, Config, "the configuration cannot be read";
    InvalidFlow = 1102, Config, "the flow's graph is not sound";
    PortInUse = 1103, Config, "the port is in use";
    FlowChanged = 1104, Config, "a flow version was registered with another definition";
    PromptInvalid = 1105, Config, "a prompt's file cannot be read";
    CrewUnsupported = 1120, Config, "a crew's files ask for something that is not done here";
    CrewInvalid = 1121, Config, "a crew is not sound";
    CrewInput = 1122, User, "inputs that a crew's placeholders ask for are missing";
    StepFailed = 2001, Attention, "a step failed for good";
    Divergence = 2002, Attention, "the code asks for something else than the journal holds";
    Quarantined = 2003, Attention, "the run crashed its worker too often";
    NoWorkerForVersion = 2004, Attention, "no worker has the run's flow version";
    TooManyEffects = 2005, Config, "a step made more than 1,000 effects";
    StepTimedOut = 2006, Attention, "a step ran out of time";
    IllegalTransition = 2007, Bug, "an entry does not fit the run's status";
    RouteUnknown = 2008, Attention, "a router returned a route outside its set";
    StepPanicked = 2009, Attention, "a step panicked";
    CompensationFailed = 2010, Attention, "something could not be undone";
    Cancelled = 2011, User, "the run was cancelled";
    WriteInvalid = 2012, Config, "a step's write is not a statement that can ride with its commit";
    PromptUnfilled = 2013, Config, "a prompt was not given what it says it needs";
    BudgetReached = 2104, Attention, "budget reached";
    DeadlinePassed = 2105, Attention, "the run's deadline has passed";
    AgentTurns = 2106, Attention, "an agent used up its turns without an answer";
    AgentCircles = 2107, Attention, "an agent went round in circles";
    AgentArguments = 2108, Attention, "an agent kept calling tools with arguments that do not fit";
    AgentAnswer = 2109, Attention, "an agent's answer cannot be used";
    CoworkerUnknown = 2120, Attention, "no coworker has that role";
    TaskGuardrail = 2121, Attention, "a task's answer did not pass its guardrail";
    TaskRejected = 2122, Attention, "a person rejected a task's answer";
    TaskToolFailed = 2123, Attention, "a tool failed in a task that does not allow it";
    CapReached = 2130, Attention, "a cap that runs share is reached";
    PlanInvalid = 2201, User, "the plan cannot be read";
    PlanTool = 2202, User, "the plan names a tool that is not there or not granted";
    PlanSlot = 2203, User, "a slot of the plan cannot resolve";
    PlanCycle = 2204, User, "steps of the plan wait for each other";
    PlanArguments = 2205, User, "a step's arguments do not fit its tool";
    PlanEffect = 2206, User, "the plan loosens a tool's effect class";
    PlanCost = 2207, User, "the plan could use more than is left";
    PlanRejected = 2208, Attention, "a person rejected the plan";
    JobStopped = 2209, Attention, "a step of the plan did not go as expected";
    ExtractFailed = 2210, Attention, "the value could not be read out of the text";
    ToolDrifted = 2211, Attention, "a tool changed after the plan was committed";
    StoreUnreachable = 3001, Retryable, "the store cannot be reached";
    SchemaMismatch = 3002, Config, "the store's schema version does not fit this program";
    StoreLocked = 3003, Retryable, "the SQLite file is locked by another process";
    Fenced = 3004, Retryable, "another worker owns the run now";
    PoisonPayload = 3005, User, "the store refuses these bytes";
    StoreCorrupt = 3006, Attention, "stored data does not read back";
    UnsafeReference = 3007, Config, "the server does not flush to disk";
    ModelUnavailable = 4001, Retryable, "the model's vendor does not answer";
    ModelRefused = 4002, Config, "the model's vendor refuses the request";
    ModelMalformed = 4003, Retryable, "the model's answer cannot be read";
    ModelTruncated = 4004, Retryable, "the stream ended without its finish marker";
    ModelSchema = 4005, Attention, "the model's answer does not fit the schema";
    ModelUnknown = 4006, Config, "no provider serves that model";
    ModelUnpriced = 4007, Config, "the model has no price";
    ScriptInvalid = 4008, Config, "the scripted model's file cannot be read";
    ScriptNoRule = 4009, Config, "no rule of the scripted model fits the request";
    CassetteInvalid = 4010, Config, "the cassette cannot be read";
    NotRecorded = 4011, Config, "the cassette holds no answer to the request";
    ModelKeyMissing = 4012, Config, "the key of the model's vendor is not set";
    ToolUnknown = 5001, Config, "no tool of that name";
    ToolNotGranted = 5002, Attention, "the step has no grant for the tool";
    ToolArguments = 5003, Attention, "the tool's arguments do not fit its schema";
    ToolTimedOut = 5004, Retryable, "the tool did not answer in time";
    ToolUnavailable = 5005, Retryable, "the tool's circuit breaker is open";
    ToolFailed = 5006, Attention, "the tool failed";
    InDoubt = 5007, Attention, "it cannot be known whether the action happened";
    ToolInvalid = 5008, Config, "a tool's declaration is not sound";
    ToolForbidden = 5009, Attention, "a policy forbids the call";
    ToolRefused = 5010, Attention, "a person refused the call";
    RuleOfTwo = 5011, Config, "a step could read, see and act without leave";
    NotEndorsed = 5012, Attention, "no rule endorses the value";
    EgressRefused = 5020, Attention, "a tool's request would leave for a place it must not reach";
    OpenapiInvalid = 5021, Config, "an OpenAPI document cannot be made into tools";
    SecretMissing = 5022, Config, "a secret has no value that can be used";
    McpDrift = 5030, Attention, "an MCP server's tool is not the one that was approved";
    McpUnseen = 5031, Config, "an MCP server cannot be reached, and its tools were never seen";
    McpPins = 5032, Config, "the pinned definitions of MCP tools cannot be used";
    McpInput = 5033, Attention, "an MCP server asks what nobody here can answer";
    McpAnswer = 5034, Attention, "an MCP server's answer cannot be read";
    McpUnknown = 5035, User, "no MCP server or tool of that name";
    PolicyInvalid = 5040, Config, "a rule of the policy cannot be read";
    ProcessInvalid = 5041, Config, "a command in the configuration is no tool";
    WorkerLost = 5060, Attention, "a worker took the call and was not heard of again";
    WorkerUndeclared = 5061, Config, "a worker serves something else than what is declared";
    WorkerDenied = 5062, Config, "no worker of that name with that token";
    WorkerClosed = 5063, User, "the call takes no answer any more";
    WorkerMessage = 5064, User, "a worker's message cannot be read";
    WorkersFull = 5065, Retryable, "too many workers ask at once";
    WorkerPublic = 5066, Config, "a public address needs a token for every worker";
    StepUnserved = 5067, Config, "a flow and the workers do not agree about a step";
    ReviewClosed = 6001, User, "the review was already decided";
    DecisionInvalid = 6002, User, "the decision does not fit the review";
    ReviewExpired = 6003, Attention, "the review expired without a decision";
    OwnRequest = 6004, User, "nobody approves what they asked for";
    Bug = 9001, Bug, "a defect in Mainstay";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MS-{:04}", self.number())
    }
}

impl Code {
    /// Reads `MS-2104`, `ms-2104` or `2104`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("MS-").or_else(|| text.strip_prefix("ms-")).unwrap_or(text);
        let number = digits.parse::<u16>().ok()?;
        Self::ALL.iter().copied().find(|code| code.number() == number)
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        Self::read(&text).ok_or_else(|| serde::de::Error::custom(format!("no code {text}")))
    }
}
