//! A scene's bodies as HD1's entities: each has a `Transform`, quantised as finely as the scene asks.

use hd1_core::NetId;
use hd1_scenario::{Body, Scene};
use hd1_schema::{ComponentId, ComponentSchema, FieldKind, Row};

/// The component that a body is shown by.
#[derive(Clone, Copy, Debug)]
pub struct Transforms {
    /// Its number.
    pub id: ComponentId,
    position_step_m: f32,
}

impl Transforms {
    /// HD1's components, with the scene's step for positions, and the one of them that bodies have.
    ///
    /// # Panics
    /// Where the catalogue has no transforms.
    #[must_use]
    pub fn of(scene: &Scene) -> (Vec<ComponentSchema>, Transforms) {
        let mut schemas = hd1_world::builtin_schemas();
        let transform = schemas.iter_mut().find(|s| s.name == "Transform").expect("the catalogue has transforms");
        if let FieldKind::Vec3 { step, .. } = &mut transform.fields[0].kind {
            *step = scene.position_step_m;
        }
        let id = transform.id;
        (schemas, Transforms { id, position_step_m: scene.position_step_m })
    }

    /// A body as it travels; its scale never changes.
    #[must_use]
    pub fn row(&self, body: &Body) -> Row {
        let mut row = Row::default();
        self.put(body, &mut row);
        row
    }

    /// As [`Transforms::row`], into a row that is filled again and again.
    #[inline]
    pub fn put(&self, body: &Body, row: &mut Row) {
        row.clear();
        row.vec3(body.position, self.position_step_m);
        row.quat(body.rotation);
        row.vec3([1.0; 3], 0.001);
    }
}

/// The entity of the body at an index.
#[must_use]
pub fn net_id(i: usize) -> NetId {
    NetId(i as u32 + 1)
}
