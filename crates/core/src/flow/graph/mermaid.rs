//! The drawing as mermaid, which code hosts and many editors render.

use std::fmt::Write;

use crate::flow::FlowDefinition;

use super::edges::{EdgeKind, Shape, edges, lines, shape};

/// Returns the flow as a mermaid flowchart.
#[must_use]
pub fn mermaid(flow: &FlowDefinition) -> String {
    let mut text = String::from("flowchart TD\n");
    for (place, step) in flow.steps.iter().enumerate() {
        let label = lines(flow, place).join("<br/>").replace('"', "#quot;");
        let (open, close) = match shape(flow, step) {
            Shape::Start => ("([", "])"),
            Shape::Step => ("[", "]"),
            Shape::Finish => ("[[", "]]"),
            Shape::Router => ("{", "}"),
            Shape::Compensation => ("[/", "/]"),
        };
        // Names are labels, not ids: `end` is a word of mermaid's own. Writing to a String cannot fail.
        let _ = writeln!(text, "    s{place}{open}\"{label}\"{close}");
    }
    for edge in edges(flow) {
        let arrow = match edge.kind {
            EdgeKind::Leads => "-->",
            EdgeKind::Undoes => "-.->",
        };
        let label = edge.label.map(|label| format!("|{label}|")).unwrap_or_default();
        let _ = writeln!(text, "    s{} {arrow}{label} s{}", edge.from, edge.to);
    }
    text
}
