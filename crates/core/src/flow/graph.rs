//! Drawings of a graph: mermaid, dot, ascii, SVG.
