//! A small generator whose numbers are the same everywhere.

/// xorshift64.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Different seeds give unrelated numbers from the first on.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mixed = (seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        Random((mixed ^ (mixed >> 31)) | 1)
    }

    /// Any 64 bits but zero.
    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// −1 to 1.
    pub fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// Each axis −1 to 1.
    pub fn vec3(&mut self) -> [f32; 3] {
        [self.unit(), self.unit(), self.unit()]
    }

    /// Below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (((self.bits() >> 32) * bound as u64) >> 32) as usize
    }

    /// A unit quaternion: x, y, z, w.
    pub fn rotation(&mut self) -> [f32; 4] {
        loop {
            let q = [self.unit(), self.unit(), self.unit(), self.unit()];
            let square: f32 = q.iter().map(|v| v * v).sum();
            if (0.01..=1.0).contains(&square) {
                return q.map(|v| v / square.sqrt());
            }
        }
    }
}
