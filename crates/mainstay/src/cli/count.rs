//! Numbers with their nouns: `1 run`, `2 runs`.

use std::fmt::Display;

/// Returns a number with its noun, whose plural ends in `s`.
pub(crate) fn of(number: impl Display, noun: &str) -> String {
    let number = number.to_string();
    let ending = if number == "1" { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn one_is_no_plural() {
        assert_eq!([of(0, "time"), of(1, "time"), of(2, "time")], ["0 times", "1 time", "2 times"]);
    }
}
