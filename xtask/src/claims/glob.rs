//! `backbone-*`: the one kind of pattern that ids are chosen by.

/// Returns whether the whole of `text` fits `pattern`; `*` is any run of characters, `?` is one.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (mut pattern_chars, mut text_chars) = (pattern.chars(), text.chars());
    match (pattern_chars.next(), text_chars.next()) {
        (None, None) => true,
        (None, Some(_)) => false,
        (Some('*'), next) => {
            fits(pattern_chars.as_str(), text)
                || (next.is_some() && fits(pattern, text_chars.as_str()))
        }
        (Some('?'), Some(_)) => fits(pattern_chars.as_str(), text_chars.as_str()),
        (Some(wanted), Some(found)) => {
            wanted == found && fits(pattern_chars.as_str(), text_chars.as_str())
        }
        (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_pattern_fits_whole_ids_only() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("backbone-*", "backbone-4a", true),
            ("backbone-4", "backbone-4a", false),
            ("backbone-4?", "backbone-4a", true),
            ("*-4*", "store-40", true),
            ("store-*", "backbone-4", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-b-b", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} on {text}");
        }
    }
}
