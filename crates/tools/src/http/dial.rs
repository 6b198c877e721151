//! From a host to a connection: resolved once, each address checked, and exactly those dialled.
//!
//! A name that is resolved once for the check and again for the connection can be two addresses:
//! that is how rebinding gets around a check. So nothing below this file ever sees a name.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use async_trait::async_trait;
use tokio::{net::TcpStream, time::timeout};

use super::{
    egress::Egress,
    failure::{Fault, HttpFailure},
    url::{Host, Url},
};

/// At most so many addresses of a host are looked at; a name with more is refused.
const MOST_ADDRESSES: usize = 64;

/// Finds the addresses of a host.
#[async_trait]
pub trait Resolve: Send + Sync {
    /// Returns every address of a name.
    ///
    /// # Errors
    /// The name has none, or nobody can be asked.
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>>;
}

/// The resolver of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

#[async_trait]
impl Resolve for SystemResolver {
    async fn resolve(&self, name: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((name, 0)).await?.map(|address| address.ip()).collect())
    }
}

/// Opens a connection to an address.
#[async_trait]
pub(crate) trait Dial: Send + Sync {
    /// Connects.
    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream>;
}

/// The network.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Network;

#[async_trait]
impl Dial for Network {
    async fn dial(&self, address: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::connect(address).await?;
        // A request is one write: waiting for more only delays it.
        stream.set_nodelay(true)?;
        Ok(stream)
    }
}

/// Connects to whom a URL names, if every address it stands for may be reached.
pub(super) async fn connect(
    resolver: &dyn Resolve,
    dial: &dyn Dial,
    egress: &Egress,
    url: &Url,
    patience: Duration,
) -> Result<TcpStream, HttpFailure> {
    let unreachable = |why: String| HttpFailure::unsent(Fault::Unreachable(why));
    let connecting = async {
        let addresses = addresses(resolver, egress, url).await?;
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for address in addresses {
            match dial.dial(SocketAddr::new(address, url.port())).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(unreachable(format!("{} cannot be reached: {last}", url.authority())))
    };
    let late = |_| unreachable(format!("{} was not reached in {patience:?}", url.authority()));
    timeout(patience, connecting).await.map_err(late)?
}

/// Returns the addresses of a URL's host, each of them checked. One that is refused refuses all: a
/// name that stands for both kinds is an attempt at something.
async fn addresses(
    resolver: &dyn Resolve,
    egress: &Egress,
    url: &Url,
) -> Result<Vec<IpAddr>, HttpFailure> {
    let refused = |not_allowed| HttpFailure::unsent(Fault::NotAllowed(not_allowed));
    let (host, port) = (url.host(), url.port());
    egress.check_host(host, port).map_err(refused)?;
    let found = match host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => resolver.resolve(name).await.map_err(|error| {
            HttpFailure::unsent(Fault::Unreachable(format!("`{name}` has no address: {error}")))
        })?,
    };
    if found.is_empty() || found.len() > MOST_ADDRESSES {
        let why = format!("`{host}` has {} addresses", found.len());
        return Err(HttpFailure::unsent(Fault::Unreachable(why)));
    }
    for address in &found {
        egress.check_address(host, *address, port).map_err(refused)?;
    }
    Ok(found)
}
