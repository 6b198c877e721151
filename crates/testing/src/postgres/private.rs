//! A Postgres server of one test's own: to stop, restart, tune, and throw away.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

use super::account::Account;
use super::binaries::Binaries;
use super::database::random_name;
use super::environment::Environment;
use super::failure::ServerError;
use super::watchdog::Watchdog;

/// Attempts to start: between finding a free port and using it, somebody else may take it.
const ATTEMPTS: usize = 3;

/// A private server, reached on a free port of 127.0.0.1 with a random password.
///
/// It is stopped and its folder removed when the value is dropped, and also when the process
/// that holds it is killed.
#[derive(Debug)]
pub struct PrivatePostgres {
    binaries: Binaries,
    account: Account,
    folder: PathBuf,
    port: u16,
    password: String,
    url: String,
    settings: Vec<(String, String)>,
    /// Held for its `Drop`.
    _watchdog: Watchdog,
}

/// How a server is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Connections are cut, then a checkpoint is written: the next start has nothing to repair.
    Fast,
    /// As if the machine had lost power: the next start replays the write-ahead log.
    Immediate,
}

impl PrivatePostgres {
    /// Starts a server with Postgres' own defaults.
    ///
    /// # Errors
    ///
    /// When Postgres is not installed and cannot be, or does not start; its log is in the source.
    pub async fn start() -> Result<Self, ServerError> {
        Self::start_with(&[]).await
    }

    /// Starts a server with `settings`, e.g. `[("fsync", "off")]`.
    ///
    /// # Errors
    ///
    /// As [`Self::start`].
    pub async fn start_with(settings: &[(&str, &str)]) -> Result<Self, ServerError> {
        Self::start_in(&Environment::read(), settings).await
    }

    pub(super) async fn start_in(
        environment: &Environment,
        settings: &[(&str, &str)],
    ) -> Result<Self, ServerError> {
        let mut server = Self::prepare(environment, settings).await?;
        server.initialise().await?;
        let mut attempt = 1;
        loop {
            match server.launch().await {
                Ok(()) => return Ok(server),
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => server.move_to_free_port()?,
            }
            attempt += 1;
        }
    }

    /// Makes the folder, and the one who removes it, before anything else can fail.
    async fn prepare(
        environment: &Environment,
        settings: &[(&str, &str)],
    ) -> Result<Self, ServerError> {
        let binaries = Binaries::find_or_install(environment).await?;
        let account = Account::choose()?;
        let folder = account
            .make_folder(&random_name("mainstay-pg-")?)
            .map_err(|error| ServerError::new("making a folder for Postgres").because(error))?;
        let watchdog = Watchdog::over(&folder)
            .map_err(|error| ServerError::new("starting the watchdog").because(error))?;
        let settings = settings.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let (password, port) = (random_name("")?, free_port()?);
        let url = url_of(&password, port);
        Ok(Self { binaries, account, folder, port, password, url, settings, _watchdog: watchdog })
    }

    /// Returns the URL of its administrative database; it stays the same across restarts.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the port on 127.0.0.1, e.g. to put a proxy before it.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Stops it. All connections end; the data stays for [`Self::restart`].
    ///
    /// # Errors
    ///
    /// When it does not stop, or was not running.
    pub async fn stop(&mut self, how: Shutdown) -> Result<(), ServerError> {
        let mode = match how {
            Shutdown::Fast => "fast",
            Shutdown::Immediate => "immediate",
        };
        self.control(&["stop", "-w", "-m", mode]).await
    }

    /// Starts it again on the same port, with the same data.
    ///
    /// # Errors
    ///
    /// When it does not start; its log is in the source.
    pub async fn restart(&mut self) -> Result<(), ServerError> {
        self.launch().await
    }

    /// Sets a configuration value that counts from the next [`Self::restart`].
    pub fn set(&mut self, name: &str, value: &str) {
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    async fn initialise(&self) -> Result<(), ServerError> {
        let password = self.folder.join("password");
        let configuration = self.folder.join("data/postgresql.conf");
        self.write(&password, &self.password)?;
        self.run(
            "initdb",
            &[
                "--pgdata=data",
                "--username=mainstay",
                "--auth=scram-sha-256",
                "--pwfile=password",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ],
        )
        .await?;
        // Appended: `initdb` has written what it found out about this machine.
        let found = fs::read_to_string(&configuration)
            .map_err(|error| ServerError::new("reading what initdb wrote").because(error))?;
        self.write(&configuration, &format!("{found}\ninclude '../settings.conf'\n"))
    }

    async fn launch(&self) -> Result<(), ServerError> {
        self.write(&self.folder.join("settings.conf"), &self.configuration())?;
        self.control(&["start", "-w", "-t", "60", "-l", "log"]).await.map_err(|error| {
            match fs::read_to_string(self.folder.join("log")) {
                Ok(log) => ServerError::new("Postgres did not start").because(log),
                Err(_) => error,
            }
        })
    }

    fn configuration(&self) -> String {
        let own = [
            ("port", self.port.to_string()),
            ("listen_addresses", Ipv4Addr::LOCALHOST.to_string()),
            ("unix_socket_directories", self.folder.display().to_string()),
            // Test processes run in parallel, each with a few connections.
            ("max_connections", "300".to_owned()),
        ];
        let own = own.iter().map(|(name, value)| (*name, value.as_str()));
        let given = self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        own.chain(given).map(|(n, v)| format!("{n} = '{}'\n", v.replace('\'', "''"))).collect()
    }

    async fn control(&self, arguments: &[&str]) -> Result<(), ServerError> {
        self.run("pg_ctl", &[&["-D", "data"], arguments].concat()).await
    }

    /// Runs one of Postgres' programs in the folder, as the account.
    async fn run(&self, program: &str, arguments: &[&str]) -> Result<(), ServerError> {
        let doing = || ServerError::new(format!("running `{program} {}`", arguments.join(" ")));
        let output = self
            .account
            .command(&self.binaries.program(program), &self.folder)
            .args(arguments)
            .output()
            .await
            .map_err(|error| doing().because(error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(doing().because(String::from_utf8_lossy(&said).trim().to_owned()))
    }

    /// Writes a file that the account can read.
    fn write(&self, path: &Path, text: &str) -> Result<(), ServerError> {
        fs::write(path, text)
            .and_then(|()| self.account.hand_over(path))
            .map_err(|error| ServerError::new(format!("writing {}", path.display())).because(error))
    }

    fn move_to_free_port(&mut self) -> Result<(), ServerError> {
        self.port = free_port()?;
        self.url = url_of(&self.password, self.port);
        Ok(())
    }
}

fn url_of(password: &str, port: u16) -> String {
    format!("postgres://mainstay:{password}@127.0.0.1:{port}/postgres")
}

fn free_port() -> Result<u16, ServerError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|error| ServerError::new("looking for a free port").because(error))
}
