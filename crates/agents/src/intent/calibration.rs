//! From a margin to a share: how often choices with such a margin were right.
//!
//! Isotonic regression by pooling adjacent violators, as Zadrozny and Elkan use it for classifiers
//! (*Transforming Classifier Scores into Accurate Multiclass Probability Estimates*, 2002). A pool
//! of `n` choices of which `k` were right counts as `(k + 1) / (n + 2)`, Laplace's rule of
//! succession: a handful of outcomes never makes certainty.

/// The fewest outcomes that a share is worth anything from.
const FEWEST: usize = 12;

/// A margin, and whether the choice was right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    pub(super) margin: f64,
    pub(super) right: bool,
}

/// What was learnt from outcomes.
#[derive(Debug, Clone, Default)]
pub(super) struct Calibration(Vec<Pool>);

#[derive(Debug, Clone, Copy)]
struct Pool {
    from: f64,
    right: u32,
    all: u32,
}

impl Pool {
    fn share(self) -> f64 {
        f64::from(self.right) / f64::from(self.all)
    }
}

impl Calibration {
    /// Fits outcomes; `None` if there are too few.
    pub(super) fn fit(mut outcomes: Vec<Outcome>) -> Option<Self> {
        if outcomes.len() < FEWEST {
            return None;
        }
        outcomes.sort_by(|a, b| a.margin.total_cmp(&b.margin));
        let mut pools: Vec<Pool> = Vec::new();
        for Outcome { margin, right } in outcomes {
            let mut pool = Pool { from: margin, right: u32::from(right), all: 1 };
            // Equal margins are one pool: nothing tells them apart.
            while let Some(last) = pools.pop_if(|last| {
                last.share() >= pool.share() || last.from.total_cmp(&pool.from).is_eq()
            }) {
                pool = Pool {
                    from: last.from,
                    right: last.right + pool.right,
                    all: last.all + pool.all,
                };
            }
            pools.push(pool);
        }
        Some(Self(pools))
    }

    /// Returns the share of right choices among those with such a margin.
    pub(super) fn share(&self, margin: f64) -> f64 {
        let reached = self.0.iter().take_while(|pool| pool.from <= margin);
        let smoothed = reached.map(|pool| f64::from(pool.right + 1) / f64::from(pool.all + 2));
        smoothed.fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fitted(outcomes: &[(f64, bool)]) -> Option<Calibration> {
        let outcomes = outcomes.iter().map(|&(margin, right)| Outcome { margin, right });
        Calibration::fit(outcomes.collect())
    }

    #[test]
    fn a_larger_margin_is_never_less_sure_and_nothing_is_certain() {
        let outcomes: Vec<_> =
            (0..40).map(|i| (f64::from(i) / 40.0, i % 3 != 0 || i > 20)).collect();
        let calibration = fitted(&outcomes).unwrap();
        let shares: Vec<_> = (0..50).map(|i| calibration.share(f64::from(i) / 40.0)).collect();
        assert!(shares.is_sorted(), "{shares:?}");
        assert!(shares.iter().all(|share| (0.0..1.0).contains(share)), "{shares:?}");
        assert!(shares[45] > 0.9 && shares[5] < 0.75, "{shares:?}");
    }

    #[test]
    fn few_outcomes_tell_nothing() {
        assert!(fitted(&[(0.1, false), (0.9, true)]).is_none());
    }
}
