//! All SQL: Postgres, SQLite and the pure model of the protocol behind one narrow port.
