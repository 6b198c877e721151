//! A process that is killed in the middle of writing: what it was told is durable is durable.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
};

use mainstay_core::{
    id::RunId,
    store::{
        Store,
        operation::{Death, JournalRequest, TakeOver},
    },
};
use mainstay_store::{
    conformance::{Owner, Subject, World},
    sqlite::{SqliteOptions, SqliteStore},
};

use crate::folder::Folder;

const WRITERS: usize = 8;

/// Not a test of its own: the process that is killed. It writes into the folder it stands in, and
/// says aloud what was acknowledged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "runs for days; the test below starts it and kills it"]
async fn writes_until_it_is_killed() {
    let store = SqliteStore::open("mainstay.db", SqliteOptions::default()).await.unwrap();
    let subject = Subject { store: Arc::new(store), clock: Arc::default(), guard: Box::new(()) };
    let world = World::new(subject);
    for _ in 0..WRITERS {
        world.start(world.new_run().unwrap()).await.unwrap();
    }
    let session = world.open().await.unwrap();
    let claimed = world.store.claim(world.wish(session, WRITERS)).await.unwrap();
    let writers = claimed.iter().map(Owner::of).map(|mut owner| {
        let store = world.store.clone();
        tokio::spawn(async move {
            for _ in 0..u32::MAX {
                owner.accept(&*store, owner.step().unwrap()).await.unwrap();
                println!("ack {} {} {}", owner.run_id, owner.head.position, owner.head.link);
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

/// Starts the writing process, kills it after `lines` acknowledgements, and returns all it said.
fn said_before_it_died(folder: &Folder, lines: usize) -> Vec<(RunId, u64, String)> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["killed::writes_until_it_is_killed", "--exact", "--ignored", "--nocapture"])
        .current_dir(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let Some((_, ack)) = line.split_once("ack ") else { continue };
        let words: Vec<_> = ack.split(' ').collect();
        if let [run, position, link] = words.as_slice()
            && link.len() == 64
        {
            said.push((run.parse().unwrap(), position.parse().unwrap(), (*link).to_owned()));
        }
        if said.len() == lines {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(said.len() >= lines, "it ended by itself after {} acknowledgements", said.len());
    said
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    for lines in [1, 40, 333] {
        let folder = Folder::new();
        let said = said_before_it_died(&folder, lines);
        let store = SqliteStore::open(folder.file("mainstay.db"), SqliteOptions::default()).await;
        let store: Arc<dyn Store> = Arc::new(store.unwrap());
        for (run_id, position, link) in said {
            let row = JournalRequest { run_id, from: position, limit: 1 };
            let rows = store.journal(row).await.unwrap();
            assert_eq!(rows[0].link.to_string(), link, "{run_id} at {position}");
        }
        for session in store.sessions(()).await.unwrap() {
            store.revoke(session.session).await.unwrap();
            let takeover = TakeOver { session: session.session, death: Death::Proved };
            assert_eq!(store.take_over(takeover).await, Ok(WRITERS as u64));
        }
        assert_eq!(store.unexplained(()).await, Ok(vec![]));
    }
}
