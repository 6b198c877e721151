//! A YAML file as it stands, before anything in it is understood: every key and value with its
//! place.

use std::{fmt, sync::Arc};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Value};
use serde_saphyr::{Location, Spanned};

use super::report::Place;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Scalar(Value),
    List(Vec<Spanned<Self>>),
    Mapping(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl Node {
    /// Returns whether it asks for nothing: what is empty or false is as good as left out.
    pub(super) fn asks_nothing(&self) -> bool {
        match self {
            Self::Scalar(Value::Null | Value::Bool(false)) => true,
            Self::Scalar(Value::String(text)) => text.is_empty(),
            Self::Scalar(_) => false,
            Self::List(items) => items.is_empty(),
            Self::Mapping(entries) => entries.is_empty(),
        }
    }

    /// Returns the same as JSON, without its places.
    pub(super) fn json(&self) -> Value {
        match self {
            Self::Scalar(value) => value.clone(),
            Self::List(items) => Value::Array(items.iter().map(|item| item.value.json()).collect()),
            Self::Mapping(entries) => {
                let json = |(key, value): &(Spanned<String>, Spanned<Self>)| {
                    (key.value.clone(), value.value.json())
                };
                Value::Object(entries.iter().map(json).collect::<Map<_, _>>())
            }
        }
    }

    /// Returns what it is, as messages say it.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Scalar(Value::Null) => "nothing",
            Self::Scalar(Value::Bool(_)) => "true or false",
            Self::Scalar(Value::Number(_)) => "a number",
            Self::Scalar(_) => "a text",
            Self::List(_) => "a list",
            Self::Mapping(_) => "a mapping",
        }
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Mapping(entries))
    }
}

/// One file of a crew.
#[derive(Debug, Clone)]
pub(super) struct Source {
    /// Its name as messages show it, such as `config/agents.yaml`.
    pub(super) name: Arc<str>,
    /// Its text.
    pub(super) text: Arc<str>,
}

impl Source {
    /// Returns the place of a location in this file.
    pub(super) fn place(&self, location: Location) -> Place {
        Place { file: self.name.to_string(), line: location.line(), column: location.column() }
    }

    /// Returns the place where `wanted` first stands at or after a location.
    pub(super) fn find(&self, from: Location, wanted: &str) -> Place {
        let first = usize::try_from(from.line()).unwrap_or(usize::MAX).saturating_sub(1);
        let skip = usize::try_from(from.column()).unwrap_or(usize::MAX).saturating_sub(1);
        for (index, line) in self.text.lines().enumerate().skip(first) {
            let start = if index == first { characters(line, skip) } else { 0 };
            let Some(at) = line.get(start..).and_then(|rest| rest.find(wanted)) else { continue };
            let column = line.get(..start + at).unwrap_or_default().chars().count() + 1;
            let count = |number| u64::try_from(number).unwrap_or(u64::MAX);
            return Place {
                file: self.name.to_string(),
                line: count(index + 1),
                column: count(column),
            };
        }
        self.place(from)
    }
}

/// Returns the byte at which the character of this number begins.
fn characters(line: &str, count: usize) -> usize {
    line.char_indices().nth(count).map_or(line.len(), |(at, _)| at)
}

/// Returns the file as one node; an empty file is an empty mapping.
///
/// # Errors
/// Where the text is no YAML, and why.
pub(super) fn parse(source: &Source) -> Result<Spanned<Node>, (Place, String)> {
    let text = without_comments(&source.text);
    if text.trim().is_empty() {
        return Ok(Spanned::new(Node::Mapping(Vec::new()), Location::UNKNOWN, Location::UNKNOWN));
    }
    serde_saphyr::from_str(&text).map_err(|error| {
        let place = error.location().unwrap_or(Location::UNKNOWN);
        let told = error.without_snippet().to_string();
        let problem = told.lines().next().unwrap_or_default();
        // The place stands at the front already.
        let problem = problem.split(" at line ").next().unwrap_or(problem);
        (source.place(place), problem.to_owned())
    })
}

/// Blanks `//` and `/* */` out of JSON with comments, so that every place stays what it is. A file
/// that does not begin with a brace is YAML and stays as it is.
fn without_comments(text: &str) -> String {
    let begins = text.trim_start();
    if !begins.starts_with('{') && !begins.starts_with("//") && !begins.starts_with("/*") {
        return text.to_owned();
    }
    let mut blanked = String::with_capacity(text.len());
    let mut state = Json::Code;
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let next = rest.peek().copied();
        let kept = match (state, c, next) {
            (Json::Code, '/', Some('/')) => false.then_some(c),
            (Json::Code | Json::Text | Json::Escaped, ..) => Some(c),
            (Json::Line | Json::Block | Json::BlockEnds, ..) => None,
        };
        let opens_block = state == Json::Code && c == '/' && next == Some('*');
        blanked.push(match kept {
            Some(c) if !opens_block => c,
            Some(_) | None if c == '\n' => c,
            Some(_) | None => ' ',
        });
        state = state.after(c, next);
    }
    blanked
}

/// Where in JSON with comments a character stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Json {
    Code,
    Text,
    Escaped,
    Line,
    Block,
    BlockEnds,
}

impl Json {
    fn after(self, c: char, next: Option<char>) -> Self {
        match (self, c, next) {
            (Self::Code, '"', _) | (Self::Escaped, ..) => Self::Text,
            (Self::Code, '/', Some('/')) => Self::Line,
            (Self::Code, '/', Some('*')) => Self::Block,
            (Self::Text, '\\', _) => Self::Escaped,
            (Self::Text, '"', _) | (Self::Line, '\n', _) | (Self::BlockEnds, ..) => Self::Code,
            (Self::Block, '*', Some('/')) => Self::BlockEnds,
            (Self::Code | Self::Text | Self::Line | Self::Block, ..) => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source { name: "f.yaml".into(), text: text.into() }
    }

    #[test]
    fn every_key_and_value_has_its_place() {
        let read = parse(&source("a:\n  b: [1, x]\n  c: yes\n")).unwrap().value;
        let Node::Mapping(top) = read else { panic!("{read:?}") };
        let Node::Mapping(inner) = &top[0].1.value else { panic!("{top:?}") };
        let places = inner.iter().map(|(key, value)| {
            let place = |at: Location| format!("{}:{}", at.line(), at.column());
            format!("{} {} {}", key.value, place(key.referenced), place(value.referenced))
        });
        assert_eq!(places.collect::<Vec<_>>(), ["b 2:3 2:6", "c 3:3 3:6"]);
        assert_eq!(inner[1].1.value, Node::Scalar(Value::Bool(true)));
    }

    #[test]
    fn comments_of_json_are_blank_and_move_nothing() {
        let text = "// crew\n{ \"name\": \"a // b\", /* two\nlines */ \"x\": 1,\n}\n";
        let read = parse(&source(text)).unwrap().value;
        assert_eq!(read.json(), serde_json::json!({"name": "a // b", "x": 1}));
        let Node::Mapping(entries) = read else { panic!("{read:?}") };
        assert_eq!((entries[1].0.referenced.line(), entries[1].0.referenced.column()), (3, 10));
    }

    #[test]
    fn what_is_no_yaml_says_where() {
        let (place, _) = parse(&source("a: [1\nb: 2\n")).unwrap_err();
        assert_eq!(place.file, "f.yaml");
        assert!(place.line > 0, "{place}");
    }

    #[test]
    fn a_word_is_found_in_the_text_of_a_block() {
        let text = "a: {x}\nb: >\n  two\n  lines of {x}\n";
        let read = parse(&source(text)).unwrap().value;
        let Node::Mapping(entries) = read else { panic!("{read:?}") };
        let found = |index: usize| source(text).find(entries[index].0.referenced, "{x}");
        assert_eq!((found(0).line, found(0).column), (1, 4));
        assert_eq!((found(1).line, found(1).column), (4, 12));
    }
}
