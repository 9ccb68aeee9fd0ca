//! Where a client's driven entities are: what it says of what it holds the authority of, as often as it steers.
//!
//! Poses travel in the input frame, so they are lost like any datagram and the newest counts; a JSON client sends the same
//! as a message, and its numbers are quantised alike.

use hd1_core::NetId;
use serde::{Deserialize, Serialize};

use crate::{
    limits::{DRIVE_POSES_MAX, POSE_POSITION_M_MAX, POSE_SPEED_MAX},
    message::finite_all,
    wire::{self, DecodeError, Reader},
};

/// The poses of some driven entities at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Drive {
    /// Counts up from 1 on each connection; what is not newer than the last applied is dropped.
    pub seq: u32,
    /// At most [`DRIVE_POSES_MAX`], each of another entity.
    pub poses: Vec<Pose>,
}

/// Where one entity is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pose {
    /// Which.
    pub entity: NetId,
    /// Metres, in the world.
    #[serde(deserialize_with = "finite_all")]
    pub position: [f32; 3],
    /// Unit quaternion x, y, z, w.
    #[serde(deserialize_with = "finite_all")]
    pub rotation: [f32; 4],
    /// How it would go on by itself were it let go; where it is not said the server takes it from the way it went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub velocity: Option<PoseVelocity>,
}

/// How a driven entity moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PoseVelocity {
    /// Metres a second, in world axes.
    #[serde(deserialize_with = "finite_all")]
    pub linear: [f32; 3],
    /// Radians a second, about world axes.
    #[serde(default, deserialize_with = "finite_all")]
    pub angular: [f32; 3],
}

/// Units in a metre, a metre a second and a radian a second.
const UNITS: f64 = 1_000.0;
/// Units of a quaternion's component in 1.
const ROTATION_UNITS: f32 = 32_767.0;
/// The flag of a pose that has a velocity.
const HAS_VELOCITY: u8 = 1;

impl Drive {
    /// seq (varint), how many poses (varint), then per pose: entity (varint), flags (byte; 1: velocities follow),
    /// position (3 zigzags, mm), rotation (4 × i16, units of 1/32767), and maybe linear and angular velocity (3 zigzags
    /// each, mm/s and mrad/s). Numbers beyond [`POSE_POSITION_M_MAX`] and [`POSE_SPEED_MAX`] are brought there.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let poses = &self.poses[..self.poses.len().min(DRIVE_POSES_MAX)];
        wire::varint(out, self.seq.into());
        wire::varint(out, poses.len() as u64);
        for pose in poses {
            wire::varint(out, pose.entity.0.into());
            out.push(if pose.velocity.is_some() { HAS_VELOCITY } else { 0 });
            pose.position.iter().for_each(|v| wire::zigzag(out, units(*v, POSE_POSITION_M_MAX)));
            pose.rotation.iter().for_each(|v| out.extend(rotation_units(*v).to_le_bytes()));
            if let Some(PoseVelocity { linear, angular }) = pose.velocity {
                linear.iter().chain(&angular).for_each(|v| wire::zigzag(out, units(*v, POSE_SPEED_MAX)));
            }
        }
    }

    /// The inverse.
    ///
    /// # Errors
    /// [`DecodeError`] where the bytes are no poses, or too many.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let seq = reader.varint_u32()?;
        let count = reader.varint()?;
        if count > DRIVE_POSES_MAX as u64 {
            return Err(DecodeError::Limit("poses in an input frame"));
        }
        let poses = (0..count).map(|_| Pose::decode(reader)).collect::<Result<_, _>>()?;
        Ok(Drive { seq, poses })
    }

    /// As a binary client would have sent it: in whole units and within their ranges.
    #[must_use]
    pub fn quantised(&self) -> Self {
        let poses = self.poses.iter().take(DRIVE_POSES_MAX).map(Pose::quantised).collect();
        Drive { seq: self.seq, poses }
    }
}

impl Pose {
    /// Is every number one?
    #[must_use]
    pub fn is_finite(&self) -> bool {
        let Pose { position, rotation, velocity, .. } = self;
        let speeds = velocity.iter().flat_map(|velocity| velocity.linear.iter().chain(&velocity.angular));
        position.iter().chain(rotation).chain(speeds).all(|v| v.is_finite())
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let entity = NetId(reader.varint_u32()?);
        let flags = reader.u8()?;
        if flags & !HAS_VELOCITY != 0 {
            return Err(DecodeError::Inconsistent("flags of a pose that are not known"));
        }
        let position = three(reader)?;
        let mut rotation = [0.0; 4];
        for v in &mut rotation {
            *v = rotation_value(i16::from_le_bytes([reader.u8()?, reader.u8()?]));
        }
        let velocity = match flags & HAS_VELOCITY {
            0 => None,
            _ => Some(PoseVelocity { linear: three(reader)?, angular: three(reader)? }),
        };
        Ok(Pose { entity, position, rotation, velocity })
    }

    fn quantised(&self) -> Self {
        let all = |v: [f32; 3], max: f32| v.map(|v| value(units(v, max)));
        let velocity = self.velocity.map(|velocity| PoseVelocity {
            linear: all(velocity.linear, POSE_SPEED_MAX),
            angular: all(velocity.angular, POSE_SPEED_MAX),
        });
        Pose {
            entity: self.entity,
            position: all(self.position, POSE_POSITION_M_MAX),
            rotation: self.rotation.map(|v| rotation_value(rotation_units(v))),
            velocity,
        }
    }
}

fn three(reader: &mut Reader<'_>) -> Result<[f32; 3], DecodeError> {
    Ok([value(reader.zigzag()?), value(reader.zigzag()?), value(reader.zigzag()?)])
}

// A float cast saturates and turns NaN into 0, so no value from outside escapes its range.
fn units(v: f32, max: f32) -> i32 {
    (f64::from(v.clamp(-max, max)) * UNITS).round() as i32
}

fn value(units: i32) -> f32 {
    (f64::from(units) / UNITS) as f32
}

fn rotation_units(v: f32) -> i16 {
    (v.clamp(-1.0, 1.0) * ROTATION_UNITS).round() as i16
}

fn rotation_value(units: i16) -> f32 {
    (f32::from(units) / ROTATION_UNITS).max(-1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pose(x: f32) -> Pose {
        let velocity = PoseVelocity { linear: [0.0, x, -0.5], angular: [0.0; 3] };
        Pose { entity: NetId(7), position: [x, 0.25, 0.0], rotation: [0.5; 4], velocity: Some(velocity) }
    }

    #[test]
    fn poses_round_trip_within_their_units() {
        let drive = Drive { seq: 3, poses: vec![pose(1.2345), Pose { velocity: None, ..pose(-99_999.0) }] };
        let mut bytes = Vec::new();
        drive.encode(&mut bytes);
        let back = Drive::decode(&mut Reader::new(&bytes)).unwrap();
        assert_eq!(back, drive.quantised());
        assert_eq!(back.quantised(), back, "once is enough");
        assert!((back.poses[0].position[0] - 1.2345).abs() <= 0.000_51, "{back:?}");
    }

    #[test]
    fn values_from_outside_stay_in_range_and_too_many_are_refused() {
        let tame = pose(f32::NAN).quantised();
        assert_eq!((tame.position[0], tame.velocity.unwrap().linear[1]), (0.0, 0.0));
        let tame = pose(f32::INFINITY).quantised();
        assert_eq!((tame.position[0], tame.velocity.unwrap().linear[1]), (POSE_POSITION_M_MAX, POSE_SPEED_MAX));
        let error = Drive::decode(&mut Reader::new(&[1, DRIVE_POSES_MAX as u8 + 1])).unwrap_err();
        assert_eq!(error.to_string(), "poses in an input frame beyond its limit");
        assert!(Drive::decode(&mut Reader::new(&[1, 1, 7, 0xfe])).is_err(), "flags that are not known");
        let text = r#"{"seq":1,"poses":[{"entity":1,"position":[0,1e300,0],"rotation":[0,0,0,1]}]}"#;
        assert!(serde_json::from_str::<Drive>(text).is_err());
        let bytes = rmp_serde::to_vec_named(&Drive { seq: 1, poses: vec![pose(f32::NAN)] }).unwrap();
        let error = rmp_serde::from_slice::<Drive>(&bytes).unwrap_err().to_string();
        assert!(error.contains("not finite"), "{error}");
    }
}
