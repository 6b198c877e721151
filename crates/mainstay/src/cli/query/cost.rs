//! A bound of what a run has spent: `>0.5`, in dollars.

use mainstay_core::budget::Limits;

use super::{CliError, wrong};

/// What a run must have spent, in micro-dollars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cost {
    Above(u64),
    AtLeast(u64),
    Below(u64),
    AtMost(u64),
}

type Bound = fn(u64) -> Cost;

/// How each is written; two characters before one, so that `>=` is not read as `>`.
const SIGNS: [(&str, Bound); 4] =
    [(">=", Cost::AtLeast), ("<=", Cost::AtMost), (">", Cost::Above), ("<", Cost::Below)];

impl Cost {
    pub(super) fn read(text: &str) -> Result<Self, CliError> {
        let sign = SIGNS.iter().find_map(|(sign, bound)| Some((bound, text.strip_prefix(sign)?)));
        let bound = sign.and_then(|(bound, amount)| Some(bound(dollars(amount)?)));
        bound.ok_or_else(|| {
            wrong(
                format!("`{text}` is not a bound of cost"),
                "write dollars after `>`, `>=`, `<` or `<=`, such as `cost:>0.5`",
            )
        })
    }

    pub(super) const fn admits(self, usd: u64) -> bool {
        match self {
            Self::Above(bound) => usd > bound,
            Self::AtLeast(bound) => usd >= bound,
            Self::Below(bound) => usd < bound,
            Self::AtMost(bound) => usd <= bound,
        }
    }
}

/// Reads dollars as a budget is read, exactly.
fn dollars(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let limits: Limits = is_number.then(|| format!("usd={text}"))?.parse().ok()?;
    limits.usd
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sign_takes_its_side() {
        for (text, below, at, above) in [
            (">0.5", false, false, true),
            (">=0.5", false, true, true),
            ("<0.5", true, false, false),
            ("<=0.5", true, true, false),
        ] {
            let cost = Cost::read(text).unwrap();
            let admitted = [499_999, 500_000, 500_001].map(|usd| cost.admits(usd));
            assert_eq!(admitted, [below, at, above], "{text}");
        }
    }

    #[test]
    fn what_is_no_bound_is_refused() {
        for text in ["", "0.5", ">", "=>1", ">-1", ">1,tokens=3", "> 1", ">0.0000001", "<many"] {
            let error = Cost::read(text).unwrap_err();
            assert_eq!(error.exit.number(), 2, "{text}");
        }
    }
}
