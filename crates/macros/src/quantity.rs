//! Quantities written in attributes: spans such as `"30s"`, budgets such as `"usd=0.10,model_calls=2"`.
//!
//! They are read when the flow is compiled, so a mistake is a compile error and the program starts
//! with numbers.

use syn::{LitStr, Result};

use crate::suggest;

const SPANS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
const MICROS: u64 = 1_000_000;

/// The dimensions a step's budget may limit, by their names in JSON. `deadline` is none of them: it
/// is a point in time and belongs to a run.
const DIMENSIONS: [&str; 8] = [
    "usd",
    "input_tokens",
    "output_tokens",
    "tokens",
    "wall",
    "model_calls",
    "tool_calls",
    "depth",
];

/// One limit of a budget: a dimension and an amount in its base unit.
pub(crate) struct Limit {
    pub(crate) dimension: &'static str,
    pub(crate) amount: u64,
}

/// Reads a span in milliseconds.
pub(crate) fn span(literal: &LitStr) -> Result<u64> {
    match read_span(&literal.value()) {
        Some(0) => Err(syn::Error::new_spanned(literal, "a span must be longer than nothing")),
        Some(millis) => Ok(millis),
        None => Err(syn::Error::new_spanned(
            literal,
            format!(
                "`{}` is not a span of time; write a number with its unit, such as \"200ms\", \"30s\", \"5m\" or \"1h30m\"",
                literal.value()
            ),
        )),
    }
}

/// Reads an amount of dollars in millionths.
pub(crate) fn dollars(text: &str) -> Option<u64> {
    scaled(text, MICROS)
}

/// Reads a budget.
pub(crate) fn budget(literal: &LitStr) -> Result<Vec<Limit>> {
    let text = literal.value();
    let wrong = |message: String| syn::Error::new_spanned(literal, message);
    let mut limits: Vec<Limit> = Vec::new();
    for part in text.split(',').map(str::trim) {
        let limit = read_limit(part).map_err(wrong)?;
        if limits.iter().any(|earlier| earlier.dimension == limit.dimension) {
            return Err(wrong(format!("`{}` is limited twice", limit.dimension)));
        }
        limits.push(limit);
    }
    Ok(limits)
}

fn read_limit(part: &str) -> std::result::Result<Limit, String> {
    let Some((name, amount)) = part.split_once('=') else {
        return Err(format!("`{part}` is not a limit; write \"usd=0.10,model_calls=2\""));
    };
    let (name, amount) = (name.trim(), amount.trim());
    if name == "deadline" {
        return Err("a deadline belongs to a run; a step limits its running time with `wall=10m`"
            .to_owned());
    }
    let Some(dimension) = DIMENSIONS.iter().find(|dimension| **dimension == name) else {
        return Err(format!("`{name}` cannot be limited; {}", suggest::among(name, DIMENSIONS)));
    };
    let read = match *dimension {
        "usd" => scaled(amount, MICROS),
        "wall" => read_span(amount),
        _ => read_count(amount),
    };
    match read {
        Some(amount) => Ok(Limit { dimension, amount }),
        None => {
            Err(format!("`{amount}` is not an amount of {name}; write `{name}={}`", sample(name)))
        }
    }
}

fn sample(dimension: &str) -> &'static str {
    match dimension {
        "usd" => "0.10",
        "wall" => "10m",
        "depth" | "model_calls" | "tool_calls" => "3",
        _ => "20k",
    }
}

fn read_span(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest.get(..digits)?.parse().ok()?;
        rest = rest.get(digits..)?;
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let size = SPANS.iter().find(|(name, _)| Some(*name) == rest.get(..unit))?.1;
        total = total.checked_add(number.checked_mul(size)?)?;
        rest = rest.get(unit..)?;
    }
    Some(total)
}

fn read_count(text: &str) -> Option<u64> {
    let scales = [('k', 1_000), ('m', 1_000_000)];
    match scales.iter().find_map(|(unit, scale)| Some((text.strip_suffix(*unit)?, *scale))) {
        Some((number, scale)) => scaled(number, scale),
        None => text.parse().ok(),
    }
}

/// Reads a decimal number times `scale`, refusing more decimals than `scale` has zeros.
fn scaled(text: &str, scale: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let unit = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let per_unit = scale.is_multiple_of(unit).then_some(scale / unit)?;
    let fraction = fraction.parse::<u64>().ok()?.checked_mul(per_unit)?;
    whole.parse::<u64>().ok()?.checked_mul(scale)?.checked_add(fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_need_their_unit() {
        assert_eq!(read_span("1h30m"), Some(5_400_000));
        assert_eq!(read_span("200ms"), Some(200));
        for wrong in ["", "30", "s", "3 s", "1.5h", "5 minutes", "-1s"] {
            assert_eq!(read_span(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn amounts_are_read_exactly() {
        assert_eq!(scaled("0.10", MICROS), Some(100_000));
        assert_eq!(read_count("1.5k"), Some(1_500));
        assert_eq!(read_count("20k"), Some(20_000));
        for wrong in ["0.0000001", ".5", "1.", "-1", "1e3"] {
            assert_eq!(scaled(wrong, MICROS), None, "{wrong}");
        }
    }
}
