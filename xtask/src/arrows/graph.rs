//! The dependency graph, read from a `cargo metadata` document.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use anyhow::{Context, Result};
use serde::Deserialize;

/// Which package depends on which, by name.
///
/// Dev-dependencies are left out: they build tests, and a test may reach what its crate must not.
/// So are the build scripts of others, which run on our machine and are gone.
pub(super) struct Graph {
    members: BTreeSet<String>,
    arrows: BTreeMap<String, BTreeSet<String>>,
    features: BTreeSet<(String, String)>,
    /// What members can be built with.
    own_features: BTreeSet<(String, String)>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<String>,
    resolve: Option<Resolve>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    #[serde(default)]
    features: BTreeMap<String, serde::de::IgnoredAny>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
    #[serde(default)]
    features: Vec<String>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<String>,
}

impl Graph {
    /// Reads the document that `cargo metadata --format-version 1` prints.
    pub(super) fn read(document: &str) -> Result<Self> {
        let metadata: Metadata = serde_json::from_str(document)?;
        let names: BTreeMap<&str, &str> =
            metadata.packages.iter().map(|p| (p.id.as_str(), p.name.as_str())).collect();
        let name = |id: &str| -> Result<String> {
            names.get(id).map(|n| (*n).to_owned()).with_context(|| format!("no package {id}"))
        };
        let members: BTreeSet<String> =
            metadata.workspace_members.iter().map(|id| name(id)).collect::<Result<_>>()?;
        let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut features = BTreeSet::new();
        for node in &metadata.resolve.context("the document has no resolved graph")?.nodes {
            let from = name(&node.id)?;
            let ours = members.contains(&from);
            features.extend(node.features.iter().map(|feature| (from.clone(), feature.clone())));
            let targets = arrows.entry(from).or_default();
            for dependency in node.deps.iter().filter(|dependency| dependency.counts(ours)) {
                targets.insert(name(&dependency.pkg)?);
            }
        }
        let ours = metadata.packages.iter().filter(|package| members.contains(&package.name));
        let own = |package: &Package| -> Vec<_> {
            package.features.keys().map(|key| (package.name.clone(), key.clone())).collect()
        };
        let own_features = ours.flat_map(own).collect();
        Ok(Self { members, arrows, features, own_features })
    }

    /// Returns the workspace's own packages.
    pub(super) fn members(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(String::as_str)
    }

    /// Returns whether a package is the workspace's own.
    pub(super) fn is_member(&self, name: &str) -> bool {
        self.members.contains(name)
    }

    /// Returns every feature of the workspace but these, as cargo takes them.
    pub(super) fn features_but(&self, apart: &[&str]) -> Vec<String> {
        let wanted = self.own_features.iter().filter(|(_, name)| !apart.contains(&name.as_str()));
        wanted.map(|(package, feature)| format!("{package}/{feature}")).collect()
    }

    /// Returns whether anybody switches a package's feature on: then it is on for everybody.
    pub(super) fn has_feature(&self, package: &str, feature: &str) -> bool {
        self.features.contains(&(package.to_owned(), feature.to_owned()))
    }

    /// Returns every package that `from` reaches, each with a shortest way there.
    pub(super) fn reached<'a>(&'a self, from: &'a str) -> BTreeMap<&'a str, Vec<&'a str>> {
        let mut reached = BTreeMap::new();
        let mut open = VecDeque::from([vec![from]]);
        while let Some(path) = open.pop_front() {
            let targets = path.last().and_then(|last| self.arrows.get(*last));
            for target in targets.into_iter().flatten() {
                if target != from && !reached.contains_key(target.as_str()) {
                    let longer = [path.as_slice(), &[target.as_str()]].concat();
                    reached.insert(target.as_str(), longer.clone());
                    open.push_back(longer);
                }
            }
        }
        reached
    }
}

impl Dependency {
    /// Returns whether it is an arrow: linked in, or used by a build script of `ours`.
    fn counts(&self, ours: bool) -> bool {
        self.dep_kinds.iter().any(|kind| match kind.kind.as_deref() {
            None => true,
            Some("build") => ours,
            Some(_) => false,
        })
    }
}
