//! "Did you mean": the nearest of the names that would have been right.

/// Returns a sentence to hang onto a message: the nearest name, or all there are.
pub(crate) fn among<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    if let Some(near) = nearest(name, &candidates) {
        return format!("did you mean `{near}`?");
    }
    match candidates.as_slice() {
        [] => "there is none".to_owned(),
        all => format!("there is {}", list(all, "and")),
    }
}

/// Returns "`a`, `b` and `c`".
pub(crate) fn list(names: &[&str], conjunction: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} {conjunction} {last}", rest.join(", ")),
    }
}

/// Returns the candidate with the fewest edits, if these are few for a word of this length.
fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let allowed = (name.chars().count() / 3).max(1);
    let scored = candidates.iter().map(|candidate| (distance(name, candidate), *candidate));
    scored.filter(|(edits, _)| *edits <= allowed).min().map(|(_, candidate)| candidate)
}

/// Counts insertions, deletions, replacements and swaps of neighbours between two words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let at =
                |cells: &[usize], place: usize| cells.get(place).copied().unwrap_or(usize::MAX);
            let edit = (at(&above, j) + usize::from(x != y)).min(at(&above, j + 1) + 1);
            let mut best = edit.min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            if swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        assert_eq!(among("clasify", ["classify", "pay"]), "did you mean `classify`?");
        assert_eq!(among("pya", ["classify", "pay"]), "did you mean `pay`?");
    }

    #[test]
    fn a_word_that_is_far_from_all_gets_the_list() {
        assert_eq!(among("weather", ["classify", "pay"]), "there is `classify` and `pay`");
        assert_eq!(among("weather", []), "there is none");
    }
}
