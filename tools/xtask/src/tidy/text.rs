//! Rules about what files say: a purpose first, nothing unfinished, no path that leads nowhere.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::repo;

/// Beyond this many lines a file is reported: it probably holds more than one thought.
const LINES_MAX: usize = 420;

/// Marks of unfinished work. Split, so that this file does not name itself.
const UNFINISHED: &[&str] = &[
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("todo", "!("),
    concat!("unimpl", "emented!("),
    concat!("#[ign", "ore"),
];

/// Rust files that do not open with `//!`.
pub fn without_purpose(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for file in rust(files) {
        // A fuzz target must open with `#![no_main]`; its purpose may follow.
        let text = read(file)?;
        let first = text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!["));
        if !first.is_some_and(|line| line.starts_with("//! ")) {
            wrong.push(format!("{}: does not open with a `//!` sentence of purpose", file.display()));
        }
    }
    Ok(wrong)
}

/// Lines that admit to be unfinished.
pub fn unfinished(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    let code = files.iter().filter(|file| extension(file, &["rs", "ts", "svelte", "mjs", "js", "sql", "toml"]));
    for file in code {
        for (number, line) in read(file)?.lines().enumerate() {
            if let Some(mark) = UNFINISHED.iter().find(|mark| line.contains(**mark)) {
                wrong.push(format!("{}:{}: `{mark}`", file.display(), number + 1));
            }
        }
    }
    Ok(wrong)
}

/// Paths written in Markdown files that are not there.
pub fn missing_paths(files: &[PathBuf]) -> Result<Vec<String>> {
    let root = repo::root();
    let mut wrong = Vec::new();
    for file in files.iter().filter(|file| extension(file, &["md"])) {
        let folder = file.parent().unwrap_or(Path::new(""));
        for (number, line) in outside_fences(&read(file)?) {
            for path in paths_in(&line) {
                let starts_at_root = path.split('/').next().is_some_and(|first| root.join(first).exists());
                let found = root.join(folder).join(&path).exists() || (starts_at_root && root.join(&path).exists());
                if !found {
                    wrong.push(format!("{}:{number}: `{path}` does not exist", file.display()));
                }
            }
        }
    }
    Ok(wrong)
}

/// The files with more lines than one thought should need.
pub fn long_files(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut long = Vec::new();
    for file in rust(files) {
        let line_count = read(file)?.lines().count();
        if line_count > LINES_MAX {
            long.push(format!("{} has {line_count} lines", file.display()));
        }
    }
    Ok(long)
}

fn rust(files: &[PathBuf]) -> impl Iterator<Item = &PathBuf> {
    files.iter().filter(|file| extension(file, &["rs"]))
}

fn extension(file: &Path, wanted: &[&str]) -> bool {
    file.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| wanted.contains(&extension))
}

fn read(file: &Path) -> Result<String> {
    fs::read_to_string(repo::root().join(file)).with_context(|| format!("cannot read {}", file.display()))
}

/// The numbered lines of a Markdown text that are not in a fenced block.
fn outside_fences(text: &str) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((number + 1, line.to_owned()));
        }
    }
    lines
}

/// What a Markdown line claims to be a path of the repository: relative link targets, and words in backticks whose
/// first part is a name at the top.
fn paths_in(line: &str) -> Vec<String> {
    let links = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let links =
        links.map(|link| link.split('#').next().unwrap_or(link)).filter(|link| !link.is_empty() && !link.contains(':'));
    let words = line.split('`').skip(1).step_by(2).filter(|word| {
        let plain = word.chars().all(|letter| letter.is_ascii_alphanumeric() || "._-/".contains(letter));
        plain && word.split_once('/').is_some_and(|(first, _)| TOP.contains(&first))
    });
    links.chain(words).map(str::to_owned).collect()
}

/// The folders at the top, by which a word in backticks is known for a path.
const TOP: &[&str] = &["shared", "net", "plugins", "scenes", "server", "tools", "tests", "benches", ".ci", ".cargo"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_told_from_routes_and_protocols() {
        let line = "see `net/PROTOCOL.md`, `/api/sessions`, `hd1/1`, [map](tools/xtask), [site](https://example.org/a)";
        assert_eq!(paths_in(line), ["tools/xtask", "net/PROTOCOL.md"]);
    }

    #[test]
    fn fenced_blocks_are_left_alone() {
        let text = "a\n```\nb\n```\nc";
        assert_eq!(outside_fences(text), [(1, "a".to_owned()), (5, "c".to_owned())]);
    }
}
