//! An author's own rows, written in the transaction of the journal entry they belong to.
//!
//! # Why a statement is looked at before a database sees it
//!
//! It runs inside a transaction that is not its own. A second statement behind a semicolon, or a
//! word that ends the transaction, would tear the rows from their entry; a placeholder without a
//! value would be NULL on one database and an error on the other. Whatever can be known without a
//! database is said here, the same for every store, and before anything of the run is at stake.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a statement may begin with: it changes rows and nothing else.
const VERBS: [&str; 6] = ["INSERT", "UPDATE", "DELETE", "MERGE", "REPLACE", "WITH"];

/// One statement of the author's, with its values.
///
/// Placeholders are `$1`, `$2`, … on every database. Values are null, booleans, integers, floating
/// point numbers and texts; what is none of these is written as text and cast where it stands, as
/// in `$2::jsonb` (SQLite reads that as `$2`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LocalWrite {
    /// The statement.
    pub sql: String,
    /// The values of `$1`, `$2`, …
    pub parameters: Vec<Value>,
}

impl LocalWrite {
    /// Says why no store takes it, if so.
    ///
    /// # Errors
    /// It does not begin with a verb that changes rows, is more than one statement, could end the
    /// transaction, or its placeholders are not exactly those of its values.
    pub fn check(&self) -> Result<(), String> {
        let seen = look(&self.sql)?;
        let verb = seen.words.first().map(String::as_str).unwrap_or_default();
        if !VERBS.contains(&verb) {
            return Err(format!("it begins with `{verb}`, not with one of {}", VERBS.join(", ")));
        }
        if seen.words.iter().any(|word| word == "ROLLBACK") {
            return Err("`ROLLBACK` would take the run's own entry with it".to_owned());
        }
        self.placeholders_fit(seen.placeholders)?;
        self.parameters.iter().zip(1..).try_for_each(|(value, n)| scalar(value, n))
    }

    fn placeholders_fit(&self, mut found: Vec<usize>) -> Result<(), String> {
        found.sort_unstable();
        found.dedup();
        let wanted: Vec<usize> = (1..=self.parameters.len()).collect();
        if found == wanted {
            return Ok(());
        }
        let places: Vec<_> = found.iter().map(|n| format!("${n}")).collect();
        Err(format!("{} values for the placeholders [{}]", wanted.len(), places.join(", ")))
    }
}

fn scalar(value: &Value, n: usize) -> Result<(), String> {
    let sound = match value {
        Value::Null | Value::Bool(_) => true,
        Value::Number(number) => !number.is_u64() || number.is_i64(),
        Value::String(text) => !text.contains('\0'),
        Value::Array(_) | Value::Object(_) => false,
    };
    let wanted = "null, a boolean, a number within 64 bits or a text without a zero character";
    if sound { Ok(()) } else { Err(format!("the value of ${n} is not {wanted}")) }
}

/// What stands in a statement outside of its literals and comments.
#[derive(Debug, Default)]
struct Seen {
    /// Its words, in capitals.
    words: Vec<String>,
    placeholders: Vec<usize>,
}

fn look(sql: &str) -> Result<Seen, String> {
    let mut seen = Seen::default();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let (_, behind) = rest.split_at(first.len_utf8());
        rest = match first {
            '\'' | '"' | '`' => after(behind, first.encode_utf8(&mut [0; 4]))?,
            '-' if behind.starts_with('-') => behind.split_once('\n').map_or("", |(_, next)| next),
            '/' if behind.starts_with('*') => after(behind, "*/")?,
            '$' => placeholder(behind, &mut seen)?,
            ';' if behind.trim().is_empty() => "",
            ';' => return Err("it is more than one statement".to_owned()),
            '?' => return Err("a placeholder is `$1`, not `?`".to_owned()),
            '\0' => return Err("it has a zero character".to_owned()),
            letter if letter.is_alphabetic() || letter == '_' => word(rest, &mut seen),
            _ => behind,
        };
    }
    Ok(seen)
}

/// Returns what follows the end of a literal or comment. A doubled quote ends one literal and
/// begins the next, which comes to the same.
fn after<'a>(text: &'a str, end: &str) -> Result<&'a str, String> {
    let rest = text.split_once(end).map(|(_, rest)| rest);
    rest.ok_or_else(|| format!("the {end} at its end is missing"))
}

fn word<'a>(text: &'a str, seen: &mut Seen) -> &'a str {
    let ends = |c: char| !(c.is_alphanumeric() || c == '_' || c == '$');
    let (word, rest) = text.split_at(text.find(ends).unwrap_or(text.len()));
    seen.words.push(word.to_uppercase());
    rest
}

fn placeholder<'a>(text: &'a str, seen: &mut Seen) -> Result<&'a str, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    let number = number.parse().map_err(|_| "a `$` must be followed by a number, as in `$1`")?;
    seen.placeholders.push(number);
    Ok(rest)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(sql: &str, parameters: Value) -> Result<(), String> {
        let parameters = parameters.as_array().unwrap().clone();
        LocalWrite { sql: sql.to_owned(), parameters }.check()
    }

    #[test]
    fn a_statement_that_changes_rows_is_taken() {
        let insert = "INSERT INTO shop.outbox (id, note) VALUES ($1, $2::jsonb)";
        assert_eq!(check(insert, json!([7, "{}"])), Ok(()));
        let quoted =
            "-- why; not\n update \"a;b$9\" set n = n + $1 /* ; */ where s = 'it''s; $3';\n";
        assert_eq!(check(quoted, json!([1.5])), Ok(()));
        assert_eq!(check("DELETE FROM stock WHERE a = $1 OR b = $1", json!([null])), Ok(()));
    }

    #[test]
    fn what_could_tear_rows_from_their_entry_is_refused() {
        let table = [
            (
                "COMMIT",
                "it begins with `COMMIT`, not with one of INSERT, UPDATE, DELETE, MERGE, REPLACE, WITH",
            ),
            ("", "it begins with ``, not with one of INSERT, UPDATE, DELETE, MERGE, REPLACE, WITH"),
            ("DELETE FROM a; COMMIT", "it is more than one statement"),
            (
                "INSERT OR rollback INTO a DEFAULT VALUES",
                "`ROLLBACK` would take the run's own entry with it",
            ),
            ("INSERT INTO a VALUES ('open", "the ' at its end is missing"),
            ("INSERT INTO a VALUES ($$text$$)", "a `$` must be followed by a number, as in `$1`"),
        ];
        for (sql, why) in table {
            assert_eq!(check(sql, json!([])), Err(why.to_owned()), "{sql}");
        }
    }

    #[test]
    fn each_value_has_its_placeholder() {
        let two = "INSERT INTO a VALUES ($1, $2)";
        let wrong = |n| Err(format!("{n} values for the placeholders [$1, $2]"));
        assert_eq!(check(two, json!([1])), wrong(1));
        assert_eq!(check(two, json!([1, 2, 3])), wrong(3));
        let anonymous = check("INSERT INTO a VALUES (?)", json!([1]));
        assert_eq!(anonymous, Err("a placeholder is `$1`, not `?`".to_owned()));
    }

    #[test]
    fn values_are_what_every_database_has() {
        let one = |value: Value| check("INSERT INTO a VALUES ($1)", json!([value]));
        for value in [json!(null), json!(true), json!(-3), json!(0.5), json!("ä")] {
            assert_eq!(one(value), Ok(()));
        }
        for value in [json!([1]), json!({"a": 1}), json!(u64::MAX), json!("a\0b")] {
            assert!(
                one(value.clone()).unwrap_err().starts_with("the value of $1 is not"),
                "{value}"
            );
        }
    }
}
