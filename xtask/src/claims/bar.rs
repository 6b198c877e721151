//! What a figure must be: `<= 0`, `== 14 tests`, `> 0.95`.

use std::fmt;
use std::str::FromStr;

use anyhow::{Result, bail};

/// A comparison with a number, and the unit if it is stated.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bar {
    relation: Relation,
    limit: f64,
    unit: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    AtMost,
    AtLeast,
    Equal,
    Below,
    Above,
}

/// All relations as they are written; two characters before one, so that `<=` is not read as `<`.
const RELATIONS: [(&str, Relation); 5] = [
    ("<=", Relation::AtMost),
    (">=", Relation::AtLeast),
    ("==", Relation::Equal),
    ("<", Relation::Below),
    (">", Relation::Above),
];

impl Bar {
    /// Returns whether a value in `unit` is good enough.
    pub(super) fn admits(&self, value: f64, unit: &str) -> bool {
        self.unit.as_deref().is_none_or(|expected| expected == unit)
            && match self.relation {
                Relation::AtMost => value <= self.limit,
                Relation::AtLeast => value >= self.limit,
                // Exact figures are counts: no arithmetic has rounded them.
                Relation::Equal => (value - self.limit).abs() == 0.0,
                Relation::Below => value < self.limit,
                Relation::Above => value > self.limit,
            }
    }
}

impl FromStr for Bar {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let relation = RELATIONS.iter().find_map(|(sign, relation)| {
            text.strip_prefix(sign).map(|rest| (*relation, rest.trim()))
        });
        let Some((relation, rest)) = relation else {
            bail!("cannot read the bar `{text}`: begin with <=, >=, ==, < or >");
        };
        let (number, unit) = rest.split_once(' ').map_or((rest, None), |(n, u)| (n, Some(u)));
        match number.parse::<f64>() {
            Ok(limit) if limit.is_finite() => {
                Ok(Self { relation, limit, unit: unit.map(|unit| unit.trim().to_owned()) })
            }
            _ => bail!("cannot read the bar `{text}`: `{number}` is not a number"),
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = RELATIONS.iter().find(|(_, relation)| *relation == self.relation);
        write!(f, "{} {}", sign.map_or("", |(sign, _)| sign), self.limit)?;
        self.unit.iter().try_for_each(|unit| write!(f, " {unit}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Bar;

    fn check(bar: &str, value: f64, expected: bool) {
        assert_eq!(bar.parse::<Bar>().unwrap().admits(value, "ms"), expected, "{value} {bar}");
    }

    #[test]
    fn each_relation_holds_and_fails_where_it_should() {
        for (bar, below, at, above) in [
            ("<= 5", true, true, false),
            (">= 5", false, true, true),
            ("== 5", false, true, false),
            ("< 5", true, false, false),
            ("> 5", false, false, true),
        ] {
            check(bar, 4.5, below);
            check(bar, 5.0, at);
            check(bar, 5.5, above);
        }
    }

    #[test]
    fn a_value_that_is_not_a_number_clears_no_bar() {
        for bar in ["<= 5", ">= 5", "== 5", "< 5", "> 5"] {
            check(bar, f64::NAN, false);
        }
    }

    #[test]
    fn a_stated_unit_must_match() {
        check("< 5 ms", 1.0, true);
        check("< 5 s", 1.0, false);
    }

    #[test]
    fn what_is_no_bar_is_refused() {
        for text in ["", "5", "=< 5", "<= five", "<= NaN", "<=", "~ 5"] {
            text.parse::<Bar>().unwrap_err();
        }
    }
}
