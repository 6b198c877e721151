//! Text from outside, made safe to look at: what a reader cannot see is written out.
//!
//! A person decides about exactly these characters, and a model is told of them as they are. Bidirectional controls and characters without
//! width can make two different texts look alike (<https://trojansource.codes>), and terminal
//! escapes can write over what stands there.

/// Returns the text with controls and invisible characters as `\u{…}`; line ends and tabs stay.
#[must_use]
pub fn visible(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        match c {
            '\n' | '\t' => shown.push(c),
            c if is_hidden(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
        shown
    })
}

/// Returns how many characters of the text a reader cannot see.
#[must_use]
pub fn hidden(text: &str) -> usize {
    text.chars().filter(|&c| !matches!(c, '\n' | '\t') && is_hidden(c)).count()
}

/// Returns one line of at most `width` characters.
#[must_use]
pub fn line(text: &str, width: usize) -> String {
    let one = visible(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    if one.chars().count() <= width {
        return one;
    }
    one.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// Returns whether a reader cannot see it: controls, format characters, fillers and variation
/// selectors.
#[must_use]
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff0}'..='\u{fffb}'
                | '\u{1bca0}'..='\u{1bca3}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_written_out() {
        let text = "pay \u{202e}001\u{202c} to\u{200b} Ann\u{1b}[2K\tnow\n";
        assert_eq!(visible(text), "pay \\u{202e}001\\u{202c} to\\u{200b} Ann\\u{1b}[2K\tnow\n");
        assert_eq!(hidden(text), 4);
    }

    #[test]
    fn what_can_be_seen_stays() {
        let text = "Grüße, 東京, здравствуйте 🙂";
        assert_eq!((visible(text), hidden(text)), (text.to_owned(), 0));
    }

    #[test]
    fn a_line_is_one_line() {
        assert_eq!(line("a\n  b", 10), "a b");
        assert_eq!(line("abcdefghij", 4), "abc…");
    }
}
