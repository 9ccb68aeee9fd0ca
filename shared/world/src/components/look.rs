//! What things look like: shape, surface, light and caption.

use hd1_schema::Range;

use crate::described::Color;
use crate::{choices, components};

choices! {
    /// Which form a [`Geometry`] has.
    pub enum Shape {
        /// `size`.
        #[default]
        Box = "box",
        /// `radius`.
        Sphere = "sphere",
        /// `radius` and `height`, along Y.
        Cylinder = "cylinder",
        /// `size` along X and Z, facing +Y.
        Plane = "plane",
        /// The model named by `asset`.
        Asset = "asset",
    }
}

choices! {
    /// How a [`Material`] is lit.
    pub enum MaterialKind {
        /// Colour alone, unlit.
        Basic = "basic",
        /// Lit with a highlight.
        Phong = "phong",
        /// Physically based.
        #[default]
        Standard = "standard",
    }
}

choices! {
    /// What a [`Light`] shines like.
    pub enum LightKind {
        /// From everywhere.
        Ambient = "ambient",
        /// From far away along the entity's -Z.
        Directional = "directional",
        /// From the entity to all sides.
        #[default]
        Point = "point",
        /// From the entity along its -Z within a cone.
        Spot = "spot",
    }
}

components! {
    /// The form of an entity.
    pub struct Geometry(3, Reliable, writable) {
        /// Which form.
        shape: Shape = Shape::Box, choice(Shape::NAMES);
        /// Full extents of a box; X and Z of a plane.
        size: [f32; 3] = [1.0; 3], vec3(Range::above(0.0, 10_000.0)), step 0.001, unit "m";
        /// Of a sphere or cylinder.
        radius: f32 = 0.5, real(Range::above(0.0, 10_000.0)), step 0.001, unit "m";
        /// Of a cylinder.
        height: f32 = 1.0, real(Range::above(0.0, 10_000.0)), step 0.001, unit "m";
        /// Of an asset: its name or address.
        asset: String = String::new(), text(256);
    }

    /// The surface of an entity.
    pub struct Material(4, Reliable, writable) {
        /// How it is lit.
        kind: MaterialKind = MaterialKind::Standard, choice(MaterialKind::NAMES);
        /// Base colour.
        color: Color = Color([0.8; 3]), color;
        /// Light of its own.
        emissive: Color = Color([0.0; 3]), color;
        /// 0 is invisible, 1 is solid.
        opacity: f32 = 1.0, real(Range::new(0.0, 1.0)), step 0.005;
        /// 0 is plastic, 1 is metal.
        metalness: f32 = 0.0, real(Range::new(0.0, 1.0)), step 0.005;
        /// 0 is a mirror, 1 is chalk.
        roughness: f32 = 0.8, real(Range::new(0.0, 1.0)), step 0.005;
    }

    /// A light at the entity.
    pub struct Light(5, Reliable, writable) {
        /// What it shines like.
        kind: LightKind = LightKind::Point, choice(LightKind::NAMES);
        /// Its colour.
        color: Color = Color([1.0; 3]), color;
        /// Its strength; 1 is ordinary.
        intensity: f32 = 1.0, real(Range::new(0.0, 1000.0)), step 0.01;
        /// How far it reaches; 0 is without end.
        range: f32 = 0.0, real(Range::new(0.0, 10_000.0)), step 0.01, unit "m";
        /// Half angle of a spot's cone.
        cone: f32 = 0.5, real(Range::new(0.01, 1.57)), step 0.001, unit "rad";
    }

    /// A caption that faces the viewer.
    pub struct Label(11, Reliable, writable) {
        /// What it says.
        text: String = String::new(), text(256);
        /// Its colour.
        color: Color = Color([1.0; 3]), color;
        /// How far above the entity's position.
        offset: f32 = 1.0, real(Range::new(-100.0, 100.0)), step 0.01, unit "m";
        /// Height of its letters.
        size: f32 = 0.25, real(Range::above(0.0, 100.0)), step 0.01, unit "m";
    }
}
