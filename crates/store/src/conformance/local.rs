//! An author's rows beside a store's own: written exactly once with the part they came with.
//!
//! A suite apart, because it needs what the port does not give: a table of the author's, and
//! somebody who reads it.

use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use mainstay_core::store::{
    local::LocalWrite,
    operation::{Append, Appended, Death},
};
use serde_json::{Value, json};

use super::{
    Failure, Owner, Subject, Verdict, World, equal, fencing::last_position, holds, joined,
};

/// A table of the author's in the database of a store.
#[async_trait]
pub trait AuthorTable: Send + Sync {
    /// Returns the lines of the table, oldest first.
    async fn lines(&self) -> Vec<String>;

    /// Returns a statement that the database itself refuses.
    fn refused(&self) -> LocalWrite;
}

/// What makes the table.
pub const MAKE_TABLE: &str =
    "CREATE TABLE author_lines (n INTEGER PRIMARY KEY, line TEXT NOT NULL, size BIGINT)";

/// What reads its lines.
pub const READ_TABLE: &str = "SELECT line FROM author_lines ORDER BY n";

/// Returns the statement that adds a line.
#[must_use]
pub fn line(text: &str) -> LocalWrite {
    let sql = "INSERT INTO author_lines (n, line, size)
               VALUES ((SELECT coalesce(max(n), 0) + 1 FROM author_lines), $1, $2)";
    let size = if text.len() > 1 { json!(text.len()) } else { Value::Null };
    LocalWrite { sql: sql.to_owned(), parameters: vec![json!(text), size] }
}

/// A store and an author's table in it.
pub struct Shop {
    world: World,
    table: Arc<dyn AuthorTable>,
}

impl Shop {
    async fn has(&self, what: &str, want: &[&str]) -> Verdict {
        equal(what, self.table.lines().await, want.iter().map(ToString::to_string).collect())
    }

    async fn stands_at(&self, owner: &Owner, position: u64) -> Verdict {
        equal("the journal's end", last_position(&self.world, owner).await?, position)
    }
}

fn with(mut part: Append, lines: &[&str]) -> Append {
    part.local = lines.iter().map(|text| line(text)).collect();
    part
}

/// One thing every store does with an author's rows.
pub type Behaviour = fn(Shop) -> BoxFuture<'static, Verdict>;

macro_rules! behaviours {
    ($($name:ident)*) => {
        /// Every behaviour by name.
        pub const BEHAVIOURS: &[(&str, Behaviour)] =
            &[$((stringify!($name), |shop| Box::pin($name(shop))),)*];
    };
}

behaviours! {
    rows_are_written_once_with_their_part
    rows_of_a_repeated_part_are_not_written_again
    a_fenced_part_writes_no_rows
    a_part_whose_inbox_moved_writes_no_rows
    a_refused_statement_leaves_nothing_of_its_part
    what_cannot_be_one_statement_is_refused_by_every_store
    of_racing_parts_on_one_head_one_writes
    many_runs_write_beside_each_other
}

/// Asks a fresh store and its fresh table for one behaviour.
///
/// # Errors
/// It does not behave, or there is no behaviour of that name.
pub async fn check(name: &str, subject: Subject, table: Arc<dyn AuthorTable>) -> Verdict {
    let behaviour = BEHAVIOURS.iter().find(|(known, _)| *known == name);
    let (_, behaviour) = behaviour.ok_or_else(|| super::absent(name))?;
    behaviour(Shop { world: World::new(subject), table }).await
}

async fn rows_are_written_once_with_their_part(shop: Shop) -> Verdict {
    let mut owner = shop.world.owned().await?;
    let store = &*shop.world.store;
    owner.accept(store, with(owner.step()?, &["one", "2"])).await?;
    shop.has("after one part", &["one", "2"]).await?;
    owner.accept(store, owner.step()?).await?;
    owner.accept(store, with(owner.step()?, &["three"])).await?;
    owner.accept(store, with(owner.finish(0)?, &["the end"])).await?;
    shop.has("after the end", &["one", "2", "three", "the end"]).await
}

async fn rows_of_a_repeated_part_are_not_written_again(shop: Shop) -> Verdict {
    let mut owner = shop.world.owned().await?;
    let part = with(owner.step()?, &["once"]);
    let own = part.rows.first().map(|row| row.link);
    owner.accept(&*shop.world.store, part.clone()).await?;
    for _ in 0..2 {
        // The answer was lost: the same append again.
        let again = shop.world.store.append(vec![part.clone()]).await?;
        equal("a repeat finds itself", again, vec![Appended::Fenced { found: own }])?;
    }
    shop.has("after the repeats", &["once"]).await
}

async fn a_fenced_part_writes_no_rows(shop: Shop) -> Verdict {
    let world = &shop.world;
    let mut owner = world.owned().await?;
    let zombie = owner.clone();
    owner.accept(&*world.store, with(owner.step()?, &["owner"])).await?;
    for part in [zombie.step()?, zombie.finish(0)?] {
        let answer = zombie.clone().append(&*world.store, with(part, &["stale"])).await?;
        holds("an old head is fenced", matches!(answer, Appended::Fenced { .. }))?;
    }
    let session = owner.session.unwrap_or_else(|| world.session_id());
    world.store.revoke(session).await?;
    world.take_over(session, Death::Proved).await?;
    world.claim(world.open().await?).await?;
    let answer = owner.clone().append(&*world.store, with(owner.step()?, &["dead"])).await?;
    holds("an old epoch is fenced", matches!(answer, Appended::Fenced { .. }))?;
    shop.has("after the refusals", &["owner"]).await
}

async fn a_part_whose_inbox_moved_writes_no_rows(shop: Shop) -> Verdict {
    let mut owner = shop.world.owned().await?;
    let store = &*shop.world.store;
    shop.world.tell(owner.run_id, "first").await?;
    let parked = owner.append(store, with(owner.park_for_signal(0)?, &["park"])).await?;
    equal("the inbox moved", parked, Appended::InboxMoved { head: 1 })?;
    shop.has("after the refusal", &[]).await?;
    owner.accept(store, with(owner.park_for_signal(1)?, &["park"])).await?;
    shop.has("after the park", &["park"]).await
}

async fn a_refused_statement_leaves_nothing_of_its_part(shop: Shop) -> Verdict {
    let (mut first, mut broken) = (shop.world.owned().await?, shop.world.owned().await?);
    let (plain, last) = (shop.world.owned().await?, shop.world.owned().await?);
    let mut refused = with(broken.step()?, &["lost"]);
    refused.local.push(shop.table.refused());
    refused.timers.push(("nap".to_owned(), shop.world.now()));
    let parts = vec![
        with(first.step()?, &["first"]),
        refused,
        plain.step()?,
        with(last.step()?, &["last"]),
    ];
    let after = parts.first().map(|part| part.rows.clone()).unwrap_or_default();
    let answers = shop.world.store.append(parts).await?;
    let [Appended::Accepted, Appended::Poison(why), Appended::Accepted, Appended::Accepted] =
        answers.as_slice()
    else {
        return equal("accepted, poison, accepted, accepted", answers, vec![]);
    };
    holds("the refusal has a reason", !why.is_empty())?;
    let mut lines = shop.table.lines().await;
    lines.sort_unstable();
    equal("the others' rows", lines, vec!["first".to_owned(), "last".to_owned()])?;
    shop.stands_at(&broken, 2).await?;
    let fire = mainstay_core::store::operation::FireTimers { limit: 10 };
    equal("its timer", shop.world.store.fire_timers(fire).await?.fired, 0)?;
    first.head = after.iter().fold(first.head, |head, row| row.head(first.run_id, head));
    first.accept(&*shop.world.store, first.step()?).await?;
    broken.accept(&*shop.world.store, broken.step()?).await
}

async fn what_cannot_be_one_statement_is_refused_by_every_store(shop: Shop) -> Verdict {
    let mut owner = shop.world.owned().await?;
    let statements = [
        ("COMMIT", vec![]),
        ("DELETE FROM author_lines; COMMIT", vec![]),
        ("INSERT INTO author_lines (n, line) VALUES ($1, $2)", vec![json!(1)]),
        ("INSERT INTO author_lines (n, line) VALUES (1, $1)", vec![json!(["a"])]),
        ("INSERT INTO author_lines (n, line) VALUES (1, $1)", vec![json!("a\0")]),
    ];
    for (sql, parameters) in statements {
        let mut part = owner.step()?;
        part.local = vec![line("before"), LocalWrite { sql: sql.to_owned(), parameters }];
        let answer = owner.append(&*shop.world.store, part).await?;
        holds(&format!("{sql} is refused"), matches!(answer, Appended::Poison(_)))?;
    }
    shop.stands_at(&owner, 2).await?;
    shop.has("after the refusals", &[]).await
}

async fn of_racing_parts_on_one_head_one_writes(shop: Shop) -> Verdict {
    let owner = shop.world.owned().await?;
    let mut tasks = Vec::new();
    for n in 0..12 {
        let mut entry = super::owner::started_step();
        if let mainstay_core::journal::Entry::StepStarted { attempt, .. } = &mut entry {
            *attempt = n + 1;
        }
        let part = owner.part(&[entry], mainstay_core::store::operation::RowChange::Keep)?;
        let (part, store) = (with(part, &["won"]), shop.world.store.clone());
        tasks.push(tokio::spawn(async move { store.append(vec![part]).await }));
    }
    let mut accepted = 0;
    for task in tasks {
        accepted += joined(task).await??.iter().filter(|a| **a == Appended::Accepted).count();
    }
    equal("winners", accepted, 1)?;
    shop.has("after the race", &["won"]).await
}

/// Half of the runs write rows and half do not, all at once.
async fn many_runs_write_beside_each_other(shop: Shop) -> Verdict {
    const RUNS: usize = 16;
    const STEPS: usize = 4;
    let mut tasks = Vec::new();
    for n in 0..RUNS {
        let (mut owner, store) = (shop.world.owned().await?, shop.world.store.clone());
        tasks.push(tokio::spawn(async move {
            for step in 0..STEPS {
                let mut part = owner.step()?;
                if n % 2 == 0 {
                    part.local = vec![own_line(n * STEPS + step)];
                }
                owner.accept(&*store, part).await?;
            }
            Ok::<_, Failure>(owner)
        }));
    }
    for task in tasks {
        let owner = joined(task).await??;
        shop.stands_at(&owner, 2 + STEPS as u64).await?;
    }
    let mut lines = shop.table.lines().await;
    lines.sort_unstable();
    let mut want: Vec<_> = (0..RUNS * STEPS).filter(|n| (n / STEPS).is_multiple_of(2)).collect();
    want.sort_unstable_by_key(ToString::to_string);
    equal("rows", lines, want.iter().map(ToString::to_string).collect())
}

/// Returns a statement whose row has a key of its own, so that runs need not wait for each other.
fn own_line(n: usize) -> LocalWrite {
    let sql = "INSERT INTO author_lines (line, n) VALUES ($1, $2)";
    LocalWrite { sql: sql.to_owned(), parameters: vec![json!(n.to_string()), json!(n)] }
}
