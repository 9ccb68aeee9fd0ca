//! A server of one's own: started, killed, restarted on the same data, and asked to drain.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::{Exited, Http, PATIENCE, Process, hd1};

/// How a server is started.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--scene`.
    pub scene: Option<String>,
    /// The text of a config file.
    pub config: Option<String>,
    /// Further variables.
    pub variables: Vec<(String, String)>,
}

/// What the ready line says.
#[derive(Clone, Debug)]
pub struct Ready {
    /// As `http://127.0.0.1:40000`.
    pub http: String,
    /// As `127.0.0.1:40001`.
    pub quic: String,
    /// 64 hex digits.
    pub certificate_sha256: String,
}

/// A running `hd1 serve` on free ports.
pub struct TestServer {
    folder: TempDir,
    options: Options,
    process: Process,
    ready: Ready,
}

impl TestServer {
    /// Starts one with the default scene.
    #[must_use]
    pub fn start() -> Self {
        Self::with(Options::default())
    }

    /// Starts one whose demo session holds this scene.
    #[must_use]
    pub fn with_scene(scene: &str) -> Self {
        Self::with(Options { scene: Some(scene.to_owned()), ..Options::default() })
    }

    /// Starts one.
    ///
    /// # Panics
    /// It does not become ready.
    #[must_use]
    pub fn with(options: Options) -> Self {
        let folder = tempfile::Builder::new().prefix("hd1-test-").tempdir().expect("a temporary folder");
        let (process, ready) = launch(folder.path(), &options);
        Self { folder, options, process, ready }
    }

    /// What its ready line said.
    #[must_use]
    pub fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Asks without a token.
    #[must_use]
    pub fn anonymous(&self) -> Http {
        Http::new(&self.ready.http)
    }

    /// Asks with the admin token.
    #[must_use]
    pub fn admin(&self) -> Http {
        self.anonymous().with_token(&self.admin_token())
    }

    /// The token in `DATA/admin-token`.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn admin_token(&self) -> String {
        let file = self.data().join("admin-token");
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())).trim().to_owned()
    }

    /// The id of the session made at the first start.
    ///
    /// # Panics
    /// There is none.
    #[must_use]
    pub fn demo_session(&self) -> String {
        let list = self.anonymous().get("/api/sessions").expect(200);
        list["sessions"][0]["id"].as_str().unwrap_or_else(|| panic!("no session in {list}")).to_owned()
    }

    /// Its process, for signals and output.
    #[must_use]
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// What it wrote on stderr up to now.
    #[must_use]
    pub fn stderr(&self) -> String {
        self.process.stderr()
    }

    /// `kill -9`, then a new process on the same data; the ports are new ones.
    pub fn kill_and_restart(&mut self) {
        self.process.kill();
        self.restart();
    }

    /// SIGTERM, and how it ended.
    pub fn terminate(&mut self) -> Exited {
        self.process.signal("TERM");
        self.process.wait(PATIENCE)
    }

    /// A new process on the data of one that has ended.
    pub fn restart(&mut self) {
        let (process, ready) = launch(self.folder.path(), &self.options);
        self.process = process;
        self.ready = ready;
    }
}

/// `hd1` with `arguments`, without any setting of the surrounding process.
#[must_use]
pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(hd1());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("HD1_")) {
        command.env_remove(name);
    }
    command.env_remove("RUST_BACKTRACE").args(arguments);
    command
}

fn launch(folder: &Path, options: &Options) -> (Process, Ready) {
    let mut command = command(&["serve", "--http", "127.0.0.1:0", "--quic", "127.0.0.1:0", "--data"]);
    command.arg(folder.join("data")).current_dir(folder);
    if let Some(scene) = &options.scene {
        command.args(["--scene", scene]);
    }
    if let Some(config) = &options.config {
        let file = folder.join("hd1.toml");
        std::fs::write(&file, config).expect("the folder is ours");
        command.arg("--config").arg(file);
    }
    command.envs(options.variables.iter().map(|(name, value)| (name, value)));
    let mut process = Process::start(command);
    match process.next_line(PATIENCE).as_deref().map(read_ready) {
        Some(Some(ready)) => (process, ready),
        other => {
            process.signal("KILL");
            process.wait(Duration::from_secs(20));
            panic!("hd1 is not ready ({other:?}):\n{}", process.stderr());
        }
    }
}

fn read_ready(line: &str) -> Option<Ready> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| value[key].as_str().map(str::to_owned);
    let ready = Ready { http: text("http")?, quic: text("quic")?, certificate_sha256: text("certificate_sha256")? };
    (value["ready"] == true).then_some(ready)
}
