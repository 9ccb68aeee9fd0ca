//! `hd1 plugin check`: a module as a server loads it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use hd1_testkit::Kit;
use serde_json::json;

use super::build::{Say, build};
use super::project::{Project, built_module_of, module_of};
use super::{Module, describe};
use crate::plugin::print;

/// The command.
pub(super) fn check(module: &Module) -> Result<()> {
    let (kit, wasm_bytes) = load(module)?;
    if module.json {
        return print::json(&json!({ "module_bytes": wasm_bytes, "plan": kit.plan() }));
    }
    let plan = kit.plan();
    print::say(&format!("{}: {wasm_bytes} bytes, interface {}, no fault", module.path.display(), plan.abi))?;
    describe::lines(plan).lines().try_for_each(print::say)
}

/// The kit of a folder, which is built first, of a package or of a module, and the module's bytes.
pub(super) fn load(module: &Module) -> Result<(Kit, usize)> {
    let wasm = built(&module.path)?;
    let kit = kit(&wasm, &module.beside).with_context(|| module.path.display().to_string())?;
    Ok((kit, wasm.len()))
}

/// A module, and those that it needs beside.
pub(super) fn kit(wasm: &[u8], beside: &[PathBuf]) -> Result<Kit> {
    let others: Vec<_> = beside.iter().map(|path| built_module_of(path)).collect::<Result<_>>()?;
    let others: Vec<&[u8]> = others.iter().map(Vec::as_slice).collect();
    Ok(Kit::load_beside(wasm, &others)?)
}

fn built(path: &Path) -> Result<Vec<u8>> {
    if !path.is_dir() {
        return module_of(path);
    }
    let module = build(&Project::open(path)?, Say::All)?;
    std::fs::read(&module).with_context(|| format!("cannot read {}", module.display()))
}
