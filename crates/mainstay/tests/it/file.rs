//! The database file from outside the program.

use sqlx::{
    Connection,
    sqlite::{SqliteConnectOptions, SqliteConnection},
};
use tokio::runtime::Runtime;

use crate::program::Place;

/// A transaction of somebody else; it ends when this is dropped.
pub(crate) struct Held {
    runtime: Runtime,
    db: Option<SqliteConnection>,
}

impl Drop for Held {
    fn drop(&mut self) {
        let closed = self.db.take().map(|db| self.runtime.block_on(db.close()));
        assert!(closed.is_some_and(|closed| closed.is_ok()));
    }
}

impl Place {
    /// Changes the file as a newer program would.
    pub(crate) fn sql(&self, statements: &[&'static str]) {
        let (runtime, mut db) = self.open();
        runtime.block_on(async {
            for statement in statements {
                sqlx::query(*statement).execute(&mut db).await.unwrap();
            }
            db.close().await.unwrap();
        });
    }

    /// Takes the writer's lock.
    pub(crate) fn hold(&self) -> Held {
        let (runtime, mut db) = self.open();
        let begin = sqlx::query("BEGIN IMMEDIATE").execute(&mut db);
        runtime.block_on(begin).unwrap();
        Held { runtime, db: Some(db) }
    }

    fn open(&self) -> (Runtime, SqliteConnection) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let file = self.path().join(".mainstay/mainstay.db");
        let options = SqliteConnectOptions::new().filename(file);
        let db = runtime.block_on(SqliteConnection::connect_with(&options)).unwrap();
        (runtime, db)
    }
}
