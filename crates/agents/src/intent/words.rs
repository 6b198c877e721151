//! A text as the terms that the classifier compares.

/// Letters of a word that count: what follows is mostly an ending. Truncation is the simplest of
/// stemmers (Frakes, *Stemming Algorithms*, 1992), and needs no language.
const STEM: usize = 5;

/// Words that say nothing about what is wanted.
const STOP: [&str; 67] = [
    "a", "about", "all", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by",
    "can", "could", "do", "does", "for", "from", "had", "has", "have", "he", "hello", "her", "his",
    "how", "i", "if", "in", "is", "it", "its", "just", "me", "my", "no", "not", "of", "on", "or",
    "our", "please", "she", "so", "some", "that", "the", "their", "them", "then", "there", "they",
    "this", "to", "us", "was", "we", "were", "what", "who", "will", "with", "would", "you", "your",
];

/// Returns the terms of a text in their order, repeats included.
pub(super) fn terms(text: &str) -> impl Iterator<Item = String> {
    let lower = text.to_lowercase();
    let words: Vec<String> = lower
        .split_whitespace()
        // An address says who asks, not what for.
        .filter(|word| !word.contains('@'))
        .flat_map(|word| word.split(|c: char| !c.is_alphanumeric()))
        .filter(|word| !word.is_empty() && !STOP.contains(word))
        .map(|word| word.chars().take(STEM).collect())
        .collect();
    words.into_iter()
}

#[cfg(test)]
mod tests {
    use super::terms;

    #[test]
    fn endings_stop_words_and_addresses_do_not_count() {
        let found: Vec<_> = terms("Please RETURN the returned lamp, anna@example.org!").collect();
        assert_eq!(found, ["retur", "retur", "lamp"]);
    }
}
