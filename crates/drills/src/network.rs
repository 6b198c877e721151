//! A network of one worker's own, with a cable to this machine that can be cut.
//!
//! The worker lives in a network namespace. What is cut is only its way to the database, by packets
//! that vanish: nothing is closed, nobody is told. Its way to the ledger stays, which is the
//! dangerous half of a partition.

use std::net::Ipv4Addr;

use tokio::process::Command;

use crate::Fault;

/// The table in which packets vanish.
const CUT: &str = "drill";

/// A namespace with one cable.
#[derive(Debug)]
pub struct Network {
    name: String,
    cable: String,
    /// This machine, as seen from within.
    pub host: Ipv4Addr,
}

/// Returns whether this process may make networks, and has the programs for it.
pub async fn is_possible() -> bool {
    let programs = run("ip", &["-V"]).await.is_ok() && run("nft", &["-v"]).await.is_ok();
    programs && rustix::process::geteuid().is_root() && run("ip", &["netns", "list"]).await.is_ok()
}

impl Network {
    /// Makes a network.
    ///
    /// # Errors
    /// This process may not, or the programs `ip` and `nft` are missing.
    pub async fn make() -> Result<Self, Fault> {
        let id = std::process::id();
        let [high, low] = [64 + (id >> 6) % 128, (id % 64) * 4].map(|n| u8::try_from(n).ok());
        let (high, low) = high.zip(low).ok_or("a process has a number")?;
        let (host, guest) = (Ipv4Addr::new(10, 231, high, low + 1), low + 2);
        let (name, cable) = (format!("drill-{id}"), format!("dr{id}"));
        let network = Self { name, cable, host };
        let (name, cable, inner) =
            (network.name.as_str(), network.cable.as_str(), format!("dr{id}i"));
        run("ip", &["netns", "add", name]).await?;
        run("ip", &["link", "add", cable, "type", "veth", "peer", "name", &inner]).await?;
        run("ip", &["link", "set", &inner, "netns", name]).await?;
        run("ip", &["addr", "add", &format!("{host}/30"), "dev", cable]).await?;
        run("ip", &["link", "set", cable, "up"]).await?;
        let address = format!("10.231.{high}.{guest}/30");
        network.within("ip", &["addr", "add", &address, "dev", &inner]).await?;
        network.within("ip", &["link", "set", &inner, "up"]).await?;
        network.within("ip", &["link", "set", "lo", "up"]).await?;
        Ok(network)
    }

    /// Returns the words that start a program within.
    #[must_use]
    pub fn words(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// Lets everything to and from this port of the machine vanish.
    ///
    /// # Errors
    /// The packet filter refuses.
    pub async fn cut(&self, port: u16) -> Result<(), Fault> {
        let (to, from) = (format!("tcp dport {port} drop"), format!("tcp sport {port} drop"));
        let rules = format!(
            "table inet {CUT} {{
                chain out {{ type filter hook output priority 0; {to}; }}
                chain back {{ type filter hook input priority 0; {from}; }}
            }}"
        );
        self.within("nft", &[&rules]).await
    }

    /// Mends what was cut.
    ///
    /// # Errors
    /// Nothing was cut.
    pub async fn mend(&self) -> Result<(), Fault> {
        self.within("nft", &["delete", "table", "inet", CUT]).await
    }

    async fn within(&self, program: &str, words: &[&str]) -> Result<(), Fault> {
        run("ip", &[&["netns", "exec", self.name.as_str(), program], words].concat()).await
    }
}

impl Drop for Network {
    /// The namespace goes with its last process, the cable now.
    fn drop(&mut self) {
        for words in [["link", "del", &self.cable], ["netns", "del", &self.name]] {
            // What is not there need not be removed.
            let _ = std::process::Command::new("ip").args(words).output();
        }
    }
}

async fn run(program: &str, words: &[&str]) -> Result<(), Fault> {
    let output = Command::new(program).args(words).output().await?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("`{program} {}`: {said}", words.join(" ")).into())
}
