//! Reading a run's input: a file, standard input, or `k=v` pairs.

use std::io::Read;

use mainstay_core::code::Code;
use serde_json::{Map, Value};

use super::error::CliError;

/// An input is at most so large; more belongs into a store of its own.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Reads what `--input` named: `-` for standard input, a file, or one or more `k=v`.
pub(crate) fn read(parts: &[String]) -> Result<Value, CliError> {
    match parts {
        [] => Ok(Value::Null),
        [one] if one == "-" => parse("standard input", &slurp(&mut std::io::stdin().lock(), one)?),
        [one] if is_json(one) => parse("the input", one),
        [one] if !one.contains('=') => file(one),
        pairs => fields(pairs),
    }
}

/// Reads JSON from a file, from standard input by `-`, or as it stands.
pub(crate) fn read_json(text: &str) -> Result<Value, CliError> {
    match text {
        "-" => parse("standard input", &slurp(&mut std::io::stdin().lock(), text)?),
        text if std::path::Path::new(text).is_file() => file(text),
        text => parse("the text", text),
    }
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

fn file(path: &str) -> Result<Value, CliError> {
    let mut file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    parse(path, &slurp(&mut file, path)?)
}

fn slurp(from: &mut dyn Read, name: &str) -> Result<String, CliError> {
    let mut text = String::new();
    from.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| unreadable(name, &error))?;
    if text.len() as u64 > LARGEST {
        let message = format!("the input is larger than {} MiB", LARGEST >> 20);
        return Err(CliError::new(Code::InvalidInput, message)
            .with_hint("keep large data in a store of its own and pass a reference"));
    }
    Ok(text)
}

fn unreadable(name: &str, error: &std::io::Error) -> CliError {
    CliError::new(Code::InvalidArgument, format!("`{name}` cannot be read: {error}"))
        .with_hint("give `--input` a file, `-` for standard input, or `key=value` pairs")
}

fn parse(name: &str, text: &str) -> Result<Value, CliError> {
    serde_json::from_str(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let what = error.to_string();
        let what = what.rsplit_once(" at line ").map_or(&*what, |(what, _)| what).to_owned();
        let told = CliError::new(
            Code::InvalidJson,
            format!("{name} is not JSON: {what}, line {line} column {column}"),
        );
        told.with_details(pointed_at(text, line, column))
            .with_hint("mend the JSON there; texts and keys stand in double quotes")
    })
}

/// Returns the line with a mark under the place.
fn pointed_at(text: &str, line: usize, column: usize) -> Vec<String> {
    const WIDTH: usize = 72;
    let Some(line) = text.lines().nth(line.saturating_sub(1)) else { return Vec::new() };
    let column = column.saturating_sub(1).min(line.chars().count());
    let start = column.saturating_sub(WIDTH / 2);
    let shown: String = line.chars().skip(start).take(WIDTH).collect();
    let shown = mainstay_core::visible::visible(&shown);
    vec![shown, format!("{}^", " ".repeat(column - start))]
}

/// `a=1 b.c=text` becomes `{"a":1,"b":{"c":"text"}}`: a value that is JSON is taken as such.
fn fields(pairs: &[String]) -> Result<Value, CliError> {
    let mut root = Map::new();
    for pair in pairs {
        let (path, text) =
            pair.split_once('=').filter(|(path, _)| !path.is_empty()).ok_or_else(|| {
                CliError::new(Code::InvalidInput, format!("`{pair}` is not `key=value`"))
                    .with_hint("several inputs are pairs such as `name=Ann age=41`")
            })?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        put(&mut root, path, path, value)?;
    }
    Ok(Value::Object(root))
}

fn put(
    into: &mut Map<String, Value>,
    whole: &str,
    path: &str,
    value: Value,
) -> Result<(), CliError> {
    let twice = || CliError::new(Code::InvalidInput, format!("`{whole}` is given twice"));
    let Some((head, rest)) = path.split_once('.') else {
        return if into.insert(path.to_owned(), value).is_some() { Err(twice()) } else { Ok(()) };
    };
    let inner = into.entry(head).or_insert_with(|| Value::Object(Map::new()));
    put(inner.as_object_mut().ok_or_else(twice)?, whole, rest, value)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use serde_json::json;

    use super::*;

    fn of(parts: &[&str]) -> Result<Value, CliError> {
        read(&parts.iter().map(|part| (*part).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn pairs_make_an_object_with_values_of_their_own_kinds() {
        let input = of(&["name=Ann", "age=41", "pet.name=Rex", "pet.fed=true"]).unwrap();
        assert_eq!(input, json!({"name": "Ann", "age": 41, "pet": {"name": "Rex", "fed": true}}));
    }

    #[test]
    fn a_key_given_twice_is_refused() {
        for parts in [&["a=1", "a=2"][..], &["a=1", "a.b=2"]] {
            assert_eq!(of(parts).unwrap_err().code, Code::InvalidInput);
        }
    }

    #[test]
    fn broken_json_is_shown_where_it_breaks() {
        let error = of(&["{\"ticket\": {\"id\": 7,}}"]).unwrap_err();
        assert_eq!((error.code, error.exit.number()), (Code::InvalidJson, 2));
        expect![[r#"
            error[MS-1003]: the input is not JSON: trailing comma, line 1 column 21
              {"ticket": {"id": 7,}}
                                  ^
              next: mend the JSON there; texts and keys stand in double quotes"#]]
        .assert_eq(&error.to_string());
    }
}
