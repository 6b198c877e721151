//! Finding the words in a text that claim something checkable, and what they mean.

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A claim: the words as they stand, and what they mean in any spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) words: String,
    pub(super) meaning: Meaning,
}

/// What a claim comes down to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A day; people leave the year out.
    Day { year: Option<u16>, month: u8, day: u8 },
    /// Anything else, in its plainest spelling.
    Word(String),
}

impl Meaning {
    /// Returns whether a fact of this meaning founds `claim`.
    pub(super) fn covers(&self, claim: &Self) -> bool {
        match (self, claim) {
            (
                Self::Day { year: known, month, day },
                Self::Day { year, month: claimed_month, day: claimed_day },
            ) => (month, day) == (claimed_month, claimed_day) && (year.is_none() || year == known),
            (Self::Word(known), Self::Word(claimed)) => known == claimed,
            (Self::Day { .. }, Self::Word(_)) | (Self::Word(_), Self::Day { .. }) => false,
        }
    }
}

/// Returns the claims of `text`, in order.
pub(super) fn claims(text: &str) -> Vec<Claim> {
    let words: Vec<&str> = text.split_whitespace().map(trimmed).filter(|w| !w.is_empty()).collect();
    let mut claims = Vec::new();
    let mut rest = words.as_slice();
    while let [word, tail @ ..] = rest {
        if let Some((claim, taken)) = spoken_day(rest) {
            claims.push(claim);
            rest = rest.get(taken..).unwrap_or_default();
            continue;
        }
        if checkable(word) {
            claims.push(Claim { words: (*word).to_owned(), meaning: meaning(word) });
        }
        rest = tail;
    }
    claims
}

fn trimmed(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

fn checkable(word: &str) -> bool {
    word.contains(|c: char| c.is_numeric())
        || word.contains('@')
        || word.contains("://")
        || word.starts_with("www.")
}

fn meaning(word: &str) -> Meaning {
    iso_day(word).unwrap_or_else(|| Meaning::Word(plain(word)))
}

/// `1,299.00` is `1299`, `HP-20117` is `hp-20117`, `49.90EUR` is `49.90`.
fn plain(word: &str) -> String {
    let lower = word.to_lowercase();
    let number = lower.trim_end_matches("eur").trim_end_matches('m').replace(',', "");
    if number.parse::<f64>().is_err() {
        return lower;
    }
    number.strip_suffix(".00").map(str::to_owned).unwrap_or(number)
}

fn iso_day(word: &str) -> Option<Meaning> {
    let mut parts = word.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || year.len() != 4 {
        return None;
    }
    let (month, day) = (month.parse().ok()?, day.parse().ok()?);
    Some(Meaning::Day { year: Some(year.parse().ok()?), month, day })
}

/// Reads `1 September 2026`, `1st September`, `September 1, 2026` and says how many words it took.
fn spoken_day(words: &[&str]) -> Option<(Claim, usize)> {
    let [first, second, ..] = words else { return None };
    let (month, day) = match (month(first), month(second)) {
        (Some(month), _) => (month, day(second)?),
        (None, Some(month)) => (month, day(first)?),
        (None, None) => return None,
    };
    let year = words.get(2).filter(|word| word.len() == 4).and_then(|word| word.parse().ok());
    let taken = if year.is_some() { 3 } else { 2 };
    let said = words.get(..taken).unwrap_or_default().join(" ");
    Some((Claim { words: said, meaning: Meaning::Day { year, month, day } }, taken))
}

fn month(word: &str) -> Option<u8> {
    let word = word.to_lowercase();
    let at = MONTHS.iter().position(|month| *month == word)?;
    u8::try_from(at + 1).ok()
}

fn day(word: &str) -> Option<u8> {
    let number = word.trim_end_matches(char::is_alphabetic);
    let day = number.parse().ok()?;
    (1..=31).contains(&day).then_some(day)
}
