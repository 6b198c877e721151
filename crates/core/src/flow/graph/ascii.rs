//! The drawing as text, for a terminal.
//!
//! Each source has a line of its own between two rows, so lines cross but never share a way unless
//! they lead to the same node.

use crate::flow::FlowDefinition;

use super::{
    canvas::Canvas,
    edges::{Edge, Shape, edges, lines, shape},
    layout::{Cell, Layout, Segment},
};

const GAP: usize = 4;

/// Returns the flow as text, top to bottom; edges that lead back up are listed below.
#[must_use]
pub fn ascii(flow: &FlowDefinition) -> String {
    let edges = edges(flow);
    let layout = Layout::of(flow.steps.len(), &edges);
    let sheet = Sheet { flow, edges: &edges, middles: middles(flow, &edges, &layout), layout };
    let mut canvas = Canvas::default();
    let mut top = 0;
    for row in 0..sheet.layout.rows.len() {
        let bottom = top + sheet.height(row);
        sheet.draw_row(row, top, bottom, &mut canvas);
        top = sheet.draw_gap(row, bottom, &mut canvas);
    }
    let mut text = canvas.text();
    for edge in sheet.layout.back.iter().filter_map(|place| edges.get(*place)) {
        text.push_str(&back(flow, edge));
    }
    text
}

struct Sheet<'a> {
    flow: &'a FlowDefinition,
    edges: &'a [Edge],
    layout: Layout,
    /// The middle of each cell, row by row.
    middles: Vec<Vec<usize>>,
}

impl Sheet<'_> {
    fn middle(&self, row: usize, cell: Cell) -> usize {
        let column = self.layout.column(row, cell);
        self.middles.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0)
    }

    fn height(&self, row: usize) -> usize {
        let cells = self.layout.rows.get(row).into_iter().flatten();
        cells.map(|cell| cell_height(self.flow, *cell)).max().unwrap_or(0)
    }

    fn draw_row(&self, row: usize, top: usize, bottom: usize, canvas: &mut Canvas) {
        for cell in self.layout.rows.get(row).into_iter().flatten() {
            let x = self.middle(row, *cell);
            match cell {
                Cell::Passing(_) => canvas.vertical(x, top, bottom),
                Cell::Node(node) => {
                    let (content, width) = (boxed(self.flow, *node), box_width(self.flow, *node));
                    canvas.frame((x - width / 2, top), width, &content);
                    let leads_on =
                        self.layout.segments.iter().any(|s| s.row == row && s.above == *cell);
                    let foot = top + content.len() + 2;
                    if leads_on && foot < bottom {
                        canvas.vertical(x, foot, bottom);
                    }
                }
            }
        }
    }

    /// Draws the lines from a row to the next one and returns where that begins.
    fn draw_gap(&self, row: usize, bottom: usize, canvas: &mut Canvas) -> usize {
        let sources = self.sources(row);
        if sources.is_empty() {
            return bottom;
        }
        let top = bottom + sources.len() + 1;
        for (line, source) in sources.iter().enumerate() {
            for segment in self.leaving(row, *source) {
                let (x1, x2) =
                    (self.middle(row, segment.above), self.middle(row + 1, segment.below));
                canvas.bend((x1, bottom), bottom + line, (x2, top));
                self.draw_head(segment, x2, top - 1, canvas);
            }
        }
        top
    }

    fn draw_head(&self, segment: &Segment, x: usize, y: usize, canvas: &mut Canvas) {
        if matches!(segment.below, Cell::Passing(_)) {
            return;
        }
        canvas.write(x, y, "▼");
        canvas.write(x + 2, y, &labels(self.edges, &self.layout, segment.below).join(", "));
    }

    fn leaving(&self, row: usize, source: Cell) -> impl Iterator<Item = &Segment> {
        self.layout.segments.iter().filter(move |s| s.row == row && s.above == source)
    }

    /// Returns the cells that lead on, in the order of their lines: one that stands where another's
    /// line comes down is drawn first, so that the two do not run into each other.
    fn sources(&self, row: usize) -> Vec<Cell> {
        let cells = self.layout.rows.get(row).into_iter().flatten().copied();
        let mut waiting: Vec<Cell> =
            cells.filter(|cell| self.leaving(row, *cell).next().is_some()).collect();
        let mut ordered = Vec::new();
        while !waiting.is_empty() {
            let free = |cell: &Cell| {
                let targets: Vec<usize> =
                    self.leaving(row, *cell).map(|s| self.middle(row + 1, s.below)).collect();
                let stands_in_the_way =
                    |other: &Cell| other != cell && targets.contains(&self.middle(row, *other));
                !waiting.iter().any(stands_in_the_way)
            };
            let next = waiting.iter().position(free).unwrap_or(0);
            ordered.push(waiting.remove(next));
        }
        ordered
    }
}

/// Returns the labels of all edges that come down into a node.
fn labels(edges: &[Edge], layout: &Layout, node: Cell) -> Vec<String> {
    let mut labels: Vec<String> = Vec::new();
    for segment in layout.segments.iter().filter(|segment| segment.below == node) {
        let label = edges.get(segment.edge).and_then(|edge| edge.label.clone());
        labels.extend(label.filter(|label| !labels.contains(label)));
    }
    labels
}

fn middles(flow: &FlowDefinition, edges: &[Edge], layout: &Layout) -> Vec<Vec<usize>> {
    let width_of = |cell: &Cell| match cell {
        Cell::Passing(_) => 1,
        Cell::Node(node) => {
            let label = labels(edges, layout, *cell).join(", ").chars().count();
            box_width(flow, *node).max(2 * label + 5)
        }
    };
    let row_width = |row: &Vec<Cell>| row.iter().map(|cell| width_of(cell) + GAP).sum::<usize>();
    let widest = layout.rows.iter().map(row_width).max().unwrap_or(0);
    let place_row = |row: &Vec<Cell>| {
        let mut x = (widest - row_width(row)) / 2;
        let mut place = |cell: &Cell| {
            let middle = x + width_of(cell) / 2;
            x += width_of(cell) + GAP;
            middle
        };
        row.iter().map(&mut place).collect()
    };
    layout.rows.iter().map(place_row).collect()
}

fn boxed(flow: &FlowDefinition, node: usize) -> Vec<String> {
    let mut lines = lines(flow, node);
    let sign = flow.steps.get(node).map(|step| match shape(flow, step) {
        Shape::Start => "▶ ",
        Shape::Step => "",
        Shape::Finish => "■ ",
        Shape::Router => "◆ ",
        Shape::Compensation => "↶ ",
    });
    if let (Some(first), Some(sign)) = (lines.first_mut(), sign) {
        first.insert_str(0, sign);
    }
    lines
}

fn box_width(flow: &FlowDefinition, node: usize) -> usize {
    boxed(flow, node).iter().map(|line| line.chars().count()).max().unwrap_or(0) + 4
}

fn cell_height(flow: &FlowDefinition, cell: Cell) -> usize {
    match cell {
        Cell::Node(node) => lines(flow, node).len() + 2,
        Cell::Passing(_) => 0,
    }
}

fn back(flow: &FlowDefinition, edge: &Edge) -> String {
    let name = |place: usize| flow.steps.get(place).map_or("", |step| &*step.name);
    let label = edge.label.as_ref().map(|label| format!(" ({label})")).unwrap_or_default();
    format!("↺ {} → {}{label}\n", name(edge.from), name(edge.to))
}
