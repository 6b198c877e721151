//! Where a tool's requests may go: anywhere public, and to what its allow list names.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{
    address::{Class, class, in_block, is_metadata_name},
    url::{BadUrl, Host},
};

/// One entry of an allow list: a host, an address or a block of addresses, with a port.
///
/// Written as `crm.internal:8443`, `127.0.0.1:8080`, `[::1]:8080`, `10.1.0.0/16:443`,
/// `[fd00:1::]/64:443`; `*` in the place of the port means every port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Allowed {
    place: Place,
    /// Every port when absent.
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Name(String),
    Block { address: IpAddr, length: u8 },
}

impl Allowed {
    fn fits_port(&self, port: u16) -> bool {
        self.port.is_none_or(|allowed| allowed == port)
    }

    /// Whether it names exactly this address, and so was written by somebody who meant it.
    fn is_exactly(&self, address: IpAddr) -> bool {
        let width = if address.is_ipv4() { 32 } else { 128 };
        matches!(self.place, Place::Block { address: own, length } if own == address && length == width)
    }
}

impl FromStr for Allowed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` allows nothing: write a host, an address or a block with a port, such as \
                 `crm.internal:8443`, `10.1.0.0/16:443` or `[::1]:*`"
            )
        };
        let (place, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = match port {
            "*" => None,
            digits => Some(digits.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?),
        };
        let (host, length) = match place.rsplit_once('/') {
            Some((host, length)) => (host, Some(length.parse::<u8>().map_err(|_| wrong())?)),
            None => (place, None),
        };
        let place = match (Host::parse(host).map_err(|BadUrl(_)| wrong())?, length) {
            (Host::Name(name), None) => Place::Name(name),
            (Host::Name(_), Some(_)) => return Err(wrong()),
            (Host::Address(address), length) => {
                let width = if address.is_ipv4() { 32 } else { 128 };
                let length = length.unwrap_or(width);
                if length > width {
                    return Err(wrong());
                }
                Place::Block { address, length }
            }
        };
        Ok(Self { place, port })
    }
}

impl TryFrom<String> for Allowed {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Allowed> for String {
    fn from(allowed: Allowed) -> Self {
        allowed.to_string()
    }
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Name(name) => f.write_str(name)?,
            Place::Block { address, length } => {
                write!(f, "{}", Host::Address(*address))?;
                if *length < if address.is_ipv4() { 32 } else { 128 } {
                    write!(f, "/{length}")?;
                }
            }
        }
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => f.write_str(":*"),
        }
    }
}

/// Why a request must not go where it wants to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAllowed {
    /// The host, as the URL has it.
    pub host: String,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for NotAllowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.host, self.why)
    }
}

impl std::error::Error for NotAllowed {}

/// Where requests may go. Without an allow list: to public addresses, and nowhere else.
///
/// An allowed name may resolve to any address, except those of metadata services: these must be
/// allowed by the address itself, since whoever controls the name's zone could point it there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Egress {
    allow: Vec<Allowed>,
}

impl Egress {
    /// Lets requests go to public addresses only.
    #[must_use]
    pub const fn public() -> Self {
        Self { allow: Vec::new() }
    }

    /// Lets them also go where an entry says.
    #[must_use]
    pub fn allowing(mut self, allowed: Allowed) -> Self {
        self.allow.push(allowed);
        self
    }

    /// Checks what a URL names, before anything is resolved.
    ///
    /// # Errors
    /// It is a name that only an allow list could let through, and none does.
    pub fn check_host(&self, host: &Host, port: u16) -> Result<(), NotAllowed> {
        let Host::Name(name) = host else { return Ok(()) };
        let why = match name.as_str() {
            name if is_metadata_name(name) => "is the name of a metadata service",
            name if name == "localhost" || name.ends_with(".localhost") => "is this machine",
            _ => return Ok(()),
        };
        if self.allow.iter().any(|entry| entry.names(name, port)) {
            return Ok(());
        }
        Err(NotAllowed { host: host.to_string(), why: why.to_owned() })
    }

    /// Checks an address that the host of a URL stands for.
    ///
    /// # Errors
    /// The address is not public, and no entry allows it.
    pub fn check_address(&self, host: &Host, address: IpAddr, port: u16) -> Result<(), NotAllowed> {
        let mut fitting = self.allow.iter().filter(|entry| entry.fits_port(port));
        let (allowed, what) = match class(address) {
            Class::Public => return Ok(()),
            Class::Metadata => {
                (fitting.any(|entry| entry.is_exactly(address)), "a metadata service")
            }
            Class::Special(what) => (fitting.any(|entry| entry.lets(host, address)), what),
        };
        if allowed {
            return Ok(());
        }
        let why = match host {
            Host::Address(_) => format!("is {what}"),
            Host::Name(_) => format!("stands for {address}, which is {what}"),
        };
        Err(NotAllowed { host: host.to_string(), why })
    }
}

impl Allowed {
    fn names(&self, name: &str, port: u16) -> bool {
        self.fits_port(port) && matches!(&self.place, Place::Name(own) if own == name)
    }

    fn lets(&self, host: &Host, address: IpAddr) -> bool {
        match (&self.place, host) {
            (Place::Name(own), Host::Name(name)) => own == name,
            (Place::Name(_), Host::Address(_)) => false,
            (Place::Block { address: block, length }, _) => in_block(address, *block, *length),
        }
    }
}

impl FromIterator<Allowed> for Egress {
    fn from_iter<I: IntoIterator<Item = Allowed>>(entries: I) -> Self {
        Self { allow: entries.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(entries: &[&str]) -> Egress {
        entries.iter().map(|entry| entry.parse::<Allowed>().unwrap()).collect()
    }

    fn lets(entries: &[&str], host: &str, address: &str, port: u16) -> bool {
        let (egress, host) = (egress(entries), Host::parse(host).unwrap());
        let address = address.parse().unwrap();
        egress.check_host(&host, port).is_ok() && egress.check_address(&host, address, port).is_ok()
    }

    #[test]
    fn an_entry_lets_through_what_it_names_and_nothing_beside_it() {
        assert!(!lets(&[], "127.0.0.1", "127.0.0.1", 8080));
        assert!(lets(&["127.0.0.1:8080"], "127.0.0.1", "127.0.0.1", 8080));
        assert!(!lets(&["127.0.0.1:8080"], "127.0.0.1", "127.0.0.1", 8081));
        assert!(lets(&["127.0.0.1:*"], "127.0.0.1", "127.0.0.1", 8081));
        assert!(lets(&["10.1.0.0/16:443"], "crm.example", "10.1.2.3", 443));
        assert!(!lets(&["10.1.0.0/16:443"], "crm.example", "10.2.2.3", 443));
        assert!(lets(&["crm.internal:443"], "crm.internal", "10.1.2.3", 443));
        assert!(!lets(&["crm.internal:443"], "other.internal", "10.1.2.3", 443));
        assert!(lets(&["[fd00:1::]/64:443"], "[fd00:1::7]", "fd00:1::7", 443));
        assert!(lets(&["localhost:80"], "localhost", "127.0.0.1", 80));
        assert!(!lets(&[], "localhost", "8.8.8.8", 80));
    }

    #[test]
    fn metadata_is_allowed_by_its_address_alone() {
        let metadata = "169.254.169.254";
        assert!(!lets(&["crm.internal:80"], "crm.internal", metadata, 80));
        assert!(!lets(&["169.254.0.0/16:80"], metadata, metadata, 80));
        assert!(!lets(&["0.0.0.0/0:*"], metadata, metadata, 80));
        assert!(lets(&["169.254.169.254:80"], metadata, metadata, 80));
    }

    #[test]
    fn an_entry_is_written_as_it_is_read() {
        let sound =
            ["crm.internal:8443", "127.0.0.1:8080", "[::1]:*", "10.1.0.0/16:443", "[fd00::]/64:1"];
        for text in sound {
            assert_eq!(text.parse::<Allowed>().unwrap().to_string(), text);
        }
        let wrong = [
            "crm.internal",
            "10.0.0.0/33:1",
            "a/8:1",
            "*:443",
            "10.0.0.0/8",
            "127.1:80",
            "a:0",
            "",
        ];
        for text in wrong {
            assert!(text.parse::<Allowed>().is_err(), "{text}");
        }
    }
}
