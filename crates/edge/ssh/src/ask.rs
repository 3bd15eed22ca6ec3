//! One host: one `ssh`, watched until it ends or has to be ended.

use std::{
    io::{self, ErrorKind, Read, Write},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    time::Instant,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open},
};

use crate::{Failure, Limits, MAX_ERROR_BYTES, Request, Target};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 << 10;

/// What holds whatever `ssh_config` says: nothing is asked, no key accepted, nothing forwarded, and no connection
/// shared with anybody, whose key was looked at in another time.
const ALWAYS: [&str; 13] = [
    "BatchMode=yes",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "ControlMaster=no",
    "ControlPath=none",
    "ClearAllForwardings=yes",
    "ForwardAgent=no",
    "ForwardX11=no",
    "PermitLocalCommand=no",
    "RemoteCommand=none",
    "RequestTTY=no",
    "LogLevel=INFO",
    "ServerAliveInterval=15",
];

/// Asks one host.
pub(crate) fn ask(
    target: &Target,
    request: Request<'_>,
    limits: &Limits,
    stop: Option<BorrowedFd<'_>>,
) -> Result<Vec<u8>, Failure> {
    let began = Instant::now();
    let here = |why: &dyn std::fmt::Display| Failure::NotStarted(why.to_string());
    let mut ssh = Ssh::start(target, request, limits).map_err(|why| here(&why))?;
    loop {
        let left = limits.timeout.saturating_sub(began.elapsed());
        if left.is_zero() {
            return Err(Failure::TimedOut {
                after: limits.timeout,
                got: ssh.output.len(),
            });
        }
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let ready = ssh.wait(stop, &left).map_err(|why| here(&why))?;
        if ready.stop {
            return Err(Failure::Stopped);
        }
        // What is written before the end is in the pipes by then. Helpers may hold them open beyond it.
        ssh.read(limits.max_bytes)?;
        if ready.ended {
            break;
        }
        ssh.write(request.stdin);
    }
    let (status, output, errors) = ssh.end().map_err(|why| here(&why))?;
    if status.success() {
        Ok(output)
    } else {
        Err(Failure::of(status.code(), &errors))
    }
}

/// What [`Ssh::wait`] saw.
struct Ready {
    stop: bool,
    ended: bool,
}

/// A running `ssh`. When it is dropped its whole group is ended and it is waited for.
struct Ssh {
    child: Child,
    group: Pid,
    /// Readable when it has ended.
    ended: OwnedFd,
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    written: usize,
    output: Vec<u8>,
    errors: Vec<u8>,
    /// Bytes of errors that were read, those that were not kept too.
    errors_read: usize,
    /// It was waited for: its number may be another's.
    waited: bool,
}

impl Ssh {
    fn start(target: &Target, request: Request<'_>, limits: &Limits) -> io::Result<Self> {
        let mut child = command(target, request, limits).spawn()?;
        let group = Pid::from_child(&child);
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let ended = match pidfd_open(group, PidfdFlags::empty()) {
            Ok(ended) => ended,
            Err(error) => {
                end(&mut child, group)?;
                return Err(error.into());
            }
        };
        let ssh = Self {
            child,
            group,
            ended,
            stdin,
            stdout,
            stderr,
            written: 0,
            output: Vec::new(),
            errors: Vec::new(),
            errors_read: 0,
            waited: false,
        };
        let pipes = [
            ssh.stdin.as_ref().map(AsFd::as_fd),
            ssh.stdout.as_ref().map(AsFd::as_fd),
            ssh.stderr.as_ref().map(AsFd::as_fd),
        ];
        for pipe in pipes.into_iter().flatten() {
            fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?;
        }
        Ok(ssh)
    }

    /// Until something can be read or written, it has ended, or the time is over.
    fn wait(&self, stop: Option<BorrowedFd<'_>>, left: &Timespec) -> io::Result<Ready> {
        let mut fds = vec![PollFd::new(&self.ended, PollFlags::IN)];
        let out = self.stdout.as_ref().map(AsFd::as_fd);
        let errors = self.stderr.as_ref().map(AsFd::as_fd);
        for fd in [out, errors].into_iter().flatten() {
            fds.push(PollFd::from_borrowed_fd(fd, PollFlags::IN));
        }
        if let Some(stdin) = &self.stdin {
            fds.push(PollFd::new(stdin, PollFlags::OUT));
        }
        fds.extend(stop.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        match poll(&mut fds, Some(left)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let came = |fd: Option<&PollFd<'_>>| fd.is_some_and(|fd| !fd.revents().is_empty());
        Ok(Ready {
            ended: came(fds.first()),
            stop: stop.is_some() && came(fds.last()),
        })
    }

    /// All that can be read now.
    fn read(&mut self, limit: usize) -> Result<(), Failure> {
        let mut piece = vec![0; PIECE_BYTES];
        while let Some(read) = read_from(&mut self.stdout, &mut piece) {
            self.output.extend_from_slice(read);
            self.within(limit)?;
        }
        while let Some(read) = read_from(&mut self.stderr, &mut piece) {
            self.errors_read += read.len();
            let room = MAX_ERROR_BYTES.saturating_sub(self.errors.len());
            self.errors.extend(read.iter().take(room));
            self.within(limit)?;
        }
        Ok(())
    }

    const fn within(&self, limit: usize) -> Result<(), Failure> {
        if self.output.len().saturating_add(self.errors_read) > limit {
            return Err(Failure::TooMuch { limit });
        }
        Ok(())
    }

    /// As much as goes now. A command that reads no more is no failure: a forced one reads nothing.
    fn write(&mut self, all: &[u8]) {
        while let Some(stdin) = &mut self.stdin {
            let rest = all.get(self.written..).unwrap_or_default(); // default: because then all is written
            let wrote = if rest.is_empty() {
                Ok(0)
            } else {
                stdin.write(rest)
            };
            match wrote {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => self.stdin = None,
                Ok(more) => self.written += more,
            }
        }
    }

    /// Its status, its output and its errors.
    fn end(mut self) -> io::Result<(ExitStatus, Vec<u8>, Vec<u8>)> {
        self.waited = true;
        let status = end(&mut self.child, self.group)?;
        let (output, errors) = (
            std::mem::take(&mut self.output),
            std::mem::take(&mut self.errors),
        );
        Ok((status, output, errors))
    }
}

impl Drop for Ssh {
    fn drop(&mut self) {
        if !self.waited {
            drop(end(&mut self.child, self.group)); // because a drop has nobody to tell
        }
    }
}

/// Ends the group while the child, ended or not, still holds its number; then waits for it.
fn end(child: &mut Child, group: Pid) -> io::Result<ExitStatus> {
    match kill_process_group(group, Signal::KILL) {
        Ok(()) | Err(rustix::io::Errno::SRCH | rustix::io::Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    child.wait()
}

/// What can be read now of a pipe; none if nothing can, and at its end the pipe is closed.
fn read_from<'a>(from: &mut Option<impl Read>, piece: &'a mut [u8]) -> Option<&'a [u8]> {
    loop {
        match from.as_mut()?.read(piece) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
            Ok(0) | Err(_) => {
                *from = None;
                return None;
            }
            Ok(read) => return piece.get(..read),
        }
    }
}

fn command(target: &Target, request: Request<'_>, limits: &Limits) -> Command {
    let mut ssh = Command::new("ssh");
    if let Some(config) = &target.config {
        ssh.arg("-F").arg(config);
    }
    for option in ALWAYS {
        ssh.args(["-o", option]);
    }
    // A process of ours that is killed leaves nobody who ends it.
    let secs = limits.timeout.as_secs().max(1);
    ssh.arg("-o").arg(format!("ConnectTimeout={secs}"));
    if let Some(identity) = &target.identity {
        ssh.args(["-o", "IdentitiesOnly=yes", "-i"]).arg(identity);
    }
    if let Some(port) = target.port {
        ssh.arg("-p").arg(port.to_string());
    }
    if let Some(user) = &target.user {
        ssh.arg("-l").arg(user);
    }
    ssh.arg("--").arg(&target.host).arg(request.command);
    // Options do not reach the ssh of a jump host; this does, and lets it ask nobody.
    ssh.env("SSH_ASKPASS", "/bin/false");
    ssh.env("SSH_ASKPASS_REQUIRE", "force");
    ssh.env("LC_ALL", "C");
    ssh.stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    ssh.process_group(0);
    ssh
}
