//! The drawing as a page's SVG: no script, no style sheet, no font but the reader's.

use std::fmt::Write;

use crate::flow::FlowDefinition;

use super::{
    edges::{Edge, EdgeKind, Shape, edges, lines, shape},
    layout::{Cell, Layout, Segment},
};

const LETTER: usize = 8;
const LINE: usize = 18;
const GAP: usize = 32;
const ROW_GAP: usize = 56;

/// Returns the flow as an SVG document.
#[must_use]
pub fn svg(flow: &FlowDefinition) -> String {
    let edges = edges(flow);
    let page = Page::of(flow, &edges);
    let mut body = String::new();
    for segment in &page.layout.segments {
        page.draw_segment(segment, &mut body);
    }
    for (lane, place) in page.layout.back.iter().enumerate() {
        page.draw_back(*place, lane, &mut body);
    }
    (0..flow.steps.len()).for_each(|node| page.draw_node(node, &mut body));
    let (width, height) = (page.width + GAP * (page.layout.back.len() + 1), page.height());
    let arrow = "<marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker>";
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"monospace\" font-size=\"13\">\n<title>{}</title>\n<defs>{arrow}</defs>\n{body}</svg>\n",
        escaped(&flow.name)
    )
}

/// Everything with its place on the page.
struct Page<'a> {
    flow: &'a FlowDefinition,
    edges: &'a [Edge],
    layout: Layout,
    /// The middle of each cell, row by row.
    middles: Vec<Vec<usize>>,
    /// The top of each row, and the bottom of the last one.
    tops: Vec<usize>,
    width: usize,
}

impl<'a> Page<'a> {
    fn of(flow: &'a FlowDefinition, edges: &'a [Edge]) -> Self {
        let layout = Layout::of(flow.steps.len(), edges);
        let width_of = |cell: &Cell| match cell {
            Cell::Node(node) => node_width(flow, *node),
            Cell::Passing(_) => LETTER,
        };
        let row_width =
            |row: &Vec<Cell>| row.iter().map(|cell| width_of(cell) + GAP).sum::<usize>();
        let width = layout.rows.iter().map(row_width).max().unwrap_or(0) + GAP;
        let mut middles = Vec::new();
        let mut tops = vec![GAP];
        for row in &layout.rows {
            let mut x = (width - row_width(row)) / 2;
            let place = |cell: &Cell| {
                let middle = x + (GAP + width_of(cell)) / 2;
                x += width_of(cell) + GAP;
                middle
            };
            middles.push(row.iter().map(place).collect());
            let height = row.iter().map(|cell| cell_height(flow, *cell)).max().unwrap_or(0);
            let top = tops.last().copied().unwrap_or(GAP);
            tops.push(top + height + ROW_GAP);
        }
        Self { flow, edges, layout, middles, tops, width }
    }

    fn height(&self) -> usize {
        self.tops.last().copied().unwrap_or(0)
    }

    fn top(&self, row: usize) -> usize {
        self.tops.get(row).copied().unwrap_or(0)
    }

    fn middle(&self, row: usize, cell: Cell) -> usize {
        let column = self.layout.column(row, cell);
        self.middles.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0)
    }

    fn row_of(&self, node: usize) -> usize {
        self.layout.rows.iter().position(|row| row.contains(&Cell::Node(node))).unwrap_or(0)
    }

    /// Draws one piece of an edge; a passing cell is bridged by a straight line.
    fn draw_segment(&self, segment: &Segment, body: &mut String) {
        let Some(edge) = self.edges.get(segment.edge) else { return };
        let (x1, x2) =
            (self.middle(segment.row, segment.above), self.middle(segment.row + 1, segment.below));
        let bottom_of = |row: usize| self.top(row + 1) - ROW_GAP;
        let y1 = match segment.above {
            Cell::Node(_) => self.top(segment.row) + cell_height(self.flow, segment.above),
            Cell::Passing(_) => bottom_of(segment.row),
        };
        let y2 = self.top(segment.row + 1);
        let half = y1.midpoint(y2);
        let through = match segment.below {
            Cell::Node(_) => String::new(),
            Cell::Passing(_) => format!("V{}", bottom_of(segment.row + 1)),
        };
        let path = format!("M{x1} {y1}C{x1} {half} {x2} {half} {x2} {y2}{through}");
        line(edge, &path, segment.below, body);
        if let (Some(label), Cell::Node(_)) = (&edge.label, segment.below) {
            text(x2 + 6, y2 - 8, "start", label, body);
        }
    }

    /// Draws an edge that leads back up, to the right of everything.
    fn draw_back(&self, place: usize, lane: usize, body: &mut String) {
        let Some(edge) = self.edges.get(place) else { return };
        let side = |node: usize| {
            let row = self.row_of(node);
            let x = self.middle(row, Cell::Node(node)) + node_width(self.flow, node) / 2;
            (x, self.top(row) + cell_height(self.flow, Cell::Node(node)) / 2)
        };
        let ((x1, y1), (x2, y2)) = (side(edge.from), side(edge.to));
        let right = self.width + GAP * lane;
        line(edge, &format!("M{x1} {y1}H{right}V{y2}H{x2}"), Cell::Node(edge.to), body);
        if let Some(label) = &edge.label {
            text(right - 6, y1 - 6, "end", label, body);
        }
    }

    fn draw_node(&self, node: usize, body: &mut String) {
        let Some(step) = self.flow.steps.get(node) else { return };
        let row = self.row_of(node);
        let (width, height) =
            (node_width(self.flow, node), cell_height(self.flow, Cell::Node(node)));
        let (x, y) = (self.middle(row, Cell::Node(node)) - width / 2, self.top(row));
        let style = match shape(self.flow, step) {
            Shape::Start => "rx=\"14\" stroke=\"#222\"",
            Shape::Step => "rx=\"3\" stroke=\"#222\"",
            Shape::Finish => "rx=\"3\" stroke=\"#222\" stroke-width=\"3\"",
            Shape::Router => "rx=\"3\" stroke=\"#06c\"",
            Shape::Compensation => "rx=\"3\" stroke=\"#222\" stroke-dasharray=\"4 3\"",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            body,
            "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" fill=\"#fff\" {style}/>"
        );
        for (place, content) in lines(self.flow, node).iter().enumerate() {
            text(x + width / 2, y + LINE * (place + 1) + 2, "middle", content, body);
        }
    }
}

fn node_width(flow: &FlowDefinition, node: usize) -> usize {
    let letters = lines(flow, node).iter().map(|line| line.chars().count()).max().unwrap_or(0);
    (letters + 3) * LETTER
}

fn cell_height(flow: &FlowDefinition, cell: Cell) -> usize {
    match cell {
        Cell::Node(node) => LINE * lines(flow, node).len() + 14,
        Cell::Passing(_) => 0,
    }
}

fn line(edge: &Edge, path: &str, below: Cell, body: &mut String) {
    let dashes = match edge.kind {
        EdgeKind::Leads => "",
        EdgeKind::Undoes => " stroke-dasharray=\"4 3\"",
    };
    let arrow = match below {
        Cell::Node(_) => " marker-end=\"url(#arrow)\"",
        Cell::Passing(_) => "",
    };
    let _ = writeln!(body, "<path d=\"{path}\" fill=\"none\" stroke=\"#222\"{dashes}{arrow}/>");
}

fn text(x: usize, y: usize, anchor: &str, content: &str, body: &mut String) {
    let content = escaped(content);
    let _ = writeln!(body, "<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\">{content}</text>");
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
