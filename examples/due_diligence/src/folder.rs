//! The documents: read once from a folder, listed, searched and read by tools.

mod dispute;

use std::{fs, io, path::Path};

use mainstay::prelude::*;

pub use self::dispute::{Dispute, Place};

/// At most so many lines are found by one search; how many more there are is said.
const MOST_FOUND: usize = 40;

/// All documents, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Folder(Vec<Document>);

/// A document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Document {
    /// Its name, by which it is read and cited.
    pub document: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// A line of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Line {
    /// Counted from 1.
    pub line: u32,
    /// What stands in it.
    pub text: String,
}

/// A document as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed {
    /// Its name.
    pub document: String,
    /// How many lines it has.
    pub lines: usize,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Found {
    /// The lines.
    pub lines: Vec<FoundLine>,
    /// How many more there are.
    pub left_off: usize,
}

/// A line that a search found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FoundLine {
    /// The document.
    pub document: String,
    /// The line, counted from 1.
    pub line: u32,
    /// What stands in it.
    pub text: String,
}

impl Folder {
    /// Reads every `.md` and `.txt` file of a folder.
    ///
    /// # Errors
    /// The folder or a file cannot be read, or a file has a name that says more than a name: names
    /// stand in what agents are told, so they are letters, digits, `.`, `_` and `-`.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut documents = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let text = name.ends_with(".md") || name.ends_with(".txt");
            if !text || !entry.file_type()?.is_file() {
                continue;
            }
            if !name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')) {
                let why = format!("`{}` is no name for a document", name.escape_debug());
                return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
            }
            documents.push(Document::of(name, &fs::read_to_string(entry.path())?));
        }
        Ok(documents.into_iter().collect())
    }

    /// Returns a document.
    #[must_use]
    pub fn document(&self, name: &str) -> Option<&Document> {
        self.0.iter().find(|document| document.document == name)
    }

    /// Returns every document.
    pub fn documents(&self) -> impl Iterator<Item = &Document> {
        self.0.iter()
    }

    /// Returns what stands in a line, counted from 1.
    #[must_use]
    pub fn line(&self, document: &str, line: u32) -> Option<&str> {
        let mut lines = self.document(document)?.lines.iter();
        lines.find(|known| known.line == line).map(|known| known.text.as_str())
    }

    /// Returns the list of documents.
    #[must_use]
    pub fn list(&self) -> Vec<Listed> {
        let listed = |document: &Document| Listed {
            document: document.document.clone(),
            lines: document.lines.len(),
        };
        self.0.iter().map(listed).collect()
    }

    /// Returns the lines that hold all of these words, large or small, if there are any.
    #[must_use]
    pub fn search(&self, words: &str) -> Option<Found> {
        let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        let holds = |text: &str| {
            let text = text.to_lowercase();
            !words.is_empty() && words.iter().all(|word| text.contains(word))
        };
        let mut lines: Vec<FoundLine> = Vec::new();
        for Document { document, lines: all } in &self.0 {
            lines.extend(all.iter().filter(|line| holds(&line.text)).map(|line| FoundLine {
                document: document.clone(),
                line: line.line,
                text: line.text.clone(),
            }));
        }
        let left_off = lines.len().saturating_sub(MOST_FOUND);
        lines.truncate(MOST_FOUND);
        (!lines.is_empty()).then_some(Found { lines, left_off })
    }
}

impl FromIterator<Document> for Folder {
    fn from_iter<T: IntoIterator<Item = Document>>(documents: T) -> Self {
        let mut documents: Vec<Document> = documents.into_iter().collect();
        documents.sort_by(|a, b| a.document.cmp(&b.document));
        Self(documents)
    }
}

impl Document {
    /// Makes a document of its text.
    #[must_use]
    pub fn of(document: impl Into<String>, text: &str) -> Self {
        let lines = (1..).zip(text.lines()).map(|(line, text)| Line { line, text: text.into() });
        Self { document: document.into(), lines: lines.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(words: &str, found: &[(&str, u32)]) {
        let folder: Folder =
            [Document::of("b.md", "The rent\nis due"), Document::of("a.md", "Rent: 5\n\nnone")]
                .into_iter()
                .collect();
        let lines = folder.search(words).map(|found| found.lines).unwrap_or_default();
        let places: Vec<_> = lines.iter().map(|l| (l.document.as_str(), l.line)).collect();
        assert_eq!(places, found, "{words}");
    }

    #[test]
    fn a_search_finds_lines_with_all_its_words() {
        check("rent", &[("a.md", 1), ("b.md", 1)]);
        check("RENT the", &[("b.md", 1)]);
        check("rent due", &[]);
        check(" ", &[]);
    }
}
