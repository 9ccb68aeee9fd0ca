//! PostgreSQL and Redis for the tests: started on free ports in a temporary folder, gone when the tests end.
//!
//! A machine without them runs the tests on SQLite alone; under `CI=true` they are required.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::repo;

/// How long a server may take to answer after it was started.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Running servers; they are stopped and their data removed when this is dropped.
pub struct Services {
    folder: PathBuf,
    children: Vec<Child>,
    environment: Vec<(&'static str, String)>,
}

impl Services {
    /// Where the tests find what is running: `HD1_TEST_POSTGRES` and `HD1_TEST_REDIS`, each a URL.
    pub fn environment(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.environment.iter().map(|(name, url)| (*name, url.as_str()))
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        for child in &mut self.children {
            // SIGQUIT: PostgreSQL's immediate shutdown, which takes its children along; its data is thrown away anyway.
            let _ = Command::new("kill").args(["-QUIT", &child.id().to_string()]).status();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Starts what is installed.
///
/// # Errors
/// A program does not start, or is missing under `CI=true`.
pub fn start() -> Result<Services> {
    let folder = std::env::temp_dir().join(format!("hd1-services-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let mut services = Services { folder, children: Vec::new(), environment: Vec::new() };
    start_postgres(&mut services)?;
    start_redis(&mut services)?;
    Ok(services)
}

fn start_postgres(services: &mut Services) -> Result<()> {
    let folders = postgres_folders();
    let (Some(postgres), Some(initdb)) =
        (repo::find_program(&["postgres"], &folders), repo::find_program(&["initdb"], &folders))
    else {
        return absent("PostgreSQL", "postgres and initdb");
    };
    let data = services.folder.join("postgres");
    fs::create_dir_all(&data)?;
    let account = Account::for_postgres(&data)?;
    let log = services.folder.join("postgres.log");
    let initialised = account
        .command(&initdb)
        .args(["--no-sync", "--auth=trust", "--username=hd1", "--encoding=UTF8", "--locale=C", "-D"])
        .arg(&data)
        .output()
        .with_context(|| format!("cannot start {}", initdb.display()))?;
    if !initialised.status.success() {
        bail!("initdb failed: {}", String::from_utf8_lossy(&initialised.stderr));
    }
    let port = free_port()?;
    let child = account
        .command(&postgres)
        .arg("-D")
        .arg(&data)
        .args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k"])
        .arg(&data)
        // Nothing here outlives the run, so nothing has to reach the disk.
        .args(["-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off"])
        .args(["-c", "max_connections=200", "-c", "shared_buffers=32MB"])
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log)?)
        .spawn()
        .with_context(|| format!("cannot start {}", postgres.display()))?;
    services.children.push(child);
    // An SSLRequest is answered by one byte, S or N, as soon as connections are taken.
    let request: &[u8] = &[0, 0, 0, 8, 4, 210, 22, 47];
    wait_for(port, request, |answer| matches!(answer, b'S' | b'N'))
        .with_context(|| format!("PostgreSQL does not answer: {}", fs::read_to_string(&log).unwrap_or_default()))?;
    services.environment.push(("HD1_TEST_POSTGRES", format!("postgres://hd1@127.0.0.1:{port}/postgres")));
    Ok(())
}

fn start_redis(services: &mut Services) -> Result<()> {
    let Some(redis) = repo::find_program(&["redis-server", "valkey-server"], &[]) else {
        return absent("Redis", "redis-server or valkey-server");
    };
    let port = free_port()?;
    let child = Command::new(&redis)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir"])
        .arg(&services.folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", redis.display()))?;
    services.children.push(child);
    wait_for(port, b"PING\r\n", |answer| answer == b'+').context("Redis does not answer")?;
    services.environment.push(("HD1_TEST_REDIS", format!("redis://127.0.0.1:{port}")));
    Ok(())
}

fn absent(name: &str, programs: &str) -> Result<()> {
    if repo::in_ci() {
        bail!("{name} is required by the tests under CI=true: {programs} not found");
    }
    eprintln!("{name} is not installed: its tests are left out");
    Ok(())
}

/// Debian keeps the server's programs out of `PATH`; the newest version first.
fn postgres_folders() -> Vec<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    folders
}

/// Who runs PostgreSQL, which refuses to be root.
struct Account {
    ids: Option<(u32, u32)>,
}

impl Account {
    fn for_postgres(data: &Path) -> Result<Self> {
        if number("id", &["-u"])? != 0 {
            return Ok(Account { ids: None });
        }
        // Debian's package makes this account.
        let ids = (number("id", &["-u", "postgres"])?, number("id", &["-g", "postgres"])?);
        std::os::unix::fs::chown(data, Some(ids.0), Some(ids.1))?;
        Ok(Account { ids: Some(ids) })
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/");
        if let Some((user, group)) = self.ids {
            command.uid(user).gid(group);
        }
        command
    }
}

fn number(program: &str, arguments: &[&str]) -> Result<u32> {
    let text = repo::output(Command::new(program).args(arguments))?;
    text.trim().parse().with_context(|| format!("`{program}` answered {text:?}"))
}

/// A port nobody listens on now.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Sends `request` until the first byte of an answer is accepted.
fn wait_for(port: u16, request: &[u8], accepted: impl Fn(u8) -> bool) -> Result<()> {
    let start = Instant::now();
    loop {
        match ask(port, request) {
            Ok(byte) if accepted(byte) => return Ok(()),
            Ok(byte) if start.elapsed() > START_TIMEOUT => bail!("answered {byte:#x}"),
            Err(error) if start.elapsed() > START_TIMEOUT => return Err(error.into()),
            // There is nothing to wait on but the answer itself.
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn ask(port: u16, request: &[u8]) -> std::io::Result<u8> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(1)))?;
    stream.write_all(request)?;
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    Ok(byte[0])
}
