//! Who is behind a proxy: the addresses whose `X-Forwarded-For` is believed, and the client that it names.
//!
//! It stands alone because it is the only reader of that header. Whoever may write it chooses the address that limits
//! count by; so it is read only where the operator has named the proxy that writes it, and from the right, where each
//! proxy adds whom it heard from, until the first that nobody vouches for.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName};

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The proxies that are believed.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<Network>);

/// An address, or all that share its first bits: `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

/// A text that is neither.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address or network: write 10.0.0.7 or 10.0.0.0/8")]
pub struct NoNetwork(String);

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: Option<IpAddr> = address.trim().parse().ok();
        address
            .map(|address| address.to_canonical())
            .and_then(|address| {
                let most = width(address);
                let prefix_bits = bits.map_or(Some(most), |bits| bits.trim().parse().ok())?;
                (prefix_bits <= most).then_some(Self { address, prefix_bits })
            })
            .ok_or_else(|| NoNetwork(text.to_owned()))
    }
}

impl Network {
    /// Whether an address lies in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let shift = width(address) - self.prefix_bits.min(width(address));
        let head = |address| bits(address).checked_shr(shift).unwrap_or(0);
        address.is_ipv4() == self.address.is_ipv4() && head(address) == head(self.address)
    }
}

const fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

impl Proxies {
    /// Believes these.
    #[must_use]
    pub const fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// Whether what this address says of others is believed.
    #[must_use]
    pub fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// Who sent a request that came from `peer`.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let values = headers.get_all(FORWARDED_FOR).iter().map(|value| value.to_str().unwrap_or_default());
        let hops: Vec<&str> = values.flat_map(|value| value.split(',')).collect();
        let mut client = peer;
        for hop in hops.into_iter().rev() {
            if !self.trust(client) {
                break;
            }
            // What is no address hides everything before it: the proxy that let it pass is the last known.
            let Some(before) = parse_hop(hop.trim()) else { break };
            client = before;
        }
        client
    }
}

/// An address, with the port that some proxies add.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse().ok().or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_network_holds_its_own_and_no_other() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.168.1.7", "192.168.1.7", "192.168.1.8"),
            ("192.168.1.7", "::ffff:192.168.1.7", "::192.168.1.7"),
            ("fd00::/8", "fdff::1", "fe80::1"),
            ("2001:db8::1/128", "2001:db8::1", "2001:db8::2"),
            ("0.0.0.0/0", "8.8.8.8", "::1"),
        ] {
            let parsed: Network = network.parse().unwrap();
            assert!(parsed.contains(address(inside)), "{inside} in {network}");
            assert!(!parsed.contains(address(outside)), "{outside} in {network}");
        }
        for wrong in ["", "proxy", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8", "::1/129", "10.0.0.1/"] {
            let refused = wrong.parse::<Network>().unwrap_err().to_string();
            assert!(refused.contains(&format!("{wrong:?}")) && refused.contains("10.0.0.0/8"), "{refused}");
        }
    }

    #[test]
    fn only_what_believed_proxies_added_counts() {
        let proxies = Proxies::new(vec!["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()]);
        for (peer, forwarded, client) in [
            ("10.0.0.1", "", "10.0.0.1"),
            ("10.0.0.1", "203.0.113.5", "203.0.113.5"),
            // Whatever the client wrote itself stands to the left of what the proxy added.
            ("10.0.0.1", "1.2.3.4, 203.0.113.5", "203.0.113.5"),
            ("10.0.0.1", "1.2.3.4, 203.0.113.5, 10.0.0.2", "203.0.113.5"),
            ("::1", "203.0.113.5:4711", "203.0.113.5"),
            ("::1", "[2001:db8::1]:4711", "2001:db8::1"),
            ("::1", "[2001:db8::1]", "2001:db8::1"),
            ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
            ("10.0.0.1", "203.0.113.5, unknown, 10.0.0.2", "10.0.0.2"),
            ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ] {
            let headers = HeaderMap::from_iter([(FORWARDED_FOR, forwarded.parse().unwrap())]);
            assert_eq!(proxies.client(address(peer), &headers), address(client), "{peer}, {forwarded}");
            assert_eq!(Proxies::default().client(address(peer), &headers), address(peer), "by default nobody is");
        }
        let mut twice = HeaderMap::new();
        twice.append(FORWARDED_FOR, "1.2.3.4".parse().unwrap());
        twice.append(FORWARDED_FOR, "203.0.113.5".parse().unwrap());
        assert_eq!(proxies.client(address("10.0.0.1"), &twice), address("203.0.113.5"), "the last line is the last");
    }
}
