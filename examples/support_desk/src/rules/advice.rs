//! Which products fit what somebody is looking for.

use crate::shop::Product;

/// Words that say nothing about a product.
const EMPTY_WORDS: &[&str] = &[
    "a",
    "an",
    "and",
    "any",
    "are",
    "at",
    "do",
    "for",
    "from",
    "have",
    "i",
    "in",
    "is",
    "it",
    "looking",
    "me",
    "my",
    "of",
    "on",
    "or",
    "some",
    "something",
    "that",
    "the",
    "to",
    "with",
    "you",
    "your",
];

/// Returns the products that share the most words with `wanted`, at most `limit`; the one with
/// more in stock first among equals. A product that shares none is not returned.
#[must_use]
pub fn best(products: Vec<Product>, wanted: &str, limit: usize) -> Vec<Product> {
    let wanted = words(wanted);
    let mut scored: Vec<(usize, Product)> = products
        .into_iter()
        .map(|product| (score(&product, &wanted), product))
        .filter(|(score, _)| *score > 0)
        .collect();
    scored.sort_by(|(a, left), (b, right)| {
        b.cmp(a).then(right.stock.cmp(&left.stock)).then(left.id.cmp(&right.id))
    });
    scored.into_iter().take(limit).map(|(_, product)| product).collect()
}

/// A word of the name counts twice: "pan" in a name is a pan, in a text it may be a pan's lid.
fn score(product: &Product, wanted: &[String]) -> usize {
    let name = words(&product.name);
    let text = words(&format!("{} {}", product.family, product.about));
    wanted
        .iter()
        .map(|word| 2 * usize::from(name.contains(word)) + usize::from(text.contains(word)))
        .sum()
}

fn words(text: &str) -> Vec<String> {
    text.to_lowercase()
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty() && !EMPTY_WORDS.contains(word))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shop::{SEED, generate};

    fn found(wanted: &str) -> Vec<String> {
        best(generate(SEED).products, wanted, 3).into_iter().map(|p| p.id.to_string()).collect()
    }

    #[test]
    fn the_words_of_the_name_count_most() {
        assert_eq!(found("a cast iron pan for all hobs"), ["P-135", "P-136", "P-137"]);
        assert_eq!(found("Grana cast iron pan 30 cm"), ["P-136", "P-135", "P-137"]);
    }

    #[test]
    fn words_that_say_nothing_find_nothing() {
        assert!(found("do you have something for me").is_empty());
        assert!(found("surfboard").is_empty());
    }
}
