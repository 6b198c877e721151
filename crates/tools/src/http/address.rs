//! Which addresses are public: everything else is refused unless a tool's allow list names it.
//!
//! The tables follow the IANA registries of special-purpose addresses. Of IPv6 only what is
//! globally routed counts as public; an address that wraps an IPv4 address is refused whatever it
//! wraps, because who writes one wants to be misread. The one exception is the well-known prefix of
//! NAT64, which networks without IPv4 need: there the wrapped address is what counts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Anybody's.
    Public,
    /// Not on the public network; the text says what it is instead.
    Special(&'static str),
    /// Where a cloud hands out credentials to whoever asks from inside.
    Metadata,
}

/// The metadata services that have an IPv4 address: link-local, and those of Alibaba, Oracle and
/// Azure.
const METADATA_V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];

/// The metadata services that have an IPv6 address: Amazon's two and Google's.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Names under which metadata services are known.
const METADATA_NAMES: [&str; 7] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.azure.internal",
    "metadata.tencentyun.com",
    "instance-data",
    "instance-data.ec2.internal",
];

/// Blocks of IPv4 that are not public, the narrower before the wider.
const SPECIAL_V4: [([u8; 4], u8, &str); 17] = [
    ([0, 0, 0, 0], 8, "unspecified"),
    ([10, 0, 0, 0], 8, "private"),
    ([100, 64, 0, 0], 10, "shared by a carrier"),
    ([127, 0, 0, 0], 8, "loopback"),
    ([169, 254, 0, 0], 16, "link-local"),
    ([172, 16, 0, 0], 12, "private"),
    ([192, 0, 0, 0], 24, "reserved for protocols"),
    ([192, 0, 2, 0], 24, "for documentation"),
    ([192, 31, 196, 0], 24, "reserved for protocols"),
    ([192, 88, 99, 0], 24, "a 6to4 relay"),
    ([192, 168, 0, 0], 16, "private"),
    ([198, 18, 0, 0], 15, "for benchmarks"),
    ([198, 51, 100, 0], 24, "for documentation"),
    ([203, 0, 113, 0], 24, "for documentation"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([255, 255, 255, 255], 32, "broadcast"),
    ([240, 0, 0, 0], 4, "reserved"),
];

/// Blocks of IPv6 that are not public, the narrower before the wider.
const SPECIAL_V6: [([u16; 8], u8, &str); 19] = [
    ([0; 8], 128, "unspecified"),
    ([0, 0, 0, 0, 0, 0, 0, 1], 128, "loopback"),
    ([0, 0, 0, 0, 0, 0xffff, 0, 0], 96, "an IPv4 address in disguise"),
    ([0, 0, 0, 0, 0xffff, 0, 0, 0], 96, "an IPv4 address in disguise"),
    ([0; 8], 96, "an IPv4 address in disguise"),
    ([0x64, 0xff9b, 1, 0, 0, 0, 0, 0], 48, "an IPv4 address behind a local NAT64"),
    ([0x100, 0, 0, 0, 0, 0, 0, 0], 64, "discarded"),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 32, "an IPv4 address behind Teredo"),
    ([0x2001, 2, 0, 0, 0, 0, 0, 0], 48, "for benchmarks"),
    ([0x2001, 0, 0, 0, 0, 0, 0, 0], 23, "reserved for protocols"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32, "for documentation"),
    ([0x2002, 0, 0, 0, 0, 0, 0, 0], 16, "an IPv4 address behind 6to4"),
    ([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20, "for documentation"),
    ([0x5f00, 0, 0, 0, 0, 0, 0, 0], 16, "for segment routing"),
    ([0xfc00, 0, 0, 0, 0, 0, 0, 0], 7, "unique local"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10, "link-local"),
    ([0xfec0, 0, 0, 0, 0, 0, 0, 0], 10, "site-local"),
    ([0xff00, 0, 0, 0, 0, 0, 0, 0], 8, "multicast"),
    ([0x2620, 0x4f, 0x8000, 0, 0, 0, 0, 0], 48, "reserved for protocols"),
];

/// The prefix of NAT64 that everybody shares (RFC 6052).
const NAT64: [u16; 8] = [0x64, 0xff9b, 0, 0, 0, 0, 0, 0];

/// All that is routed globally today.
const GLOBAL: [u16; 8] = [0x2000, 0, 0, 0, 0, 0, 0, 0];

/// Returns what an address is.
#[must_use]
pub fn class(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => class_v6(address),
    }
}

/// Returns whether a host name, in lower case, is that of a metadata service.
#[must_use]
pub fn is_metadata_name(name: &str) -> bool {
    METADATA_NAMES.contains(&name)
}

fn class_v4(address: Ipv4Addr) -> Class {
    if METADATA_V4.contains(&address) {
        return Class::Metadata;
    }
    let within = |(block, length, _): &&([u8; 4], u8, _)| {
        in_block(IpAddr::V4(address), IpAddr::V4(Ipv4Addr::from(*block)), *length)
    };
    SPECIAL_V4.iter().find(within).map_or(Class::Public, |(.., what)| Class::Special(what))
}

fn class_v6(address: Ipv6Addr) -> Class {
    let within = |block: [u16; 8], length| {
        in_block(IpAddr::V6(address), IpAddr::V6(Ipv6Addr::from(block)), length)
    };
    if METADATA_V6.contains(&address) {
        return Class::Metadata;
    }
    if within(NAT64, 96) {
        let [.., a, b, c, d] = address.octets();
        return class_v4(Ipv4Addr::new(a, b, c, d));
    }
    let special = SPECIAL_V6.iter().find(|(block, length, _)| within(*block, *length));
    match special {
        Some((.., what)) => Class::Special(what),
        None if within(GLOBAL, 3) => Class::Public,
        None => Class::Special("reserved"),
    }
}

/// Returns whether an address lies in a block, given by an address in it and how many leading bits
/// count.
#[must_use]
pub fn in_block(address: IpAddr, block: IpAddr, length: u8) -> bool {
    let (address, block, width) = match (address, block) {
        (IpAddr::V4(address), IpAddr::V4(block)) => {
            (u128::from(address.to_bits()), u128::from(block.to_bits()), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(block)) => (address.to_bits(), block.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    let ignored = width - u32::from(length).min(width);
    // All 128 bits may be ignored, and a shift by all of them is none.
    let top = |bits: u128| bits.checked_shr(ignored).unwrap_or(0);
    top(address) == top(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Class {
        class(text.parse().unwrap())
    }

    #[test]
    fn addresses_of_anybody_are_public() {
        for public in ["8.8.8.8", "100.63.255.255", "172.32.0.1", "2606:4700::1111", "2a00::1"] {
            assert_eq!(of(public), Class::Public, "{public}");
        }
        assert_eq!(of("64:ff9b::808:808"), Class::Public, "a network without IPv4 needs NAT64");
    }

    #[test]
    fn the_edges_of_every_block_are_inside_it() {
        for (block, length, what) in SPECIAL_V4 {
            let first = u32::from(Ipv4Addr::from(block));
            let last = first | u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            for edge in [first, last] {
                let found = class(IpAddr::V4(edge.into()));
                assert_ne!(found, Class::Public, "{what}: {}", Ipv4Addr::from(edge));
            }
        }
        for (block, length, what) in SPECIAL_V6 {
            let first = Ipv6Addr::from(block).to_bits();
            let last = first | u128::MAX.checked_shr(u32::from(length)).unwrap_or(0);
            for edge in [first, last] {
                let found = class(IpAddr::V6(edge.into()));
                assert_ne!(found, Class::Public, "{what}: {}", Ipv6Addr::from(edge));
            }
        }
    }

    #[test]
    fn an_address_inside_another_is_looked_at_or_refused() {
        assert_eq!(of("64:ff9b::a9fe:a9fe"), Class::Metadata);
        assert_eq!(of("64:ff9b::7f00:1"), Class::Special("loopback"));
        assert_eq!(of("::ffff:8.8.8.8"), Class::Special("an IPv4 address in disguise"));
        assert_eq!(of("fd00:ec2::254"), Class::Metadata);
        assert_eq!(of("4000::1"), Class::Special("reserved"));
    }

    #[test]
    fn a_block_of_no_bits_holds_every_address_of_its_kind() {
        let (four, six) = ("0.0.0.0".parse().unwrap(), "::".parse().unwrap());
        assert!(in_block("8.8.8.8".parse().unwrap(), four, 0));
        assert!(in_block("2a00::1".parse().unwrap(), six, 0));
        assert!(!in_block("8.8.8.8".parse().unwrap(), six, 0));
    }
}
