//! The control plane's limits: lengths, counts, lifetimes.

/// Characters of a session's or token's name.
pub const NAME_CHARS_MAX: usize = 80;
/// Characters of a session's description.
pub const DESCRIPTION_CHARS_MAX: usize = 2_000;
/// Bytes of a session's metadata as JSON.
pub const METADATA_BYTES_MAX: usize = 16 * 1024;
/// Bytes of a world's settings as JSON.
pub const WORLD_SETTINGS_BYTES_MAX: usize = 16 * 1024;
/// Bytes of an inline scene as JSON.
pub const SCENE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Places of a session.
pub const PARTICIPANTS_MAX: u32 = 10_000;
/// Sessions that one developer token may own at a time.
pub const SESSIONS_PER_OWNER_MAX: u64 = 2_000;
/// API tokens at a time.
pub const TOKENS_MAX: u64 = 10_000;
/// Metres from a client's camera to what it is shown.
pub const VIEW_M: std::ops::RangeInclusive<f32> = 1.0..=100_000.0;
/// Cells from a camera to the end of its view at most.
pub const VIEW_CELLS_MAX: f32 = 16.0;
/// Thousands of bits of state a second that a client is sent at least: less would never tell it of a busy place.
pub const CLIENT_KBIT_S_MIN: u32 = 64;
/// Seeds lie below this, so that JSON keeps them whole.
pub const SEED_END: u64 = 1 << 53;
/// Characters of a participant's name.
pub const PARTICIPANT_NAME_CHARS_MAX: usize = 40;
/// Characters of the reason for a kick.
pub const KICK_REASON_CHARS_MAX: usize = 200;
/// Entries of a page unless the caller says otherwise.
pub const PAGE_DEFAULT: u32 = 50;
/// Entries of a page at most.
pub const PAGE_MAX: u32 = 200;
/// Seconds a ticket is good for.
pub const TICKET_LIFE_S: u32 = 60;
/// Seconds for which whoever presented a ticket keeps its place until the world says that it has entered.
pub const ENTER_S: i64 = 15;
/// Bytes of a ticket at most; longer ones are refused unread.
pub const TICKET_BYTES_MAX: usize = 2_048;
/// Seconds that a ticket may lie in the future: it is signed and judged by one clock, which may be set back a little.
pub const TICKET_SKEW_S: i64 = 5;
/// Seconds a token lives at least and at most, where it does not live until revoked.
pub const TOKEN_LIFE_S: std::ops::RangeInclusive<u32> = 60..=315_360_000;
/// Seconds between two notes of a token's use.
pub const TOKEN_TOUCH_S: i64 = 60;
/// Seconds for which those who left stay in the records, and may come back under the same membership.
pub const LEFT_KEPT_S: i64 = 24 * 3_600;
/// Worlds brought back at a time after a restart.
pub const RECOVERIES_AT_ONCE: usize = 4;
/// Plugins installed at a time.
pub const PLUGINS_MAX: usize = 256;
/// Plugins that a session has at most.
pub const SESSION_PLUGINS_MAX: usize = 64;
/// Worlds that are given other plugins at a time.
pub const SWAPS_AT_ONCE: usize = 4;
/// Bytes of a plugin's config as JSON, in a session and for the server.
pub const PLUGIN_CONFIG_BYTES_MAX: usize = 16 * 1024;
/// Seconds in which a plugin that replaced another goes back where it fails.
pub const FRESH_S: i64 = 60;
/// Lines of a plugin's log that an answer holds unless the caller says otherwise.
pub const LOG_LINES_DEFAULT: u32 = 100;
/// Lines of a plugin's log that an answer holds at most.
pub const LOG_LINES_MAX: u32 = 1_000;
/// Bytes of a secret of a plugin.
pub const PLUGIN_SECRET_BYTES_MAX: usize = 8 * 1024;
/// Secrets that are kept for a plugin, those that it asks for no more among them.
pub const PLUGIN_SECRETS_MAX: u32 = 128;
/// Bytes of the key of a value that a service keeps.
pub const PLUGIN_VALUE_KEY_BYTES_MAX: usize = 200;
/// Bytes of such a value.
pub const PLUGIN_VALUE_BYTES_MAX: usize = 64 * 1024;
/// Values that a plugin keeps.
pub const PLUGIN_VALUES_MAX: u64 = 10_000;
/// Bytes of all values that a plugin keeps.
pub const PLUGIN_VALUES_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// What a plugin has to do or to be told at most, what failed included.
pub const PLUGIN_JOBS_MAX: u64 = 10_000;
/// Bytes of a job's payload, and of its key.
pub const JOB_PAYLOAD_BYTES_MAX: usize = 64 * 1024;
/// See there.
pub const JOB_KEY_BYTES_MAX: usize = 200;
/// Milliseconds by which a job may be put off: 30 days.
pub const JOB_DELAY_MS_MAX: u64 = 30 * 24 * 3_600 * 1_000;
/// How often a job is tried before it is left as failed.
pub const JOB_ATTEMPTS_MAX: u32 = 12;
/// Seconds before a job that failed once is tried again; each time twice as many, to [`JOB_PAUSE_S_MAX`].
pub const JOB_PAUSE_S: i64 = 1;
/// See there.
pub const JOB_PAUSE_S_MAX: i64 = 600;
/// Jobs of one plugin that are done at a time. What it is told is told one after the other.
pub const JOBS_AT_ONCE: usize = 4;
/// Actions that are told before they are noted as told, and at most told again after a crash.
pub const ACTIONS_AT_ONCE: u32 = 32;
/// Seconds for which a job that failed is kept.
pub const FAILED_JOBS_KEPT_S: i64 = 7 * 24 * 3_600;
/// Bytes of a job's error that are kept.
pub const JOB_ERROR_BYTES_MAX: usize = 1_024;
/// Characters of the reason for which a plugin refuses something.
pub const REFUSAL_CHARS_MAX: usize = 256;
/// Bytes of a credential that a plugin judges.
pub const CREDENTIAL_BYTES_MAX: usize = 2_048;
/// Bytes of the id and of the name of somebody whom a plugin vouches for.
pub const VOUCHED_BYTES_MAX: usize = 80;
/// Bytes of the reason for which a program has no answer.
pub const DECLINED_BYTES_MAX: usize = 1_024;
