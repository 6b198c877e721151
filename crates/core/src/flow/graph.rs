//! Drawings of a flow: mermaid and dot for documents, text for a terminal, SVG for a page.
//!
//! All four draw the same nodes and edges; text and SVG share one layered layout.

mod ascii;
mod canvas;
mod dot;
mod edges;
mod layout;
mod mermaid;
mod svg;

pub use ascii::ascii;
pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;

#[cfg(test)]
mod tests;
