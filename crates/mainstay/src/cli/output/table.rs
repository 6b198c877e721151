//! Tables: laid out by what a reader sees, painted afterwards.

use std::iter;

use mainstay_core::visible;
use unicode_width::UnicodeWidthStr;

use super::Tone;

/// What stands between two columns.
const GAP: &str = "  ";

/// One field of a table: a text, and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cell {
    text: String,
    tone: Option<Tone>,
}

impl Cell {
    /// Makes a cell that is shown in its tone.
    pub(crate) fn toned(tone: Tone, text: impl ToString) -> Self {
        Self { text: text.to_string(), tone: Some(tone) }
    }

    fn width(&self) -> usize {
        self.text.width()
    }

    /// A line end or a control character of a cell would break the lines of all others.
    fn shown(self) -> Self {
        let one = self.text.replace(['\t', '\n', '\r'], " ");
        Self { text: visible::visible(&one), ..self }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self { text, tone: None }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

/// Returns the lines of a table for a terminal, the head first; none if there are no rows.
pub(super) fn aligned(
    head: &[&str],
    rows: impl Iterator<Item = Vec<Cell>>,
    paint: impl Fn(Tone, &str) -> String,
) -> Vec<String> {
    let head = head.iter().map(|&title| Cell::toned(Tone::Strong, title)).collect();
    let lines: Vec<Vec<Cell>> = iter::once(head)
        .chain(rows)
        .map(|row| row.into_iter().map(Cell::shown).collect())
        .collect();
    if lines.len() == 1 {
        return Vec::new();
    }
    let widths = widths(&lines);
    lines.iter().map(|line| written(line, &widths, &paint)).collect()
}

/// Returns the lines of a table for a program: fields with tabs between, and no head, so that
/// `cut`, `sort` and `wc -l` see rows and nothing else.
pub(super) fn separated(
    rows: impl Iterator<Item = Vec<Cell>>,
    paint: impl Fn(Tone, &str) -> String,
) -> impl Iterator<Item = String> {
    let field = move |cell: Cell| {
        let text = cell.text.replace(['\t', '\n', '\r'], " ");
        cell.tone.map_or_else(|| text.clone(), |tone| paint(tone, &text))
    };
    rows.map(move |row| row.into_iter().map(&field).collect::<Vec<_>>().join("\t"))
}

/// Returns how wide each column's widest cell is.
fn widths(lines: &[Vec<Cell>]) -> Vec<usize> {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column| lines.iter().filter_map(|line| line.get(column)).map(Cell::width).max();
    (0..columns).map(|column| width(column).unwrap_or(0)).collect()
}

fn written(line: &[Cell], widths: &[usize], paint: &impl Fn(Tone, &str) -> String) -> String {
    let mut written = String::new();
    // Room is given before a cell and not after it: no line ends in spaces.
    let mut room = String::new();
    for (cell, width) in line.iter().zip(widths) {
        if !cell.text.is_empty() {
            written.push_str(&room);
            room.clear();
            written.push_str(&cell.tone.map_or(cell.text.clone(), |tone| paint(tone, &cell.text)));
        }
        room.push_str(&" ".repeat(width.saturating_sub(cell.width())));
        room.push_str(GAP);
    }
    written
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn rows() -> impl Iterator<Item = Vec<Cell>> {
        let row = |status, name: &str, tags: &str| {
            vec![Cell::toned(Tone::Good, status), name.into(), tags.into()]
        };
        [row("completed", "東京", "a=b"), row("parked", "Oslo\tand Bergen", "")].into_iter()
    }

    fn check(lines: Vec<String>, expected: &Expect) {
        expected.assert_eq(&lines.join("\n"));
    }

    #[test]
    fn painted_cells_stand_in_line_with_plain_ones() {
        let head = ["STATUS", "PLACE", "TAGS"];
        let plain = expect![[r"
            STATUS     PLACE            TAGS
            completed  東京             a=b
            parked     Oslo and Bergen"]];
        check(aligned(&head, rows(), |_, text| text.to_owned()), &plain);
        let painted = aligned(&head, rows(), |tone, text| super::super::paint(true, tone, text));
        assert!(painted.iter().all(|line| line.contains("\u{1b}[")), "{painted:?}");
        let strip = |line: &String| {
            ["\u{1b}[0m", "\u{1b}[1m", "\u{1b}[32m"]
                .iter()
                .fold(line.clone(), |line, code| line.replace(code, ""))
        };
        check(painted.iter().map(strip).collect(), &plain);
    }

    #[test]
    fn a_table_without_rows_has_no_head() {
        assert!(aligned(&["RUN"], iter::empty(), |_, text| text.to_owned()).is_empty());
    }

    #[test]
    fn a_program_gets_fields_with_tabs_between_and_no_head() {
        let lines = separated(rows(), |_, text| text.to_owned()).collect();
        check(lines, &expect!["completed\t東京\ta=b\nparked\tOslo and Bergen\t"]);
    }

    #[test]
    fn what_a_cell_hides_cannot_move_the_others() {
        let rows = [vec![Cell::from("\u{1b}[2Jevil\u{202e}"), "x".into()]].into_iter();
        let lines = aligned(&["A", "B"], rows, |_, text| text.to_owned());
        check(
            lines,
            &expect![[r"
            A                      B
            \u{1b}[2Jevil\u{202e}  x"]],
        );
    }
}
