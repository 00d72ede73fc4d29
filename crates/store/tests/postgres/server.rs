//! A PostgreSQL server of a test's own: in a folder of its own, on a port of its own, gone when the test ends.

use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// A server that runs until it is dropped.
pub(crate) struct Server {
    binaries: PathBuf,
    folder: TempDir,
    user: Option<(u32, u32)>,
    port: u16,
    extra: Vec<String>,
    child: Option<Child>,
}

/// Servers refuse to run as root. Whoever `nobody` is, is nobody else's.
const NOBODY: (u32, u32) = (65_534, 65_534);
const PATIENCE: Duration = Duration::from_secs(60);

impl Server {
    /// Starts a server. Where there is none on this machine, the reason is told; continuous integration takes that for a failure.
    pub(crate) fn start() -> Option<Self> {
        Self::start_with(|_| Vec::new())
    }

    /// Starts a server with more settings, which may need files in its folder.
    pub(crate) fn start_with(extra: impl FnOnce(&Path) -> Vec<String>) -> Option<Self> {
        let Some(binaries) = binaries() else {
            let why = "no PostgreSQL server is installed (apt-get install postgresql): the tests of its store can't run";
            #[expect(clippy::disallowed_methods, reason = "whether this is continuous integration stands nowhere else")]
            let is_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
            assert!(!is_ci, "{why}");
            eprintln!("{why}");
            return None;
        };
        let mut server = Self::prepare(binaries).unwrap();
        server.extra = extra(&server.data());
        server.own(&server.data());
        server.run();
        Some(server)
    }

    fn prepare(binaries: PathBuf) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("flowglass-pg").tempdir()?;
        let is_root = folder.path().metadata()?.uid() == 0;
        let server = Self { binaries, user: is_root.then_some(NOBODY), folder, port: 0, extra: Vec::new(), child: None };
        server.own(server.folder.path());
        let mut command = server.command("initdb");
        command.arg("-D").arg(server.data()).args(["-A", "scram-sha-256", "-U", "me", "-E", "UTF8", "--locale=C", "--no-sync"]);
        let password = server.folder.path().join("password");
        fs::write(&password, "secret\n")?;
        fs::set_permissions(&password, fs::Permissions::from_mode(0o644))?;
        let done = command.arg("--pwfile").arg(&password).output()?;
        if done.status.success() {
            Ok(server)
        } else {
            Err(io::Error::other(String::from_utf8_lossy(&done.stderr).into_owned()))
        }
    }

    /// The folder of the server's files.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Returns the address of the database, with a schema that nobody uses yet. Writes wait for the server as long as a busy machine
    /// may take.
    pub(crate) fn address(&self, schema: &str) -> String {
        let spool = self.folder.path().join("spool").join(schema);
        format!(
            "postgres://me:secret@127.0.0.1:{}/postgres?schema={schema}&hold=60s&spool={}",
            self.port,
            spool.display().to_string().replace('/', "%2F")
        )
    }

    /// Asks in PostgreSQL's own shell, and returns what it prints.
    pub(crate) fn psql(&self, schema: &str, statement: &str) -> String {
        let output = self.shell(schema).args(["-c", statement]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Prepares PostgreSQL's own shell, which reads statements from its input unless it is given one.
    pub(crate) fn shell(&self, schema: &str) -> Command {
        let mut command = self.command("psql");
        command.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "me", "-d", "postgres"]);
        command.args(["-p", &self.port.to_string()]);
        command.env("PGPASSWORD", "secret").env("PGOPTIONS", format!("-c search_path=\"{}\"", schema.replace(' ', "\\ ")));
        command
    }

    /// Starts the server, again on the port that it had.
    pub(crate) fn run(&mut self) {
        let until = Instant::now() + PATIENCE;
        let had = self.port;
        loop {
            if had == 0 {
                self.port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            }
            // Somebody else took a new port in between, or what the old server left is not gone yet.
            if self.is_up_by(until) {
                return;
            }
            assert!(Instant::now() < until, "the server doesn't start: {}", self.log());
        }
    }

    fn is_up_by(&mut self, until: Instant) -> bool {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-h", "127.0.0.1", "-p", &self.port.to_string(), "-F"]);
        for setting in ["unix_socket_directories=", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=32MB"] {
            command.args(["-c", setting]);
        }
        for setting in &self.extra {
            command.args(["-c", setting]);
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        while Instant::now() < until {
            if child.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() && self.log().contains("ready to accept connections") {
                self.child = Some(child);
                return true;
            }
            std::thread::yield_now();
        }
        let _ = child.kill().and_then(|()| child.wait());
        false
    }

    /// Stops the server at once: connections break, as when its machine goes away.
    pub(crate) fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        // SIGQUIT is what ends the server with all that it started.
        let pid = child.id().to_string();
        let _ = Command::new("kill").args(["-QUIT", &pid]).status();
        let _ = child.wait();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.binaries.join(program));
        command.current_dir(self.folder.path()).env_clear().env("LC_ALL", "C").env("TZ", "UTC");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    /// Gives a folder with all in it to whom the server runs as.
    pub(crate) fn own(&self, path: &Path) {
        let Some((user, group)) = self.user else { return };
        chown(path, Some(user), Some(group)).unwrap();
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                self.own(&entry.unwrap().path());
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Finds the newest server that is installed.
fn binaries() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().map(|entry| entry.path().join("bin"));
    let usual = ["/usr/bin", "/usr/local/bin", "/usr/local/pgsql/bin", "/opt/homebrew/bin"].map(PathBuf::from);
    let mut found: Vec<PathBuf> = debian.chain(usual).filter(|folder| folder.join("initdb").is_file()).collect();
    let version = |folder: &Path| folder.parent()?.file_name()?.to_str()?.parse::<u32>().ok();
    found.sort_by_key(|folder| version(folder));
    found.pop()
}
