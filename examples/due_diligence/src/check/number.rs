//! The numbers in a text, in digits and in words.

/// Words that are numbers. `one` is missing: it is mostly none.
const WORDS: [&str; 31] = [
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "million",
    "billion",
    "dozen",
];

/// Returns every number in a text: digits without the commas that group them, and words.
pub(super) fn numbers(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let of_number = |c: char| c.is_alphanumeric() || matches!(c, '.' | ',');
    let pieces = text.split(|c: char| !of_number(c));
    pieces.flat_map(|piece| digits(piece).into_iter().chain(word(piece))).collect()
}

/// Returns the runs of digits in a piece, with the points between them.
fn digits(piece: &str) -> Vec<String> {
    let ungrouped = piece.trim_end_matches(['.', ',']).replace(',', "");
    let runs = ungrouped.split(|c: char| !c.is_numeric() && c != '.');
    let runs = runs.map(|run| run.trim_matches('.')).filter(|run| !run.is_empty());
    runs.map(ToOwned::to_owned).collect()
}

fn word(piece: &str) -> Option<String> {
    let piece = piece.trim_matches(['.', ',']);
    let plain = piece.strip_suffix('s').unwrap_or(piece);
    WORDS.contains(&plain).then(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, found: &[&str]) {
        assert_eq!(numbers(text), found, "{text}");
    }

    #[test]
    fn numbers_are_found_however_they_are_grouped_and_wherever_they_end() {
        check("EUR 1,250,000, or 61 %.", &["1250000", "61"]);
        check("on 30 June 2026.", &["30", "2026"]);
        check("file 4 O 118/24: 7.5 of it", &["4", "118", "24", "7.5"]);
        check("EUR5m in 2024/25", &["5", "2024", "25"]);
    }

    #[test]
    fn numbers_in_words_are_numbers_too() {
        check(
            "Four million, twenty-two thousands",
            &["four", "million", "twenty", "two", "thousand"],
        );
        check("one of those who often weigh", &[]);
    }
}
