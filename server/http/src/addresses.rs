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
    address: AddressKey,
}

impl Connections {
    /// No connections yet, and at most so many.
    #[must_use]
    pub fn new(per_address_max: u32, all_max: u32) -> Arc<Self> {
        Arc::new(Self { counts: Mutex::default(), per_address_max, all_max })
    }

    /// A permit, unless the address or the server has its fill.
    #[must_use]
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let address = AddressKey::from(address);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if counts.all >= self.all_max || counts.by_address.get(&address).is_some_and(|&n| n >= self.per_address_max) {
            return None;
        }
        counts.all += 1;
        *counts.by_address.entry(address).or_default() += 1;
        Some(Permit { connections: Arc::clone(self), address })
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
        counts.all -= 1;
        if let Some(count) = counts.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.by_address.remove(&self.address);
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
        let held = [connections.admit(one), connections.admit(one)];
        assert!(held.iter().all(Option::is_some));
        assert!(connections.admit(one).is_none(), "its share");
        assert!(connections.admit("::ffff:10.0.0.1".parse().unwrap()).is_none(), "the same address in other clothes");
        let other = connections.admit(two);
        assert!(other.is_some());
        assert!(connections.admit("10.0.0.3".parse().unwrap()).is_none(), "the server's fill");
        drop((held, other));
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
