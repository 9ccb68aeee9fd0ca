//! What participants' programs say to each other: for whom it is, and how much it may be.
//!
//! The server passes it on and reads none of it; the same rules are checked at the door and where it is carried out.

use std::io;

use hd1_core::{NetId, PlayerId};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::Value as Json;

use crate::limits::{SAID_BYTES_MAX, SAID_DEPTH_MAX, SAID_RADIUS_M_MAX, TOPIC_BYTES_MAX};

/// For whom a message is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum To {
    /// Everybody in the world, its sender among them.
    #[default]
    Everyone,
    /// Those who moderate: moderators and owners.
    Moderators,
    /// One player.
    Player(PlayerId),
    /// Those who are near a place: whose avatar is, or, of a viewer, whose camera is.
    Near(Near),
}

/// A place and what is near it; an entity or a position names it, not both.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Near {
    /// Where this entity is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entity: Option<NetId>,
    /// Here, in metres.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "finite_place")]
    pub position: Option<[f32; 3]>,
    /// Metres, above 0 and at most [`SAID_RADIUS_M_MAX`].
    pub radius: f32,
}

/// A rule that is broken: where, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The place in the operation.
    pub path: &'static str,
    /// What would be right.
    pub rule: String,
}

fn broken<T>(path: &'static str, rule: impl Into<String>) -> Result<T, Broken> {
    Err(Broken { path, rule: rule.into() })
}

/// Checks what is said: its topic and its data.
///
/// # Errors
/// [`Broken`].
pub fn check(topic: &str, data: &Json) -> Result<(), Broken> {
    let plain = |c: char| c.is_ascii_alphanumeric() || ".:/_-".contains(c);
    if topic.is_empty() || topic.len() > TOPIC_BYTES_MAX || !topic.chars().all(plain) {
        return broken("topic", format!("must be 1 to {TOPIC_BYTES_MAX} of a-z A-Z 0-9 . : / _ -"));
    }
    check_data(data)
}

/// Checks data alone: its nesting, and its size as JSON.
///
/// # Errors
/// [`Broken`].
pub fn check_data(data: &Json) -> Result<(), Broken> {
    if !is_within(data, SAID_DEPTH_MAX) {
        return broken("data", format!("must be nested at most {SAID_DEPTH_MAX} levels deep"));
    }
    match data_bytes(data) {
        bytes if bytes > SAID_BYTES_MAX => {
            broken("data", format!("must be at most {SAID_BYTES_MAX} bytes as JSON, has {bytes}"))
        }
        _ => Ok(()),
    }
}

impl Near {
    /// Checks that it names one place, and how far around it.
    ///
    /// # Errors
    /// [`Broken`].
    pub fn check(&self) -> Result<(), Broken> {
        if self.entity.is_some() == self.position.is_some() {
            return broken("to.near", "must have either an entity or a position");
        }
        if !(self.radius > 0.0 && self.radius <= SAID_RADIUS_M_MAX) {
            return broken("to.near.radius", format!("must be above 0 and at most {SAID_RADIUS_M_MAX} metres"));
        }
        Ok(())
    }
}

/// Bytes of a value as compact JSON.
#[must_use]
pub fn data_bytes(data: &Json) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Counting does not fail, and JSON values can all be written.
    if serde_json::to_writer(&mut count, data).is_err() { usize::MAX } else { count.0 }
}

/// Is it nested at most so deep? A number or text is not nested.
fn is_within(data: &Json, levels: usize) -> bool {
    let mut inner: Box<dyn Iterator<Item = &Json>> = match data {
        Json::Array(items) => Box::new(items.iter()),
        Json::Object(fields) => Box::new(fields.values()),
        _ => return true,
    };
    levels > 0 && inner.all(|item| is_within(item, levels - 1))
}

fn finite_place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[f32; 3]>, D::Error> {
    let place = Option::<[f32; 3]>::deserialize(deserializer)?;
    if place.is_none_or(|axes| axes.iter().all(|v| v.is_finite())) {
        Ok(place)
    } else {
        Err(D::Error::custom("a number is not finite"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_said_is_bounded() {
        let path = |topic: &str, data: &Json| check(topic, data).err().map(|broken| broken.path);
        assert_eq!(path("game.score/red:1", &Json::Null), None);
        for topic in ["", "two words", "grüße", "a\n", &"x".repeat(TOPIC_BYTES_MAX + 1)] {
            assert_eq!(path(topic, &Json::Null), Some("topic"), "{topic:?}");
        }
        // Quotes included.
        assert_eq!(path("t", &json!("x".repeat(SAID_BYTES_MAX - 2))), None);
        assert_eq!(path("t", &json!("x".repeat(SAID_BYTES_MAX - 1))), Some("data"));
        let nested = |levels| {
            (0..levels)
                .fold(json!(1), |inner, level| if level % 2 == 0 { json!([inner]) } else { json!({ "in": inner }) })
        };
        assert_eq!(path("t", &nested(SAID_DEPTH_MAX)), None);
        assert_eq!(path("t", &nested(SAID_DEPTH_MAX + 1)), Some("data"));
        assert_eq!(data_bytes(&json!({ "a": [1, "ü"] })), "{\"a\":[1,\"ü\"]}".len());
    }

    #[test]
    fn a_place_is_one() {
        let near =
            |json: Json| serde_json::from_value::<Near>(json).map(|near| near.check().map_err(|broken| broken.path));
        assert_eq!(near(json!({ "entity": 7, "radius": 20 })).unwrap(), Ok(()));
        assert_eq!(near(json!({ "position": [0, 1, 2], "radius": 0.5 })).unwrap(), Ok(()));
        assert_eq!(near(json!({ "radius": 20 })).unwrap(), Err("to.near"));
        assert_eq!(near(json!({ "entity": 7, "position": [0, 1, 2], "radius": 20 })).unwrap(), Err("to.near"));
        for radius in [0.0, -1.0, 1.0e6] {
            assert_eq!(near(json!({ "entity": 7, "radius": radius })).unwrap(), Err("to.near.radius"));
        }
        assert!(near(json!({ "position": [0, 1e300, 2], "radius": 1 })).is_err());
    }
}
