//! Databases for tests: a SQLite file in a temporary folder, and a PostgreSQL server of our own.
//!
//! It stands in the crate, behind the feature `testing`, because the store's conformance suite and the rules' tests
//! run on the same databases.

use std::io::{BufRead, BufReader, Write as _};
use std::os::unix::{fs::chown, process::CommandExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

use crate::{Db, migrate};

/// Connections to a database: fewer than the stories' tasks, so that some have to wait.
const CONNECTIONS: u32 = 8;

/// A migrated, empty database; its files go when it is dropped.
pub struct TestDb {
    /// The database.
    pub db: Db,
    _folder: Option<tempfile::TempDir>,
}

/// An empty SQLite database, migrated.
///
/// # Panics
/// When it cannot be made.
pub async fn sqlite() -> TestDb {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let db = Db::open_file(&folder.path().join("test.db")).await.expect("a sqlite file");
    migrate::up(&db).await.expect("migrations");
    TestDb { db, _folder: Some(folder) }
}

/// An empty PostgreSQL database, migrated; `None` where PostgreSQL is not installed, unless `CI=true` requires it.
///
/// # Panics
/// When it cannot be made, and with `CI=true` when it is not installed.
pub async fn postgres() -> Option<TestDb> {
    let server = PgServer::shared()?;
    let db = Db::open_postgres(&server.new_database(), CONNECTIONS).await.expect("a postgresql database");
    migrate::up(&db).await.expect("migrations");
    Some(TestDb { db, _folder: None })
}

/// Both, with their kind, where both are to be had.
///
/// # Panics
/// As [`postgres`].
pub async fn both() -> Vec<TestDb> {
    let mut databases = vec![sqlite().await];
    databases.extend(postgres().await);
    databases
}

/// A PostgreSQL server in a temporary folder, reached by a socket there and nowhere else, so no port can clash.
///
/// A shell stands between: it stops the server and removes the folder when our end of its input closes, which happens
/// however this process ends.
pub struct PgServer {
    bin: PathBuf,
    folder: PathBuf,
    account: Option<(u32, u32)>,
    _shell: Child,
    _lifeline: ChildStdin,
}

impl PgServer {
    /// The one server of this process, started at the first call; `None` where PostgreSQL is not installed.
    ///
    /// # Panics
    /// When it cannot be started, and with `CI=true` when it is not installed.
    pub fn shared() -> Option<&'static PgServer> {
        static SERVER: OnceLock<Option<PgServer>> = OnceLock::new();
        SERVER
            .get_or_init(|| {
                let bin = installed();
                assert!(
                    bin.is_some() || std::env::var("CI").as_deref() != Ok("true"),
                    "CI=true requires PostgreSQL: install it so that /usr/lib/postgresql/*/bin/initdb exists"
                );
                bin.map(PgServer::start)
            })
            .as_ref()
    }

    /// Starts a server from the programs in `bin`.
    fn start(bin: PathBuf) -> PgServer {
        let account = unprivileged();
        let folder = tempfile::Builder::new().prefix("hd1-pg-").tempdir().expect("a temporary folder").keep();
        if let Some((user, group)) = account {
            chown(&folder, Some(user), Some(group)).expect("give the folder to the unprivileged account");
        }
        let script = r#"
            set -e
            "$1/initdb" -D data -U hd1 -A trust -E UTF8 --locale=C --no-sync >initdb.log 2>&1
            "$1/pg_ctl" -D data -w -t 60 -l server.log \
                -o "-c listen_addresses= -c unix_socket_directories=$2 -c fsync=off -c max_connections=400" \
                start >start.log 2>&1
            echo ready
            read _ || true
            "$1/pg_ctl" -D data -w -m immediate stop >stop.log 2>&1 || true
            cd / && rm -rf "$2"
        "#;
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "sh"]).arg(&bin).arg(&folder);
        command.current_dir(&folder).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        // A group of its own: an interrupt at the terminal must reach the shell as a closed input, not as a signal.
        command.process_group(0);
        if let Some((user, group)) = account {
            command.uid(user).gid(group);
        }
        let mut shell = command.spawn().expect("start a shell for postgresql");
        let mut line = String::new();
        BufReader::new(shell.stdout.take().expect("piped")).read_line(&mut line).expect("read from the shell");
        assert_eq!(line.trim(), "ready", "postgresql did not start: see the logs in {}", folder.display());
        let lifeline = shell.stdin.take().expect("piped");
        PgServer { bin, folder, account, _shell: shell, _lifeline: lifeline }
    }

    /// The address of a fresh, empty database.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new_database(&self) -> String {
        let name = format!("t{}", uuid::Uuid::now_v7().simple());
        self.execute(&format!("CREATE DATABASE {name}"));
        let host = self.folder.to_string_lossy().replace('/', "%2F");
        format!("postgres://hd1@localhost/{name}?host={host}")
    }

    /// Runs statements as the server's administrator, from outside every database that [`Self::new_database`] made.
    ///
    /// # Panics
    /// When one fails.
    pub fn execute(&self, statements: &str) {
        let mut psql = Command::new(self.bin.join("psql"));
        psql.args(["-q", "-v", "ON_ERROR_STOP=1", "-U", "hd1", "-d", "postgres", "-h"]).arg(&self.folder);
        psql.current_dir(&self.folder).env_clear().env("PATH", "/usr/bin:/bin");
        if let Some((user, group)) = self.account {
            psql.uid(user).gid(group);
        }
        let mut child = psql.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("run psql");
        let mut input = child.stdin.take().expect("piped");
        writeln!(input, "{statements};").expect("write to psql");
        drop(input);
        assert!(child.wait().expect("psql").success(), "psql failed: {statements}");
    }
}

/// The newest installed programs.
fn installed() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(Result::ok)
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            let bin = entry.path().join("bin");
            bin.join("initdb").is_file().then_some((version, bin))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, bin)| bin)
}

/// PostgreSQL refuses to run as root; another account's ids then, `postgres` before `nobody`.
fn unprivileged() -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    let root = Path::new("/proc/self").metadata().is_ok_and(|me| me.uid() == 0);
    if !root {
        return None;
    }
    let accounts = std::fs::read_to_string("/etc/passwd").expect("read /etc/passwd");
    let ids = |name: &str| {
        let line = accounts.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Some(ids("postgres").or_else(|| ids("nobody")).expect("an account that is not root: postgres or nobody"))
}
