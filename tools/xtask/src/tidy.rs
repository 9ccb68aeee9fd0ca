//! `cargo x tidy`: the repository's own rules, each a function from what is there to what is wrong.

mod arrows;
mod text;

use anyhow::{Result, bail};

use crate::repo;

/// Applies every rule and prints what is wrong; long files are reported without being wrong.
///
/// # Errors
/// Something is wrong.
pub fn run() -> Result<()> {
    let files = repo::files()?;
    let metadata = repo::output(repo::cargo().args(["metadata", "--no-deps", "--format-version=1"]))?;
    let packages = arrows::packages(&serde_json::from_str(&metadata)?)?;

    let mut wrong = arrows::wrong_arrows(&packages);
    wrong.extend(arrows::wrong_owners(&packages));
    wrong.extend(arrows::wrong_names(&packages));
    wrong.extend(text::without_purpose(&files)?);
    wrong.extend(text::unfinished(&files)?);
    wrong.extend(text::missing_paths(&files)?);
    for line in text::long_files(&files)? {
        eprintln!("long: {line}");
    }
    for line in &wrong {
        eprintln!("wrong: {line}");
    }
    if !wrong.is_empty() {
        bail!("tidy found {} faults", wrong.len());
    }
    Ok(())
}
