//! Which program may work with which schema.
//!
//! A migration that only adds (tables, columns that may be empty, functions) leaves what older
//! programs do as it was, so they go on beside the new one, and come back if the new one goes. The
//! step that makes a version says which program is the oldest that may: nobody else can know.

/// The schema a store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchemaVersion {
    /// Its version; 0 for none.
    pub found: i64,
    /// The oldest program that may work with it, by the version that program makes.
    pub oldest: i64,
}

impl SchemaVersion {
    /// No schema at all.
    pub const NONE: Self = Self { found: 0, oldest: 0 };

    /// Returns whether a program that makes version `wanted` may work with it.
    #[must_use]
    pub const fn suits(self, wanted: i64) -> bool {
        self.found == wanted || self.found > wanted && self.oldest <= wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_works_with_its_own_schema_and_with_newer_ones_that_still_know_it() {
        let schema = |found, oldest| SchemaVersion { found, oldest };
        assert!(schema(5, 5).suits(5));
        assert!(schema(7, 5).suits(5), "two additions later");
        assert!(!schema(7, 6).suits(5), "one of them took something away");
        assert!(!schema(4, 1).suits(5), "it needs what is not there yet");
        assert!(!SchemaVersion::NONE.suits(5));
    }
}
