//! Addresses of the web, read without mercy: what two readers could understand differently is
//! refused.
//!
//! Readers of URLs disagree on numbers as hosts (`2130706433`, `0x7f.1`, `0177.0.0.1`), on
//! backslashes, on percent signs and foreign digits in names, on what stands before an `@`. None of
//! them has a use in the address of an interface, so none of them is read.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// The most bytes a URL may have.
const LONGEST: usize = 8 << 10;

/// The most bytes a host name may have (RFC 1035).
const LONGEST_NAME: usize = 253;

/// How the other side is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Whom a URL names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name, in lower case, to be resolved.
    Name(String),
    /// An address.
    Address(IpAddr),
}

impl Host {
    /// Reads a name or an address; IPv6 stands in brackets.
    ///
    /// # Errors
    /// It is neither, or in a form that another reader could take for something else.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        if let Some(inner) = text.strip_prefix('[') {
            let inner = inner.strip_suffix(']').ok_or(BadUrl("an IPv6 address that never ends"))?;
            let address = inner.parse::<Ipv6Addr>();
            return address
                .map(|address| Self::Address(IpAddr::V6(address)))
                .map_err(|_| BadUrl("brackets around something that is no plain IPv6 address"));
        }
        let last = text.rsplit('.').next().unwrap_or(text);
        if is_number(last) {
            let address = text.parse::<Ipv4Addr>();
            return address
                .map(|address| Self::Address(IpAddr::V4(address)))
                .map_err(|_| BadUrl("a number in the place of a name"));
        }
        if text.is_empty() || text.len() > LONGEST_NAME || !text.split('.').all(is_label) {
            return Err(BadUrl("a host that is no plain name: letters, digits, `-`, `_`, `.`"));
        }
        Ok(Self::Name(text.to_ascii_lowercase()))
    }
}

/// Whether other readers would take the last part of a host for a number, in any base.
fn is_number(label: &str) -> bool {
    let digits = !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit());
    digits || label.starts_with("0x") || label.starts_with("0X")
}

fn is_label(label: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=63).contains(&label.len())
        && label.bytes().all(allowed)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// Why a text is not taken for a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadUrl(pub(super) &'static str);

impl fmt::Display for BadUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for BadUrl {}

/// An address of the web: scheme, host, port, path with query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    scheme: Scheme,
    host: Host,
    port: u16,
    /// Begins with a slash.
    target: String,
}

impl Url {
    /// Reads an absolute URL. A fragment is left out.
    ///
    /// # Errors
    /// It is not one of `http` or `https`, names a user, or has a form that another reader could
    /// take for something else.
    pub fn parse(text: &str) -> Result<Self, BadUrl> {
        let text = plain(text)?;
        let (scheme, rest) = text.split_once("://").ok_or(BadUrl("no scheme"))?;
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(BadUrl("a scheme that is neither http nor https")),
        };
        Self::with_authority(scheme, rest)
    }

    /// Reads what a redirect points to: a whole URL, or one relative to this one.
    ///
    /// # Errors
    /// As for [`parse`](Self::parse).
    pub fn join(&self, reference: &str) -> Result<Self, BadUrl> {
        let reference = plain(reference)?;
        if let Some(rest) = reference.strip_prefix("//") {
            return Self::with_authority(self.scheme, rest);
        }
        if has_scheme(reference) {
            return Self::parse(reference);
        }
        let path = self.target.split('?').next().unwrap_or_default();
        let target = match reference.as_bytes().first() {
            None => self.target.clone(),
            Some(b'/') => reference.to_owned(),
            Some(b'?') => format!("{path}{reference}"),
            Some(_) => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                format!("{folder}/{reference}")
            }
        };
        Ok(Self { target: without_dots(&target), ..self.clone() })
    }

    fn with_authority(scheme: Scheme, rest: &str) -> Result<Self, BadUrl> {
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(end);
        if authority.contains('@') {
            return Err(BadUrl("a user before the host"));
        }
        let colon = match authority.rfind(']') {
            Some(bracket) => {
                authority.get(bracket..).and_then(|r| r.find(':')).map(|i| i + bracket)
            }
            None => authority.find(':'),
        };
        let (host, port) = match colon.map(|at| authority.split_at(at)) {
            Some((host, port)) => (host, read_port(port)?),
            None => (authority, scheme.port()),
        };
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Self { scheme, host: Host::parse(host)?, port, target: without_dots(&target) })
    }

    /// Returns the scheme.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the host.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Returns the port, also where it is the usual one.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns the path with the query; it begins with a slash.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns whether both are of one origin: scheme, host and port.
    #[must_use]
    pub fn same_origin(&self, other: &Self) -> bool {
        (self.scheme, &self.host, self.port) == (other.scheme, &other.host, other.port)
    }

    /// Returns the host as the header `Host` has it: with the port where it is not the usual one.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == self.scheme.port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.name(), self.authority(), self.target)
    }
}

/// Returns the text without its fragment if nothing in it is read differently elsewhere.
fn plain(text: &str) -> Result<&str, BadUrl> {
    if text.len() > LONGEST {
        return Err(BadUrl("a URL that is too long"));
    }
    if !text.bytes().all(|byte| matches!(byte, 0x21..=0x7e)) {
        return Err(BadUrl("a blank, a control character or a letter that is not ASCII"));
    }
    if text.contains(['\\', '"', '<', '>', '^', '`', '{', '|', '}']) {
        return Err(BadUrl("a character that has no place in a URL"));
    }
    Ok(text.split('#').next().unwrap_or_default())
}

/// Whether a reference begins with a scheme, known or not: a colon before any slash.
fn has_scheme(reference: &str) -> bool {
    let head = reference.find(['/', '?']).map_or(reference, |end| reference.split_at(end).0);
    head.contains(':')
}

fn read_port(text: &str) -> Result<u16, BadUrl> {
    let digits = text.strip_prefix(':').unwrap_or_default();
    let sound = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    let port = sound.then(|| digits.parse().ok()).flatten();
    port.ok_or(BadUrl("a port that is not 1 to 65535"))
}

/// Takes `.` and `..` out of the path (RFC 3986, 5.2.4), also where they are percent-encoded, since
/// servers read them so.
fn without_dots(target: &str) -> String {
    let (path, query) = match target.find('?') {
        Some(at) => target.split_at(at),
        None => (target, ""),
    };
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_folder = false;
    for segment in path.split('/').skip(1) {
        let dots = segment.to_ascii_lowercase().replace("%2e", ".");
        ends_in_folder = matches!(dots.as_str(), "." | "..");
        match dots.as_str() {
            "." => {}
            ".." => drop(kept.pop()),
            _ => kept.push(segment),
        }
    }
    let end = if ends_in_folder && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}{query}", kept.join("/"))
}

#[cfg(test)]
#[path = "url/tests.rs"]
mod tests;
