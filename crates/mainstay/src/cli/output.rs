//! Where a command writes: data on standard output, everything else on standard error.

use std::{
    fmt,
    io::{self, IsTerminal, Write},
};

use serde::Serialize;

mod table;

pub(crate) use table::Cell;

/// The form of data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Tables on a terminal, tab-separated when piped.
    People,
    /// One document.
    Json,
    /// A document a line.
    JsonLines,
}

/// Whether colour is used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorWhen {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What a word of the output means; a terminal shows it as a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// As it should be.
    Good,
    /// Somebody should look.
    Attention,
    /// It went wrong.
    Bad,
    /// Beside the point.
    Quiet,
    /// A heading.
    Strong,
}

impl Tone {
    const fn sgr(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Attention => "33",
            Self::Bad => "31",
            Self::Quiet => "2",
            Self::Strong => "1",
        }
    }
}

/// The two streams, and how each is written to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    pub(crate) format: Format,
    out: Stream,
    err: Stream,
}

/// How one stream is written to.
#[derive(Debug, Clone, Copy)]
struct Stream {
    is_terminal: bool,
    color: bool,
}

impl Output {
    pub(crate) fn new(format: Format, color: ColorWhen, no_color: bool) -> Self {
        let stream = |is_terminal: bool| Stream {
            is_terminal,
            color: match color {
                ColorWhen::Auto => is_terminal && !no_color,
                ColorWhen::Always => true,
                ColorWhen::Never => false,
            },
        };
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        Self { format, out: stream(out), err: stream(err) }
    }

    /// Returns whether progress may be drawn.
    pub(crate) const fn draws_progress(&self) -> bool {
        self.err.is_terminal
    }

    /// Returns whether data goes to a person's eyes.
    pub(crate) fn is_for_people(&self) -> bool {
        self.format == Format::People
    }

    /// Returns a word of the data in its tone.
    pub(crate) fn paint(&self, tone: Tone, text: impl fmt::Display) -> String {
        paint(self.out.color, tone, text)
    }

    /// Writes one document: in lines if that is wanted, else indented.
    pub(crate) fn document<T: Serialize + ?Sized>(&self, document: &T) -> io::Result<()> {
        let text = match self.format {
            Format::JsonLines => serde_json::to_string(document)?,
            Format::Json | Format::People => serde_json::to_string_pretty(document)?,
        };
        self.line(text)
    }

    /// Writes a list: under `noun` as one document, an item a line, or as a table.
    pub(crate) fn list<T: Serialize>(
        &self,
        noun: &'static str,
        items: &[T],
        head: &[&str],
        cells: impl Fn(&T) -> Vec<Cell>,
    ) -> io::Result<()> {
        match self.format {
            Format::Json => self.document(&std::collections::BTreeMap::from([(noun, items)])),
            Format::JsonLines => items.iter().try_for_each(|item| self.document(item)),
            Format::People => self.table(head, items.iter().map(cells)),
        }
    }

    /// Writes a list whose cells do not come from what JSON holds.
    pub(crate) fn table_or_list<T: Serialize>(
        &self,
        noun: &'static str,
        items: &[T],
        head: &[&str],
        rows: impl Iterator<Item = Vec<Cell>>,
    ) -> io::Result<()> {
        match self.format {
            Format::People => self.table(head, rows),
            Format::Json | Format::JsonLines => self.list(noun, items, head, |_| Vec::new()),
        }
    }

    /// Writes a table under its head, or its cells with tabs between when nobody looks.
    pub(crate) fn table<C: Into<Cell>>(
        &self,
        head: &[&str],
        rows: impl Iterator<Item = Vec<C>>,
    ) -> io::Result<()> {
        let rows = rows.map(|row| row.into_iter().map(Into::into).collect());
        let paint = |tone, text: &str| self.paint(tone, text);
        match self.out.is_terminal {
            true => table::aligned(head, rows, paint).iter().try_for_each(|line| self.line(line)),
            false => table::separated(rows, paint).try_for_each(|line| self.line(line)),
        }
    }

    /// Writes a line of data.
    pub(crate) fn line(&self, text: impl fmt::Display) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "{text}")?;
        out.flush()
    }

    /// Writes data as it is, without a line's end.
    pub(crate) fn raw(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    /// Tells a person something that is not data.
    pub(crate) fn note(&self, text: impl fmt::Display) {
        // A closed standard error must not keep a command from its work.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }

    /// Tells a person the next useful command.
    pub(crate) fn next(&self, command: impl fmt::Display) {
        if self.err.is_terminal {
            self.note(paint(self.err.color, Tone::Quiet, format!("next: {command}")));
        }
    }

    /// Tells a person what went wrong.
    pub(crate) fn error(&self, error: &super::error::CliError) {
        let text = error.to_string();
        let head = format!("error[{}]", error.code);
        self.note(text.replacen(&head, &paint(self.err.color, Tone::Bad, &head), 1));
    }
}

fn paint(color: bool, tone: Tone, text: impl fmt::Display) -> String {
    if color { format!("\u{1b}[{}m{text}\u{1b}[0m", tone.sgr()) } else { text.to_string() }
}
