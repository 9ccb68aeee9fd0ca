//! Which state among packets that came together is still worth decoding.

use hd1_core::Tick;
use hd1_protocol::{
    FrameKind, Packet,
    state::{self, StateHeader},
};

/// The newest tick of which all fragments are here; 0 for none.
pub(crate) fn whole(packets: &[Packet]) -> Tick {
    let mut ticks: Vec<(Tick, u32)> = Vec::new();
    let mut whole = Tick(0);
    for header in packets.iter().filter_map(header) {
        let at = ticks.iter().rposition(|(tick, _)| *tick == header.tick).unwrap_or_else(|| {
            ticks.push((header.tick, 0));
            ticks.len() - 1
        });
        // Counted, not listed: where a repeated fragment makes a tick look whole, a later tick brings what is missing.
        ticks[at].1 += 1;
        if ticks[at].1 >= header.count {
            whole = whole.max(header.tick);
        }
    }
    whole
}

/// Is it state of a tick before `tick`?
pub(crate) fn is_state_before(packet: &Packet, tick: Tick) -> bool {
    tick > Tick(0) && header(packet).is_some_and(|header| header.tick < tick)
}

fn header(packet: &Packet) -> Option<StateHeader> {
    let is_state = packet.frame.first().is_some_and(|kind| *kind == FrameKind::State as u8);
    if is_state { state::read_header(&packet.frame).ok().map(|(header, _)| header) } else { None }
}

#[cfg(test)]
mod tests {
    use hd1_protocol::{
        shapes::Shapes,
        state::{Base, StateWriter},
    };
    use hd1_schema::{ComponentId, ComponentSchema, Delivery, FieldKind, FieldSchema, Value};

    use super::*;

    /// A component of ten numbers.
    fn wide(id: ComponentId) -> ComponentSchema {
        let field = |i| FieldSchema {
            name: format!("field_{i}"),
            doc: String::new(),
            kind: FieldKind::I32 { min: i32::MIN, max: i32::MAX },
            unit: String::new(),
            default: Value::I32(0),
        };
        ComponentSchema {
            id,
            name: "Wide".into(),
            doc: String::new(),
            delivery: Delivery::State,
            client_writable: false,
            fields: (0..10).map(field).collect(),
        }
    }

    fn fragments(tick: u64, entities: u32) -> Vec<Packet> {
        let mut writer = StateWriter::default();
        let (tick, base) = (Tick(tick), Base::whole(Tick(1)));
        let id = ComponentId(1);
        writer.section(id, Shapes::new([wide(id)]).shape(id).unwrap());
        for entity in 1..=entities {
            let far = if entity % 2 == 0 { i32::MAX } else { i32::MIN };
            writer.row(hd1_core::NetId(entity), None, None, base.onward_to(tick), &[far; 10]);
        }
        let header = StateHeader::new(tick, base, 0);
        writer.finish(header).iter().map(|body| Packet::datagram(state::frame(0, body))).collect()
    }

    #[test]
    fn only_what_a_whole_tick_stands_in_for_is_skipped() {
        let (old, mut cut, new) = (fragments(7, 60), fragments(9, 60), fragments(8, 60));
        assert!(old.len() > 1);
        cut.pop();
        let packets = [Packet::control(&b"\x01"[..])].into_iter().chain(old).chain(new).chain(cut).collect::<Vec<_>>();
        let newest = whole(&packets);
        assert_eq!(newest, Tick(8), "tick 9 misses a fragment");
        let left = packets.iter().filter(|packet| !is_state_before(packet, newest)).filter_map(header);
        assert!(left.map(|header| header.tick).all(|tick| tick >= Tick(8)));
        assert!(!is_state_before(&packets[0], newest), "the control stream is never skipped");
        assert_eq!(whole(&packets[..2]), Tick(0));
    }
}
