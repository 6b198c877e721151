//! The way to the ledger: a connection a call, a line each way.

use std::{fmt, net::SocketAddr, str::FromStr};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{Answer, Request};

/// What somebody who asks at the ledger whether a call happened makes of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// He passes it on.
    Sound,
    /// He says that it did not, whatever the answer: a fault that a drill must notice.
    Forgetful,
}

/// Where the ledger is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    address: SocketAddr,
    memory: Memory,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fault = if self.is_forgetful() { "forgetful@" } else { "" };
        write!(f, "{fault}{}", self.address)
    }
}

impl FromStr for Line {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("forgetful@") {
            Some(address) => Ok(Self::new(address.parse()?).with_memory(Memory::Forgetful)),
            None => Ok(Self::new(text.parse()?)),
        }
    }
}

impl Line {
    /// Makes the way to an address.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self { address, memory: Memory::Sound }
    }

    /// Sets what is made of the ledger's answers.
    #[must_use]
    pub const fn with_memory(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    /// Returns whether it forgets.
    #[must_use]
    pub fn is_forgetful(&self) -> bool {
        self.memory == Memory::Forgetful
    }

    /// Asks once. What happened to a call that got no answer, nobody can say.
    pub async fn ask(&self, request: &Request) -> Answer {
        let Ok(stream) = TcpStream::connect(self.address).await else { return Answer::Unreached };
        self.talk(stream, request).await.unwrap_or(Answer::Unheard)
    }

    async fn talk(&self, stream: TcpStream, request: &Request) -> std::io::Result<Answer> {
        stream.set_nodelay(true)?;
        let mut stream = BufReader::new(stream);
        let mut text = serde_json::to_vec(request)?;
        text.push(b'\n');
        stream.write_all(&text).await?;
        let mut answer = String::new();
        stream.read_line(&mut answer).await?;
        Ok(serde_json::from_str(&answer)?)
    }
}
