//! How much there is to read in policies in Cedar, and how deep, before Cedar's parser looks at it.
//!
//! The parser calls itself at every level, and a stack that overflows ends the process. A policy is
//! held to what a condition in CEL is.

use crate::policy::condition::{DEEPEST, LONGEST as LONGEST_POLICY};

/// Policies have at most so many bytes together.
pub const LONGEST: usize = 1 << 20;

/// What is too long or too deep, and where.
pub(super) struct Beyond {
    pub(super) at: usize,
    pub(super) message: String,
}

enum Within {
    Code,
    Text,
    Comment,
}

/// Measures policies; comments do not count.
pub(super) fn measure(text: &str) -> Result<(), Beyond> {
    let beyond = |at, message| Err(Beyond { at, message });
    if text.len() > LONGEST {
        return beyond(0, format!("it is longer than {LONGEST} bytes"));
    }
    let (mut within, mut long, mut deep) = (Within::Code, 0_usize, 0_usize);
    let mut bytes = text.bytes().enumerate().peekable();
    while let Some((at, byte)) = bytes.next() {
        match (&within, byte) {
            (Within::Comment, b'\n') | (Within::Text, b'"') => within = Within::Code,
            (Within::Text, b'\\') => drop(bytes.next()),
            (Within::Code, b'"') => within = Within::Text,
            (Within::Code, b'/') if bytes.peek().is_some_and(|(_, next)| *next == b'/') => {
                within = Within::Comment;
            }
            (Within::Code, b'(' | b'[' | b'{') => deep += 1,
            (Within::Code, b')' | b']' | b'}') => deep = deep.saturating_sub(1),
            (Within::Code, b';') => long = 0,
            _ => {}
        }
        long += usize::from(!matches!(within, Within::Comment));
        if deep > DEEPEST {
            return beyond(at, format!("it nests deeper than {DEEPEST} levels"));
        }
        if long > LONGEST_POLICY {
            return beyond(at, format!("a policy is longer than {LONGEST_POLICY} bytes"));
        }
    }
    Ok(())
}
