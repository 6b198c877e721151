//! Closed lists of words that stand in tables, so that the word and the case cannot drift apart.

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$case_doc:meta])* $case:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize,
            serde::Deserialize, schemars::JsonSchema,
        )]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$case_doc])* $case,)* }

        impl $name {
            /// Every word.
            pub const ALL: &'static [Self] = &[$(Self::$case),*];

            /// Returns the word as tables, files and models write it.
            #[must_use]
            pub const fn word(self) -> &'static str { match self { $(Self::$case => $word),* } }

            /// Reads the word; `None` if it is none of them.
            #[must_use]
            pub fn read(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|case| case.word() == word)
            }
        }
    };
}

pub(crate) use words;
