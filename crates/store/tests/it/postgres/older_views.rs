//! A claim whose statement's view is older than its locks: what came in between is neither lost nor
//! read by halves.

use tokio::task::JoinHandle;

use super::*;

/// A claim that has its view already, and waits for its first lock.
struct Waiting {
    world: World,
    holder: PgConnection,
    run_id: RunId,
    claim: JoinHandle<Result<Vec<ClaimedRun>, StoreError>>,
}

impl Waiting {
    async fn begin() -> Self {
        let Bench { world, mut sql, url } = bench().await;
        // Who looks on is in no transaction: in one, the server shows the same picture every time.
        let mut holder = PgConnection::connect(&url).await.unwrap();
        let run_id = world.start(world.new_run().unwrap()).await.unwrap();
        let session = world.open().await.unwrap();
        let hold = "SELECT FROM mainstay.workers WHERE session_id = $1 FOR UPDATE";
        sqlx::raw_sql("BEGIN").execute(&mut holder).await.unwrap();
        sqlx::query(hold).bind(session.uuid()).execute(&mut holder).await.unwrap();
        let (store, wish) = (open(&url, &world.clock).await, world.wish(session, 1));
        let claim = tokio::spawn(async move { (&store as &dyn Store).claim(wish).await });
        let waits = "SELECT count(*) FROM pg_stat_activity
                     WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while count(&mut sql, waits).await == 0 {}
        Self { world, holder, run_id, claim }
    }

    async fn end(mut self) -> (World, Vec<ClaimedRun>) {
        sqlx::raw_sql("ROLLBACK").execute(&mut self.holder).await.unwrap();
        (self.world, self.claim.await.unwrap().unwrap())
    }
}

#[tokio::test]
async fn a_message_that_came_meanwhile_is_handed_over() {
    let waiting = Waiting::begin().await;
    waiting.world.tell(waiting.run_id, "late").await.unwrap();
    let (_world, claimed) = waiting.end().await;
    let inbox = claimed[0].inbox.iter().map(|message| message.key.as_str());
    assert_eq!((claimed[0].run.inbox_head, inbox.collect::<Vec<_>>()), (1, vec!["late"]));
}

#[tokio::test]
async fn a_run_whose_journal_grew_meanwhile_is_not_claimed_but_with_the_whole_of_it() {
    let waiting = Waiting::begin().await;
    let other = waiting.world.open().await.unwrap();
    let mut owner = Owner::of(&waiting.world.claim(other).await.unwrap());
    for part in [Owner::step, Owner::release] {
        let part = part(&owner).unwrap();
        owner.accept(&*waiting.world.store, part).await.unwrap();
    }
    let (world, claimed) = waiting.end().await;
    assert_eq!(claimed, [], "its place in the journal was taken");
    let claimed = world.claim(other).await.unwrap();
    let places: Vec<_> = claimed.journal.iter().map(|row| row.position).collect();
    assert_eq!((places, claimed.position, claimed.run.epoch), (vec![1, 2, 3, 4, 5], 5, 2));
}
