//! Servers of SSH on loopback: Debian's own sshd, with keys of its own, for as long as a test lasts.

use std::{
    fs,
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use cordon_testkit::skip;

use crate::{Ran, folder};

const SSHD: &str = "/usr/sbin/sshd";

/// An index of Debian's by which some packages of any Debian host are missing, and some proven.
const INDEX: &str = "Package: dpkg\nArchitecture: amd64\nVersion: 99:1\n\nPackage: bash\nArchitecture: amd64\nVersion: 0.1\n\n\
                     Package: web\nArchitecture: amd64\nVersion: 2\n\n";

/// A network of servers of SSH: their keys, and what a client must know of them.
pub(crate) struct Lab {
    pub(crate) dir: PathBuf,
    pub(crate) user: String,
    servers: Vec<Server>,
    pub(crate) config: String,
}

/// A socket whose connections each get an sshd of their own, as inetd does it: no port is guessed, nobody waits for
/// a start, and nothing stays when it is dropped.
struct Server {
    place: SocketAddr,
    over: Arc<AtomicBool>,
    children: Arc<Mutex<Vec<Child>>>,
    accepting: Option<JoinHandle<()>>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.place)); // because it only wakes who accepts
        self.accepting.take().unwrap().join().unwrap();
        for child in self.children.lock().unwrap().iter_mut() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

impl Server {
    fn new(config: PathBuf) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let children: Arc<Mutex<Vec<Child>>> = Arc::default();
        let (ends, all) = (Arc::clone(&over), Arc::clone(&children));
        let accepting = thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let child = Command::new(SSHD)
                    .arg("-i")
                    .arg("-f")
                    .arg(&config)
                    .arg("-E")
                    .arg(config.with_extension("log"))
                    .stdin(Stdio::from(std::os::fd::OwnedFd::from(
                        stream.try_clone().unwrap(),
                    )))
                    .stdout(Stdio::from(std::os::fd::OwnedFd::from(stream)))
                    .stderr(Stdio::null())
                    .process_group(0)
                    .spawn()
                    .unwrap();
                all.lock().unwrap().push(child);
            }
        });
        Self {
            place,
            over,
            children,
            accepting: Some(accepting),
        }
    }
}

/// A new key without a passphrase.
fn key(path: &Path) -> String {
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(made.success());
    fs::read_to_string(format!("{}.pub", path.display())).unwrap()
}

impl Lab {
    /// None where there is no sshd.
    pub(crate) fn new(test: &str) -> Option<Self> {
        if !Path::new(SSHD).exists() {
            skip("no sshd: openssh-server");
            return None;
        }
        let dir = folder(test);
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        let user = Command::new("id").arg("-un").output().unwrap().stdout;
        let user = String::from_utf8(user).unwrap().trim().to_owned();
        if user == "root" {
            fs::create_dir_all("/run/sshd").unwrap(); // a system that was started has it
        }
        for name in ["user", "stranger"] {
            key(&dir.join(name));
        }
        fs::write(dir.join("known_hosts"), "").unwrap();
        let known = dir.join("known_hosts");
        let config = format!(
            "Host *\n  User {user}\n  IdentitiesOnly yes\n  IdentityAgent none\n  UserKnownHostsFile {}\n  GlobalKnownHostsFile /dev/null\n",
            known.display()
        );
        Some(Self {
            dir,
            user,
            servers: Vec::new(),
            config,
        })
    }

    /// A server called `name`. Its key line begins with `options`; it is in `known_hosts` if it is `known`.
    pub(crate) fn host(&mut self, name: &str, options: &str, known: bool) {
        let at = |ending: &str| self.dir.join(format!("{name}.{ending}"));
        let host_key = key(&at("key"));
        let user_key = fs::read_to_string(self.dir.join("user.pub")).unwrap();
        fs::write(at("authorized"), format!("{options}{user_key}")).unwrap();
        let config = format!(
            "HostKey {}\nAuthorizedKeysFile {}\nUsePAM no\nStrictModes no\nPidFile none\nPermitRootLogin yes\n\
             PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitUserEnvironment no\nLogLevel DEBUG\n",
            at("key").display(),
            at("authorized").display()
        );
        fs::write(at("conf"), config).unwrap();
        let server = Server::new(at("conf"));
        let port = server.place.port();
        if known {
            self.know(port, &host_key);
        }
        self.alias(name, port, "user", "");
        self.servers.push(server);
    }

    /// Of the newest server.
    pub(crate) fn port(&self) -> u16 {
        self.servers.last().unwrap().place.port()
    }

    pub(crate) fn know(&self, port: u16, host_key: &str) {
        let path = self.dir.join("known_hosts");
        let known = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{known}[127.0.0.1]:{port} {host_key}")).unwrap();
    }

    pub(crate) fn alias(&mut self, name: &str, port: u16, identity: &str, more: &str) {
        let identity = self.dir.join(identity);
        let alias = format!(
            "Host {name}\n  HostName 127.0.0.1\n  Port {port}\n  IdentityFile {}\n{more}",
            identity.display()
        );
        // ssh takes the first value of each, so what holds for all is last.
        self.config = format!("{alias}{}", self.config);
    }

    /// A command that prints a file of this content.
    pub(crate) fn prints(&self, name: &str, content: &[u8]) -> String {
        let path = self.dir.join(name);
        fs::write(&path, content).unwrap();
        format!("restrict,command=\"cat {}\" ", path.display())
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let config = self.dir.join("ssh_config");
        fs::write(&config, &self.config).unwrap();
        let index = self
            .dir
            .join("d_dists_stable-security_main_binary-amd64_Packages");
        fs::write(&index, INDEX).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_cordon"));
        command
            .args(["patch", "audit", "--json", "--all", "--advisories"])
            .arg(index)
            .arg("--ssh-config")
            .arg(config)
            .args(args);
        command
    }

    pub(crate) fn audit(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args))
    }
}
