//! Choices that a seed repeats.

use mainstay_core::port::Entropy;
use mainstay_testing::clock::SeededEntropy;

/// A source of choices.
#[derive(Debug)]
pub struct Chance(SeededEntropy);

impl Chance {
    /// Makes a source from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(SeededEntropy::new(seed))
    }

    /// Returns a number below `end`; 0 if there is none.
    pub fn below(&mut self, end: usize) -> usize {
        let draw = self.0.draw();
        let (head, _) = draw.split_first_chunk::<8>().unwrap_or((&[0; 8], &[]));
        let drawn = u64::from_le_bytes(*head) % u64::try_from(end.max(1)).unwrap_or(u64::MAX);
        usize::try_from(drawn).unwrap_or_default()
    }

    /// Returns a number of these bounds, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Returns so many of the numbers below `end`, in no order.
    pub fn some_of(&mut self, end: usize, count: usize) -> Vec<usize> {
        let mut left: Vec<_> = (0..end).collect();
        let mut some = Vec::new();
        while some.len() < count && !left.is_empty() {
            some.push(left.swap_remove(self.below(left.len())));
        }
        some
    }
}

/// Returns a seed that nobody chose; whoever prints it lets others repeat the choices.
#[must_use]
pub fn seed() -> u64 {
    let draw = mainstay_engine::system::OsEntropy.draw();
    draw.iter().take(4).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_its_choices() {
        let choices = |seed| Chance::new(seed).some_of(10, 4);
        assert_eq!(choices(7), choices(7));
        assert_ne!(choices(7), choices(8));
        assert_eq!(Chance::new(1).some_of(2, 5).len(), 2);
    }
}
