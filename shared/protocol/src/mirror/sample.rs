//! Reading the mirror between ticks: what a renderer draws.

use hd1_core::NetId;
use hd1_schema::{ComponentId, FieldKind, quantise::quat_of_lanes};

use super::{Entity, HeldValue, Mirror};

/// A transform between two ticks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampledTransform {
    /// Metres.
    pub position: [f32; 3],
    /// Unit quaternion x, y, z, w.
    pub rotation: [f32; 4],
    /// Factors.
    pub scale: [f32; 3],
}

/// The component's built-in number and steps, found once per drawn frame.
#[derive(Clone, Copy, Debug)]
pub struct TransformReader {
    id: ComponentId,
    position_step: f32,
    scale_step: f32,
}

impl Mirror {
    /// How to read transforms by this catalogue; `None` where it has no `Transform` of position, rotation, scale.
    #[must_use]
    pub fn transform_reader(&self) -> Option<TransformReader> {
        let schema = self.shapes().by_name("Transform")?;
        match schema.fields.as_slice() {
            [position, rotation, scale] => match (&position.kind, &rotation.kind, &scale.kind) {
                (FieldKind::Vec3 { step, .. }, FieldKind::Quat, FieldKind::Vec3 { step: scale_step, .. }) => {
                    Some(TransformReader { id: schema.id, position_step: *step, scale_step: *scale_step })
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Where an entity is drawn at a moment between ticks: see [`TransformReader::sample`].
    #[must_use]
    pub fn sample_transform(&self, id: NetId, moment: f64) -> Option<SampledTransform> {
        self.transform_reader()?.sample(self.entity(id)?, moment)
    }
}

impl TransformReader {
    /// Where to draw `entity` at `moment` (in ticks): where it was then, or a little before where it is told of only every
    /// few ticks ([`Entity::lag_ticks`]); `None` where it has no transform.
    #[must_use]
    pub fn sample(&self, entity: Entity<'_>, moment: f64) -> Option<SampledTransform> {
        self.at(entity, moment - entity.lag_ticks(moment))
    }

    /// Where `entity` was at `moment` (in ticks); before its first value there, after its last where it stayed; `None`
    /// where it has no transform.
    #[must_use]
    pub fn at(&self, entity: Entity<'_>, moment: f64) -> Option<SampledTransform> {
        let HeldValue::State(history) = entity.held(self.id)?.value else { return None };
        let (a, b, alpha) = history.around(moment);
        let a = self.decode(a.lanes)?;
        if alpha == 0.0 {
            return Some(a);
        }
        let b = self.decode(b.lanes)?;
        Some(SampledTransform {
            position: lerp(a.position, b.position, alpha),
            rotation: nlerp(a.rotation, b.rotation, alpha),
            scale: lerp(a.scale, b.scale, alpha),
        })
    }

    fn decode(&self, lanes: &[i32]) -> Option<SampledTransform> {
        let lanes: &[i32; 10] = lanes.try_into().ok()?;
        Some(SampledTransform {
            position: [0, 1, 2].map(|i| lanes[i] as f32 * self.position_step),
            rotation: quat_of_lanes(&lanes[3..7]),
            scale: [7, 8, 9].map(|i| lanes[i] as f32 * self.scale_step),
        })
    }
}

fn lerp(a: [f32; 3], b: [f32; 3], alpha: f32) -> [f32; 3] {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * alpha)
}

/// Normalised linear interpolation along the shorter way; between ticks it is within a hair of the arc.
fn nlerp(a: [f32; 4], b: [f32; 4], alpha: f32) -> [f32; 4] {
    let dot: f32 = a.iter().zip(&b).map(|(x, y)| x * y).sum();
    let sign = if dot < 0.0 { -1.0 } else { 1.0 };
    let mixed = [0, 1, 2, 3].map(|i| a[i] + (b[i] * sign - a[i]) * alpha);
    let norm = mixed.iter().map(|x| x * x).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    mixed.map(|x| x / norm)
}
