//! The path to a StepRun: for each step on it, the visit on that path.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::StepName;

/// Links after which a path is copied into a map of its own.
const LINKS: u8 = 16;

/// For each step on the path to a StepRun, its visit on that path.
///
/// A path is that of the StepRun before and one step more, so what two paths have in common is
/// there once: a copy costs the same however long the path is.
#[derive(Clone, Default)]
pub struct Ancestry {
    before: Arc<BTreeMap<StepName, u32>>,
    last: Option<Arc<Link>>,
    links: u8,
}

struct Link {
    step: StepName,
    visit: u32,
    before: Option<Arc<Link>>,
}

impl Ancestry {
    /// Returns a step's visit on the path.
    #[must_use]
    pub fn get(&self, step: &str) -> Option<u32> {
        let linked = self.linked().find(|link| &*link.step == step).map(|link| link.visit);
        linked.or_else(|| self.before.get(step).copied())
    }

    /// Returns whether a step is on the path.
    #[must_use]
    pub fn contains(&self, step: &str) -> bool {
        self.get(step).is_some()
    }

    /// Goes on to a step, or to a later visit of one that is on the path.
    pub fn go_on(&mut self, step: StepName, visit: u32) {
        let link = Link { step, visit, before: self.last.take() };
        self.last = Some(Arc::new(link));
        self.links += 1;
        if self.links == LINKS {
            *self = self.visits().into();
        }
    }

    /// Takes another path in: of a step on both, the later visit.
    pub fn join(&mut self, other: &Self) {
        let mut both = self.visits();
        for (step, visit) in other.visits() {
            let known = both.entry(step).or_default();
            *known = visit.max(*known);
        }
        *self = both.into();
    }

    /// Returns all visits.
    #[must_use]
    pub fn visits(&self) -> BTreeMap<StepName, u32> {
        let mut visits = (*self.before).clone();
        let links: Vec<_> = self.linked().collect();
        visits.extend(links.iter().rev().map(|link| (link.step.clone(), link.visit)));
        visits
    }

    /// The links, the last first.
    fn linked(&self) -> impl Iterator<Item = &Link> {
        std::iter::successors(self.last.as_deref(), |link| link.before.as_deref())
    }
}

impl From<BTreeMap<StepName, u32>> for Ancestry {
    fn from(visits: BTreeMap<StepName, u32>) -> Self {
        Self { before: Arc::new(visits), last: None, links: 0 }
    }
}

impl PartialEq for Ancestry {
    fn eq(&self, other: &Self) -> bool {
        self.visits() == other.visits()
    }
}

impl Eq for Ancestry {}

impl fmt::Debug for Ancestry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.visits().fmt(f)
    }
}

impl Serialize for Ancestry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.visits().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Ancestry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self::from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn name(step: u8) -> StepName {
        format!("step {step}").into()
    }

    #[test]
    fn a_copy_goes_its_own_way() {
        let mut path = Ancestry::default();
        path.go_on(name(0), 1);
        let mut other = path.clone();
        path.go_on(name(1), 1);
        other.go_on(name(0), 2);
        assert_eq!((path.get("step 0"), path.get("step 1")), (Some(1), Some(1)));
        assert_eq!((other.get("step 0"), other.get("step 1")), (Some(2), None));
    }

    proptest! {
        #[test]
        fn a_path_answers_like_a_map(steps in prop::collection::vec((0..40_u8, 1..9_u32), 0..120)) {
            let (mut path, mut map) = (Ancestry::default(), BTreeMap::new());
            for (step, visit) in steps {
                path.go_on(name(step), visit);
                map.insert(name(step), visit);
                prop_assert_eq!(path.visits(), map.clone());
            }
            for step in (0..40).map(name) {
                prop_assert_eq!(path.get(&step), map.get(&step).copied());
            }
            let text = serde_json::to_string(&path).unwrap();
            prop_assert_eq!(&text, &serde_json::to_string(&map).unwrap());
            prop_assert_eq!(serde_json::from_str::<Ancestry>(&text).unwrap(), path);
        }

        #[test]
        fn of_two_paths_the_later_visits_count(
            one in prop::collection::btree_map(0..9_u8, 1..9_u32, 0..9),
            other in prop::collection::btree_map(0..9_u8, 1..9_u32, 0..9),
        ) {
            let path = |visits: &BTreeMap<u8, u32>| {
                let mut path = Ancestry::default();
                visits.iter().for_each(|(step, visit)| path.go_on(name(*step), *visit));
                path
            };
            let mut both = path(&one);
            both.join(&path(&other));
            for step in 0..9 {
                let later = one.get(&step).max(other.get(&step)).copied();
                prop_assert_eq!(both.get(&name(step)), later);
            }
        }
    }
}
