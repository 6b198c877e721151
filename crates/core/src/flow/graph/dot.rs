//! The drawing as dot, the language of Graphviz.

use std::fmt::Write;

use crate::flow::FlowDefinition;

use super::edges::{EdgeKind, Shape, edges, lines, shape};

/// Returns the flow as a dot digraph.
#[must_use]
pub fn dot(flow: &FlowDefinition) -> String {
    let mut text =
        format!("digraph {} {{\n    node [fontname=\"sans-serif\"];\n", quoted(&flow.name));
    for (place, step) in flow.steps.iter().enumerate() {
        let shape = match shape(flow, step) {
            Shape::Start => "shape=box, style=rounded",
            Shape::Step => "shape=box",
            Shape::Finish => "shape=box, peripheries=2",
            Shape::Router => "shape=diamond",
            Shape::Compensation => "shape=box, style=dashed",
        };
        let label = quoted(&lines(flow, place).join("\n"));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    s{place} [label={label}, {shape}];");
    }
    for edge in edges(flow) {
        let mut attributes: Vec<String> = Vec::new();
        attributes.extend(edge.label.map(|label| format!("label={}", quoted(&label))));
        if edge.kind == EdgeKind::Undoes {
            attributes.push("style=dashed".to_owned());
        }
        let attributes = match attributes.as_slice() {
            [] => String::new(),
            all => format!(" [{}]", all.join(", ")),
        };
        let _ = writeln!(text, "    s{} -> s{}{attributes};", edge.from, edge.to);
    }
    text.push_str("}\n");
    text
}

fn quoted(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("\"{escaped}\"")
}
