//! `hd1 plugin check`: a module as a server loads it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use hd1_abi::ServicePlan;
use hd1_host::service::ServiceHost;
use hd1_testkit::Kit;
use serde_json::json;

use super::build::{Say, build};
use super::project::{Project, built_module_of, module_of};
use super::{Module, describe};
use crate::plugin::print;

/// The command.
pub(super) fn check(module: &Module) -> Result<()> {
    let wasm = built(&module.path)?;
    if is_component(&wasm) {
        return check_service(module, &wasm);
    }
    let (kit, wasm_bytes) = load(module)?;
    if module.json {
        return print::json(&json!({ "module_bytes": wasm_bytes, "plan": kit.plan() }));
    }
    let plan = kit.plan();
    print::say(&format!("{}: {wasm_bytes} bytes, interface {}, no fault", module.path.display(), plan.abi))?;
    describe::lines(plan).lines().try_for_each(print::say)
}

/// Is it a component rather than a core module?
pub(super) fn is_component(wasm: &[u8]) -> bool {
    // After the magic number comes the version, and after it the layer: 1 is a component.
    wasm.get(6..8) == Some(&[1, 0])
}

fn check_service(module: &Module, wasm: &[u8]) -> Result<()> {
    let plan = service_plan(wasm)?;
    if module.json {
        return print::json(&json!({ "component_bytes": wasm.len(), "plan": plan }));
    }
    let path = module.path.display();
    print::say(&format!("{path}: a service, {} bytes, interface {}, no fault", wasm.len(), plan.abi))?;
    describe::service(&plan).lines().try_for_each(print::say)
}

/// What a component declares, as a server finds it.
pub(super) fn service_plan(wasm: &[u8]) -> Result<ServicePlan> {
    let host = ServiceHost::new().map_err(|error| anyhow::anyhow!("services cannot run here: {error:#}"))?;
    Ok(ServicePlan::clone(host.load(wasm)?.plan()))
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

pub(super) fn built(path: &Path) -> Result<Vec<u8>> {
    if !path.is_dir() {
        return module_of(path);
    }
    let module = build(&Project::open(path)?, Say::All)?;
    std::fs::read(&module).with_context(|| format!("cannot read {}", module.display()))
}
