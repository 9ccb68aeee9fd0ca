//! A plugin host that compiles nothing, and packages whose modules are their plans written out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use hd1_abi::{Plan, ServicePlan};
use hd1_api::ServiceState;
use hd1_core::Micros;
use hd1_manifest::archive::Files;
use hd1_manifest::{Package, PackagePath, SigningKey, Trust};
use serde_json::{Value, json};

use crate::plugin_host::{
    ChannelAsked, FilterVerdict, LogLine, PluginHost, RunningService, ServiceFault, ServiceRequest, ServiceResponse,
    ServiceSpec, ServiceStep, SystemStats, Vouched,
};
use crate::worlds::PortFuture;

/// What the host holds.
#[derive(Debug, Default)]
pub struct HostState {
    /// The packages on its disk, by hash.
    pub packages: BTreeMap<String, Vec<u8>>,
    /// What it answers about systems, by plugin.
    pub stats: BTreeMap<String, Vec<SystemStats>>,
    /// What it answers about lines, by plugin.
    pub lines: BTreeMap<String, Vec<LogLine>>,
    /// The services that run.
    pub services: Vec<ServiceSpec>,
    /// Plugins whose services do not start.
    pub broken: BTreeSet<String>,
    /// What services were called for, but for routes and functions.
    pub calls: Vec<String>,
    /// How many of the next of these calls fail.
    pub failures: usize,
    /// What the server's own settings fix, by plugin.
    pub fixed: BTreeMap<String, serde_json::Map<String, Value>>,
    /// Its disk takes nothing more.
    pub disk_full: bool,
}

/// A host over plain memory. It takes a module for a plan in JSON behind eight bytes, and checks it as a plan.
#[derive(Debug, Default)]
pub struct FakeHost {
    state: Mutex<HostState>,
    trust: Trust,
}

impl FakeHost {
    /// One whose operator believes these.
    #[must_use]
    pub fn trusting(trust: Trust) -> Self {
        Self { state: Mutex::default(), trust }
    }

    /// What it holds, to look at and to tamper with.
    ///
    /// # Panics
    /// When a test panicked while it held it.
    pub fn lock(&self) -> MutexGuard<'_, HostState> {
        self.state.lock().expect("no test panicked while it held the host")
    }
}

impl FakeHost {
    /// Notes a call; fails it as often as it is told to.
    fn called(&self, plugin: &str, kind: &str, at: usize, with: &str) -> Result<(), ServiceFault> {
        let mut state = self.lock();
        state.calls.push(format!("{plugin} {kind} {at} {with}"));
        if state.failures > 0 {
            state.failures -= 1;
            return Err(ServiceFault::Failed("it traps".to_owned()));
        }
        Ok(())
    }
}

fn ready<'a, T: Send + 'a>(value: T) -> PortFuture<'a, T> {
    Box::pin(std::future::ready(value))
}

impl PluginHost for FakeHost {
    fn inspect<'a>(&'a self, module: &'a [u8]) -> PortFuture<'a, Result<Plan, String>> {
        let plan = module.get(8..).ok_or_else(|| "no module".to_owned());
        ready(plan.and_then(|plan| Plan::parse(plan).map_err(|error| error.to_string())))
    }

    fn inspect_service<'a>(&'a self, component: &'a [u8]) -> PortFuture<'a, Result<ServicePlan, String>> {
        let plan = component.get(8..).ok_or_else(|| "no component".to_owned());
        ready(plan.and_then(|plan| ServicePlan::parse(plan).map_err(|error| error.to_string())))
    }

    fn set_services<'a>(&'a self, services: &'a [ServiceSpec]) -> PortFuture<'a, Result<(), (String, String)>> {
        let mut state = self.lock();
        if let Some(service) = services.iter().find(|service| state.broken.contains(&service.plugin)) {
            return ready(Err((service.plugin.clone(), "it traps".to_owned())));
        }
        state.services = services.to_vec();
        ready(Ok(()))
    }

    fn service_plan(&self, plugin: &str) -> Option<Arc<ServicePlan>> {
        let state = self.lock();
        let service = state.services.iter().find(|service| service.plugin == plugin)?;
        let package = Package::read(state.packages.get(&service.package)?).ok()?;
        let component = &package.manifest().service.as_ref()?.component;
        ServicePlan::parse(package.files().get(component)?.get(8..)?).ok().map(Arc::new)
    }

    fn services(&self) -> Vec<Arc<RunningService>> {
        let specs = self.lock().services.clone();
        let running = specs.into_iter().filter_map(|spec| {
            let plan = self.service_plan(&spec.plugin)?;
            Some(Arc::new(RunningService { spec, plan }))
        });
        running.collect()
    }

    fn action<'a>(&'a self, plugin: &'a str, hook: usize, about: &'a str) -> PortFuture<'a, Result<(), ServiceFault>> {
        ready(self.called(plugin, "action", hook, about))
    }

    /// Changes nothing, refuses what holds `refuse`, and puts `said` in place of `say`.
    fn filter<'a>(
        &'a self,
        plugin: &'a str,
        hook: usize,
        value: &'a str,
    ) -> PortFuture<'a, Result<FilterVerdict, ServiceFault>> {
        let called = self.called(plugin, "filter", hook, value);
        ready(called.map(|()| match value {
            value if value.contains("refuse") => FilterVerdict::Refuse("it may not be".to_owned()),
            value if value.contains("say") => FilterVerdict::Change(value.replace("say", "said")),
            value if value.contains("spoil") => FilterVerdict::Change("{".to_owned()),
            _ => FilterVerdict::Keep,
        }))
    }

    fn job<'a>(&'a self, plugin: &'a str, job: usize, payload: &'a str) -> PortFuture<'a, Result<(), ServiceFault>> {
        ready(self.called(plugin, "job", job, payload))
    }

    /// Answers with what was asked; declines `no`, and answers `spoil` with what is no JSON.
    fn channel<'a>(
        &'a self,
        plugin: &'a str,
        channel: usize,
        asked: &'a ChannelAsked,
    ) -> PortFuture<'a, Result<Result<String, String>, ServiceFault>> {
        let called = self.called(plugin, "channel", channel, &format!("{} {}", asked.topic, asked.data));
        ready(called.map(|()| match &asked.data {
            data if *data == "no" => Err("not that".to_owned()),
            data if *data == "spoil" => Ok("{".to_owned()),
            data => Ok(data.to_string()),
        }))
    }

    /// Knows the credential `7:developer`.
    fn authenticate<'a>(
        &'a self,
        plugin: &'a str,
        method: usize,
        credential: &'a str,
    ) -> PortFuture<'a, Result<Option<Vouched>, ServiceFault>> {
        let vouched = credential.split_once(':').map(|(id, role)| Vouched {
            id: id.to_owned(),
            name: String::new(),
            role: role.to_owned(),
        });
        ready(self.called(plugin, "authenticate", method, credential).map(|()| vouched))
    }

    /// Answers with what it was asked.
    fn route<'a>(
        &'a self,
        _: &'a str,
        route: usize,
        request: ServiceRequest,
    ) -> PortFuture<'a, Result<ServiceResponse, ServiceFault>> {
        let ServiceRequest { params, caller, body, .. } = request;
        if body == b"fail" {
            return ready(Err(ServiceFault::Failed("it traps at /secret/path".to_owned())));
        }
        let told = json!({ "route": route, "params": params, "caller": [caller.id, caller.name, caller.role] });
        let headers = vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("set-cookie".to_owned(), "a=b".to_owned()),
        ];
        ready(Ok(ServiceResponse { status: 200, headers, body: told.to_string().into_bytes() }))
    }

    fn call<'a>(
        &'a self,
        _: &'a str,
        function: usize,
        depth: u32,
        caller: &'a str,
        argument: &'a str,
    ) -> PortFuture<'a, Result<String, ServiceFault>> {
        ready(Ok(json!([function, depth, caller, argument]).to_string()))
    }

    fn service_state(&self, plugin: &str) -> Option<ServiceState> {
        let state = self.lock();
        state.services.iter().any(|service| service.plugin == plugin).then_some(ServiceState::Started)
    }

    fn service_steps(&self, plugin: &str) -> Vec<ServiceStep> {
        let step = |state| ServiceStep { state, since: Micros(0), reason: None };
        self.service_state(plugin).map(step).into_iter().collect()
    }

    fn service_stats(&self, _: &str) -> (Vec<SystemStats>, BTreeMap<String, u64>) {
        (Vec::new(), BTreeMap::new())
    }

    fn keep<'a>(&'a self, hash: &'a str, package: &'a [u8]) -> PortFuture<'a, Result<(), String>> {
        let mut state = self.lock();
        if state.disk_full {
            return ready(Err("the disk at /secret/path is full".to_owned()));
        }
        state.packages.insert(hash.to_owned(), package.to_owned());
        ready(Ok(()))
    }

    fn drop_package<'a>(&'a self, hash: &'a str) -> PortFuture<'a, Result<(), String>> {
        self.lock().packages.remove(hash);
        ready(Ok(()))
    }

    fn trust(&self) -> &Trust {
        &self.trust
    }

    fn fixed(&self, plugin: &str) -> serde_json::Map<String, Value> {
        self.lock().fixed.get(plugin).cloned().unwrap_or_default()
    }

    fn stats(&self, plugin: &str) -> Vec<SystemStats> {
        self.lock().stats.get(plugin).cloned().unwrap_or_default()
    }

    fn log(&self, plugin: &str, limit: usize) -> Vec<LogLine> {
        let lines = self.lock().lines.get(plugin).cloned().unwrap_or_default();
        lines[lines.len().saturating_sub(limit)..].to_vec()
    }
}

/// A package to be made.
#[derive(Clone, Debug)]
pub struct TestPackage {
    id: String,
    version: String,
    /// What follows in the manifest.
    tables: String,
    plan: Value,
    service: Value,
    readme: String,
}

impl TestPackage {
    /// One with a config of `strength`, a number from 0 to 10 that is 1 by default, and `loud`, which is false.
    #[must_use]
    pub fn new(id: &str, version: &str) -> Self {
        let strength = json!({ "name": "strength", "doc": "How strong.", "default": { "F32": 1 },
            "kind": { "type": "f32", "range": { "min": 0, "max": 10 }, "step": 0.01 } });
        let loud =
            json!({ "name": "loud", "doc": "Is it heard?", "default": { "Bool": false }, "kind": { "type": "bool" } });
        let plan = json!({ "abi": 1, "config": [strength, loud],
            "systems": [{ "name": "blow", "queries": [{ "write": ["Velocity"] }] }] });
        let (tables, readme) = ("[sim]\nmodule = \"sim.wasm\"\n".to_owned(), String::new());
        let service = json!({ "abi": 1 });
        Self { id: id.to_owned(), version: version.to_owned(), tables, plan, service, readme }
    }

    /// With these tables in place of `[sim]`, or after it where they do not begin with one.
    #[must_use]
    pub fn tables(mut self, tables: &str) -> Self {
        if tables.contains("[sim]") || tables.contains("[service]") {
            self.tables.clear();
        }
        self.tables += tables;
        self
    }

    /// With another text beside, so that its hash is another.
    #[must_use]
    pub fn readme(mut self, text: &str) -> Self {
        self.readme = text.to_owned();
        self
    }

    /// With another plan.
    #[must_use]
    pub fn plan(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.plan);
        self
    }

    /// With a service of this plan in place of `[sim]`, and these rights.
    #[must_use]
    pub fn service(mut self, plan: Value, rights: &[&str]) -> Self {
        self.service = plan;
        let rights: String = rights.iter().map(|right| format!("\"{right}\" = \"for a test\"\n")).collect();
        self.tables(&format!("[service]\ncomponent = \"service.wasm\"\n[rights]\n{rights}"))
    }

    /// Its bytes, unsigned.
    ///
    /// # Panics
    /// When it is at fault.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.pack(None)
    }

    /// Its bytes, signed.
    ///
    /// # Panics
    /// When it is at fault.
    #[must_use]
    pub fn signed(&self, key: &SigningKey) -> Vec<u8> {
        self.pack(Some(key))
    }

    fn pack(&self, key: Option<&SigningKey>) -> Vec<u8> {
        let Self { id, version, tables, .. } = self;
        let manifest =
            format!("[plugin]\nid = \"{id}\"\nversion = \"{version}\"\napi = \"^1\"\nname = \"Test\"\n{tables}");
        let wasm = |plan: &Value| [b"\0asm\x01\0\0\0", plan.to_string().as_bytes()].concat();
        let files = [
            ("plugin.toml", manifest.into_bytes()),
            ("sim.wasm", wasm(&self.plan)),
            ("service.wasm", wasm(&self.service)),
            ("README.md", self.readme.clone().into_bytes()),
        ];
        let path = |name: &str| name.parse::<PackagePath>().expect("a path");
        let files: Files = files.into_iter().map(|(name, bytes)| (path(name), bytes)).collect();
        Package::of(files).and_then(|package| package.bytes(key)).expect("a package without fault")
    }

    /// Its hash.
    ///
    /// # Panics
    /// When it is at fault.
    #[must_use]
    pub fn hash(&self) -> String {
        Package::read(&self.bytes()).expect("a package without fault").hash().to_string()
    }
}
