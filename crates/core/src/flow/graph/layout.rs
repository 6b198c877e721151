//! A layered layout: every node in a row below all that lead to it, few crossings between rows.
//!
//! The method of Sugiyama, Tagawa and Toda (1981), in its simplest form: take the edges that lead
//! back out, put each node in the row of its longest path, let long edges pass through rows as
//! cells of their own, and order each row by the mean place of what lies above it.

use std::collections::BTreeSet;

use super::edges::Edge;

/// Nodes in rows, and how the edges run between neighbouring rows.
pub(super) struct Layout {
    pub(super) rows: Vec<Vec<Cell>>,
    pub(super) segments: Vec<Segment>,
    /// Edges that lead back up, by their place among the edges.
    pub(super) back: Vec<usize>,
}

/// One place in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell {
    /// A node, by its place in the definition.
    Node(usize),
    /// An edge that passes, by its place among the edges.
    Passing(usize),
}

/// A piece of an edge from one row to the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    /// The row above.
    pub(super) row: usize,
    pub(super) above: Cell,
    pub(super) below: Cell,
    pub(super) edge: usize,
}

impl Layout {
    /// Lays out `nodes` nodes.
    pub(super) fn of(nodes: usize, edges: &[Edge]) -> Self {
        let back = leading_back(nodes, edges);
        let forward = |(place, _): &(usize, &Edge)| !back.contains(place);
        let ranks = ranks(nodes, edges, &back);
        let height = ranks.iter().max().map_or(0, |deepest| deepest + 1);
        let mut rows: Vec<Vec<Cell>> = vec![Vec::new(); height];
        for (node, rank) in ranks.iter().enumerate() {
            rows.get_mut(*rank).into_iter().for_each(|row| row.push(Cell::Node(node)));
        }
        let mut segments = Vec::new();
        for (place, edge) in edges.iter().enumerate().filter(forward) {
            let (Some(from), Some(to)) = (ranks.get(edge.from), ranks.get(edge.to)) else {
                continue;
            };
            let mut above = Cell::Node(edge.from);
            for row in *from..*to {
                let last = row + 1 == *to;
                let below = if last { Cell::Node(edge.to) } else { Cell::Passing(place) };
                if !last {
                    rows.get_mut(row + 1).into_iter().for_each(|cells| cells.push(below));
                }
                segments.push(Segment { row, above, below, edge: place });
                above = below;
            }
        }
        let mut layout = Self { rows, segments, back: back.into_iter().collect() };
        layout.untangle();
        layout
    }

    /// Returns the column of a cell in a row.
    pub(super) fn column(&self, row: usize, cell: Cell) -> usize {
        self.rows
            .get(row)
            .and_then(|cells| cells.iter().position(|other| *other == cell))
            .unwrap_or(0)
    }

    /// Orders each row by the mean column of its neighbours above, then below, a few times over.
    fn untangle(&mut self) {
        for _ in 0..4 {
            (1..self.rows.len()).for_each(|row| self.order(row, Side::Above));
            (0..self.rows.len().saturating_sub(1))
                .rev()
                .for_each(|row| self.order(row, Side::Below));
        }
        (1..self.rows.len()).for_each(|row| self.order(row, Side::Above));
    }

    fn order(&mut self, row: usize, side: Side) {
        let Some(cells) = self.rows.get(row).cloned() else { return };
        let mut keyed: Vec<(usize, Cell)> = cells
            .iter()
            .enumerate()
            .map(|(column, cell)| (self.mean(row, *cell, side).unwrap_or(column * 1_000), *cell))
            .collect();
        keyed.sort_by_key(|(mean, _)| *mean);
        if let Some(ordered) = self.rows.get_mut(row) {
            *ordered = keyed.into_iter().map(|(_, cell)| cell).collect();
        }
    }

    /// Returns the mean column of a cell's neighbours, in thousandths, so that it stays whole.
    fn mean(&self, row: usize, cell: Cell, side: Side) -> Option<usize> {
        let columns: Vec<usize> = self
            .segments
            .iter()
            .filter_map(|segment| match side {
                Side::Above if segment.row + 1 == row && segment.below == cell => {
                    Some(self.column(segment.row, segment.above))
                }
                Side::Below if segment.row == row && segment.above == cell => {
                    Some(self.column(segment.row + 1, segment.below))
                }
                Side::Above | Side::Below => None,
            })
            .collect();
        let sum: usize = columns.iter().sum();
        (sum * 1_000).checked_div(columns.len())
    }
}

#[derive(Clone, Copy)]
enum Side {
    Above,
    Below,
}

/// Returns the edges that close a cycle, seen from the nodes in declaration order.
fn leading_back(nodes: usize, edges: &[Edge]) -> BTreeSet<usize> {
    let mut search =
        Search { edges, seen: BTreeSet::new(), path: Vec::new(), back: BTreeSet::new() };
    (0..nodes).for_each(|node| search.visit(node));
    search.back
}

struct Search<'a> {
    edges: &'a [Edge],
    seen: BTreeSet<usize>,
    path: Vec<usize>,
    back: BTreeSet<usize>,
}

impl Search<'_> {
    fn visit(&mut self, node: usize) {
        if !self.seen.insert(node) {
            return;
        }
        self.path.push(node);
        for (place, edge) in self.edges.iter().enumerate().filter(|(_, edge)| edge.from == node) {
            if self.path.contains(&edge.to) {
                self.back.insert(place);
            } else {
                self.visit(edge.to);
            }
        }
        self.path.pop();
    }
}

/// Returns the row of each node: the length of the longest path to it.
fn ranks(nodes: usize, edges: &[Edge], back: &BTreeSet<usize>) -> Vec<usize> {
    let mut ranks = vec![0; nodes];
    // Without the edges that lead back no path is longer than there are nodes.
    for _ in 0..nodes {
        for (_, edge) in edges.iter().enumerate().filter(|(place, _)| !back.contains(place)) {
            let wanted = ranks.get(edge.from).map_or(0, |rank| rank + 1);
            if let Some(rank) = ranks.get_mut(edge.to) {
                *rank = wanted.max(*rank);
            }
        }
    }
    ranks
}
