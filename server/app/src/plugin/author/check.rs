//! `hd1 plugin check`: a module as a server loads it.

use std::path::Path;

use anyhow::{Context as _, Result};
use hd1_testkit::Kit;
use serde_json::json;

use super::project::{Project, built_module_of, module_of};
use super::{Module, build, describe};
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
    let others: Vec<_> = module.beside.iter().map(|path| built_module_of(path)).collect::<Result<_>>()?;
    let others: Vec<&[u8]> = others.iter().map(Vec::as_slice).collect();
    let kit = Kit::load_beside(&wasm, &others).with_context(|| module.path.display().to_string())?;
    Ok((kit, wasm.len()))
}

fn built(path: &Path) -> Result<Vec<u8>> {
    if !path.is_dir() {
        return module_of(path);
    }
    let module = build::build(&Project::open(path)?)?;
    std::fs::read(&module).with_context(|| format!("cannot read {}", module.display()))
}
