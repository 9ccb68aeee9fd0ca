//! The opponent: the same system, typed, as bevy runs it.

use bevy_ecs::component::Component;
use bevy_ecs::resource::Resource;
use bevy_ecs::schedule::{Schedule, SingleThreadedExecutor};
use bevy_ecs::system::{Query, Res};
use bevy_ecs::world::EntityWorldMut;

use super::worlds::{DT, at, speed, table_bits};

#[derive(Component)]
struct Place([f32; 3]);
#[derive(Component)]
struct Speed([f32; 3]);
#[derive(Component)]
struct Tag<const N: u32>;
#[derive(Resource)]
struct Dt(f32);

pub(super) struct World {
    world: bevy_ecs::world::World,
    schedule: Schedule,
}

impl World {
    pub fn new(entities: usize, tables: usize) -> Self {
        let mut world = bevy_ecs::world::World::new();
        world.insert_resource(Dt(DT));
        for i in 0..entities {
            tag(&mut world.spawn((Place(at(i)), Speed(speed(i)))), table_bits(i, entities, tables));
        }
        let mut schedule = Schedule::default();
        schedule.set_executor(SingleThreadedExecutor::new());
        schedule.add_systems(drift);
        World { world, schedule }
    }

    pub fn run(&mut self) {
        self.schedule.run(&mut self.world);
    }

    pub fn sum(&mut self) -> f64 {
        let mut query = self.world.query::<&Place>();
        query.iter(&self.world).map(|place| f64::from(place.0[0])).sum()
    }
}

fn drift(dt: Res<Dt>, mut moving: Query<(&mut Place, &Speed)>) {
    for (mut place, speed) in &mut moving {
        for axis in 0..3 {
            place.0[axis] += speed.0[axis] * dt.0;
        }
    }
}

fn tag(entity: &mut EntityWorldMut, bits: u32) {
    macro_rules! tags {
        ($($n:literal)+) => { $(if bits & 1 << $n != 0 { entity.insert(Tag::<$n>); })+ };
    }
    tags!(0 1 2 3 4 5 6 7 8 9);
}
