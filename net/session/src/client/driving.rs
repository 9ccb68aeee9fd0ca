//! The entities that the client drives: what it says of them, and where they are shown.
//!
//! What a client drives is where the client says: it is shown there at once, not where the mirror has it a round trip and
//! the interpolation delay later. Once it is let go or taken back it is shown by the mirror again, and slides there from
//! where it was.

use std::collections::BTreeMap;

use hd1_core::NetId;
use hd1_movement::math::{self, Quat, Vec3};
use hd1_protocol::{Drive, Pose, limits::DRIVE_POSES_MAX, mirror::Mirror};

use super::ClientConnection;
use crate::limits::{DRIVE_REPEAT_US, DRIVE_UNCONFIRMED_US_MAX};

/// Microseconds in which what is left of a slide becomes a third.
const SLIDE_US: f32 = 200_000.0;
/// Microseconds after which nothing of it is seen.
const SLID_US: u64 = 2_000_000;
/// Metres of a slide beyond which the entity was moved, not let go: it is shown where it is at once.
const SNAP_M: f32 = 12.0;

/// Where to show an entity that the client drives, or has just driven.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DrivenPose {
    /// Which.
    pub entity: NetId,
    /// Metres.
    pub position: Vec3,
    /// Unit quaternion.
    pub rotation: Quat,
}

/// See the module's words.
#[derive(Debug, Default)]
pub(super) struct Driving {
    player: i32,
    driven: BTreeMap<NetId, Driven>,
    sliding: BTreeMap<NetId, Slide>,
    seq: u32,
    /// Something was said that has not left.
    untold: bool,
    sent_us: u64,
    /// Between frames that leave for poses alone.
    interval_us: u64,
}

#[derive(Debug)]
struct Driven {
    pose: Pose,
    since_us: u64,
    /// The mirror has shown that the client holds it.
    confirmed: bool,
}

#[derive(Debug)]
struct Slide {
    /// From where the mirror had it.
    offset: Vec3,
    rotation: Quat,
    since_us: u64,
}

impl Driving {
    pub(super) fn new(player: u32, interval_us: u64) -> Self {
        Driving { player: player as i32, interval_us, ..Driving::default() }
    }

    /// Says where an entity is; `false` where that is no place, or more are driven than one may.
    pub(super) fn drive(&mut self, now: u64, pose: Pose) -> bool {
        if !pose.is_finite() {
            return false;
        }
        if self.driven.len() >= DRIVE_POSES_MAX && !self.driven.contains_key(&pose.entity) {
            return false;
        }
        self.sliding.remove(&pose.entity);
        let driven = self.driven.entry(pose.entity).or_insert(Driven { pose, since_us: now, confirmed: false });
        // Poses that stay the same need no frame each: they are repeated.
        self.untold |= driven.pose != pose || driven.since_us == now;
        driven.pose = pose;
        true
    }

    /// Lets go: from now on it is shown by the mirror, at `moment`.
    pub(super) fn let_go(&mut self, now: u64, entity: NetId, mirror: &Mirror, moment: f64) {
        let Some(Driven { pose, .. }) = self.driven.remove(&entity) else { return };
        let Some(sampled) = mirror.sample_transform(entity, moment) else { return };
        let offset = math::sub(pose.position, sampled.position);
        if math::length(offset) <= SNAP_M {
            self.sliding.insert(entity, Slide { offset, rotation: math::quat_normalise(pose.rotation), since_us: now });
        }
    }

    /// Looks who holds what, and lets go of what was taken back, which is returned.
    pub(super) fn observe(&mut self, now: u64, mirror: &Mirror, moment: f64) -> Vec<NetId> {
        self.sliding.retain(|_, slide| now < slide.since_us + SLID_US);
        let mut lost = Vec::new();
        for (entity, driven) in &mut self.driven {
            if holder(mirror, *entity) == Some(self.player) {
                driven.confirmed = true;
            } else if driven.confirmed || now >= driven.since_us + DRIVE_UNCONFIRMED_US_MAX {
                lost.push(*entity);
            }
        }
        lost.iter().for_each(|entity| self.let_go(now, *entity, mirror, moment));
        lost
    }

    /// What is to be said now; with `rides` a frame leaves anyway.
    pub(super) fn poses(&mut self, now: u64, rides: bool) -> Option<Drive> {
        let due = self.next_due()?;
        if now < due && !(rides && self.untold) {
            return None;
        }
        (self.untold, self.sent_us) = (false, now);
        self.seq += 1;
        Some(Drive { seq: self.seq, poses: self.driven.values().map(|driven| driven.pose).collect() })
    }

    /// When a frame is to leave for poses alone.
    pub(super) fn next_due(&self) -> Option<u64> {
        let wait_us = if self.untold { self.interval_us } else { DRIVE_REPEAT_US };
        (!self.driven.is_empty()).then_some(self.sent_us + wait_us)
    }

    /// Where everything is to be shown that is driven or slides.
    pub(super) fn shown(&self, now: u64, mirror: &Mirror, moment: f64) -> Vec<DrivenPose> {
        let driven = self.driven.values().map(|Driven { pose, .. }| DrivenPose {
            entity: pose.entity,
            position: pose.position,
            rotation: math::quat_normalise(pose.rotation),
        });
        let sliding = self.sliding.iter().filter_map(|(entity, slide)| {
            let sampled = mirror.sample_transform(*entity, moment)?;
            let share = libm::expf(-(now.saturating_sub(slide.since_us) as f32) / SLIDE_US);
            Some(DrivenPose {
                entity: *entity,
                position: math::add(sampled.position, math::scale(slide.offset, share)),
                rotation: blended(sampled.rotation, slide.rotation, share),
            })
        });
        driven.chain(sliding).collect()
    }
}

impl ClientConnection {
    /// Says where an entity is whose authority the client holds or has just asked for; best once per tick. It leaves at the
    /// next [`ClientConnection::poll_transmit`], is repeated, and shown at once by [`ClientConnection::driven`]. `false`
    /// where the client is not in the session, a number is not finite, or it drives as much as one may.
    pub fn drive(&mut self, now: u64, pose: Pose) -> bool {
        self.is_live() && self.driving.drive(now, pose)
    }

    /// Says no more where an entity is, and shows it by the mirror again. It is held until the server knows, too: send an
    /// [`Release`](hd1_protocol::Operation::Release).
    pub fn let_go(&mut self, now: u64, entity: NetId) {
        let moment = self.moment(now);
        self.driving.let_go(now, entity, &self.mirror, moment);
    }

    /// Where to show at `now` the entities that the client drives, and those that it drove until just now: they slide to
    /// where the mirror has them.
    #[must_use]
    pub fn driven(&self, now: u64) -> Vec<DrivenPose> {
        self.driving.shown(now, &self.mirror, self.moment(now))
    }

    /// Does the client hold the authority of an entity, as the mirror has it?
    #[must_use]
    pub fn holds(&self, entity: NetId) -> bool {
        let own = self.welcome.as_ref().map(|welcome| welcome.player.0 as i32);
        own.is_some() && holder(&self.mirror, entity) == own
    }

    /// The drawn moment, in ticks.
    pub(super) fn moment(&self, now: u64) -> f64 {
        self.clock.render_tick(now).unwrap_or(self.mirror.acked().0 as f64)
    }
}

/// The player that holds the authority of an entity, as the mirror has it.
fn holder(mirror: &Mirror, entity: NetId) -> Option<i32> {
    let schema = mirror.shapes().by_name("Authority")?;
    schema.fields.first().filter(|field| field.name == "player")?;
    mirror.entity(entity)?.held(schema.id)?.parts().0.first().copied()
}

fn blended(a: Quat, b: Quat, share: f32) -> Quat {
    let dot: f32 = (0..4).map(|i| a[i] * b[i]).sum();
    let b = if dot < 0.0 { b.map(|v| -v) } else { b };
    math::quat_normalise([0, 1, 2, 3].map(|i| a[i] + (b[i] - a[i]) * share))
}
