//! Which recorded request comes closest to one that was not recorded, and in what they differ.

use super::{Asked, Exchange};

/// Says which exchange comes closest to `asked`, and in what it differs.
pub(super) fn describe(exchanges: &[Exchange], asked: &Asked) -> String {
    // Of several that are as close, the first.
    let closest =
        exchanges.iter().enumerate().rev().max_by_key(|(_, e)| closeness(&e.asked, asked));
    let Some((at, exchange)) = closest else { return "nothing is recorded in it".to_owned() };
    let differs = differences(&exchange.asked, asked);
    let differs = if differs.is_empty() {
        "an earlier message, a schema or a setting".to_owned()
    } else {
        differs.join(", ")
    };
    format!("the closest is exchange {}, {}, which differs in {differs}", at + 1, exchange.asked)
}

/// Returns how close two requests are: first what kind they are of, then how much of what is said
/// is the same.
fn closeness(recorded: &Asked, asked: &Asked) -> (usize, usize) {
    let same = usize::from(recorded.output == asked.output)
        + usize::from(recorded.tools == asked.tools)
        + usize::from(recorded.system == asked.system)
        + usize::from(recorded.messages == asked.messages);
    (same, shared(&recorded.last, &asked.last))
}

/// Returns how many characters two texts have in common at their beginning and at their end.
fn shared(one: &str, other: &str) -> usize {
    let same = |(a, b): &(char, char)| a == b;
    let front = one.chars().zip(other.chars()).take_while(same).count();
    let back = one.chars().rev().zip(other.chars().rev()).take_while(same).count();
    front + back
}

fn differences(recorded: &Asked, asked: &Asked) -> Vec<String> {
    let mut differ = Vec::new();
    if recorded.output != asked.output {
        differ.push("the schema it asks for".to_owned());
    }
    if recorded.tools != asked.tools {
        differ.push(format!("the tools ({})", recorded.tools.join(", ")));
    }
    if recorded.system != asked.system {
        differ.push("the instructions".to_owned());
    }
    if recorded.messages != asked.messages {
        differ.push("the number of messages".to_owned());
    }
    if recorded.last != asked.last {
        differ.push(place(&recorded.last, &asked.last));
    }
    differ
}

/// Says where in the last message two requests part.
fn place(recorded: &str, asked: &str) -> String {
    let same = recorded.chars().zip(asked.chars()).take_while(|(a, b)| a == b).count();
    let from = |text: &str| text.chars().skip(same).take(40).collect::<String>();
    format!(
        "the last message from `{}` on, where `{}` was recorded",
        from(asked).replace(char::is_control, " "),
        from(recorded).replace(char::is_control, " ")
    )
}
