//! "Did you mean": the nearest of the names that would have been right.

/// Returns the candidate that differs from `name` by the fewest edits, if these are few for a word
/// of this length.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).max(1);
    let scored = candidates.into_iter().map(|candidate| (edits(name, candidate), candidate));
    scored.filter(|(edits, _)| *edits <= allowed).min().map(|(_, candidate)| candidate)
}

/// Returns a hint: the nearest candidate, or all there are.
#[must_use]
pub fn hint<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(near) = nearest(name, candidates.iter().copied()) {
        return format!("did you mean `{near}`?");
    }
    if candidates.is_empty() {
        "there is none".to_owned()
    } else {
        format!("there is {}", list(&candidates))
    }
}

/// Returns "`a`, `b` and `c`".
#[must_use]
pub fn list(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Counts insertions, deletions, replacements and swaps of neighbours between two words: the
/// optimal string alignment distance (<https://en.wikipedia.org/wiki/Damerau–Levenshtein_distance>).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX);
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = at(&above, j) + usize::from(x != y);
            let mut best = replaced.min(at(&above, j + 1) + 1).min(at(&row, j) + 1);
            if i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x) {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    at(&above, b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        assert_eq!(nearest("clasify", ["classify", "pay"]), Some("classify"));
        assert_eq!(nearest("pya", ["classify", "pay"]), Some("pay"));
        assert_eq!(nearest("weather", ["classify", "pay"]), None);
    }

    #[test]
    fn a_word_far_from_all_gets_the_list() {
        assert_eq!(hint("weather", ["a", "b", "c"]), "there is `a`, `b` and `c`");
        assert_eq!(hint("weather", []), "there is none");
    }
}
