//! What a client may send: a message in either encoding, or an input frame. The first byte chooses.
#![no_main]

use hd1_protocol::{ClientMessage, Encoding, InputFrame, ServerMessage, decode_message, encode_message};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let encoding = if first & 1 == 0 { Encoding::Binary } else { Encoding::Json };
    if let Ok(message) = decode_message::<ClientMessage>(encoding, rest) {
        // What was understood can be said again and is understood the same.
        let again = encode_message(encoding, &message);
        let back = decode_message::<ClientMessage>(encoding, &again).expect("our own encoding");
        assert_eq!(encode_message(encoding, &back), again);
    }
    let _ = decode_message::<ServerMessage>(encoding, rest);
    if let Ok(frame) = InputFrame::decode(rest) {
        let again = frame.encode();
        let back = InputFrame::decode(&again).expect("our own encoding");
        assert_eq!(back.encode(), again);
    }
});
