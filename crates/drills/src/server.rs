//! A Postgres server of the drill's own, which can be restarted rudely and lose its connections.

use std::{
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use mainstay_testing::postgres::{PrivatePostgres, Shutdown};
use sqlx::{Connection, PgConnection};

use crate::{Fault, chance::Chance};

/// Who may come: also workers from a network of their own.
const VISITORS: &str = "local all all scram-sha-256
host all all 127.0.0.1/32 scram-sha-256
host all all 10.231.0.0/16 scram-sha-256
";

/// The server.
#[derive(Debug)]
pub struct Server {
    postgres: PrivatePostgres,
    visitors: PathBuf,
}

impl Server {
    /// Starts a server that listens on every address of this machine.
    ///
    /// # Errors
    /// Postgres is not installed, or does not start.
    pub async fn start() -> Result<Self, Fault> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        // Not the temporary folder of the environment: the server's user must be able to enter.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("/tmp/mainstay-drill-{}-{number}.hba", std::process::id());
        let visitors = PathBuf::from(name);
        std::fs::write(&visitors, VISITORS)?;
        std::fs::set_permissions(&visitors, std::fs::Permissions::from_mode(0o644))?;
        let hba = visitors.display().to_string();
        let settings = [
            ("listen_addresses", "*"),
            ("hba_file", hba.as_str()),
            // A worker has nine connections, and leaves some behind when it is cut off.
            ("max_connections", "300"),
        ];
        Ok(Self { postgres: PrivatePostgres::start_with(&settings).await?, visitors })
    }

    /// Returns its address on this machine.
    #[must_use]
    pub fn url(&self) -> &str {
        self.postgres.url()
    }

    /// Returns its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.postgres.port()
    }

    /// Returns one of its databases' address as seen from another network.
    #[must_use]
    pub fn seen_from(url: &str, host: Ipv4Addr) -> String {
        url.replacen("@127.0.0.1:", &format!("@{host}:"), 1)
    }

    /// Stops it as if the machine had lost its power, and starts it again.
    ///
    /// # Errors
    /// It does not come back.
    pub async fn crash(&mut self) -> Result<(), Fault> {
        self.postgres.stop(Shutdown::Immediate).await?;
        Ok(self.postgres.restart().await?)
    }

    /// Cuts up to `most` connections of workers off, whichever chance picks. Returns how many.
    ///
    /// # Errors
    /// The server does not answer.
    pub async fn terminate(&self, chance: &mut Chance, most: usize) -> Result<usize, Fault> {
        let mut sql = PgConnection::connect(self.url()).await?;
        let backends: Vec<i32> = sqlx::query_scalar(
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'mainstay' ORDER BY pid",
        )
        .fetch_all(&mut sql)
        .await?;
        let count = chance.between(1, most);
        for picked in chance.some_of(backends.len(), count) {
            let pid = backends.get(picked).copied();
            sqlx::query("SELECT pg_terminate_backend($1)").bind(pid).execute(&mut sql).await?;
        }
        sql.close().await?;
        Ok(count.min(backends.len()))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // A file that stays behind in the temporary folder harms nobody.
        let _ = std::fs::remove_file(&self.visitors);
    }
}
