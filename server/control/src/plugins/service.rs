//! Services: what they may do, and what their routes answer to whom.

use hd1_abi::service::{Access, Found};
use hd1_api::{PastServiceState, PluginRight, PluginRoute, ServiceHealth, Timestamp};
use hd1_manifest::{Manifest, PluginId, Right, Trust};

use super::catalogue::Installed;
use crate::authority::{Authority, Caller};
use crate::control::Control;
use crate::error::{ControlError, Result};
use crate::plugin_host::{
    ServiceCaller, ServiceCallerKind, ServiceFault, ServiceRequest, ServiceResponse, ServiceStep,
};
use crate::rules::Checks;

/// What a request to a plugin came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Routed {
    /// Its answer.
    Answered(ServiceResponse),
    /// The path is there for other methods alone.
    OtherMethods(Vec<String>),
}

impl Control {
    /// Asks a plugin's service; `path` is what follows the plugin's id.
    ///
    /// # Errors
    /// [`ControlError::NotFound`] where no service of this id runs, or it has no such route; a missing right; a service
    /// that fails or is busy.
    pub async fn ask_plugin(
        &self,
        authority: &Authority,
        id: &PluginId,
        mut request: ServiceRequest,
    ) -> Result<Routed> {
        let id = id.to_string();
        let plan = self.host().service_plan(&id).ok_or(ControlError::NotFound("plugin with routes"))?;
        let (route, params) = match plan.route(&request.method, &request.path) {
            Found::Route { route, params } => (route, params),
            Found::OtherMethods(methods) => {
                return Ok(Routed::OtherMethods(methods.into_iter().map(str::to_owned).collect()));
            }
            Found::Nothing => return Err(ControlError::NotFound("route of this plugin")),
        };
        match plan.routes[route].access {
            Access::Anyone => {}
            Access::Token => authority.known()?,
            Access::Admin => authority.administer()?,
        }
        request.params = params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        request.caller = caller_of(authority);
        let answered = self.host().route(&id, route, request).await;
        answered.map(Routed::Answered).map_err(|fault| failed(&id, fault))
    }

    /// Has a plugin's function called by another plugin, which has the right to.
    ///
    /// # Errors
    /// [`ControlError::NotFound`]; a service that fails or is busy.
    pub async fn call_plugin(
        &self,
        caller: &str,
        depth: u32,
        plugin: &str,
        function: &str,
        argument: &str,
    ) -> Result<String> {
        let plan = self.host().service_plan(plugin).ok_or(ControlError::NotFound("plugin with functions"))?;
        let at = plan.functions.iter().position(|one| one.name == function);
        let at = at.ok_or(ControlError::NotFound("function of this plugin"))?;
        self.host().call(plugin, at, depth, caller, argument).await.map_err(|fault| failed(plugin, fault))
    }

    /// Starts the services of all that is installed, after a restart. One that does not start is told of, and the others
    /// run.
    ///
    /// # Errors
    /// What the database says; settings of the server's own that a plugin does not take.
    pub async fn start_services(&self) -> Result<()> {
        let _alone = self.inner.plugins.write().await;
        let catalogue = self.catalogue().await?;
        catalogue.check_fixed()?;
        let mut services = catalogue.services(self.host().trust());
        while let Err((plugin, why)) = self.host().set_services(&services).await {
            tracing::error!(plugin.id = plugin, why, "a service does not start");
            let before = services.len();
            services.retain(|service| service.plugin != plugin);
            if services.len() == before {
                break;
            }
        }
        self.plan_schedules().await
    }

    pub(super) fn service_health(&self, id: &str) -> Option<ServiceHealth> {
        let mut steps = self.host().service_steps(id);
        let ServiceStep { state, since, reason } = steps.pop()?;
        let before = steps.into_iter().rev().map(|step| PastServiceState {
            state: step.state,
            since: Timestamp(step.since),
            reason: step.reason,
        });
        Some(ServiceHealth { state, since: Timestamp(since), reason, before: before.collect() })
    }
}

pub(super) fn failed(plugin: &str, fault: ServiceFault) -> ControlError {
    match fault {
        ServiceFault::NotRunning => ControlError::Unavailable(format!("the service of {plugin} does not run now")),
        ServiceFault::Busy => ControlError::Unavailable(format!("the service of {plugin} is busy")),
        ServiceFault::Failed(why) => ControlError::PluginFailed(format!("{plugin}: {why}")),
    }
}

pub(super) fn caller_of(authority: &Authority) -> ServiceCaller {
    match authority.caller() {
        Caller::Anonymous => ServiceCaller::default(),
        Caller::Admin => ServiceCaller {
            kind: ServiceCallerKind::Admin,
            name: "admin".into(),
            role: "admin".into(),
            ..ServiceCaller::default()
        },
        Caller::Token { id, name, role } => ServiceCaller {
            kind: ServiceCallerKind::Token,
            id: id.to_string(),
            name: name.clone(),
            role: role.as_str().to_owned(),
            session: None,
        },
        Caller::Vouched { id, name, role, .. } => ServiceCaller {
            kind: ServiceCallerKind::Vouched,
            id: id.clone(),
            name: name.clone(),
            role: role.as_str().to_owned(),
            session: None,
        },
        Caller::Member { session, participant, role } => ServiceCaller {
            kind: ServiceCallerKind::Member,
            id: participant.to_string(),
            name: String::new(),
            role: role.as_str().to_owned(),
            session: Some(*session),
        },
    }
}

/// The rights that an operator names, each of which the plugin asks for.
pub(super) fn granted(manifest: &Manifest, rights: Vec<String>) -> Result<Vec<String>> {
    let (asked, mut checks, mut granted) = (manifest.asked(), Checks::default(), Vec::new());
    for (i, text) in rights.into_iter().enumerate() {
        let at = format!("rights[{i}]");
        match text.parse::<Right>() {
            Err(bad) => checks.refuse(&at, bad.to_string()),
            Ok(right) if !asked.contains(&right) => {
                let known: Vec<_> = asked.iter().map(ToString::to_string).collect();
                let asks = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                checks.refuse(&at, format!("the plugin does not ask for {right}; it asks for {asks}"));
            }
            Ok(right) => granted.push(right.to_string()),
        }
    }
    checks.done()?;
    granted.sort();
    granted.dedup();
    Ok(granted)
}

pub(super) fn rights(plugin: &Installed, trust: &Trust) -> Vec<PluginRight> {
    let holds = plugin.rights(trust);
    let right = |(right, why): (&Right, &String)| PluginRight {
        granted: plugin.record.granted.contains(&right.to_string()),
        holds: holds.contains(right),
        right: right.to_string(),
        why: why.clone(),
    };
    plugin.manifest.rights.iter().map(right).collect()
}

pub(super) fn routes(plugin: &Installed) -> Vec<PluginRoute> {
    let routes = plugin.service.iter().flat_map(|service| &service.routes).map(|route| PluginRoute {
        method: route.method.clone(),
        path: format!("/plugins/{}{}", plugin.record.id, route.path),
        access: match route.access {
            Access::Anyone => "anyone",
            Access::Token => "token",
            Access::Admin => "admin",
        }
        .to_owned(),
        doc: route.doc.clone(),
    });
    routes.collect()
}
