//! What is in a database: every column of every row, as text and as bytes, unpacked.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, SqliteConnection};
use tokio::runtime::Runtime;

type Rows = Vec<(String, Vec<u8>)>;

/// Returns a value as it is stored and, where it is a packed payload, unpacked.
fn put_down(rows: &mut Rows, table: &str, bytes: Vec<u8>) {
    if let Ok(unpacked) = lz4_flex::decompress_size_prepended(&bytes) {
        rows.push((format!("{table}, unpacked"), unpacked));
    }
    rows.push((table.to_owned(), bytes));
}

/// Returns every value of every table of a file.
pub(super) fn rows_of_sqlite(file: &Path) -> Rows {
    Runtime::new().unwrap().block_on(async {
        let url = format!("sqlite://{}", file.display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        let columns = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c \
                       WHERE m.type = 'table'";
        let columns = sqlx::query(columns).fetch_all(&mut connection).await.unwrap();
        let mut rows = Rows::new();
        for column in columns {
            let (table, column): (String, String) = (column.get(0), column.get(1));
            let sql = format!(r#"SELECT CAST("{column}" AS BLOB) FROM "{table}""#);
            let values = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
            for value in values {
                let bytes: Option<Vec<u8>> = value.get(0);
                put_down(&mut rows, &format!("{table}.{column}"), bytes.unwrap_or_default());
            }
        }
        rows
    })
}

/// Returns every row of every table of a database as text, and every column of bytes as bytes.
pub(super) async fn rows_of_postgres(url: &str) -> Rows {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let columns = "SELECT format('%I.%I', table_schema, table_name), quote_ident(column_name), \
                   data_type FROM information_schema.columns \
                   JOIN information_schema.tables USING (table_schema, table_name) \
                   WHERE table_schema NOT IN ('pg_catalog', 'information_schema') \
                   AND table_type = 'BASE TABLE'";
    let columns = sqlx::query(columns).fetch_all(&mut connection).await.unwrap();
    let mut rows = Rows::new();
    for column in columns {
        let (table, column, kind): (String, String, String) =
            (column.get(0), column.get(1), column.get(2));
        let value = match kind.as_str() {
            "bytea" => column.clone(),
            // Lists of bytes, too, are told as text.
            _ => format!("convert_to({column}::text, 'UTF8')"),
        };
        let sql = format!("SELECT {value} FROM {table}");
        let values = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await.unwrap();
        for value in values {
            let bytes: Option<Vec<u8>> = value.get(0);
            put_down(&mut rows, &format!("{table}.{column}"), bytes.unwrap_or_default());
        }
    }
    connection.close().await.unwrap();
    rows
}
