//! Small values that services keep: bounded in number and size, each found by its plugin's id alone.

use hd1_core::Micros;
use hd1_store::plugin_values as repo;

use crate::control::Control;
use crate::error::{ControlError, Result};
use crate::limits::{PLUGIN_VALUE_BYTES_MAX, PLUGIN_VALUE_KEY_BYTES_MAX, PLUGIN_VALUES_BYTES_MAX, PLUGIN_VALUES_MAX};

impl Control {
    /// The value of a plugin's key.
    ///
    /// # Errors
    /// A key that is none.
    pub async fn plugin_value(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>> {
        check_key(key)?;
        let mut conn = self.inner.db.read().await?;
        Ok(repo::find(&mut conn, plugin, key, self.now()).await?)
    }

    /// Sets a plugin's key, for ever or for so many seconds.
    ///
    /// # Errors
    /// A key or a value that is none; more than a plugin may keep.
    pub async fn set_plugin_value(&self, plugin: &str, key: &str, value: &[u8], ttl_s: Option<u32>) -> Result<()> {
        check_key(key)?;
        let mut conn = self.inner.db.begin().await?;
        repo::lock(&mut conn, plugin).await?;
        self.put(&mut conn, plugin, key, value, ttl_s.map(|ttl| self.now().plus_s(i64::from(ttl)))).await?;
        Ok(conn.commit().await?)
    }

    /// Removes a plugin's key; answers whether it was there.
    ///
    /// # Errors
    /// A key that is none.
    pub async fn delete_plugin_value(&self, plugin: &str, key: &str) -> Result<bool> {
        check_key(key)?;
        let mut conn = self.inner.db.begin().await?;
        let was_there = repo::find(&mut conn, plugin, key, self.now()).await?.is_some();
        repo::delete(&mut conn, plugin, key).await?;
        conn.commit().await?;
        Ok(was_there)
    }

    /// A plugin's keys that begin with `prefix` and come after `after`, in the order of their bytes, at most 200.
    ///
    /// # Errors
    /// What the database says.
    pub async fn plugin_keys(&self, plugin: &str, prefix: &str, after: &str, limit: u32) -> Result<Vec<String>> {
        let mut conn = self.inner.db.read().await?;
        // No UTF-8 has this byte, so every key that begins so lies before it.
        let until = [prefix.as_bytes(), &[0xFF]].concat();
        Ok(repo::keys(&mut conn, plugin, (prefix, &until), after, self.now(), limit).await?)
    }

    /// Adds to a number, 0 where it is not there, and answers the sum; nobody comes between. It expires when it would have.
    ///
    /// # Errors
    /// A key that is none, a value that is no number, a sum that is too large; more than a plugin may keep.
    pub async fn add_to_plugin_value(&self, plugin: &str, key: &str, by: i64) -> Result<i64> {
        check_key(key)?;
        let mut conn = self.inner.db.begin().await?;
        repo::lock(&mut conn, plugin).await?;
        let (had, expires_at) = match repo::find_with_expiry(&mut conn, plugin, key, self.now()).await? {
            None => (0, None),
            Some((bytes, expires_at)) => {
                let number = str::from_utf8(&bytes).ok().and_then(|text| text.parse::<i64>().ok());
                (number.ok_or_else(|| ControlError::invalid("key", "its value is no whole number"))?, expires_at)
            }
        };
        let sum = had.checked_add(by).ok_or_else(|| ControlError::invalid("by", "the sum is too large"))?;
        self.put(&mut conn, plugin, key, sum.to_string().as_bytes(), expires_at).await?;
        conn.commit().await?;
        Ok(sum)
    }

    async fn put(
        &self,
        conn: &mut hd1_store::Conn,
        plugin: &str,
        key: &str,
        value: &[u8],
        expires_at: Option<Micros>,
    ) -> Result<()> {
        if value.len() > PLUGIN_VALUE_BYTES_MAX {
            let message = format!("at most {PLUGIN_VALUE_BYTES_MAX} bytes, not {}", value.len());
            return Err(ControlError::invalid("value", message));
        }
        let kept = repo::kept_besides(conn, plugin, key).await?;
        if kept.count >= PLUGIN_VALUES_MAX || kept.bytes + value.len() as u64 > PLUGIN_VALUES_BYTES_MAX {
            return Err(ControlError::Conflict(format!(
                "a plugin keeps at most {PLUGIN_VALUES_MAX} values of {PLUGIN_VALUES_BYTES_MAX} bytes together"
            )));
        }
        Ok(repo::put(conn, plugin, key, value, expires_at).await?)
    }
}

fn check_key(key: &str) -> Result<()> {
    if key.is_empty() || key.len() > PLUGIN_VALUE_KEY_BYTES_MAX || key.contains('\0') {
        let message = format!("1 to {PLUGIN_VALUE_KEY_BYTES_MAX} bytes without zeros");
        return Err(ControlError::invalid("key", message));
    }
    Ok(())
}
