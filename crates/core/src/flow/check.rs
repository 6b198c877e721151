//! What makes a graph unsound.
