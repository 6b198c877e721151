//! The text of a prompt's file: its one canonical form, and its three parts.

use super::PromptError;

/// What parts the front matter from the system part, and that from the user part.
const LINE: &str = "---";

/// Returns the text that is hashed: without a byte order mark, `\n` at each line's end, and one at
/// the end of all. How an editor or a checkout ends lines makes no other prompt.
pub(super) fn canonical(text: &str) -> String {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    format!("{}\n", text.replace("\r\n", "\n").trim_end())
}

/// A part, and the line of the file that it begins on.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) text: String,
    pub(super) line: u64,
}

/// The three parts. A later line `---` belongs to the user part.
#[derive(Debug)]
pub(super) struct Parts {
    /// Led by an empty line, so that its lines are numbered as in the file.
    pub(super) front: String,
    pub(super) system: Part,
    pub(super) user: Part,
}

impl Parts {
    pub(super) fn of(file: &str, text: &str) -> Result<Self, PromptError> {
        let mut lines = (1_u64..).zip(text.lines());
        if lines.next().is_none_or(|(_, line)| line != LINE) {
            let hint = "begin with a line `---`, then `name`, `version` and `description`";
            return Err(PromptError::at(file, 1, "there is no front matter", hint));
        }
        let mut until = |what: &str| {
            let mut part = Part { text: String::new(), line: 0 };
            for (number, line) in &mut lines {
                if line == LINE {
                    return Ok(part);
                }
                part.line = if part.line == 0 { number } else { part.line };
                part.text.extend([line, "\n"]);
            }
            let hint = "a prompt is front matter, what the model is, and what it is asked, with a \
                        line `---` after each of the first two";
            Err(PromptError::at(file, 0, format!("no line `---` ends {what}"), hint))
        };
        let front = until("the front matter")?;
        let system = until("the system part")?;
        let mut user = Part { text: String::new(), line: 0 };
        for (number, line) in lines {
            user.line = if user.line == 0 { number } else { user.line };
            user.text.extend([line, "\n"]);
        }
        if system.text.trim().is_empty() && user.text.trim().is_empty() {
            let hint = "write what the model is, and what it is asked";
            return Err(PromptError::at(file, 0, "the prompt says nothing", hint));
        }
        Ok(Self { front: format!("\n{}", front.text), system, user })
    }
}
