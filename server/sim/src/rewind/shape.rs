//! Where a ray meets a shape: the ray is brought into the shape's own space, where it is of unit size at the origin.

use hd1_world::components::{Geometry, Shape, Transform};
use hd1_world::math::{self, Vec3};

/// Metres along the unit vector `direction` from `origin` to the first point of the shape; `None` where the ray misses
/// it, or begins inside.
pub(super) fn distance(geometry: &Geometry, placed: &Transform, origin: Vec3, direction: Vec3) -> Option<f32> {
    let half = [0, 1, 2].map(|i| half_extents(geometry)[i] * placed.scale[i]);
    let away = math::quat_conjugate(placed.rotation);
    let from = math::quat_rotate(away, math::sub(origin, placed.position));
    let along = math::quat_rotate(away, direction);
    if geometry.shape == Shape::Plane {
        return plane(half, from, along);
    }
    // Scaling a line keeps how far along it a point lies.
    let (from, along) = ([0, 1, 2].map(|i| from[i] / half[i]), [0, 1, 2].map(|i| along[i] / half[i]));
    let (enter, leave) = match geometry.shape {
        Shape::Sphere => ball(from, along, [true; 3])?,
        Shape::Cylinder => overlap(ball(from, along, [true, false, true])?, slab(from[1], along[1])?)?,
        _ => {
            let sides = overlap(slab(from[0], along[0])?, slab(from[1], along[1])?)?;
            overlap(sides, slab(from[2], along[2])?)?
        }
    };
    (enter > 0.0 && enter <= leave).then_some(enter)
}

fn half_extents(geometry: &Geometry) -> Vec3 {
    let Geometry { shape, size, radius, height, .. } = geometry;
    match shape {
        Shape::Box | Shape::Asset | Shape::Plane => size.map(|v| v * 0.5),
        Shape::Sphere => [*radius; 3],
        Shape::Cylinder => [*radius, height * 0.5, *radius],
    }
}

/// A rectangle in XZ, met from both sides.
fn plane(half: Vec3, from: Vec3, along: Vec3) -> Option<f32> {
    let at = -from[1] / along[1];
    let inside = |axis: usize| (from[axis] + along[axis] * at).abs() <= half[axis];
    (at.is_finite() && at > 0.0 && inside(0) && inside(2)).then_some(at)
}

/// Where the line is within -1 to 1 of an axis.
fn slab(from: f32, along: f32) -> Option<(f32, f32)> {
    if along == 0.0 {
        return (from.abs() <= 1.0).then_some((f32::NEG_INFINITY, f32::INFINITY));
    }
    let (a, b) = ((-1.0 - from) / along, (1.0 - from) / along);
    Some((a.min(b), a.max(b)))
}

/// Where the line is within 1 of the origin, reckoned over some of the axes.
fn ball(from: Vec3, along: Vec3, axes: [bool; 3]) -> Option<(f32, f32)> {
    let dot = |a: Vec3, b: Vec3| (0..3).filter(|i| axes[*i]).map(|i| a[i] * b[i]).sum::<f32>();
    let (a, b, c) = (dot(along, along), dot(from, along), dot(from, from) - 1.0);
    if a == 0.0 {
        return (c <= 0.0).then_some((f32::NEG_INFINITY, f32::INFINITY));
    }
    let root = libm::sqrtf(b * b - a * c);
    (!root.is_nan()).then_some(((-b - root) / a, (-b + root) / a))
}

fn overlap(a: (f32, f32), b: (f32, f32)) -> Option<(f32, f32)> {
    let both = (a.0.max(b.0), a.1.min(b.1));
    (both.0 <= both.1).then_some(both)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(shape: Shape, placed: &Transform, origin: Vec3, direction: Vec3) -> Option<f32> {
        let geometry = Geometry { shape, size: [2.0, 4.0, 6.0], radius: 1.0, height: 4.0, ..Geometry::default() };
        distance(&geometry, placed, origin, direction)
    }

    fn near(found: Option<f32>, expected: f32) {
        assert!(found.is_some_and(|found| (found - expected).abs() < 1.0e-4), "{found:?} is not {expected}");
    }

    #[test]
    fn each_shape_is_met_at_its_surface() {
        let here = Transform::default();
        let far = [0.0, 0.0, 10.0];
        let ahead = [0.0, 0.0, -1.0];
        near(met(Shape::Box, &here, far, ahead), 7.0);
        near(met(Shape::Sphere, &here, far, ahead), 9.0);
        near(met(Shape::Cylinder, &here, far, ahead), 9.0);
        near(met(Shape::Cylinder, &here, [0.0, 10.0, 0.0], [0.0, -1.0, 0.0]), 8.0);
        near(met(Shape::Plane, &here, [0.0, 5.0, 2.9], [0.0, -1.0, 0.0]), 5.0);
        for shape in [Shape::Box, Shape::Sphere, Shape::Cylinder, Shape::Plane] {
            assert_eq!(met(shape, &here, far, [0.0, 0.0, 1.0]), None, "{shape:?} lies behind");
            assert_eq!(met(shape, &here, [3.1, 0.1, 10.0], ahead), None, "{shape:?} is missed");
            assert_eq!(met(shape, &here, [0.0; 3], ahead), None, "{shape:?} holds the origin");
        }
    }

    #[test]
    fn turns_and_sizes_count() {
        let quarter = Transform { rotation: math::quat_yaw(core::f32::consts::FRAC_PI_2), ..Transform::default() };
        near(met(Shape::Box, &quarter, [0.0, 0.0, 10.0], [0.0, 0.0, -1.0]), 9.0);
        let moved = Transform { position: [1.0, 0.0, 0.0], scale: [1.0, 1.0, 3.0], ..Transform::default() };
        near(met(Shape::Sphere, &moved, [1.0, 0.0, 10.0], [0.0, 0.0, -1.0]), 7.0);
    }
}
