//! One agent, task or crew of a file: its fields by name, each value of the kind it has to be.

use std::collections::BTreeMap;

use serde_json::Value;
use serde_saphyr::{Location, Spanned};

use super::{
    fields::{self, Field},
    node::{Node, Source},
    report::{Place, Remark, Says},
};

/// What is noticed while files are read.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) remarks: Vec<Remark>,
    /// Where each field stands.
    pub(super) places: BTreeMap<String, (Source, Location)>,
}

impl Notes {
    pub(super) fn wrong(
        &mut self,
        place: Place,
        field: impl Into<String>,
        problem: impl Into<String>,
    ) {
        let says = Says::Wrong(problem.into());
        self.remarks.push(Remark { place, field: field.into(), says });
    }
}

/// One mapping with the fields of a table.
pub(super) struct Entry<'a> {
    source: &'a Source,
    path: String,
    at: Location,
    fields: &'a [(Spanned<String>, Spanned<Node>)],
    notes: &'a mut Notes,
}

impl<'a> Entry<'a> {
    /// Opens a mapping and says what is to be said about the fields in it; `None` if it is none.
    pub(super) fn open(
        source: &'a Source,
        path: impl Into<String>,
        node: &'a Spanned<Node>,
        at: Location,
        table: &'static [Field],
        notes: &'a mut Notes,
    ) -> Option<Self> {
        let path = path.into();
        let Node::Mapping(fields) = &node.value else {
            let problem =
                format!("a mapping of fields is expected, and this is {}", node.value.word());
            notes.wrong(source.place(node.referenced), path, problem);
            return None;
        };
        let mut entry = Self { source, path, at, fields, notes };
        for (key, value) in fields {
            entry.note(key, value, table);
        }
        Some(entry)
    }

    fn note(&mut self, key: &Spanned<String>, value: &Spanned<Node>, table: &'static [Field]) {
        let field = self.field(&key.value);
        self.notes.places.insert(field.clone(), (self.source.clone(), key.referenced));
        if let Some(says) = fields::says(table, &key.value, &value.value) {
            let place = self.source.place(key.referenced);
            self.notes.remarks.push(Remark { place, field, says });
        }
    }

    fn field(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// Returns a field's value, unless it is left out or null.
    pub(super) fn get(&self, name: &str) -> Option<&'a Spanned<Node>> {
        let (_, value) = self.fields.iter().find(|(key, _)| key.value == name)?;
        (value.value != Node::Scalar(Value::Null)).then_some(value)
    }

    /// Returns whether a field stands there, if only as null.
    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|(key, _)| key.value == name)
    }

    /// Says that a field's value cannot be used.
    pub(super) fn wrong(&mut self, name: &str, problem: impl Into<String>) {
        let at = self.get(name).map_or(self.at, |value| value.referenced);
        let (place, field) = (self.source.place(at), self.field(name));
        self.notes.wrong(place, field, problem);
    }

    fn is_no(&mut self, name: &str, wanted: &str, value: &Node) {
        self.wrong(name, format!("{wanted} is expected, and this is {}", value.word()));
    }

    /// Returns a text.
    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        match &self.get(name)?.value {
            Node::Scalar(Value::String(text)) => Some(text.clone()),
            Node::Scalar(value @ (Value::Number(_) | Value::Bool(_))) => Some(value.to_string()),
            value @ (Node::Scalar(_) | Node::List(_) | Node::Mapping(_)) => {
                self.is_no(name, "a text", value);
                None
            }
        }
    }

    /// Returns a text that has to be there.
    pub(super) fn required(&mut self, name: &str) -> String {
        if self.get(name).is_none() {
            self.wrong(name, "it is missing");
        }
        self.text(name).unwrap_or_default()
    }

    /// Returns a whole number that is not negative.
    pub(super) fn number(&mut self, name: &str) -> Option<u64> {
        let value = &self.get(name)?.value;
        if let Node::Scalar(Value::Number(number)) = value
            && let Some(number) = number.as_u64()
        {
            return Some(number);
        }
        self.is_no(name, "a whole number", value);
        None
    }

    /// Returns a whole number of 32 bits that is not negative.
    pub(super) fn small_number(&mut self, name: &str) -> Option<u32> {
        let number = self.number(name)?;
        let small = u32::try_from(number).ok();
        if small.is_none() {
            self.wrong(name, "the number is too large");
        }
        small
    }

    /// Returns whether a field says true.
    pub(super) fn says_true(&mut self, name: &str) -> bool {
        self.truth(name).unwrap_or(false)
    }

    /// Returns true or false.
    pub(super) fn truth(&mut self, name: &str) -> Option<bool> {
        let value = &self.get(name)?.value;
        if let Node::Scalar(Value::Bool(truth)) = value {
            return Some(*truth);
        }
        self.is_no(name, "true or false", value);
        None
    }

    /// Returns a list of texts; a single text is a list of one.
    pub(super) fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let items = match &self.get(name)?.value {
            Node::Scalar(Value::String(text)) => return Some(vec![text.clone()]),
            Node::List(items) => items,
            value @ (Node::Scalar(_) | Node::Mapping(_)) => {
                self.is_no(name, "a list of names", value);
                return None;
            }
        };
        let mut texts = Vec::new();
        for item in items {
            match &item.value {
                Node::Scalar(Value::String(text)) => texts.push(text.clone()),
                other @ (Node::Scalar(_) | Node::List(_) | Node::Mapping(_)) => {
                    let place = self.source.place(item.referenced);
                    let problem = format!("a name is expected, and this is {}", other.word());
                    let field = self.field(name);
                    self.notes.wrong(place, field, problem);
                }
            }
        }
        Some(texts)
    }

    /// Returns one of these words, or the first when nothing stands there.
    pub(super) fn word<T: Copy>(&mut self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let said = self.text(name)?;
        let found = words.iter().find(|(word, _)| *word == said).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let list = mainstay_core::flow::check::near::list(&words);
            self.wrong(name, format!("`{said}` is none of {list}"));
        }
        found
    }

    /// Opens a mapping that a field holds.
    pub(super) fn inner(&mut self, name: &str, table: &'static [Field]) -> Option<Entry<'_>> {
        let value = self.get(name)?;
        let path = self.field(name);
        Entry::open(self.source, path, value, value.referenced, table, self.notes)
    }
}
