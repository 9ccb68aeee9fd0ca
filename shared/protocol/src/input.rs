//! The input frame: what a player wants, where what it drives is, and the ticks it has whole, mostly in less than 20 bytes.
//!
//! It goes out several times a second in a datagram, so it is quantised by hand instead of being a message; the server
//! treats a JSON client's sample by the same quantisation, so that no encoding moves farther than another.

use std::f32::consts::{FRAC_PI_2, TAU};

use crate::{
    Drive, FrameKind, InputSample, Receipt,
    wire::{self, DecodeError, Reader},
};
use bytes::Bytes;

/// An acknowledgement and, mostly, an input sample.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputFrame {
    /// What state the client has; tick 0 alone before the first.
    pub acked: Receipt,
    /// The player's intent, where the client steers anything.
    pub sample: Option<InputSample>,
    /// Where the entities are that the client drives, if any.
    pub drive: Option<Drive>,
}

impl InputFrame {
    /// Kind byte, [receipt](Receipt::encode), then nothing or: seq (varint), strafe and forward (i8, units of 1/127),
    /// yaw (u16 of a full turn), pitch (i16, units of π/2 / 32767), buttons (u16); all little-endian. Where entities are
    /// driven their [poses](Drive) follow, without a sample behind a seq of 0.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(36);
        out.push(FrameKind::Input as u8);
        self.acked.encode(&mut out);
        if let Some(sample) = &self.sample {
            wire::varint(&mut out, u64::from(sample.seq));
            out.push(axis_units(sample.strafe) as u8);
            out.push(axis_units(sample.forward) as u8);
            out.extend(yaw_units(sample.yaw).to_le_bytes());
            out.extend(pitch_units(sample.pitch).to_le_bytes());
            out.extend(sample.buttons.to_le_bytes());
        }
        if let Some(drive) = &self.drive {
            if self.sample.is_none() {
                wire::varint(&mut out, NO_SAMPLE.into());
            }
            drive.encode(&mut out);
        }
        out.into()
    }

    /// The inverse.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are no input frame.
    pub fn decode(frame: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::frame(frame, FrameKind::Input)?;
        let acked = Receipt::decode(&mut reader)?;
        if reader.is_empty() {
            return Ok(InputFrame { acked, ..InputFrame::default() });
        }
        let seq = reader.varint_u32()?;
        let sample = if seq == NO_SAMPLE { None } else { Some(sample_of(seq, &mut reader)?) };
        if reader.is_empty() && sample.is_some() {
            return Ok(InputFrame { acked, sample, drive: None });
        }
        let drive = Drive::decode(&mut reader)?;
        if !reader.is_empty() {
            return Err(DecodeError::Inconsistent("bytes after the input"));
        }
        Ok(InputFrame { acked, sample, drive: Some(drive) })
    }
}

/// The seq that stands where no sample does.
const NO_SAMPLE: u32 = 0;

fn sample_of(seq: u32, reader: &mut Reader<'_>) -> Result<InputSample, DecodeError> {
    let strafe = reader.u8()? as i8;
    let forward = reader.u8()? as i8;
    let mut u16 = || Ok(u16::from_le_bytes([reader.u8()?, reader.u8()?]));
    let (yaw, pitch, buttons) = (u16()?, u16()? as i16, u16()?);
    Ok(InputSample {
        seq,
        strafe: axis_value(strafe),
        forward: axis_value(forward),
        yaw: yaw_value(yaw),
        pitch: pitch_value(pitch),
        buttons,
    })
}

impl InputSample {
    /// The sample as a binary client would have sent it: finite, within its ranges, in whole units.
    #[must_use]
    pub fn quantised(&self) -> Self {
        InputSample {
            seq: self.seq,
            strafe: axis_value(axis_units(self.strafe)),
            forward: axis_value(axis_units(self.forward)),
            yaw: yaw_value(yaw_units(self.yaw)),
            pitch: pitch_value(pitch_units(self.pitch)),
            buttons: self.buttons,
        }
    }
}

// A float cast saturates and turns NaN into 0, so no value from outside escapes its range.
fn axis_units(v: f32) -> i8 {
    (v.clamp(-1.0, 1.0) * 127.0).round() as i8
}

fn axis_value(units: i8) -> f32 {
    (f32::from(units) / 127.0).max(-1.0)
}

fn yaw_units(v: f32) -> u16 {
    ((v / TAU).rem_euclid(1.0) * 65536.0).round() as u32 as u16
}

fn yaw_value(units: u16) -> f32 {
    f32::from(units) / 65536.0 * TAU
}

fn pitch_units(v: f32) -> i16 {
    (v / FRAC_PI_2 * 32767.0).clamp(-32767.0, 32767.0).round() as i16
}

fn pitch_value(units: i16) -> f32 {
    (f32::from(units) / 32767.0).max(-1.0) * FRAC_PI_2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{DATAGRAM_BYTES_MAX, DRIVE_POSES_MAX, RECEIPT_PARTS_MAX};
    use crate::{Part, Pose, PoseVelocity};
    use hd1_core::NetId;

    const SAMPLE: InputSample =
        InputSample { seq: 300, strafe: -1.0, forward: 0.5, yaw: -0.1, pitch: 0.25, buttons: 5 };

    /// Nothing missing.
    fn whole(tick: u64) -> Receipt {
        let mut acks = crate::Acks::default();
        acks.insert_last(hd1_core::Tick(tick), 64);
        acks.into()
    }

    #[test]
    fn a_sample_round_trips_within_its_units() {
        let frame = InputFrame { acked: whole(70_000), sample: Some(SAMPLE), drive: None }.encode();
        let back = InputFrame::decode(&frame).unwrap();
        assert_eq!(back, InputFrame { acked: whole(70_000), sample: Some(SAMPLE.quantised()), drive: None });
        let sample = back.sample.unwrap();
        assert_eq!(sample.strafe, -1.0);
        assert!((sample.yaw - (TAU - 0.1)).abs() < 1.0e-4);
        assert!((sample.pitch - 0.25).abs() < 1.0e-4);
    }

    #[test]
    fn values_from_outside_stay_in_range() {
        let wild = InputSample {
            seq: 1,
            strafe: f32::NAN,
            forward: f32::INFINITY,
            yaw: f32::NEG_INFINITY,
            pitch: -9.0,
            buttons: 0,
        };
        let tame = wild.quantised();
        assert_eq!((tame.strafe, tame.forward, tame.yaw, tame.pitch), (0.0, 1.0, 0.0, -FRAC_PI_2));
    }

    #[test]
    fn an_acknowledgement_alone_is_short() {
        let frame = InputFrame { acked: whole(5), sample: None, drive: None }.encode();
        assert_eq!(&frame[..], [0x05, 5, 0, 0]);
        assert_eq!(InputFrame::decode(&frame), Ok(InputFrame { acked: whole(5), sample: None, drive: None }));
        assert!(InputFrame::decode(&[0x05, 5, 0, 0, 1]).is_err());
        assert!(InputFrame::decode(&[&frame[..], &[1; 12]].concat()).is_err());
    }

    #[test]
    fn poses_ride_behind_the_sample_or_alone() {
        let pose =
            Pose { entity: NetId(9), position: [1.0, 2.0, -3.0], rotation: [0.0, 0.0, 0.0, 1.0], velocity: None };
        let drive = Drive { seq: 4, poses: vec![pose] };
        for sample in [None, Some(SAMPLE.quantised())] {
            let frame = InputFrame { acked: whole(5), sample, drive: Some(drive.clone()) };
            assert_eq!(InputFrame::decode(&frame.encode()), Ok(frame.clone()));
            assert!(InputFrame::decode(&[&frame.encode()[..], &[0]].concat()).is_err());
        }
        assert!(InputFrame::decode(&[0x05, 5, 0, 0, 0]).is_err(), "neither a sample nor poses");
    }

    #[test]
    fn the_fullest_frame_fits_a_datagram() {
        let far = Pose {
            entity: NetId(u32::MAX),
            position: [f32::MIN, f32::MAX, f32::MIN],
            rotation: [1.0; 4],
            velocity: Some(PoseVelocity { linear: [f32::MAX; 3], angular: [f32::MIN; 3] }),
        };
        let drive = Drive { seq: u32::MAX, poses: vec![far; DRIVE_POSES_MAX] };
        let newest = 1 << 62;
        let mut acked = Receipt::from(crate::Acks::of(hd1_core::Tick(newest)));
        let far_off = |i: usize| hd1_core::Tick(newest - (1 << 30) - i as u64);
        (0..RECEIPT_PARTS_MAX).for_each(|i| acked.add(Part { tick: far_off(i), frames: u64::MAX }));
        let frame = InputFrame { acked, sample: Some(InputSample { seq: u32::MAX, ..SAMPLE }), drive: Some(drive) };
        let len = frame.encode().len();
        assert!(len <= DATAGRAM_BYTES_MAX, "{len} bytes");
    }
}
