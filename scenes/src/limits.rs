//! Bounds on scene files.

/// Bytes of one scene file: `city` written out entity by entity has 4.6 MB.
pub const SCENE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Nesting of a scene file.
pub const SCENE_DEPTH_MAX: usize = 16;
/// Entities of one scene, generated ones included.
pub const SCENE_ENTITIES_MAX: usize = 50_000;
/// Generate blocks of one scene.
pub const GENERATE_BLOCKS_MAX: usize = 64;
/// Spawn points of one scene.
pub const SPAWN_POINTS_MAX: usize = 64;
/// Bytes of a scene's name.
pub const NAME_BYTES_MAX: usize = 64;
/// Bytes of a scene's description.
pub const DESCRIPTION_BYTES_MAX: usize = 1024;
/// The greatest id that a scene may give an entity.
pub const ENTITY_ID_MAX: u32 = 1 << 30;
/// Links from a child to its furthest ancestor.
pub const PARENT_DEPTH_MAX: usize = 32;
