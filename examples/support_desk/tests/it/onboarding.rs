//! Sign-ups: two systems, and taking back what the first one did.

use mainstay_core::{id::RunId, run::RunStatus};
use support_desk::{sample, shop::ActionKind, ticket::sign_ups};

use crate::{database, rig::Rig};

async fn sign_up(rig: &Rig, number: usize) -> (RunId, String) {
    let sign_up = sign_ups().unwrap().remove(number);
    let started = rig.runtime.start(sample::sign_up(sign_up.clone())).await.unwrap();
    (started.run_id, sign_up.email)
}

async fn a_customer_is_welcomed_by_both_systems(rig: Rig) {
    let (run_id, email) = sign_up(&rig, 0).await;
    let settled = rig.settle(run_id).await;
    assert_eq!(settled.status, RunStatus::Completed, "{settled:?}");
    assert!(settled.output.as_str().unwrap().starts_with("Welcome, Marta Holm!"));
    assert!(rig.shop.customer_by_email(&email).await.unwrap().is_some());
    rig.close().await;
}

async fn an_account_is_closed_again_when_the_second_system_refuses(rig: Rig) {
    let (run_id, email) = sign_up(&rig, 2).await;
    let settled = rig.settle(run_id).await;
    assert_eq!(settled.status, RunStatus::Failed, "{settled:?}");
    assert!(settled.failure.unwrap().contains("loyalty programme does not take"));
    assert_eq!(rig.shop.customer_by_email(&email).await.unwrap(), None);
    let happened: Vec<_> = rig.performed().await.into_iter().map(|(k, _, n)| (k, n)).collect();
    assert_eq!(happened, [(ActionKind::CreateAccount, 1), (ActionKind::DeleteAccount, 1)]);
    rig.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_welcomed_by_both_systems_on_sqlite() {
    a_customer_is_welcomed_by_both_systems(Rig::open(database::sqlite()).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_is_welcomed_by_both_systems_on_postgres() {
    a_customer_is_welcomed_by_both_systems(Rig::open(database::postgres().await).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_closed_again_on_sqlite() {
    let rig = Rig::open(database::sqlite()).await;
    an_account_is_closed_again_when_the_second_system_refuses(rig).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_closed_again_on_postgres() {
    let rig = Rig::open(database::postgres().await).await;
    an_account_is_closed_again_when_the_second_system_refuses(rig).await;
}
