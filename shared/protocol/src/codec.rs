//! Messages to bytes and back: msgpack with named fields behind a kind byte, or JSON text.
//!
//! Both are the same data: msgpack is written in its human-readable form, so that ids are the same strings as in JSON
//! and one golden file per message serves both.

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Encoding, FrameKind, guard, limits};

/// Why a message was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// More nesting than [`limits::DEPTH_MAX`].
    #[error("nested deeper than {} levels", limits::DEPTH_MAX)]
    TooDeep,
    /// Not a message of the protocol.
    #[error("not a message: {0}")]
    Malformed(String),
}

/// Encodes a message as a frame: with its kind byte in msgpack, as it is in JSON.
///
/// The message types have no key or value that cannot be written, so there is no error.
#[must_use]
pub fn encode_message<T: Serialize>(encoding: Encoding, message: &T) -> Bytes {
    match encoding {
        Encoding::Json => serde_json::to_vec(message).unwrap_or_default().into(),
        Encoding::Binary => {
            let mut out = vec![FrameKind::Message as u8];
            let mut serializer = rmp_serde::Serializer::new(&mut out).with_struct_map().with_human_readable();
            // Writing to memory does not fail; an empty body would be refused by the other end.
            if message.serialize(&mut serializer).is_err() {
                out.truncate(1);
            }
            out.into()
        }
    }
}

/// Decodes a message frame of either encoding; nesting and lengths are checked before the parser runs.
///
/// # Errors
/// [`MessageError`].
pub fn decode_message<T: DeserializeOwned>(encoding: Encoding, frame: &[u8]) -> Result<T, MessageError> {
    match encoding {
        Encoding::Json => {
            guard::check_json(frame)?;
            serde_json::from_slice(frame).map_err(|e| MessageError::Malformed(e.to_string()))
        }
        Encoding::Binary => {
            let Some((&kind, body)) = frame.split_first() else {
                return Err(MessageError::Malformed("empty frame".into()));
            };
            if kind != FrameKind::Message as u8 {
                return Err(MessageError::Malformed(format!("frame kind {kind:#04x} is not a message")));
            }
            guard::check_msgpack(body)?;
            let mut deserializer = rmp_serde::Deserializer::from_read_ref(body).with_human_readable();
            T::deserialize(&mut deserializer).map_err(|e| MessageError::Malformed(e.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use hd1_core::NetId;
    use serde_json::json;

    use super::*;
    use crate::{ClientMessage, Operation};

    #[test]
    fn both_encodings_round_trip() {
        let components = [("Transform".to_owned(), json!({ "position": [1.5, 0.0, -2.0] }))].into();
        let message = ClientMessage::Op { id: 7, op: Operation::Update { entity: NetId(9), components } };
        for encoding in [Encoding::Binary, Encoding::Json] {
            let frame = encode_message(encoding, &message);
            assert_eq!(decode_message::<ClientMessage>(encoding, &frame), Ok(message.clone()));
        }
    }

    #[test]
    fn refusals_are_errors_not_panics() {
        for frame in [&[][..], &[1], &[2, 0xc0], &[1, 0xc1], &[1, 0x81, 0xa1, b't', 0xa3, b'x', b'y', b'z']] {
            assert!(decode_message::<ClientMessage>(Encoding::Binary, frame).is_err(), "{frame:02x?}");
            assert!(decode_message::<ClientMessage>(Encoding::Json, frame).is_err(), "{frame:02x?}");
        }
    }
}
