//! The commands of this host itself. Each is a process group of its own: who interrupts Cordon does not interrupt a
//! package manager in the middle of its work.

use std::{
    io::{self, ErrorKind, PipeReader, Read},
    os::{fd::AsFd, unix::process::CommandExt},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open},
};

use super::{Call, Job, Record, Said};

/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 << 10;

/// Why a command gave no exit code.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not be started or watched.
    #[error("`{program}` could not be run: {why}")]
    NotRun {
        /// Which.
        program: String,
        /// Why.
        why: io::Error,
    },
}

/// Does a job here, each command with this time. The first that goes wrong does not stop the others: what they mend is
/// mended all the same.
pub fn run(job: &Job, timeout: Duration) -> Result<Record, RunError> {
    let (mut exit, mut said) = (Some(0), Said::default());
    for call in &job.calls {
        said.push(format!("$ {call}\n").as_bytes());
        let ended = one(call, timeout, &mut said).map_err(|why| RunError::NotRun {
            program: call.words.first().cloned().unwrap_or_default(), // default: because a call has a program
            why,
        })?;
        if exit == Some(0) {
            exit = ended;
        }
    }
    Ok(Record::of_said(job, exit, &said))
}

/// None where a signal or its time ended it.
fn one(call: &Call, timeout: Duration, said: &mut Said) -> io::Result<Option<i32>> {
    let Some((program, arguments)) = call.words.split_first() else {
        return Ok(Some(0));
    };
    let (mut reader, writer) = io::pipe()?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .envs(call.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    let mut child = command.spawn()?;
    drop(command); // with it go our ends of the pipe
    fcntl_setfl(&reader, fcntl_getfl(&reader)? | OFlags::NONBLOCK)?;
    let watched = watch(&mut child, &mut reader, timeout, said);
    if !matches!(watched, Ok(true)) {
        match kill_process_group(Pid::from_child(&child), Signal::KILL) {
            Ok(()) | Err(rustix::io::Errno::SRCH | rustix::io::Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let status = child.wait()?;
    watched.map(|in_time| if in_time { status.code() } else { None })
}

/// Reads until it has ended; false where its time was over first. What stays behind and holds the pipe is not waited
/// for.
fn watch(
    child: &mut Child,
    reader: &mut PipeReader,
    timeout: Duration,
    said: &mut Said,
) -> io::Result<bool> {
    let began = Instant::now();
    let ended = pidfd_open(Pid::from_child(child), PidfdFlags::empty())?;
    let mut open = true;
    loop {
        let left = timeout.saturating_sub(began.elapsed());
        if left.is_zero() {
            said.push(b"\n(its time was over)\n");
            return Ok(false);
        }
        let left = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(left.subsec_nanos()),
        };
        let mut fds = vec![PollFd::new(&ended, PollFlags::IN)];
        if open {
            fds.push(PollFd::from_borrowed_fd(reader.as_fd(), PollFlags::IN));
        }
        match poll(&mut fds, Some(&left)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let over = fds.first().is_some_and(|fd| !fd.revents().is_empty());
        open = open && read_all(reader, said)?;
        if over {
            return Ok(true);
        }
    }
}

/// All that can be read now; false at the end. Of what is said too much the end is kept.
fn read_all(reader: &mut PipeReader, said: &mut Said) -> io::Result<bool> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        match reader.read(&mut piece) {
            Ok(0) => return Ok(false),
            Ok(count) => said.push(piece.get(..count).unwrap_or_default()), // default: because it read as much
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
