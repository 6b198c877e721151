//! The governed tool layer: registry, grants, validation, native tools.
