//! Plugins that say who stands behind a credential.

use hd1_api::ApiRole;
use hd1_manifest::Right;

use crate::authority::{Authority, Caller};
use crate::control::Control;
use crate::error::{ControlError, Result};
use crate::limits::{CREDENTIAL_BYTES_MAX, VOUCHED_BYTES_MAX};
use crate::plugin_host::Vouched;

impl Control {
    /// Who stands behind a credential of a scheme other than `Bearer`, as the plugin says that knows the scheme and has the
    /// right `auth`.
    ///
    /// # Errors
    /// [`ControlError::Unauthenticated`] where no plugin knows the scheme, or it does not know the credential; a plugin
    /// that fails.
    pub async fn authenticate_by(&self, scheme: &str, credential: &str) -> Result<Authority> {
        if credential.is_empty() || credential.len() > CREDENTIAL_BYTES_MAX {
            return Err(ControlError::Unauthenticated);
        }
        let asked = self.host().services().into_iter().find_map(|service| {
            let of = |method: &hd1_abi::service::AuthMethod| method.scheme.eq_ignore_ascii_case(scheme);
            let method = service.plan.auth.iter().position(of)?;
            service.spec.rights.contains(&Right::Auth).then_some((service, method))
        });
        let (service, method) = asked.ok_or(ControlError::Unauthenticated)?;
        let plugin = service.spec.plugin.as_str();
        let vouched = self.host().authenticate(plugin, method, credential).await;
        let vouched = vouched.map_err(|fault| super::service::failed(plugin, fault))?;
        let vouched = vouched.ok_or(ControlError::Unauthenticated)?;
        caller(plugin, vouched).map(Authority::of).map_err(|what| {
            ControlError::PluginFailed(format!("{plugin}: the identity that it vouches for has {what}"))
        })
    }
}

/// Somebody with the rights of a developer at most: administrators hold tokens of the server's own.
fn caller(plugin: &str, vouched: Vouched) -> Result<Caller, &'static str> {
    let is_fit = |text: &str, least: usize| {
        (least..=VOUCHED_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
    };
    if !is_fit(&vouched.id, 1) || !is_fit(&vouched.name, 0) {
        return Err("an id or a name that is empty, too long or not one line");
    }
    let role = match vouched.role.as_str() {
        "viewer" => ApiRole::Viewer,
        "developer" | "admin" => ApiRole::Developer,
        _ => return Err("a role that is none of viewer, developer and admin"),
    };
    let name = if vouched.name.is_empty() { vouched.id.clone() } else { vouched.name };
    Ok(Caller::Vouched { plugin: plugin.to_owned(), id: vouched.id, name, role })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_vouched_for_is_no_administrator() {
        let vouched = |id: &str, role: &str| Vouched { id: id.into(), name: String::new(), role: role.into() };
        let Ok(Caller::Vouched { role, name, .. }) = caller("acme:keys", vouched("7", "admin")) else { panic!() };
        assert_eq!((role, name.as_str()), (ApiRole::Developer, "7"));
        for bad in
            [vouched("", "viewer"), vouched("a\nb", "viewer"), vouched("7", "root"), vouched(&"x".repeat(81), "viewer")]
        {
            assert!(caller("acme:keys", bad).is_err());
        }
    }
}
