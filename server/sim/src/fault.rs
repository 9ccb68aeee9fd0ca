//! A world that panics when told to, for tests of crash containment. Not part of an ordinary build.
//!
//! A scene that declares a component `PanicAt` with one whole field `tick` panics in the Simulate phase of the first
//! tick at or after the least value that any entity has in it.

use bevy_app::App;
use bevy_ecs::world::World;
use hd1_schema::Value;
use hd1_world::phases::Simulate;
use hd1_world::{Catalogue, NetIndex};

use crate::step::Step;

/// A scene whose world panics at tick 10.
pub const PANICKING_SCENE: &str = r#"{
  "name": "Fault",
  "components": [{
    "name": "PanicAt", "doc": "when the world panics", "delivery": "hidden", "client_writable": true,
    "fields": [{ "name": "tick", "doc": "tick", "kind": { "type": "u32", "min": 0, "max": 2000000000 }, "default": { "U32": 10 } }]
  }],
  "entities": [{ "components": { "PanicAt": { "tick": 10 } } }]
}"#;

/// Adds the feature.
pub(crate) fn plugin(app: &mut App) {
    app.add_systems(Simulate, panic_when_told);
}

fn panic_when_told(world: &mut World) {
    let Some(entry) = world.resource::<Catalogue>().by_name("PanicAt").cloned() else { return };
    let tick = world.resource::<Step>().tick.0;
    let due = world.resource::<NetIndex>().iter().any(|(_, entity)| {
        let record = world.get_entity(entity).ok().and_then(|entity| entry.read(entity));
        matches!(record.as_deref(), Some([Value::U32(at), ..]) if tick >= u64::from(*at))
    });
    assert!(!due, "told to panic at tick {tick}");
}
