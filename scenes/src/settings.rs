//! What a scene says of its world beyond entities: physics, movement, bounds, spawn points, sky.

use hd1_schema::json::{Refusal, shorten_reals};
use hd1_schema::{ComponentId, Range, Record};
use hd1_world::limits::WORLD_HALF_EXTENT_M;
use hd1_world::movement::MoveMode;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::limits::SPAWN_POINTS_MAX;
use crate::reader::{Object, number};
use crate::schemas::{Schemas, parse_component};

const PLACE: Range = Range::new(-WORLD_HALF_EXTENT_M, WORLD_HALF_EXTENT_M);

/// A scene's settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Gravity in m/s² where the world has physics; `None` has none, and refuses bodies.
    pub gravity: Option<[f32; 3]>,
    /// How avatars move.
    pub movement: Movement,
    /// Where avatars can be.
    pub bounds: Bounds,
    /// Where avatars appear, in turn.
    pub spawn_points: Vec<SpawnPoint>,
    /// Components that an avatar has besides those of every avatar, by id.
    pub avatar: Vec<(ComponentId, Record)>,
    /// Sky colour: red, green, blue from 0 to 1 as screens show them (sRGB).
    pub background: [f32; 3],
    /// Fog, where there is one.
    pub fog: Option<Fog>,
    /// How far clients are shown things; without it they are shown everything.
    #[serde(default)]
    pub view: Option<View>,
}

/// How avatars move.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Movement {
    /// On foot or in flight.
    pub mode: MoveMode,
    /// Metres a second.
    pub speed: f32,
    /// Factor on the speed while sprinting.
    pub sprint: f32,
    /// Metres a second upwards at a jump.
    pub jump: f32,
    /// Height of the ground in metres.
    pub floor: f32,
}

/// A box in metres.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bounds {
    /// Least corner.
    pub min: [f32; 3],
    /// Greatest corner.
    pub max: [f32; 3],
}

/// Where an avatar appears.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpawnPoint {
    /// Of its feet on foot, of its centre in flight; metres.
    pub position: [f32; 3],
    /// View direction in radians.
    pub yaw: f32,
}

/// Distance at which things fade.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fog {
    /// Its colour, as the background's.
    pub color: [f32; 3],
    /// Where it begins, in metres.
    pub near: f32,
    /// Where nothing is seen any more, in metres.
    pub far: f32,
}

/// How far clients are shown things.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct View {
    /// Metres over the ground from the camera, else from the avatar. What is farther away is not sent.
    pub distance: f32,
    /// Side of the cells in which things come and go, in metres; a quarter of the distance where it is not said.
    pub cell: Option<f32>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            gravity: None,
            movement: Movement { mode: MoveMode::Walk, speed: 5.0, sprint: 2.0, jump: 5.0, floor: 0.0 },
            bounds: Bounds { min: [-500.0; 3], max: [500.0; 3] },
            spawn_points: vec![SpawnPoint { position: [0.0; 3], yaw: 0.0 }],
            avatar: Vec::new(),
            background: [0.53, 0.68, 0.86],
            fog: None,
            view: None,
        }
    }
}

/// Least view distance and cell in metres.
const VIEW_M_MIN: f32 = 1.0;
/// Cells from a viewer to the end of its view.
const VIEW_CELLS_MAX: f32 = 16.0;

const MODES: [&str; 2] = ["walk", "fly"];

impl Settings {
    pub(crate) fn parse(json: &Json, path: &str, schemas: &Schemas) -> Result<Settings, Refusal> {
        let default = Settings::default();
        let mut object = Object::new(json, path)?;
        let physics = object.field("physics");
        let gravity = match physics {
            None => None,
            Some((json, path)) => {
                let mut physics = Object::new(json, path)?;
                let gravity = physics.vec3("gravity", Range::new(-1000.0, 1000.0), [0.0, -9.81, 0.0])?;
                physics.finish()?;
                Some(gravity)
            }
        };
        let movement = match object.field("movement") {
            None => default.movement,
            Some((json, path)) => parse_movement(json, path, default.movement)?,
        };
        let bounds = match object.field("bounds") {
            None => default.bounds,
            Some((json, path)) => parse_bounds(json, path, default.bounds)?,
        };
        let mut spawn_points = Vec::new();
        for (json, path) in object.list("spawn_points", SPAWN_POINTS_MAX)? {
            let mut point = Object::new(json, path)?;
            let position = point.vec3("position", PLACE, [0.0; 3])?;
            spawn_points.push(SpawnPoint { position, yaw: point.number("yaw", Range::new(-3.2, 3.2), 0.0)? });
            point.finish()?;
        }
        if spawn_points.is_empty() {
            spawn_points = default.spawn_points;
        }
        let mut avatar = Vec::new();
        if let Some((json, path)) = object.field("avatar") {
            let Some(map) = json.as_object() else { return Err(Refusal::new(path, "must be an object")) };
            for (name, json) in map {
                let at = format!("{path}.{name}");
                let schema = schemas.named(name, &at)?;
                if !schema.client_writable {
                    return Err(Refusal::new(at, "is the server's own; leave it out"));
                }
                avatar.push((schema.id, parse_component(schema, json, &at)?));
            }
            avatar.sort_by_key(|(id, _)| *id);
        }
        let background = object.color("background", default.background)?;
        let fog = match object.field("fog") {
            None => None,
            Some((json, path)) => {
                let mut fog = Object::new(json, path)?;
                let range = Range::new(0.0, WORLD_HALF_EXTENT_M);
                let color = fog.color("color", background)?;
                let near = fog.number("near", range, 50.0)?;
                let far = fog.number("far", Range::above(near, WORLD_HALF_EXTENT_M), 500.0f32.max(near * 2.0))?;
                fog.finish()?;
                Some(Fog { color, near, far })
            }
        };
        let view = match object.field("view") {
            None => None,
            Some((json, path)) => Some(parse_view(json, path)?),
        };
        object.finish()?;
        Ok(Settings { gravity, movement, bounds, spawn_points, avatar, background, fog, view })
    }

    /// The JSON form: what a scene file says.
    #[must_use]
    pub fn to_json(&self, schemas: &Schemas) -> Json {
        let avatar = self.avatar.iter().filter_map(|(id, record)| {
            let schema = schemas.iter().find(|schema| schema.id == *id)?;
            Some((schema.name.clone(), schema.to_json(record)))
        });
        let mut settings = json!({
            "movement": self.movement,
            "bounds": self.bounds,
            "spawn_points": self.spawn_points,
            "avatar": avatar.collect::<serde_json::Map<_, _>>(),
            "background": self.background,
        });
        if let Some(gravity) = self.gravity {
            settings["physics"] = json!({ "gravity": gravity });
        }
        if let Some(fog) = self.fog {
            settings["fog"] = json!(fog);
        }
        if let Some(view) = self.view {
            settings["view"] = json!({ "distance": view.distance });
            if let Some(cell) = view.cell {
                settings["view"]["cell"] = json!(cell);
            }
        }
        shorten_reals(&mut settings);
        settings
    }
}

fn parse_movement(json: &Json, path: String, default: Movement) -> Result<Movement, Refusal> {
    let mut movement = Object::new(json, path)?;
    let mode = match movement.choice("mode", &MODES, 0)? {
        0 => MoveMode::Walk,
        _ => MoveMode::Fly,
    };
    let parsed = Movement {
        mode,
        speed: movement.number("speed", Range::new(0.0, 1000.0), default.speed)?,
        sprint: movement.number("sprint", Range::new(1.0, 10.0), default.sprint)?,
        jump: movement.number("jump", Range::new(0.0, 100.0), default.jump)?,
        floor: movement.number("floor", PLACE, default.floor)?,
    };
    movement.finish()?;
    Ok(parsed)
}

fn parse_view(json: &Json, path: String) -> Result<View, Refusal> {
    let mut view = Object::new(json, path)?;
    let range = Range::new(VIEW_M_MIN, WORLD_HALF_EXTENT_M);
    let (distance, path) = view.required("distance")?;
    let distance = number(distance, range, &path)?;
    // Of cells there are a few dozen across at most: more would be looked through for each step of each viewer.
    let cell = match view.field("cell") {
        None => None,
        Some((json, path)) => {
            Some(number(json, Range::new((distance / VIEW_CELLS_MAX).max(VIEW_M_MIN), distance), &path)?)
        }
    };
    view.finish()?;
    Ok(View { distance, cell })
}

fn parse_bounds(json: &Json, path: String, default: Bounds) -> Result<Bounds, Refusal> {
    let mut bounds = Object::new(json, path)?;
    let min = bounds.vec3("min", PLACE, default.min)?;
    let max = bounds.vec3("max", PLACE, default.max)?;
    if let Some(axis) = (0..3).find(|axis| min[*axis] > max[*axis]) {
        return Err(Refusal::new(format!("{}.max[{axis}]", bounds.path), "must not be below min"));
    }
    bounds.finish()?;
    Ok(Bounds { min, max })
}
