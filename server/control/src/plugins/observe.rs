//! How a plugin fares: its state in each world, its systems' figures, what it logged.

use hd1_abi::LogLevel;
use hd1_api::{
    LogPagination, PluginHealth, PluginInSession, PluginLog, PluginLogLevel, PluginLogLine, PluginStats,
    PluginSystemStats, Timestamp, WorldPluginHealth,
};
use hd1_manifest::PluginId;
use hd1_store::plugins::{self as repo, PluginRecord};
use hd1_store::session_plugins;

use crate::authority::Authority;
use crate::control::{Control, Page};
use crate::error::{ControlError, Result};
use crate::limits;
use crate::plugin_host::{LogLine, SystemStats};
use crate::worlds::WorldPluginState;

impl Control {
    /// How a plugin fares in the sessions that the caller finds, newest first.
    ///
    /// # Errors
    /// [`ControlError::Unauthenticated`] without a token; [`ControlError::NotFound`].
    pub async fn plugin_health(&self, authority: &Authority, id: &PluginId, page: Page) -> Result<PluginHealth> {
        let record = self.readable(authority, id).await?;
        let mut conn = self.inner.db.read().await?;
        let scope = authority.scope();
        let (rows, total) =
            session_plugins::seen_of_plugin(&mut conn, &scope, &record.id, page.offset, page.limit).await?;
        drop(conn);
        let sessions: Vec<_> = rows
            .into_iter()
            .map(|row| {
                let states = self.worlds().plugin_states(row.session).unwrap_or_default();
                let health = health_of(&states, &record.id);
                PluginInSession { session_id: row.session, enabled: row.enabled, health }
            })
            .collect();
        Ok(PluginHealth {
            plugin: record.id,
            enabled: record.enabled,
            // The states are ordered from what is well to what is not.
            state: sessions.iter().filter_map(|session| Some(session.health.as_ref()?.state)).max(),
            pagination: page.envelope(total, sessions.len()),
            sessions,
        })
    }

    /// Figures of a plugin's systems over all worlds.
    ///
    /// # Errors
    /// [`ControlError::Unauthenticated`] without a token; [`ControlError::NotFound`].
    pub async fn plugin_stats(&self, authority: &Authority, id: &PluginId) -> Result<PluginStats> {
        let record = self.readable(authority, id).await?;
        let mut conn = self.inner.db.read().await?;
        let session_count = session_plugins::count(&mut conn, &record.id).await?;
        let systems = self.host().stats(&record.id).into_iter().map(system_stats).collect();
        let (calls, counters) = self.host().service_stats(&record.id);
        let calls = calls.into_iter().map(system_stats).collect();
        Ok(PluginStats { plugin: record.id, session_count, systems, calls, counters })
    }

    /// The newest lines of a plugin that came after the line `after`. They tell of every session, whoever's it is, so
    /// they are for administrators.
    ///
    /// # Errors
    /// A missing right; [`ControlError::NotFound`]; a limit outside 1–1,000.
    pub async fn plugin_log(
        &self,
        authority: &Authority,
        id: &PluginId,
        after: u64,
        limit: Option<u32>,
    ) -> Result<PluginLog> {
        authority.administer()?;
        let limit = limit.unwrap_or(limits::LOG_LINES_DEFAULT);
        if !(1..=limits::LOG_LINES_MAX).contains(&limit) {
            return Err(ControlError::invalid("limit", format!("must be from 1 to {}", limits::LOG_LINES_MAX)));
        }
        let record = self.readable(authority, id).await?;
        let mut lines = self.host().log(&record.id, limit as usize);
        // A cursor from before a restart of the server lies beyond every line: it would hide them all.
        let newest = lines.last().map_or(0, |line| line.number);
        let after = if after > newest { 0 } else { after };
        lines.retain(|line| line.number > after);
        let pagination = LogPagination { limit: u64::from(limit), next_cursor: newest };
        Ok(PluginLog { lines: lines.into_iter().map(log_line).collect(), pagination })
    }

    async fn readable(&self, authority: &Authority, id: &PluginId) -> Result<PluginRecord> {
        authority.read_plugins()?;
        let mut conn = self.inner.db.read().await?;
        repo::find(&mut conn, &id.to_string()).await?.ok_or(ControlError::NotFound("plugin"))
    }
}

/// How one of a world's plugins fares, as the API shows it.
pub(super) fn health_of(states: &[WorldPluginState], plugin: &str) -> Option<WorldPluginHealth> {
    let state = states.iter().find(|state| state.id == plugin)?;
    Some(WorldPluginHealth {
        version: state.version.clone(),
        state: state.state,
        since: Timestamp(state.since),
        reason: state.reason.clone(),
        faults: state.faults,
        refused_rows: state.refused_rows,
    })
}

fn system_stats(stats: SystemStats) -> PluginSystemStats {
    PluginSystemStats {
        system: stats.system,
        runs: stats.runs,
        run_us_p50: stats.run_us_p50,
        run_us_p99: stats.run_us_p99,
        fuel: stats.fuel,
        faults: stats.faults,
        refused_rows: stats.refused_rows,
        refused_commands: stats.refused_commands,
        bytes_in: stats.bytes_in,
        bytes_out: stats.bytes_out,
    }
}

fn log_line(line: LogLine) -> PluginLogLine {
    PluginLogLine {
        number: line.number,
        at: Timestamp(line.at),
        level: match line.level {
            LogLevel::Error => PluginLogLevel::Error,
            LogLevel::Warn => PluginLogLevel::Warn,
            LogLevel::Info => PluginLogLevel::Info,
            LogLevel::Debug => PluginLogLevel::Debug,
        },
        session_id: line.session,
        system: line.system,
        text: line.text,
    }
}
