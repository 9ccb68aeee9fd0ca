//! The check sum by which a client proves that it sees what the server shows: a sum over parts, so that order does not
//! matter and the server can keep it up to date change by change.

use hd1_core::NetId;
use hd1_schema::ComponentId;
use xxhash_rust::xxh3::xxh3_64;

/// The part of an entity being there.
#[must_use]
pub fn presence(entity: NetId) -> u64 {
    xxh3_64(&entity.0.to_le_bytes())
}

/// The part of one component's quantised value. Parts are added with wrapping.
#[must_use]
pub fn component(entity: NetId, component: ComponentId, lanes: &[i32], bytes: &[u8]) -> u64 {
    const HEAD: usize = 6;
    const BUFFER: usize = HEAD + 4 * hd1_schema::limits::LANES_MAX;
    let mut buffer = [0u8; BUFFER];
    buffer[..4].copy_from_slice(&entity.0.to_le_bytes());
    buffer[4..HEAD].copy_from_slice(&component.0.to_le_bytes());
    let mut len = HEAD;
    for (slot, lane) in buffer[HEAD..].chunks_exact_mut(4).zip(lanes) {
        slot.copy_from_slice(&lane.to_le_bytes());
        len += 4;
    }
    let fixed = xxh3_64(&buffer[..len]);
    if bytes.is_empty() { fixed } else { fixed ^ xxh3_64(bytes).rotate_left(17) }
}
