//! The little matrix arithmetic of drawing: affine 4 × 4, column by column, as the graphics card takes it.

/// Columns x, y, z, translation; each with a fourth number.
pub(crate) type Matrix = [f32; 16];

/// Scales by `scale`, turns by the unit quaternion `q`, then moves by `t`.
pub(crate) fn compose(t: [f32; 3], q: [f32; 4], scale: [f32; 3]) -> Matrix {
    let [x, y, z, w] = q;
    let (x2, y2, z2) = (x + x, y + y, z + z);
    let (xx, xy, xz) = (x * x2, x * y2, x * z2);
    let (yy, yz, zz) = (y * y2, y * z2, z * z2);
    let (wx, wy, wz) = (w * x2, w * y2, w * z2);
    let [sx, sy, sz] = scale;
    [
        (1.0 - (yy + zz)) * sx,
        (xy + wz) * sx,
        (xz - wy) * sx,
        0.0,
        (xy - wz) * sy,
        (1.0 - (xx + zz)) * sy,
        (yz + wx) * sy,
        0.0,
        (xz + wy) * sz,
        (yz - wx) * sz,
        (1.0 - (xx + yy)) * sz,
        0.0,
        t[0],
        t[1],
        t[2],
        1.0,
    ]
}

/// `b`, then `a`.
pub(crate) fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    let mut out = [0.0; 16];
    for column in 0..4 {
        for row in 0..4 {
            out[column * 4 + row] = (0..4).map(|k| a[k * 4 + row] * b[column * 4 + k]).sum();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_stands_where_its_parent_puts_it() {
        let half = std::f32::consts::FRAC_1_SQRT_2;
        // A quarter turn about +Y sends +X to −Z.
        let parent = compose([10.0, 0.0, 0.0], [0.0, half, 0.0, half], [2.0; 3]);
        let child = compose([1.0, 3.0, 0.0], [0.0, 0.0, 0.0, 1.0], [1.0; 3]);
        let m = multiply(&parent, &child);
        for (got, expected) in m[12..15].iter().zip([10.0, 6.0, -2.0]) {
            assert!((got - expected).abs() < 1.0e-5, "{m:?}");
        }
    }
}
