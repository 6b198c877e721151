//! Planted arrows, in made metadata documents, and what is said about them.

use serde_json::{Value, json};

use super::{faults, graph::Graph, switched_on};

/// Makes a metadata document: members, and arrows `(from, to, kind)`.
fn document(members: &[&str], arrows: &[(&str, &str, Value)]) -> String {
    let mut names: Vec<&str> = members.to_vec();
    names.extend(arrows.iter().flat_map(|(from, to, _)| [*from, *to]));
    names.sort_unstable();
    names.dedup();
    let nodes: Vec<Value> = names
        .iter()
        .map(|name| {
            let deps: Vec<Value> = arrows
                .iter()
                .filter(|(from, _, _)| from == name)
                .map(|(_, to, kind)| json!({"pkg": to, "dep_kinds": [{"kind": kind}]}))
                .collect();
            json!({"id": name, "deps": deps})
        })
        .collect();
    let packages: Vec<Value> = names.iter().map(|n| json!({"id": n, "name": n})).collect();
    json!({"packages": packages, "workspace_members": members, "resolve": {"nodes": nodes}})
        .to_string()
}

fn check(members: &[&str], arrows: &[(&str, &str, Value)], expected: &[&str]) {
    let found = faults(&Graph::read(&document(members, arrows)).unwrap());
    let starts = found.iter().map(|fault| fault.split(" (").next().unwrap_or_default());
    assert_eq!(starts.collect::<Vec<_>>(), expected);
}

#[test]
fn a_leaf_on_core_is_in_order() {
    let arrows = [("mainstay-engine", "mainstay-core", Value::Null)];
    check(&["mainstay-core", "mainstay-engine"], &arrows, &[]);
}

#[test]
fn core_that_reaches_tokio_through_another_crate_is_caught_with_the_way_there() {
    check(
        &["mainstay-core"],
        &[("mainstay-core", "harmless", Value::Null), ("harmless", "tokio", Value::Null)],
        &["mainstay-core must not reach tokio: mainstay-core → harmless → tokio"],
    );
}

#[test]
fn agents_that_reach_the_engine_are_caught() {
    check(
        &["mainstay-agents", "mainstay-engine", "mainstay-core"],
        &[("mainstay-agents", "mainstay-engine", Value::Null)],
        &["mainstay-agents must not reach mainstay-engine: mainstay-agents → mainstay-engine"],
    );
}

#[test]
fn an_arrow_hidden_in_a_build_script_is_caught_too() {
    check(
        &["mainstay-engine", "mainstay-store"],
        &[("mainstay-engine", "mainstay-store", json!("build"))],
        &["mainstay-engine must not reach mainstay-store: mainstay-engine → mainstay-store"],
    );
}

#[test]
fn what_a_build_script_of_others_needs_is_no_arrow() {
    let arrows = [("mainstay-core", "hash", Value::Null), ("hash", "rand", json!("build"))];
    check(&["mainstay-core"], &arrows, &[]);
}

#[test]
fn what_only_tests_need_is_no_arrow() {
    let arrows = [("mainstay-store", "mainstay-testing", json!("dev"))];
    check(&["mainstay-store", "mainstay-testing"], &arrows, &[]);
}

#[test]
fn a_feature_that_changes_digests_is_caught() {
    let document = json!({
        "packages": [{"id": "serde_json", "name": "serde_json"}],
        "workspace_members": [],
        "resolve": {"nodes": [{"id": "serde_json", "deps": [], "features": ["preserve_order"]}]},
    });
    let found = switched_on(&Graph::read(&document.to_string()).unwrap());
    assert!(found.concat().starts_with("serde_json/preserve_order is on"), "{found:?}");
}

#[test]
fn every_feature_of_ours_is_looked_at_but_those_that_stand_apart() {
    let document = json!({
        "packages": [
            {"id": "a", "name": "a", "features": {"cedar": [], "heavy": ["dep:x"]}},
            {"id": "x", "name": "x", "features": {"theirs": []}},
        ],
        "workspace_members": ["a"],
        "resolve": {"nodes": []},
    });
    let graph = Graph::read(&document.to_string()).unwrap();
    assert_eq!(graph.features_but(&["cedar"]), ["a/heavy"]);
}

#[test]
fn a_new_crate_without_a_room_is_caught() {
    check(&["mainstay-novel"], &[], &["mainstay-novel: no room in xtask/src/arrows/rules.rs"]);
}
