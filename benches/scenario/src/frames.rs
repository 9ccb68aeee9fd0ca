//! A run as a file, for engines that are not written in Rust.
//!
//! Little endian throughout: the bytes `HD1F`, then `u32` entity count, client count, ticks to warm up, ticks to
//! measure, joins; every body at its spawn; then for each tick a `u32` count and so many times `u32` index and body. A
//! body is 7 `f32`: position and rotation.

use std::io::{self, Write};

use crate::{Body, Run, Scene};

/// Writes as many ticks of a scene as are run.
///
/// # Errors
/// Of the writer.
pub fn write(scene: &Scene, seed: u64, quick: bool, mut out: impl Write) -> io::Result<()> {
    let mut run = Run::new(scene, seed);
    out.write_all(b"HD1F")?;
    let (_, measured) = scene.ticks(quick);
    // An engine that compiles while it runs needs as many again before it is at its best.
    let warm = measured;
    for count in [scene.entity_count, scene.client_count, warm, measured, scene.join_count] {
        put_count(&mut out, count)?;
    }
    run.bodies().iter().try_for_each(|body| put_body(&mut out, body))?;
    for _ in 0..warm + measured {
        run.step();
        put_count(&mut out, run.changed().len())?;
        for (i, body) in run.changed() {
            put_count(&mut out, i)?;
            put_body(&mut out, body)?;
        }
    }
    out.flush()
}

fn put_count(out: &mut impl Write, count: usize) -> io::Result<()> {
    out.write_all(&(count as u32).to_le_bytes())
}

fn put_body(out: &mut impl Write, body: &Body) -> io::Result<()> {
    body.position.iter().chain(&body.rotation).try_for_each(|v| out.write_all(&v.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_as_long_as_its_words_say() {
        let scene = Scene::named("s3").expect("a scene");
        let mut bytes = Vec::new();
        write(scene, 1, true, &mut bytes).expect("memory takes everything");
        assert_eq!(bytes.len(), 4 + 20 + 10_000 * 28 + 40 * (4 + 100 * 32));
        assert_eq!(&bytes[..8], b"HD1F\x10\x27\0\0");
    }
}
