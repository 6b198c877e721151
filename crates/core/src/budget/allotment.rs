//! What a child is given of its parent's limits.

use super::dimension::{Dimension, Limits};

impl Limits {
    /// Returns `asked` with every limit that the parent has: depth and deadline the stricter of
    /// both, and where `asked` is silent the `rest`, or less if a total that was asked for, or the
    /// parts of a total, say less.
    pub(super) fn carved(&self, asked: &Self, rest: impl Fn(Dimension) -> Option<u64>) -> Self {
        let (depth, deadline) = (self.depth, self.deadline);
        let mut carved = asked.narrowed_by(&Self { depth, deadline, ..Self::none() });
        for dimension in Dimension::summed().filter(|d| asked.get(*d).is_none()) {
            let implied = asked.implied(dimension).unwrap_or(u64::MAX);
            carved.set(dimension, rest(dimension).map(|rest| rest.min(implied)));
        }
        carved
    }

    /// Returns the bound that limits on other dimensions put on this one.
    fn implied(&self, dimension: Dimension) -> Option<u64> {
        let whole = Dimension::ALL.iter().find(|whole| whole.parts().contains(&dimension));
        if let Some(&whole) = whole {
            return self.get(whole);
        }
        let parts = dimension.parts();
        let sum = parts
            .iter()
            .map(|part| self.get(*part))
            .try_fold(0, |sum: u64, part| part.map(|part| sum.saturating_add(part)));
        sum.filter(|_| !parts.is_empty())
    }

    /// Returns whether a limit bounds this dimension: its own, or one on a total it is part of.
    pub(crate) fn speak_of(&self, dimension: Dimension) -> bool {
        let bounds = |limited: &Dimension| {
            let named = *limited == dimension || limited.parts().contains(&dimension);
            named && self.get(*limited).is_some()
        };
        Dimension::ALL.iter().any(bounds)
    }
}
