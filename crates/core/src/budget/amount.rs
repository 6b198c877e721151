//! Amounts as people write and read them: `0.50` dollars, `20k` tokens, `1h30m`.

use std::fmt::Write;

use super::dimension::Dimension;

const MICROS: u64 = 1_000_000;
const SPANS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// Returns an amount of a dimension with its unit, for people.
#[must_use]
pub fn show(dimension: Dimension, amount: u64) -> String {
    match dimension {
        Dimension::Usd => format!("{} usd", bare(dimension, amount)),
        Dimension::Wall => format!("{} of running time", bare(dimension, amount)),
        Dimension::InputTokens => format!("{amount} input tokens"),
        Dimension::OutputTokens => format!("{amount} output tokens"),
        Dimension::Tokens => format!("{amount} tokens"),
        Dimension::ModelCalls => format!("{amount} model calls"),
        Dimension::ToolCalls => format!("{amount} tool calls"),
        Dimension::Depth => format!("{amount} levels of depth"),
        Dimension::Deadline => format!("{amount}µs"),
    }
}

/// Returns an amount of a dimension without its unit, in the form the command line reads.
#[must_use]
pub fn bare(dimension: Dimension, amount: u64) -> String {
    match dimension {
        Dimension::Usd => usd(amount),
        Dimension::Wall => span(amount),
        Dimension::InputTokens
        | Dimension::OutputTokens
        | Dimension::Tokens
        | Dimension::ModelCalls
        | Dimension::ToolCalls
        | Dimension::Depth
        | Dimension::Deadline => amount.to_string(),
    }
}

/// Writes micro-dollars with two decimals, or with as many as they need.
fn usd(micros: u64) -> String {
    let fraction = format!("{:06}", micros % MICROS);
    let needed = fraction.trim_end_matches('0').len().max(2);
    format!("{}.{}", micros / MICROS, fraction.get(..needed).unwrap_or_default())
}

/// Writes milliseconds as `1h30m`.
pub(super) fn span(millis: u64) -> String {
    let mut rest = millis;
    let mut text = String::new();
    for (unit, size) in SPANS.iter().rev() {
        if rest >= *size {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{unit}", rest / size);
            rest %= size;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Reads dollars such as `0.50` as micro-dollars.
pub(super) fn read_usd(text: &str) -> Option<u64> {
    scaled(text, MICROS)
}

/// Reads a count such as `30`, `20k` or `1.5m`.
pub(super) fn read_count(text: &str) -> Option<u64> {
    match text.as_bytes().last()? {
        b'k' | b'K' => scaled(text.get(..text.len() - 1)?, 1_000),
        b'm' | b'M' => scaled(text.get(..text.len() - 1)?, MICROS),
        _ => scaled(text, 1),
    }
}

/// Reads a span such as `10m` or `1h30m` as milliseconds. A bare number has no unit and is refused.
pub(super) fn read_span(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut total = 0_u64;
    while !rest.is_empty() {
        let number_end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let size = SPANS.iter().find(|(name, _)| *name == unit)?.1;
        total = total.checked_add(scaled(number, size)?)?;
        rest = tail;
    }
    (!text.is_empty()).then_some(total)
}

/// Reads a decimal number times `scale`, exactly: a digit that would be lost is refused.
fn scaled(text: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    let dangling = text.ends_with('.') || whole.is_empty();
    if dangling || !digits(whole) || !digits(fraction) {
        return None;
    }
    let whole = whole.parse::<u64>().ok()?.checked_mul(scale)?;
    let fraction = fraction.trim_end_matches('0');
    let power = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let numerator = fraction.parse::<u64>().unwrap_or(0).checked_mul(scale)?;
    (numerator % power == 0).then(|| whole.checked_add(numerator / power)).flatten()
}
