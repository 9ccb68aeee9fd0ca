//! Secrets of services: what an operator keeps for a plugin. They are sealed before they are stored, and opened for
//! their plugin alone; nobody else is shown one again.

use hd1_api::{PluginSecret, PluginSecretList, SetPluginSecret, Timestamp};
use hd1_manifest::{Manifest, PluginId, Right};
use hd1_store::plugin_secrets as repo;

use super::catalogue::Installed;
use crate::authority::Authority;
use crate::control::Control;
use crate::error::{ControlError, Result};
use crate::limits::{PLUGIN_SECRET_BYTES_MAX, PLUGIN_SECRETS_MAX};

impl Control {
    /// The secrets that a plugin asks for, and those that were set for it, by name.
    ///
    /// # Errors
    /// A missing right; [`ControlError::NotFound`].
    pub async fn plugin_secrets(&self, authority: &Authority, id: &PluginId) -> Result<PluginSecretList> {
        authority.administer()?;
        let id = id.to_string();
        let mut conn = self.inner.db.read().await?;
        let plugin = Installed::find(&mut conn, &id, self.host()).await?.ok_or(ControlError::NotFound("plugin"))?;
        let set = repo::list(&mut conn, &id, PLUGIN_SECRETS_MAX).await?;
        let secret = |name: &str, asked| PluginSecret { name: name.to_owned(), asked, set_at: None };
        let mut secrets: Vec<_> = asked(&plugin.manifest).map(|name| secret(name, true)).collect();
        for record in set {
            let at = secrets.iter().position(|secret| secret.name == record.name);
            let at = at.unwrap_or_else(|| {
                secrets.push(secret(&record.name, false));
                secrets.len() - 1
            });
            secrets[at].set_at = Some(Timestamp(record.updated_at));
        }
        secrets.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(PluginSecretList { secrets })
    }

    /// Sets a secret that the plugin asks for; it has the value from its next question on.
    ///
    /// # Errors
    /// A missing right; [`ControlError::NotFound`]; a name that the plugin does not ask for; a value that is none.
    pub async fn set_plugin_secret(
        &self,
        authority: &Authority,
        id: &PluginId,
        name: &str,
        wish: SetPluginSecret,
    ) -> Result<()> {
        authority.administer()?;
        let id = id.to_string();
        // Nobody uninstalls it meanwhile.
        let _shared = self.inner.plugins.read().await;
        let mut conn = self.inner.db.begin().await?;
        let plugin = Installed::find(&mut conn, &id, self.host()).await?.ok_or(ControlError::NotFound("plugin"))?;
        check(&plugin.manifest, name, &wish.value)?;
        let others = repo::list(&mut conn, &id, PLUGIN_SECRETS_MAX).await?;
        if others.iter().filter(|other| other.name != name).count() >= PLUGIN_SECRETS_MAX as usize {
            let message =
                format!("{id} has {PLUGIN_SECRETS_MAX} secrets already: remove those that it asks for no more");
            return Err(ControlError::Conflict(message));
        }
        let sealed = self.inner.secret_key.seal(&id, name, wish.value.as_bytes());
        repo::put(&mut conn, &id, name, &sealed, self.now()).await?;
        Ok(conn.commit().await?)
    }

    /// Removes a secret, one that the plugin asks for no more, too.
    ///
    /// # Errors
    /// A missing right; [`ControlError::NotFound`].
    pub async fn remove_plugin_secret(&self, authority: &Authority, id: &PluginId, name: &str) -> Result<()> {
        authority.administer()?;
        let id = id.to_string();
        // What is no name is nobody's, and no matter for a database.
        format!("secret:{name}").parse::<Right>().map_err(|_| ControlError::NotFound("secret"))?;
        let mut conn = self.inner.db.begin().await?;
        hd1_store::plugins::find(&mut conn, &id).await?.ok_or(ControlError::NotFound("plugin"))?;
        if !repo::delete(&mut conn, &id, name).await? {
            return Err(ControlError::NotFound("secret"));
        }
        Ok(conn.commit().await?)
    }

    /// What is in a secret, for the plugin itself, which has the right to it.
    ///
    /// # Errors
    /// It does not open: the data folder has another key than it had when the secret was set.
    pub async fn plugin_secret(&self, plugin: &str, name: &str) -> Result<Option<String>> {
        let mut conn = self.inner.db.read().await?;
        let Some(sealed) = repo::find(&mut conn, plugin, name).await? else { return Ok(None) };
        let opened = self.inner.secret_key.open(plugin, name, &sealed).and_then(|bytes| String::from_utf8(bytes).ok());
        if opened.is_none() {
            tracing::error!(plugin.id = plugin, name, "a secret does not open with the data folder's key: set it anew");
            return Err(ControlError::Failed(format!("the secret {name} of {plugin} does not open")));
        }
        Ok(opened)
    }
}

/// Names of the secrets that a manifest asks for.
fn asked(manifest: &Manifest) -> impl Iterator<Item = &str> {
    manifest.rights.keys().filter_map(|right| match right {
        Right::Secret(name) => Some(name.as_str()),
        _ => None,
    })
}

fn check(manifest: &Manifest, name: &str, value: &str) -> Result<()> {
    if !asked(manifest).any(|asked| asked == name) {
        let known: Vec<_> = asked(manifest).collect();
        let asks = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        return Err(ControlError::invalid(
            "name",
            format!("the plugin asks for no secret of this name; it asks for {asks}"),
        ));
    }
    if value.is_empty() || value.len() > PLUGIN_SECRET_BYTES_MAX {
        let message = format!("must have 1 to {PLUGIN_SECRET_BYTES_MAX} bytes, not {}", value.len());
        return Err(ControlError::invalid("value", message));
    }
    Ok(())
}
