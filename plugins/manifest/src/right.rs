//! What a plugin asks for beyond its own memory, and how far anybody may be given it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::RIGHT_BYTES_MAX;
use crate::{Level, PluginId};

/// One thing that a service component may be let do. In files it is its word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Right {
    /// `kv`: small values of its own that last.
    Kv,
    /// `sessions.read`: look at sessions and what is in them.
    SessionsRead,
    /// `sessions.write`: speak in them and change what is in them.
    SessionsWrite,
    /// `network:HOST:PORT`: HTTP to one place.
    Place(Place),
    /// `network`: HTTP to all places.
    Network,
    /// `private-network`: to addresses that are not public, too.
    PrivateNetwork,
    /// `secret:NAME`: what the operator keeps for it under a name.
    Secret(String),
    /// `call:NAMESPACE:NAME`: functions of another plugin.
    Call(PluginId),
    /// `auth`: vouch for who asks.
    Auth,
    /// `middleware`: see every API request, and refuse it.
    Middleware,
}

/// Where HTTP may go.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// In small letters.
    pub host: String,
    /// From 1.
    pub port: u16,
}

/// Not a right.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "{0:?} is no right: known are kv, sessions.read, sessions.write, network:HOST:PORT, network, \
     private-network, secret:NAME, call:NAMESPACE:NAME, auth, middleware"
)]
pub struct BadRight(String);

/// Several of them.
pub type Rights = BTreeSet<Right>;

impl Right {
    /// Is it given by name alone? What everybody may ask for in their own corner comes with the installation.
    #[must_use]
    pub const fn is_strong(&self) -> bool {
        match self {
            Right::Network | Right::PrivateNetwork | Right::Auth | Right::Middleware => true,
            Right::Kv
            | Right::SessionsRead
            | Right::SessionsWrite
            | Right::Place(_)
            | Right::Secret(_)
            | Right::Call(_) => false,
        }
    }

    /// May a package that is believed so far have it at all? What is `dev` runs on its author's own machine.
    #[must_use]
    pub fn is_for(&self, level: Level) -> bool {
        match level {
            Level::Community => !self.is_strong() || *self == Right::Network,
            Level::Dev | Level::Private | Level::Verified | Level::Core => true,
        }
    }
}

/// What a plugin may do: what it asks for, as far as its operator granted it, as far as it is believed.
#[must_use]
pub fn effective(asked: &Rights, granted: &Rights, level: Level) -> Rights {
    asked.intersection(granted).filter(|right| right.is_for(level)).cloned().collect()
}

impl FromStr for Right {
    type Err = BadRight;

    fn from_str(text: &str) -> Result<Self, BadRight> {
        let bad = || BadRight(text.chars().take(RIGHT_BYTES_MAX).collect());
        let named = |text: &str| {
            let is_fit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
            (!text.is_empty() && text.bytes().all(is_fit)).then(|| text.to_owned())
        };
        if text.len() > RIGHT_BYTES_MAX {
            return Err(bad());
        }
        Ok(match text {
            "kv" => Right::Kv,
            "sessions.read" => Right::SessionsRead,
            "sessions.write" => Right::SessionsWrite,
            "network" => Right::Network,
            "private-network" => Right::PrivateNetwork,
            "auth" => Right::Auth,
            "middleware" => Right::Middleware,
            _ => match text.split_once(':').ok_or_else(bad)? {
                ("network", place) => Right::Place(place.parse().map_err(|()| bad())?),
                ("secret", name) => Right::Secret(named(name).ok_or_else(bad)?),
                ("call", plugin) => Right::Call(plugin.parse().map_err(|_| bad())?),
                _ => return Err(bad()),
            },
        })
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, port) = text.rsplit_once(':').ok_or(())?;
        // A version 6 address stands in brackets.
        let inner = host.strip_prefix('[').map_or(Some(host), |rest| rest.strip_suffix(']')).ok_or(())?;
        let is_fit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.') || (inner != host && b == b':');
        if inner.is_empty() || !inner.bytes().all(is_fit) {
            return Err(());
        }
        let port = port.parse().ok().filter(|port| *port != 0).ok_or(())?;
        Ok(Place { host: host.to_ascii_lowercase(), port })
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Right::Kv => f.write_str("kv"),
            Right::SessionsRead => f.write_str("sessions.read"),
            Right::SessionsWrite => f.write_str("sessions.write"),
            Right::Place(Place { host, port }) => write!(f, "network:{host}:{port}"),
            Right::Network => f.write_str("network"),
            Right::PrivateNetwork => f.write_str("private-network"),
            Right::Secret(name) => write!(f, "secret:{name}"),
            Right::Call(plugin) => write!(f, "call:{plugin}"),
            Right::Auth => f.write_str("auth"),
            Right::Middleware => f.write_str("middleware"),
        }
    }
}

impl TryFrom<String> for Right {
    type Error = BadRight;

    fn try_from(text: String) -> Result<Self, BadRight> {
        text.parse()
    }
}

impl From<Right> for String {
    fn from(right: Right) -> String {
        right.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_right_is_its_word() {
        for text in [
            "kv",
            "sessions.read",
            "sessions.write",
            "network",
            "private-network",
            "auth",
            "middleware",
            "network:hooks.example.org:443",
            "network:[::1]:80",
            "secret:TOKEN",
            "call:acme:wind",
        ] {
            assert_eq!(text.parse::<Right>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "KV",
            "network:",
            "network:a",
            "network:a:0",
            "network:a b:1",
            "network:::1:80",
            "secret:",
            "call:wind",
            "secret:a/b",
            "files",
        ] {
            assert!(text.parse::<Right>().is_err(), "{text}");
        }
        assert_eq!("network:Example.ORG:80".parse(), Ok(Right::Place(Place { host: "example.org".into(), port: 80 })));
    }

    #[test]
    fn one_may_do_what_is_asked_and_granted_and_believed() {
        let rights = |all: &[&str]| all.iter().map(|text| text.parse().unwrap()).collect::<Rights>();
        let asked = rights(&["kv", "auth", "network:a:80"]);
        let granted = rights(&["kv", "auth", "middleware"]);
        assert_eq!(effective(&asked, &granted, Level::Verified), rights(&["kv", "auth"]));
        assert_eq!(effective(&asked, &granted, Level::Community), rights(&["kv"]));
        assert_eq!(effective(&asked, &Rights::new(), Level::Core), Rights::new());
    }
}
