//! The second call of a slow model.

use super::*;

/// The first vendor is slow; the second is asked after a second.
fn slow(second: &[Turn]) -> Town {
    let hedged = |chain: ModelChain| chain.with_hedge_after(Duration::from_secs(1));
    Town::with(&[&[Turn::Hangs, Turn::says("late")], second], |_| {}, hedged)
}

async fn write_slowly(town: &Town, limits: Limits) -> RunView {
    let input = json!({ "kept": false, "about": "tea" });
    let run_id = town.rig.start_with(StartRun { limits, ..StartRun::new("letter", input) }).await;
    let worker = town.rig.worker();
    while town.servers[0].count() == 0 {
        tokio::task::yield_now().await;
    }
    while town.servers[1].count() == 0 {
        tokio::task::yield_now().await;
    }
    let row = town.rig.settled(run_id).await;
    assert_eq!(row.status, RunStatus::Completed);
    worker.stop().await;
    town.rig.view(run_id).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_call_is_sent_once_more_and_both_fit_the_limit() {
    let town = slow(&[Turn::says("quick")]);
    let view =
        write_slowly(&town, Limits { usd: Some(400), model_calls: Some(2), ..Limits::none() })
            .await;
    check_never_over(&town.rig, &view);
    assert_eq!(answered_by(&view), "b:m");
    let ledger = &view.projection.ledger;
    assert_eq!(ledger.spent().usd, 20, "the one that answered");
    assert!(ledger.spent_unknown().usd >= 40, "the one that may still be charged: {ledger:?}");
    assert_eq!(ledger.total_spent().model_calls, 2);
    assert_eq!(attempts(&view), ["1 a MS-4001"]);
    assert_eq!((settled(&view).attempt, settled(&view).about["hedged"].clone()), (2, json!(2)));
    assert_eq!(town.counts(), [1, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_second_call_fails_the_first_is_still_waited_for() {
    let one = Traffic { concurrency: Some(1), ..Traffic::default() };
    let town = Town::with(
        &[&[Turn::Hangs, Turn::says("late")], &[Turn::refuses(503), Turn::says("greetings")]],
        |p| drop(p.traffic("b", one).tier(Tier::Workhorse, ModelChain::new(model("b")))),
        |chain| chain.with_hedge_after(Duration::from_secs(1)),
    );
    let input = json!({ "kept": false, "about": "tea" });
    let run_id = town.rig.start("letter", input).await;
    let worker = town.rig.worker();
    while town.servers[1].count() == 0 {
        tokio::task::yield_now().await;
    }
    // The only place at b is free again once the letter's second call has failed.
    let other = town.rig.start("postcard", json!({})).await;
    assert_eq!(town.rig.settled(other).await.status, RunStatus::Completed);
    town.servers[0].release();
    assert_eq!(town.rig.settled(run_id).await.status, RunStatus::Completed);
    worker.stop().await;
    let view = town.rig.view(run_id).await;
    assert_eq!((answered_by(&view), settled(&view).attempt), ("a:m".to_owned(), 1));
    assert_eq!(attempts(&view), ["2 b MS-4001"]);
    assert_eq!(view.projection.ledger.spent_unknown(), Spend::ZERO, "both ends are known");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_without_room_for_two_sends_one_and_the_sum_never_passes_it() {
    let town = slow(&[Turn::says("quick")]);
    let input = json!({ "kept": false, "about": "tea" });
    let limits = Limits { model_calls: Some(1), ..Limits::none() };
    let run_id = town.rig.start_with(StartRun { limits, ..StartRun::new("letter", input) }).await;
    let worker = town.rig.worker();
    while town.servers[0].count() == 0 {
        tokio::task::yield_now().await;
    }
    // Other runs come and go on the same worker: a second call would have been sent by then.
    for _ in 0..5 {
        let other = town.rig.start("letters", json!({ "count": 0 })).await;
        assert_eq!(town.rig.settled(other).await.status, RunStatus::Completed);
    }
    town.servers[0].release();
    assert_eq!(town.rig.settled(run_id).await.status, RunStatus::Completed);
    worker.stop().await;
    check_never_over(&town.rig, &town.rig.view(run_id).await);
    assert_eq!(town.counts(), [1, 0]);
}
