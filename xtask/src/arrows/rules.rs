//! Which crate may reach which: the table behind the picture in ARCHITECTURE.md.

/// What one crate may and may not reach, directly or through others.
pub(super) struct Room {
    /// The package.
    pub(super) name: &'static str,
    /// The crates of ours that it may reach; all others are faults.
    pub(super) ours: &'static [&'static str],
    /// The crates of others that it must not reach.
    pub(super) never: &'static [&'static str],
    /// The promise that the missing arrows keep.
    pub(super) why: &'static str,
}

/// Runtimes, databases, networks and clocks.
const OUTSIDE: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "mio",
    "socket2",
    "sqlx",
    "sqlx-core",
    "libsqlite3-sys",
    "rusqlite",
    "reqwest",
    "hyper",
    "axum",
    "rustls",
    "native-tls",
    "openssl-sys",
    "rand",
    "rand_core",
    "getrandom",
    "fastrand",
    "chrono",
    "rustix",
];
const SQL: &[&str] = &["sqlx", "sqlx-core", "sqlx-postgres", "sqlx-sqlite", "libsqlite3-sys"];

const CORE: &str = "mainstay-core";
const MACROS: &str = "mainstay-macros";
const ENGINE: &str = "mainstay-engine";
const AGENTS: &str = "mainstay-agents";
const TOOLS: &str = "mainstay-tools";
const GUARDRAILS: &str = "mainstay-guardrails";
const PROVIDERS: &str = "mainstay-providers";
const STORE: &str = "mainstay-store";
const BROKER: &str = "mainstay-broker";
const SERVER: &str = "mainstay-server";
const EVALS: &str = "mainstay-evals";
const TESTING: &str = "mainstay-testing";
const DRILLS: &str = "mainstay-drills";
const FACADE: &str = "mainstay";
const SAMPLE: &str = "support_desk";

/// Everything that the facade composes.
const COMPOSED: &[&str] =
    &[CORE, MACROS, ENGINE, AGENTS, TOOLS, GUARDRAILS, PROVIDERS, STORE, BROKER, SERVER, EVALS];

/// One row a crate, also for those that are still to come.
pub(super) const ROOMS: &[Room] = &[
    Room { name: CORE, ours: &[], never: OUTSIDE, why: "core is words, pure rules and ports" },
    Room {
        name: MACROS,
        ours: &[],
        never: OUTSIDE,
        why: "macros only write code that names the facade",
    },
    Room {
        name: ENGINE,
        ours: &[CORE],
        never: SQL,
        why: "the engine knows a store only by its port, and agents and a server not at all",
    },
    Room {
        name: AGENTS,
        ours: &[CORE],
        never: SQL,
        why: "an agent cannot schedule, skip or reorder what it cannot reach",
    },
    Room {
        name: TOOLS,
        ours: &[CORE],
        never: SQL,
        why: "a tool touches the outside, never the journal",
    },
    Room {
        name: GUARDRAILS,
        ours: &[CORE],
        never: SQL,
        why: "a check cannot act on what it checks",
    },
    Room {
        name: PROVIDERS,
        ours: &[CORE],
        never: SQL,
        why: "a model vendor is called, it does not call",
    },
    Room {
        name: STORE,
        ours: &[CORE],
        never: &["reqwest", "hyper"],
        why: "the store keeps what it is given",
    },
    Room {
        name: BROKER,
        ours: &[CORE],
        never: &[],
        why: "messages carry facts, they do not read the journal",
    },
    Room {
        name: SERVER,
        ours: &[CORE],
        never: &[],
        why: "commands are rows that workers pick up; a server without workers is valid",
    },
    Room {
        name: EVALS,
        ours: &[CORE, ENGINE],
        never: SQL,
        why: "an evaluation runs flows, it does not serve or store",
    },
    Room {
        name: TESTING,
        ours: &[CORE, ENGINE, STORE, PROVIDERS, TOOLS],
        never: &["axum"],
        why: "a harness that needs a server tests too much at once",
    },
    Room {
        name: DRILLS,
        ours: &[FACADE, CORE, MACROS, ENGINE, AGENTS, TOOLS, PROVIDERS, STORE, SERVER, TESTING],
        never: &[],
        why: "drills put a program through what a machine can do to it, and nobody depends on them",
    },
    Room {
        name: FACADE,
        ours: COMPOSED,
        never: &[],
        why: "the facade is composed of the others, and tests are not among them",
    },
    Room {
        name: SAMPLE,
        ours: &[
            FACADE, CORE, MACROS, ENGINE, AGENTS, TOOLS, GUARDRAILS, PROVIDERS, STORE, BROKER,
            SERVER, EVALS,
        ],
        never: &[],
        why: "a sample is written as a user would write it",
    },
    Room {
        name: "onboarding_job",
        ours: &[
            FACADE, CORE, MACROS, ENGINE, AGENTS, TOOLS, GUARDRAILS, PROVIDERS, STORE, BROKER,
            SERVER, EVALS,
        ],
        never: &[],
        why: "a sample is written as a user would write it",
    },
    Room {
        name: "due_diligence",
        ours: &[FACADE, CORE, MACROS, ENGINE, AGENTS, TOOLS, PROVIDERS, STORE, SERVER],
        never: &[],
        why: "a sample is written as a user would write it, and this one needs the facade alone",
    },
    Room {
        name: "mainstay-cli",
        ours: &[
            FACADE, SAMPLE, CORE, MACROS, ENGINE, AGENTS, TOOLS, GUARDRAILS, PROVIDERS, STORE,
            BROKER, SERVER, EVALS,
        ],
        never: &[],
        why: "the stock binary is three lines and the samples",
    },
    Room {
        name: "xtask",
        ours: &[],
        never: OUTSIDE,
        why: "the checks must build when what they check does not",
    },
];

/// A feature that must stay off, whoever would like it.
pub(super) struct Off {
    /// The package.
    pub(super) package: &'static str,
    /// Its feature.
    pub(super) feature: &'static str,
    /// What it would break.
    pub(super) why: &'static str,
}

/// Features of ours that switch one of [`OFF`] on for the whole program, and say so on their page.
pub(super) const APART: &[&str] = &["cedar"];

/// Cargo unites features: one crate that switches one of these on changes all others.
pub(super) const OFF: &[Off] = &[
    Off {
        package: "serde_json",
        feature: "preserve_order",
        why: "digests and keys are made from JSON, whose order must not depend on who is linked",
    },
    Off {
        package: "serde_json",
        feature: "arbitrary_precision",
        why: "numbers would be written differently, and digests with them",
    },
];
