//! The report has the fields it promises, and its figures are plausible.

use std::{path::PathBuf, process, time::Duration};

use mainstay_core::code::Code;
use mainstay_testing::postgres::PrivatePostgres;
use serde_json::Value;

use super::{Figures, Plan, measure};
use crate::{cli::error::CliError, database::DatabaseUrl};

const TINY: Plan = Plan {
    runs: 24,
    steps: 10,
    concurrency: 8,
    payload_bytes: 1_024,
    reference: Duration::from_millis(250),
};

/// The contract, in its order.
const FIELDS: [&str; 15] = [
    "store",
    "concurrency",
    "runs",
    "steps",
    "payload_bytes",
    "steps_per_s",
    "step_p50_us",
    "step_p99_us",
    "reference",
    "ratio_to_one_row_commits",
    "commits_per_step",
    "steps_per_flush",
    "cpu_us_per_step",
    "wal_bytes_per_step",
    "rss_bytes",
];

async fn bench(url: &str, plan: Plan) -> Result<Figures, CliError> {
    measure(&DatabaseUrl::read(url).unwrap(), plan, &|_| ()).await
}

fn is_plausible(figures: &Figures) {
    assert!(figures.steps_per_s > 0.0, "{figures:?}");
    assert!(figures.reference.one_row_commits_per_s > 0.0, "{figures:?}");
    assert!(figures.ratio_to_one_row_commits > 0.0, "{figures:?}");
    // A plain step is one commit, and the run's end rides with the last one.
    assert!((1.0..=1.3).contains(&figures.commits_per_step), "{figures:?}");
    assert!(figures.steps_per_flush >= 1.0, "{figures:?}");
    assert!(figures.cpu_us_per_step > 0.0, "{figures:?}");
    assert!(0 < figures.step_p50_us && figures.step_p50_us <= figures.step_p99_us, "{figures:?}");
    assert!(figures.rss_bytes > 1 << 20, "{figures:?}");
}

struct File(PathBuf);

impl File {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("mainstay-bench-{}", process::id())))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_gives_every_figure_of_the_contract_and_no_other() {
    let folder = File::new();
    let url = format!("sqlite://{}", folder.0.join("bench.db").display());
    let figures = bench(&url, TINY).await.unwrap();
    is_plausible(&figures);
    assert_eq!((figures.store, figures.wal_bytes_per_step), ("sqlite", None));
    let text = serde_json::to_string(&figures).unwrap();
    let Value::Object(document) = serde_json::from_str(&text).unwrap() else { panic!("{text}") };
    let mut wanted = FIELDS.to_vec();
    let at = |field: &&str| text.find(&format!("\"{field}\":")).unwrap_or(usize::MAX);
    assert!(wanted.is_sorted_by_key(at), "{text}");
    wanted.sort_unstable();
    assert_eq!(document.keys().map(String::as_str).collect::<Vec<_>>(), wanted);
    let reference = document["reference"].as_object().unwrap();
    let fields: Vec<_> = reference.keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        ["commit_p50_us", "cpu_us_per_commit", "flush_p50_us", "one_row_commits_per_s"]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_says_also_what_it_wrote_ahead() {
    // What others write would be in it.
    let server = PrivatePostgres::start().await.unwrap();
    let figures = bench(server.url(), TINY).await.unwrap();
    is_plausible(&figures);
    assert_eq!(figures.store, "postgres");
    // A step's value alone is a kilobyte; a page a step would be eight.
    let wal = figures.wal_bytes_per_step.unwrap();
    assert!((1_024.0..8_192.0).contains(&wal), "{figures:?}");
}

#[tokio::test]
async fn a_server_that_does_not_flush_is_refused_and_left_as_it_was() {
    for setting in ["fsync", "synchronous_commit"] {
        let server = PrivatePostgres::start_with(&[(setting, "off")]).await.unwrap();
        let refused = bench(server.url(), TINY).await.unwrap_err();
        assert_eq!(refused.code, Code::UnsafeReference);
        assert!(refused.message.contains(setting), "{refused}");
        // The schema would have been made first, had anything been done.
        let database = DatabaseUrl::read(server.url()).unwrap();
        let store = database.open(crate::database::Purpose::Examine).await.unwrap();
        assert_eq!(store.facts(()).await.unwrap().schema.found, 0);
    }
}
