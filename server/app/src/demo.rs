//! The public session that a newcomer finds, made once for each scene that is asked for.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use hd1_api::{CreateSession, SceneSource, Visibility};
use hd1_control::{Authority, Control};

use crate::config::Config;
use crate::files;

/// The names of the scenes for which a session has been made, one a line.
const FILE: &str = "demo-scenes";

/// Makes the session, unless the settings say no or it was made before; one that was deleted stays deleted.
///
/// # Errors
/// The scene is unknown, or something cannot be written.
pub async fn make(config: &Config, control: &Control) -> Result<()> {
    let scene = &config.demo.scene;
    let file = config.data.join(FILE);
    let mut made = read(&file)?;
    if !config.demo.enabled || made.iter().any(|name| name == scene) {
        return Ok(());
    }
    let mut wish = CreateSession::named(scene.clone());
    wish.description = "Made at the first start; open to whoever finds it.".to_owned();
    wish.visibility = Visibility::Public;
    wish.max_participants = DEMO_PARTICIPANTS_MAX;
    wish.scene = Some(SceneSource::Library(scene.clone()));
    wish.settings.guests = config.demo_guests();
    let session = control
        .create_session(&Authority::admin(), wish)
        .await
        .with_context(|| format!("cannot make the demo session of demo.scene {scene:?}"))?;
    made.push(scene.clone());
    files::write_secret(&file, (made.join("\n") + "\n").as_bytes())?;
    tracing::info!(session.id = %session.id, scene, guests = config.demo_guests(), "made the demo session");
    Ok(())
}

/// Places in the demo session: what one machine is measured with, and room.
const DEMO_PARTICIPANTS_MAX: u32 = 1000;

fn read(file: &Path) -> Result<Vec<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", PathBuf::from(file).display())),
    }
}
