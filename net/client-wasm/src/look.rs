//! What an entity looks like, read from its components by name: the catalogue comes with the welcome, so nothing here
//! knows a component's number.

use hd1_core::NetId;
use hd1_protocol::{
    mirror::{Entity, Mirror},
    shapes::Shapes,
};
use hd1_schema::{ComponentId, ComponentSchema, FieldKind, Record, Value};
use serde::Serialize;

/// A unit shape that the page has a mesh for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Shape {
    Box,
    Sphere,
    Cylinder,
    Plane,
    /// A model by name; drawn as a box of its size.
    Asset,
    /// Nothing to draw: a light, a label, a point.
    None,
}

/// Numbers of a material that instances of one draw call share.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Material {
    pub kind: String,
    pub opacity: f32,
    pub metalness: f32,
    pub roughness: f32,
    pub emissive: [f32; 3],
}

/// What one entity looks like.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub shape: Shape,
    /// Extents of the shape in metres, before the transform's scale.
    pub size: [f32; 3],
    pub material: Material,
    /// Linear.
    pub colour: [f32; 3],
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Label {
    pub row: u32,
    pub id: u32,
    pub text: String,
    pub color: String,
    pub offset: f32,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Avatar {
    pub row: u32,
    pub id: u32,
    pub player: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Light {
    pub row: u32,
    pub id: u32,
    pub kind: String,
    pub colour: [f32; 3],
    pub intensity: f32,
    pub range: f32,
    pub cone: f32,
}

/// Metres above an avatar's position where its name stands.
const NAME_OFFSET_M: f32 = 1.35;

/// The components that drawing reads, found once per table.
pub(crate) struct Reader<'a> {
    geometry: Option<&'a ComponentSchema>,
    material: Option<&'a ComponentSchema>,
    light: Option<&'a ComponentSchema>,
    label: Option<&'a ComponentSchema>,
    name: Option<&'a ComponentSchema>,
    avatar: Option<&'a ComponentSchema>,
    parent: Option<&'a ComponentSchema>,
    grabbable: Option<&'a ComponentSchema>,
}

/// One component's values with the schema that names them.
struct Fields<'a>(&'a ComponentSchema, Record);

impl Fields<'_> {
    fn value(&self, name: &str) -> Option<(&FieldKind, &Value)> {
        let at = self.0.fields.iter().position(|field| field.name == name)?;
        Some((&self.0.fields[at].kind, self.1.get(at)?))
    }

    fn number(&self, name: &str, otherwise: f32) -> f32 {
        match self.value(name) {
            Some((_, Value::F32(v))) => *v,
            _ => otherwise,
        }
    }

    fn whole(&self, name: &str) -> u32 {
        match self.value(name) {
            Some((_, Value::U32(v) | Value::Entity(v))) => *v,
            _ => 0,
        }
    }

    fn text(&self, name: &str) -> &str {
        match self.value(name) {
            Some((_, Value::Text(text))) => text,
            _ => "",
        }
    }

    fn choice(&self, name: &str) -> &str {
        match self.value(name) {
            Some((FieldKind::Enum { variants }, Value::Enum(i))) => variants.get(*i as usize).map_or("", |v| v),
            _ => "",
        }
    }

    fn triple(&self, name: &str, otherwise: [f32; 3]) -> [f32; 3] {
        match self.value(name) {
            Some((_, Value::Vec3(v) | Value::Color(v))) => *v,
            _ => otherwise,
        }
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn new(shapes: &'a Shapes) -> Self {
        Reader {
            geometry: shapes.by_name("Geometry"),
            material: shapes.by_name("Material"),
            light: shapes.by_name("Light"),
            label: shapes.by_name("Label"),
            name: shapes.by_name("Name"),
            avatar: shapes.by_name("Avatar"),
            parent: shapes.by_name("Parent"),
            grabbable: shapes.by_name("Grabbable"),
        }
    }

    pub(crate) fn look(&self, entity: Entity<'_>) -> Look {
        let material = fields(entity, self.material);
        let material = material.as_ref();
        // Rounded, so that a value that was sent and the same by default share a draw call.
        let number =
            |name, otherwise| (material.map_or(otherwise, |m| m.number(name, otherwise)) * 1_000.0).round() / 1_000.0;
        let colour = |name, otherwise| linear(material.map_or(otherwise, |m| m.triple(name, otherwise)));
        let (shape, size) = fields(entity, self.geometry).map_or((Shape::None, [1.0; 3]), |g| form(&g));
        Look {
            shape,
            size,
            material: Material {
                kind: material.map_or("standard", |m| m.choice("kind")).to_owned(),
                opacity: number("opacity", 1.0),
                metalness: number("metalness", 0.0),
                roughness: number("roughness", 0.8),
                emissive: colour("emissive", [0.0; 3]),
            },
            colour: colour("color", [0.8; 3]),
        }
    }

    /// A caption, or an avatar's name.
    pub(crate) fn label(&self, entity: Entity<'_>, row: u32) -> Option<Label> {
        let id = entity.id().0;
        if let Some(label) = fields(entity, self.label).filter(|label| !label.text("text").is_empty()) {
            let color = hex(label.triple("color", [1.0; 3]));
            let offset = label.number("offset", 1.0);
            return Some(Label { row, id, text: label.text("text").to_owned(), color, offset });
        }
        fields(entity, self.avatar)?;
        let name = fields(entity, self.name)?;
        Some(Label { row, id, text: name.text("text").to_owned(), color: "#e8eaf1".into(), offset: NAME_OFFSET_M })
    }

    pub(crate) fn avatar(&self, entity: Entity<'_>, row: u32) -> Option<Avatar> {
        let player = fields(entity, self.avatar)?.whole("player");
        Some(Avatar { row, id: entity.id().0, player })
    }

    pub(crate) fn light(&self, entity: Entity<'_>, row: u32) -> Option<Light> {
        let light = fields(entity, self.light)?;
        Some(Light {
            row,
            id: entity.id().0,
            kind: light.choice("kind").to_owned(),
            colour: linear(light.triple("color", [1.0; 3])),
            intensity: light.number("intensity", 1.0),
            range: light.number("range", 0.0),
            cone: light.number("cone", 0.5),
        })
    }

    /// From how many metres it may be taken: infinity from anywhere, 0 not at all.
    pub(crate) fn reach(&self, entity: Entity<'_>) -> f32 {
        let reach = fields(entity, self.grabbable).map(|grabbable| grabbable.number("reach", 0.0));
        reach.map_or(0.0, |reach| if reach > 0.0 { reach } else { f32::INFINITY })
    }

    pub(crate) fn has_parent(&self, entity: Entity<'_>) -> bool {
        self.parent_of(entity).is_some()
    }

    fn parent_of(&self, entity: Entity<'_>) -> Option<NetId> {
        parent_of(entity, self.parent?.id, self.parent)
    }
}

/// The parent of an entity by the component `parent`, where it has one.
pub(crate) fn parent_in(mirror: &Mirror, entity: Entity<'_>) -> Option<NetId> {
    let schema = mirror.shapes().by_name("Parent")?;
    parent_of(entity, schema.id, Some(schema))
}

fn parent_of(entity: Entity<'_>, id: ComponentId, schema: Option<&ComponentSchema>) -> Option<NetId> {
    entity.held(id)?;
    let parent = fields(entity, schema)?.whole("entity");
    (parent != 0).then_some(NetId(parent))
}

fn fields<'a>(entity: Entity<'_>, schema: Option<&'a ComponentSchema>) -> Option<Fields<'a>> {
    let schema = schema?;
    let record = schema.dequantise(&entity.held(schema.id)?.row()).ok()?;
    Some(Fields(schema, record))
}

fn form(geometry: &Fields<'_>) -> (Shape, [f32; 3]) {
    let size = geometry.triple("size", [1.0; 3]);
    let across = geometry.number("radius", 0.5) * 2.0;
    match geometry.choice("shape") {
        "sphere" => (Shape::Sphere, [across; 3]),
        "cylinder" => (Shape::Cylinder, [across, geometry.number("height", 1.0), across]),
        "plane" => (Shape::Plane, [size[0], 1.0, size[2]]),
        "asset" => (Shape::Asset, size),
        _ => (Shape::Box, size),
    }
}

/// Colours are written and sent as screens show them (sRGB); light is added up linearly.
fn linear(srgb: [f32; 3]) -> [f32; 3] {
    srgb.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) })
}

fn hex(color: [f32; 3]) -> String {
    let [r, g, b] = color.map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u8);
    format!("#{r:02x}{g:02x}{b:02x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_those_of_the_screen() {
        assert_eq!(hex([1.0, 0.5, 0.0]), "#ff8000");
        let [r, g, b] = linear([1.0, 0.5, 0.0]);
        assert!((r - 1.0).abs() < 1.0e-6 && (g - 0.214).abs() < 1.0e-3 && b == 0.0);
    }
}
