//! What plugins are to do and to be told, worked off: each thing at least once, in the order in which it is due.
//!
//! A row is the wish, and stays until it is done; what fails is tried again, later each time, and is left as failed in the
//! end. One loop looks what is due and begins it (`work_off`): of each plugin a few jobs at a time, and actions one
//! after the other. It ends with the server; what was under way is begun anew at the next start.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hd1_api::{PluginJob, PluginJobList, PluginJobState, ServiceState, Timestamp};
use hd1_core::Micros;
use hd1_manifest::PluginId;
use hd1_store::plugin_jobs::{self as repo, JobKind, JobRecord, JobState};
use hd1_store::{StoreError, plugins};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::schedule::Schedule;
use crate::authority::Authority;
use crate::control::{Control, Page};
use crate::error::{ControlError, Result};
use crate::limits::{
    ACTIONS_AT_ONCE, JOB_ATTEMPTS_MAX, JOB_DELAY_MS_MAX, JOB_ERROR_BYTES_MAX, JOB_KEY_BYTES_MAX, JOB_PAUSE_S,
    JOB_PAUSE_S_MAX, JOB_PAYLOAD_BYTES_MAX, JOBS_AT_ONCE, PLUGIN_JOBS_MAX,
};
use crate::plugin_host::{RunningService, ServiceFault};
use crate::rules::Checks;

/// The key of what is due by a schedule. Those of plugins begin with [`OWN`].
const SCHEDULED: &str = "@schedule";
const OWN: char = ':';
/// How long the loop sleeps at most, and after the database failed.
const NAP_MAX: Duration = Duration::from_secs(60);
const NAP_AFTER_FAILURE: Duration = Duration::from_secs(1);
/// How long what could not be asked of its service waits; that counts as no failure.
const POSTPONED_S: i64 = 1;

/// A row that waits and is due.
pub(super) fn waiting(kind: JobKind, plugin: &str, name: &str, payload: String, now: Micros) -> JobRecord {
    JobRecord {
        id: Uuid::now_v7().to_string(),
        plugin: plugin.to_owned(),
        kind,
        name: name.to_owned(),
        payload,
        key: None,
        state: JobState::Waiting,
        due_at: now,
        attempts: 0,
        error: None,
        created_at: now,
    }
}

/// What is under way.
#[derive(Default)]
struct UnderWay {
    /// Plugins that are being told something.
    told: BTreeSet<String>,
    /// Jobs, by plugin.
    jobs: BTreeMap<String, BTreeSet<String>>,
}

/// What has ended.
enum Ended {
    Told(String),
    Job { plugin: String, id: String },
}

/// How one went.
enum Outcome {
    Done,
    /// Its service could not be asked.
    NotNow,
    Failed(String),
}

impl Control {
    /// Has a plugin's job done later, once or again until it is done.
    ///
    /// # Errors
    /// What breaks rules; a plugin that has too much to do already.
    pub async fn enqueue_plugin_job(
        &self,
        plugin: &str,
        job: &str,
        payload: String,
        delay_ms: u64,
        key: Option<String>,
    ) -> Result<()> {
        let mut checks = Checks::default();
        let plan = self.host().service_plan(plugin).ok_or(ControlError::NotFound("plugin with jobs"))?;
        if !plan.jobs.iter().any(|known| known.name == job) {
            let known: Vec<_> = plan.jobs.iter().map(|known| known.name.as_str()).collect();
            checks.refuse("job", format!("{job:?} is none of the plugin's jobs, {}", known.join(", ")));
        }
        if payload.len() > JOB_PAYLOAD_BYTES_MAX {
            checks.refuse("payload", format!("at most {JOB_PAYLOAD_BYTES_MAX} bytes, not {}", payload.len()));
        }
        if key.as_ref().is_some_and(|key| key.is_empty() || key.len() > JOB_KEY_BYTES_MAX || key.contains('\0')) {
            checks.refuse("key", format!("1 to {JOB_KEY_BYTES_MAX} bytes without zeros"));
        }
        if delay_ms > JOB_DELAY_MS_MAX {
            checks.refuse("delay_ms", format!("at most {JOB_DELAY_MS_MAX}"));
        }
        checks.done()?;
        let now = self.now();
        let row = JobRecord {
            key: key.map(|key| format!("{OWN}{key}")),
            due_at: Micros(now.0 + i64::try_from(delay_ms * 1_000).unwrap_or(0)),
            ..waiting(JobKind::Job, plugin, job, payload, now)
        };
        let mut conn = self.inner.db.begin().await?;
        if repo::count(&mut conn, plugin).await? >= PLUGIN_JOBS_MAX {
            return Err(ControlError::Conflict(format!("{PLUGIN_JOBS_MAX} jobs of the plugin wait or failed already")));
        }
        repo::insert(&mut conn, &row).await?;
        self.commit(conn).await
    }

    /// A page of what a plugin is to do and to be told, the next that is due first.
    ///
    /// # Errors
    /// A missing right; [`ControlError::NotFound`].
    pub async fn plugin_jobs(
        &self,
        authority: &Authority,
        id: &PluginId,
        state: Option<PluginJobState>,
        page: Page,
    ) -> Result<PluginJobList> {
        authority.administer()?;
        let id = id.to_string();
        let state = state.map(|state| match state {
            PluginJobState::Waiting => JobState::Waiting,
            PluginJobState::Running => JobState::Running,
            PluginJobState::Failed => JobState::Failed,
        });
        let mut conn = self.inner.db.read().await?;
        plugins::find(&mut conn, &id).await?.ok_or(ControlError::NotFound("plugin"))?;
        let (rows, total) = repo::list(&mut conn, &id, state, page.offset, page.limit).await?;
        let pagination = page.envelope(total, rows.len());
        Ok(PluginJobList { jobs: rows.into_iter().map(shown).collect(), pagination })
    }

    /// Has what failed tried again at once, as if for the first time.
    ///
    /// # Errors
    /// A missing right; [`ControlError::NotFound`] where nothing of this id failed; another one of its key that waits.
    pub async fn retry_plugin_job(&self, authority: &Authority, id: &PluginId, job: Uuid) -> Result<()> {
        authority.administer()?;
        let mut conn = self.inner.db.begin().await?;
        match repo::revive(&mut conn, &id.to_string(), &job.to_string(), self.now()).await {
            Ok(true) => self.commit(conn).await,
            Ok(false) => Err(ControlError::NotFound("failed job of this plugin")),
            Err(StoreError::Duplicate) => Err(ControlError::Conflict("another one of its key waits already".into())),
            Err(error) => Err(error.into()),
        }
    }

    /// Has every job that is due by a schedule wait for it. To be called whenever other services run.
    pub(super) async fn plan_schedules(&self) -> Result<()> {
        let now = self.now();
        for service in self.host().services() {
            let plugin = &service.spec.plugin;
            let wanted: BTreeMap<&str, &str> = scheduled(&service).collect();
            let mut conn = self.inner.db.begin().await?;
            let there = repo::with_key(&mut conn, plugin, SCHEDULED).await?;
            for row in &there {
                if row.state == JobState::Waiting && wanted.get(row.name.as_str()) != Some(&row.payload.as_str()) {
                    repo::delete(&mut conn, &row.id).await?;
                }
            }
            for (job, text) in wanted {
                let is_there = there.iter().any(|row| row.name == job && row.payload == text);
                if let Some(row) = scheduled_row(plugin, job, text, now).filter(|_| !is_there) {
                    repo::insert(&mut conn, &row).await?;
                }
            }
            conn.commit().await?;
        }
        self.inner.work.notify_one();
        Ok(())
    }

    /// Works off what plugins are to do and to be told, until the future is dropped.
    ///
    /// # Errors
    /// What the database says at the start; later it is told of and tried again.
    pub async fn work_off(&self) -> Result<()> {
        let mut conn = self.inner.db.begin().await?;
        repo::recover(&mut conn).await?;
        conn.commit().await?;
        let (mut under_way, mut tasks) = (UnderWay::default(), JoinSet::new());
        loop {
            let nap = match self.begin_due(&mut under_way, &mut tasks).await {
                Ok(next) => next.map_or(NAP_MAX, |at| until(self.now(), at)),
                Err(error) => {
                    tracing::warn!(%error, "what plugins are to do could not be looked up");
                    NAP_AFTER_FAILURE
                }
            };
            tokio::select! {
                () = self.inner.work.notified() => {}
                () = tokio::time::sleep(nap) => {}
                Some(ended) = tasks.join_next() => match ended {
                    Ok(Ended::Told(plugin)) => {
                        under_way.told.remove(&plugin);
                    }
                    Ok(Ended::Job { plugin, id }) => {
                        under_way.jobs.entry(plugin).or_default().remove(&id);
                    }
                    Err(error) => tracing::error!(%error, "a task that worked for a plugin broke down"),
                },
            }
        }
    }

    /// Begins what is due and may be begun; answers when the next is due that may.
    async fn begin_due(&self, under_way: &mut UnderWay, tasks: &mut JoinSet<Ended>) -> Result<Option<Micros>> {
        let now = self.now();
        let mut next = None;
        let mut sooner = |at: Option<Micros>| next = [next, at].into_iter().flatten().min();
        for service in self.host().services() {
            let plugin = service.spec.plugin.clone();
            match self.host().service_state(&plugin) {
                Some(ServiceState::Started | ServiceState::Degraded) => {}
                Some(ServiceState::Restarting) => {
                    sooner(Some(now.plus_s(POSTPONED_S)));
                    continue;
                }
                // Whoever restarts it wakes this loop.
                Some(ServiceState::Suspended) | None => continue,
            }
            let mut conn = self.inner.db.read().await?;
            if !under_way.told.contains(&plugin) && service.plan.hooks.iter().any(|hook| !hook.is_filter()) {
                let due = repo::due(&mut conn, &plugin, JobKind::Action, now, ACTIONS_AT_ONCE).await?;
                if due.is_empty() {
                    sooner(repo::next_due(&mut conn, &plugin, JobKind::Action).await?);
                } else {
                    under_way.told.insert(plugin.clone());
                    let (control, plugin) = (self.clone(), plugin.clone());
                    tasks.spawn(async move {
                        // In a task of its own, so that one that panics ends there.
                        let _ = tokio::spawn(async move { control.tell_all(due).await }).await;
                        Ended::Told(plugin)
                    });
                }
            }
            let mine = under_way.jobs.entry(plugin.clone()).or_default();
            if service.plan.jobs.is_empty() || mine.len() >= JOBS_AT_ONCE {
                continue;
            }
            let due = repo::due(&mut conn, &plugin, JobKind::Job, now, 2 * JOBS_AT_ONCE as u32).await?;
            drop(conn);
            let mut free = JOBS_AT_ONCE - mine.len();
            for row in due.into_iter().filter(|row| !mine.contains(&row.id)).take(free).collect::<Vec<_>>() {
                if self.begin(&row).await? {
                    free -= 1;
                    mine.insert(row.id.clone());
                    let control = self.clone();
                    tasks.spawn(async move {
                        let (plugin, id) = (row.plugin.clone(), row.id.clone());
                        let _ = tokio::spawn(async move { control.do_job(row).await }).await;
                        Ended::Job { plugin, id }
                    });
                }
            }
            if free > 0 {
                let mut conn = self.inner.db.read().await?;
                sooner(repo::next_due(&mut conn, &plugin, JobKind::Job).await?);
            }
        }
        Ok(next)
    }

    async fn begin(&self, row: &JobRecord) -> Result<bool> {
        let mut conn = self.inner.db.begin().await?;
        let begun = repo::begin(&mut conn, &row.id, self.now()).await?;
        conn.commit().await?;
        Ok(begun)
    }

    /// Tells a plugin one thing after the other, and notes what it was told.
    async fn tell_all(&self, rows: Vec<JobRecord>) {
        let mut outcomes = Vec::with_capacity(rows.len());
        for row in rows {
            let plan = self.host().service_plan(&row.plugin);
            let hook = plan.and_then(|plan| plan.hooks.iter().position(|hook| hook.point == row.name));
            let outcome = match hook {
                // This version does not want to know.
                None => Outcome::Done,
                Some(hook) => outcome_of(self.host().action(&row.plugin, hook, &row.payload).await),
            };
            let is_away = matches!(outcome, Outcome::NotNow);
            outcomes.push((row, outcome));
            if is_away {
                break;
            }
        }
        self.note(outcomes).await;
    }

    async fn do_job(&self, row: JobRecord) {
        let plan = self.host().service_plan(&row.plugin);
        let job = plan.as_ref().and_then(|plan| plan.jobs.iter().position(|job| job.name == row.name));
        let outcome = match (plan, job) {
            (None, _) => Outcome::NotNow,
            (Some(_), None) => Outcome::Failed("this version of the plugin has no such job".into()),
            (Some(_), Some(job)) => {
                let payload = if is_scheduled(&row) { "null" } else { row.payload.as_str() };
                outcome_of(self.host().job(&row.plugin, job, payload).await)
            }
        };
        self.note(vec![(row, outcome)]).await;
    }

    /// Writes down how they went, until the database takes it.
    async fn note(&self, outcomes: Vec<(JobRecord, Outcome)>) {
        while let Err(error) = self.try_to_note(&outcomes).await {
            tracing::warn!(%error, "what a plugin has done could not be noted: it is tried again");
            tokio::time::sleep(NAP_AFTER_FAILURE).await;
        }
    }

    async fn try_to_note(&self, outcomes: &[(JobRecord, Outcome)]) -> Result<()> {
        let now = self.now();
        let mut conn = self.inner.db.begin().await?;
        for (row, outcome) in outcomes {
            match outcome {
                Outcome::Done => {
                    repo::delete(&mut conn, &row.id).await?;
                }
                Outcome::NotNow => {
                    let due = now.plus_s(POSTPONED_S);
                    repo::put_off(&mut conn, &row.id, row.attempts, row.error.as_deref(), due, now).await?;
                    continue;
                }
                Outcome::Failed(why) => {
                    let (why, attempts) = (cut(why), row.attempts + 1);
                    if attempts < JOB_ATTEMPTS_MAX {
                        let pause = (JOB_PAUSE_S << row.attempts.min(20)).min(JOB_PAUSE_S_MAX);
                        repo::put_off(&mut conn, &row.id, attempts, Some(why), now.plus_s(pause), now).await?;
                        continue;
                    }
                    tracing::warn!(plugin.id = row.plugin, name = row.name, why, "it failed too often and is left");
                    repo::give_up(&mut conn, &row.id, attempts, why, now).await?;
                }
            }
            if is_scheduled(row)
                && let Some(next) = scheduled_row(&row.plugin, &row.name, &row.payload, now)
            {
                repo::insert(&mut conn, &next).await?;
            }
        }
        Ok(conn.commit().await?)
    }
}

/// The jobs that a service has done by a schedule, and the schedules.
fn scheduled(service: &RunningService) -> impl Iterator<Item = (&str, &str)> {
    service.plan.jobs.iter().filter_map(|job| Some((job.name.as_str(), job.schedule.as_deref()?)))
}

/// The next time that a job is due by its schedule, which is its payload here.
fn scheduled_row(plugin: &str, job: &str, text: &str, now: Micros) -> Option<JobRecord> {
    let due_at = Schedule::parse(text).ok()?.after(now)?;
    let key = Some(SCHEDULED.to_owned());
    Some(JobRecord { key, due_at, ..waiting(JobKind::Job, plugin, job, text.to_owned(), now) })
}

fn is_scheduled(row: &JobRecord) -> bool {
    row.key.as_deref() == Some(SCHEDULED)
}

fn outcome_of(answer: Result<(), ServiceFault>) -> Outcome {
    match answer {
        Ok(()) => Outcome::Done,
        Err(ServiceFault::NotRunning | ServiceFault::Busy) => Outcome::NotNow,
        Err(ServiceFault::Failed(why)) => Outcome::Failed(why),
    }
}

fn cut(why: &str) -> &str {
    &why[..why.floor_char_boundary(JOB_ERROR_BYTES_MAX)]
}

fn until(now: Micros, at: Micros) -> Duration {
    Duration::from_micros(u64::try_from(at.0 - now.0).unwrap_or(0)).min(NAP_MAX)
}

fn shown(row: JobRecord) -> PluginJob {
    PluginJob {
        id: row.id.parse().unwrap_or_default(),
        is_action: row.kind == JobKind::Action,
        scheduled: is_scheduled(&row),
        name: row.name,
        state: match row.state {
            JobState::Waiting => PluginJobState::Waiting,
            JobState::Running => PluginJobState::Running,
            JobState::Failed => PluginJobState::Failed,
        },
        attempts: row.attempts,
        error: row.error,
        due_at: Timestamp(row.due_at),
        created_at: Timestamp(row.created_at),
    }
}
