//! The command line that every measuring program has: `PROGRAM SCENE [--quick]`.

use anyhow::Context;

use crate::Scene;

/// All engines run the same seed, so that they see the same bytes.
pub const SEED: u64 = 1;

/// The scene that this process was asked for, and whether fewer ticks are enough.
///
/// # Errors
/// No scene, or words that mean nothing.
pub fn scene() -> anyhow::Result<(&'static Scene, bool)> {
    scene_after(0)
}

/// The same for a program whose first `count` words are its own.
///
/// # Errors
/// As [`scene`].
pub fn scene_after(count: usize) -> anyhow::Result<(&'static Scene, bool)> {
    let (name, quick) = parse(std::env::args().skip(1 + count))?;
    let scene = Scene::named(&name).with_context(|| format!("there is no scene {name}"))?;
    Ok((scene, quick))
}

/// The same with the scene by name, for who knows more scenes.
///
/// # Errors
/// No name, or words that mean nothing.
pub fn arguments() -> anyhow::Result<(String, bool)> {
    parse(std::env::args().skip(1))
}

fn parse(mut words: impl Iterator<Item = String>) -> anyhow::Result<(String, bool)> {
    let name = words.next().context("usage: PROGRAM SCENE [--quick]")?;
    let quick = match words.next().as_deref() {
        None => false,
        Some("--quick") => true,
        Some(word) => anyhow::bail!("what is {word}?"),
    };
    Ok((name, quick))
}
