//! `hd1 scene`: scene files checked, and the library listed.

use std::path::Path;

use anyhow::{Context as _, Result};
use hd1_scenes::{LIBRARY, Scene};

/// Checks a scene file; its first fault is the error, with its place.
///
/// # Errors
/// The file cannot be read or breaks a rule.
pub fn check(file: &Path) -> Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let scene = Scene::parse(&text).with_context(|| file.display().to_string())?;
    println!("{}: {} entities, no fault", file.display(), scene.entities.len());
    Ok(())
}

/// Lists the scenes that come with the server.
///
/// # Errors
/// None of them is at fault, unless the build is.
pub fn list() -> Result<()> {
    for (name, text) in LIBRARY {
        let scene = Scene::parse(text).with_context(|| format!("the library scene {name}"))?;
        println!("{name:12} {:6} entities  {}", scene.entities.len(), scene.description);
    }
    Ok(())
}
