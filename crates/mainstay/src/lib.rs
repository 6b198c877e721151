//! Facade: App, command line, configuration, prelude.
