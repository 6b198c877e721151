//! Answers that are given again.

use super::*;

async fn write_kept(town: &Town, tenant: &str, about: &str) -> RunView {
    let input = json!({ "kept": true, "about": about });
    let tenant = tenant.to_owned();
    let run_id = town.rig.start_with(StartRun { tenant, ..StartRun::new("letter", input) }).await;
    town.rig.drive(run_id).await
}

fn cache(view: &RunView) -> Value {
    settled(view).about["cache"].clone()
}

#[tokio::test]
async fn the_same_question_is_answered_from_the_cache_for_nothing() {
    let town = Town::of(&[&[Turn::says("dear tea")]]);
    assert_eq!(cache(&write_kept(&town, "ann", "tea").await), "miss");
    let view = write_kept(&town, "ann", "tea").await;
    assert_eq!((cache(&view), town.counts()), (json!("hit"), vec![1]));
    let spent = view.projection.ledger.total_spent();
    assert_eq!((spent.usd, spent.input_tokens, spent.model_calls), (0, 0, 0));
    assert_eq!(settled(&view).spend, Settlement::NOTHING);
    assert_eq!(town.rig.output(&view.projection).await, json!("dear tea"));
    assert_eq!(cache(&write_kept(&town, "ann", "cake").await), "miss");
    town.rig.clock.advance(Duration::from_secs(61));
    assert_eq!(cache(&write_kept(&town, "ann", "tea").await), "miss", "its time is over");
    assert_eq!(town.counts(), [3]);
}

#[tokio::test]
async fn an_answer_is_never_given_to_another_tenant() {
    let town = Town::of(&[&[Turn::says("for ann only"), Turn::says("for bob")]]);
    write_kept(&town, "ann", "tea").await;
    let view = write_kept(&town, "bob", "tea").await;
    assert_eq!((cache(&view), town.counts()), (json!("miss"), vec![2]));
    assert_eq!(town.rig.output(&view.projection).await, json!("for bob"));
}

#[tokio::test]
async fn a_question_that_does_not_ask_for_it_is_asked_each_time() {
    let town = Town::of(&[&[Turn::says("dear tea")]]);
    for _ in 0..2 {
        assert_eq!(cache(&town.write(Limits::none()).await), Value::Null);
    }
    assert_eq!(town.counts(), [2]);
}
