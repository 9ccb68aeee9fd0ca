//! Addresses as limits see them, and how many connections each has.
//!
//! It stands alone because the counting must survive upgrades: a permit travels with its connection wherever it goes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// What shares a limit: an IPv4 address, or the /64 that one IPv6 customer usually has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddressKey([u8; 8]);

impl From<IpAddr> for AddressKey {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, d] = v4.octets();
                // Where no IPv6 prefix can be: global unicast never begins with 0xff 0xff.
                Self([0xff, 0xff, 0, 0, a, b, c, d])
            }
            IpAddr::V6(v6) => Self(v6.octets()[..8].try_into().expect("eight of sixteen")),
        }
    }
}

/// Counts connections per address and in all.
#[derive(Debug)]
pub struct Connections {
    counts: Mutex<Counts>,
    per_address_max: u32,
    all_max: u32,
}

#[derive(Debug, Default)]
struct Counts {
    by_address: HashMap<AddressKey, u32>,
    all: u32,
}

/// The right to one connection; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    connections: Arc<Connections>,
    /// Whose share it is part of; a trusted proxy's connection is nobody's.
    address: Option<AddressKey>,
    /// Whether it is a connection of its own, and not a client's part in one of a proxy's.
    whole: bool,
}

impl Connections {
    /// No connections yet, and at most so many.
    #[must_use]
    pub fn new(per_address_max: u32, all_max: u32) -> Arc<Self> {
        Arc::new(Self { counts: Mutex::default(), per_address_max, all_max })
    }

    /// A permit for a connection, unless the address or the server has its fill. Without an address it counts towards
    /// the server's fill alone: a proxy's connections carry many clients.
    #[must_use]
    pub fn admit(self: &Arc<Self>, address: Option<IpAddr>) -> Option<Permit> {
        self.take(address.map(AddressKey::from), true)
    }

    /// A permit for a client that has a proxy's connection for itself, unless its address has its fill.
    #[must_use]
    pub fn admit_behind_proxy(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        self.take(Some(address.into()), false)
    }

    fn take(self: &Arc<Self>, address: Option<AddressKey>, whole: bool) -> Option<Permit> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let share = address.and_then(|address| counts.by_address.get(&address).copied()).unwrap_or(0);
        if (whole && counts.all >= self.all_max) || share >= self.per_address_max {
            return None;
        }
        counts.all += u32::from(whole);
        if let Some(address) = address {
            *counts.by_address.entry(address).or_default() += 1;
        }
        Some(Permit { connections: Arc::clone(self), address, whole })
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.connections.counts.lock().unwrap_or_else(PoisonError::into_inner);
        counts.all -= u32::from(self.whole);
        let Some(address) = self.address else { return };
        if let Some(count) = counts.by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_share_and_gives_it_back() {
        let connections = Connections::new(2, 3);
        let (one, two): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let held = [connections.admit(Some(one)), connections.admit(Some(one))];
        assert!(held.iter().all(Option::is_some));
        assert!(connections.admit(Some(one)).is_none(), "its share");
        let disguised = "::ffff:10.0.0.1".parse().unwrap();
        assert!(connections.admit(Some(disguised)).is_none(), "the same address in other clothes");
        let other = connections.admit(Some(two));
        assert!(other.is_some());
        assert!(connections.admit("10.0.0.3".parse().ok()).is_none(), "the server's fill");
        drop((held, other));
        assert_eq!(connections.count(), 0);
        assert!(connections.counts.lock().unwrap().by_address.is_empty());
    }

    #[test]
    fn behind_a_proxy_each_client_has_its_share() {
        let connections = Connections::new(1, 3);
        let (one, two): (IpAddr, IpAddr) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let proxy: Vec<_> = (0..3).map(|_| connections.admit(None)).collect();
        assert!(proxy.iter().all(Option::is_some), "a proxy has no share, it carries those of others");
        assert!(connections.admit(None).is_none(), "the server's fill");
        let held = [connections.admit_behind_proxy(one), connections.admit_behind_proxy(two)];
        assert!(held.iter().all(Option::is_some));
        assert!(connections.admit_behind_proxy(one).is_none(), "its share");
        assert_eq!(connections.count(), 3, "a client in a proxy's connection is no connection more");
        drop((held, proxy));
        assert_eq!(connections.count(), 0);
        assert!(connections.counts.lock().unwrap().by_address.is_empty());
    }

    #[test]
    fn one_ipv6_customer_is_one_address() {
        let key = |text: &str| AddressKey::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
    }
}
