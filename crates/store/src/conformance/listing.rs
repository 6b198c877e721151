//! The searchable list, the doctor's questions, and what a store says of itself.

use std::time::Duration;

use mainstay_core::{
    flow::FlowDefinition,
    id::{RunId, prefix_range},
    run::RunStatus,
    store::row::{IndexFilter, IndexRow},
    wait::{Wait, WaitMode},
};
use serde_json::json;

use super::{Failure, Verdict, World, absent, equal, holds, world::lane};

async fn list(world: &World, filter: IndexFilter) -> Result<Vec<IndexRow>, Failure> {
    world.store.refresh_index(1_000).await?;
    Ok(world.store.list_runs(filter).await?)
}

async fn ids(world: &World, filter: IndexFilter) -> Result<Vec<RunId>, Failure> {
    Ok(list(world, filter).await?.iter().map(|row| row.run_id).collect())
}

pub(super) async fn the_list_follows_the_runs(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    let only = |rows: Vec<IndexRow>| rows.into_iter().next().ok_or_else(|| absent("the run"));
    let row = only(list(&world, IndexFilter::default()).await?)?;
    equal("while it runs", row.status, RunStatus::Running)?;
    equal("tenant", row.tenant.as_str(), "acme")?;
    equal("flow", row.flow, lane("desk"))?;
    equal("tags", row.tags.as_str(), "team=red")?;
    equal("created", row.created_at, world.now())?;
    owner.accept(&*world.store, owner.park_for_signal(0)?).await?;
    let row = only(list(&world, IndexFilter::default()).await?)?;
    equal("parked", row.status, RunStatus::Parked)?;
    equal("why", row.wait, world.row(owner.run_id).await?.wait)?;
    world.tell(owner.run_id, "go").await?;
    let row = only(list(&world, IndexFilter::default()).await?)?;
    equal("woken", (row.status, row.wait), (RunStatus::Queued, None))
}

pub(super) async fn the_list_is_filtered(world: World) -> Verdict {
    let mut runs = Vec::new();
    for (flow, tenant) in [("desk", "acme"), ("other", "acme"), ("desk", "globex")] {
        runs.push(world.start(world.new_run_of(&lane(flow), tenant)?).await?);
    }
    let [first, second, third] = runs.as_slice() else { return Err(absent("a run")) };
    world.claim(world.open().await?).await?;
    let all = IndexFilter::default();
    equal("newest first", ids(&world, all.clone()).await?, vec![*third, *second, *first])?;
    let acme = IndexFilter { tenant: Some("acme".to_owned()), ..all.clone() };
    equal("of a tenant", ids(&world, acme).await?, vec![*second, *first])?;
    let other = IndexFilter { flow: Some("other".to_owned()), ..all.clone() };
    equal("of a flow", ids(&world, other).await?, vec![*second])?;
    let running = IndexFilter { statuses: vec![RunStatus::Running], ..all.clone() };
    equal("of a status", ids(&world, running).await?, vec![*first])?;
    let both = vec![RunStatus::Queued, RunStatus::Running];
    let both = IndexFilter { statuses: both, limit: 2, ..all.clone() };
    equal("of two, limited", ids(&world, both).await?, vec![*third, *second])?;
    let before = IndexFilter { before: Some(*second), ..all };
    equal("the next page", ids(&world, before).await?, vec![*first])
}

pub(super) async fn the_list_can_be_built_anew(world: World) -> Verdict {
    for _ in 0..3 {
        world.start(world.new_run()?).await?;
    }
    let before = list(&world, IndexFilter::default()).await?;
    equal("rows", world.store.rebuild_index(()).await?, 3)?;
    equal("the same list", world.store.list_runs(IndexFilter::default()).await?, before)
}

pub(super) async fn runs_are_found_by_prefix(world: World) -> Verdict {
    let (one, two) = (world.start(world.new_run()?).await?, world.start(world.new_run()?).await?);
    let range = |text: &str| prefix_range(text).map_err(|e| Failure(e.to_string()));
    let text = two.to_string();
    let whole = IndexFilter {
        ids: Some(range(text.trim_start_matches("run_"))?),
        ..IndexFilter::default()
    };
    equal("by its whole id", ids(&world, whole).await?, vec![two])?;
    let time: String = text.trim_start_matches("run_").chars().take(8).collect();
    let some = IndexFilter { ids: Some(range(&time)?), ..IndexFilter::default() };
    equal("by what both begin with", ids(&world, some).await?, vec![two, one])?;
    let none = IndexFilter { ids: Some(range("0000")?), ..IndexFilter::default() };
    equal("by another beginning", ids(&world, none).await?, vec![])
}

pub(super) async fn nothing_is_unexplained_while_there_is_a_reason(world: World) -> Verdict {
    let nothing = Vec::<RunId>::new();
    world.start(world.new_run_of(&lane("unserved"), "acme")?).await?;
    equal("queued", world.store.unexplained(()).await?, nothing.clone())?;
    let mut owner = world.owned().await?;
    equal("running", world.store.unexplained(()).await?, nothing.clone())?;
    let due = world.now();
    let mut part = owner.park(0, WaitMode::Any, vec![Wait::Timer { due }])?;
    part.timers.push(("nap".to_owned(), due));
    owner.accept(&*world.store, part).await?;
    equal("waiting for a timer", world.store.unexplained(()).await?, nothing.clone())?;
    let mut owner = world.owned().await?;
    owner.accept(&*world.store, owner.park_for_signal(0)?).await?;
    equal("waiting for a signal", world.store.unexplained(()).await?, nothing.clone())?;
    let mut owner = world.owned().await?;
    owner.accept(&*world.store, owner.finish(0)?).await?;
    equal("ended", world.store.unexplained(()).await?, nothing)
}

pub(super) async fn a_run_without_a_wake_source_is_unexplained(world: World) -> Verdict {
    let mut owner = world.owned().await?;
    // The timer's row was forgotten: a defect of the owner that the doctor must see.
    let wait = Wait::Timer { due: world.now() };
    owner.accept(&*world.store, owner.park(0, WaitMode::Any, vec![wait])?).await?;
    equal("found", world.store.unexplained(()).await?, vec![owner.run_id])?;
    let waits = vec![
        Wait::Timer { due: world.now().after(Duration::from_secs(1)) },
        Wait::Signal { name: "go".to_owned(), until: None },
    ];
    let mut half = world.owned().await?;
    let mut part = half.park(0, WaitMode::Any, waits)?;
    part.timers.push(("another".to_owned(), world.now()));
    half.accept(&*world.store, part).await?;
    let mut two = vec![owner.run_id, half.run_id];
    two.sort_unstable();
    equal(
        "one that may also be told, and has another timer",
        world.store.unexplained(()).await?,
        two,
    )?;
    let mut lost = world.owned().await?;
    let child = Wait::Child { run_id: world.run_id() };
    lost.accept(&*world.store, lost.park(0, WaitMode::Any, vec![child])?).await?;
    let mut all = vec![owner.run_id, half.run_id, lost.run_id];
    all.sort_unstable();
    equal("a child that never was", world.store.unexplained(()).await?, all)
}

pub(super) async fn a_flow_version_is_known_once(world: World) -> Verdict {
    let flow = |name: &str, schema| FlowDefinition {
        name: name.to_owned(),
        version: 1,
        description: "a desk".to_owned(),
        state_schema: schema,
        steps: Vec::new(),
    };
    let first = flow("desk", json!({"type": "object"}));
    let version = first.flow_version();
    for _ in 0..2 {
        let known = world.store.register_flow(first.clone()).await?;
        equal("the version", known, version.clone())?;
    }
    let changed = flow("desk", json!({"type": "array"}));
    let known = world.store.register_flow(changed).await?;
    equal("another graph under that version", known, version)?;
    let other = flow("other", json!({}));
    world.store.register_flow(other.clone()).await?;
    equal("all flows", world.store.flows(()).await?, vec![first, other])
}

pub(super) async fn a_store_says_what_it_is(world: World) -> Verdict {
    let facts = world.store.facts(()).await?;
    equal("the schema", facts.schema.found, facts.wanted)?;
    equal("the clock", facts.now, world.now())?;
    holds("a version", !facts.version.is_empty())?;
    equal("migrated again", world.store.migrate(()).await?, facts.wanted)
}
