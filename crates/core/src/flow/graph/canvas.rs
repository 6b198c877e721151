//! A sheet of characters on which lines join by themselves where they meet.

const UP: u8 = 1;
const RIGHT: u8 = 2;
const DOWN: u8 = 4;
const LEFT: u8 = 8;

/// The signs by the directions in which they reach: up 1, right 2, down 4, left 8.
const SIGNS: [char; 16] =
    [' ', '│', '─', '└', '│', '│', '┌', '├', '─', '┘', '─', '┴', '┐', '┤', '┬', '┼'];

/// One character: text, or the directions of the lines that meet here.
#[derive(Clone, Copy, Default)]
struct Spot {
    text: Option<char>,
    reach: u8,
}

/// Rows of spots, as long and as many as were drawn on.
#[derive(Default)]
pub(super) struct Canvas {
    rows: Vec<Vec<Spot>>,
}

impl Canvas {
    /// Writes text over whatever is there.
    pub(super) fn write(&mut self, x: usize, y: usize, text: &str) {
        for (sign, x) in text.chars().zip(x..) {
            self.spot(x, y).text = Some(sign);
        }
    }

    /// Draws a vertical line from `top` up to, not including, `bottom`.
    pub(super) fn vertical(&mut self, x: usize, top: usize, bottom: usize) {
        (top..bottom).for_each(|y| self.spot(x, y).reach |= UP | DOWN);
    }

    /// Draws from just below one place down to the row `turn`, across, and down to just above another.
    pub(super) fn bend(&mut self, from: (usize, usize), turn: usize, to: (usize, usize)) {
        let ((x1, top), (x2, bottom)) = (from, to);
        self.vertical(x1, top, turn);
        self.vertical(x2, turn + 1, bottom);
        self.spot(x1, turn).reach |= UP;
        self.spot(x2, turn).reach |= DOWN;
        let (left, right) = (x1.min(x2), x1.max(x2));
        for x in left..right {
            self.spot(x, turn).reach |= RIGHT;
            self.spot(x + 1, turn).reach |= LEFT;
        }
    }

    /// Draws a frame with lines of text in it.
    pub(super) fn frame(&mut self, corner: (usize, usize), width: usize, lines: &[String]) {
        let (x, y) = corner;
        let edge = "─".repeat(width.saturating_sub(2));
        self.write(x, y, &format!("┌{edge}┐"));
        for (line, y) in lines.iter().zip(y + 1..) {
            let room = width.saturating_sub(4);
            self.write(x, y, &format!("│ {line:<room$} │"));
        }
        self.write(x, y + lines.len() + 1, &format!("└{edge}┘"));
    }

    /// Returns the sheet as lines without trailing blanks.
    pub(super) fn text(&self) -> String {
        let line = |row: &Vec<Spot>| {
            let signs: String = row.iter().map(sign).collect();
            format!("{}\n", signs.trim_end())
        };
        self.rows.iter().map(line).collect()
    }

    fn spot(&mut self, x: usize, y: usize) -> &mut Spot {
        if self.rows.len() <= y {
            self.rows.resize(y + 1, Vec::new());
        }
        // The rows and the row were just made long enough; indexing is the borrow the compiler follows.
        #[expect(clippy::indexing_slicing, reason = "resized above")]
        let row = &mut self.rows[y];
        if row.len() <= x {
            row.resize(x + 1, Spot::default());
        }
        #[expect(clippy::indexing_slicing, reason = "resized above")]
        &mut row[x]
    }
}

fn sign(spot: &Spot) -> char {
    let line = SIGNS.get(usize::from(spot.reach)).copied().unwrap_or(' ');
    spot.text.unwrap_or(line)
}
