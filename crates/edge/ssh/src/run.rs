//! Many hosts, a bounded number at once. Each gives exactly one answer, whatever happens to the others.

use std::{
    os::fd::BorrowedFd,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::SystemTime,
};

use crate::{Failure, Limits, Request, Target, ask::ask};

/// What came of one host.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Which.
    pub target: &'a Target,
    /// When it was done.
    pub at: SystemTime,
    /// What its command said, or why there is nothing.
    pub said: Result<Vec<u8>, Failure>,
}

/// Runs the command on each of `targets` and hands over each answer as it comes, in no order. When `stop` becomes
/// readable every `ssh` is ended and what is left is [`Failure::Stopped`].
pub fn run<'a>(
    targets: &'a [Target],
    request: Request<'_>,
    limits: &Limits,
    stop: Option<BorrowedFd<'_>>,
    each: &mut dyn FnMut(Answer<'a>),
) {
    let next = AtomicUsize::new(0);
    let (to, answers) = mpsc::sync_channel(1);
    let work = |to: mpsc::SyncSender<Answer<'a>>| {
        while let Some(target) = targets.get(next.fetch_add(1, Ordering::Relaxed)) {
            let said = ask(target, request, limits, stop);
            let at = SystemTime::now();
            if to.send(Answer { target, at, said }).is_err() {
                return; // because nobody listens any more
            }
        }
    };
    thread::scope(|scope| {
        let mut refused = None;
        let mut started = 0;
        for _ in 0..limits.parallel.clamp(1, targets.len().max(1)) {
            let (to, work) = (to.clone(), &work);
            match thread::Builder::new().spawn_scoped(scope, move || work(to)) {
                Ok(_) => started += 1,
                Err(why) => refused = Some(why.to_string()),
            }
        }
        drop(to);
        for answer in answers {
            each(answer);
        }
        if let (0, Some(why)) = (started, refused) {
            for target in targets {
                let (at, said) = (SystemTime::now(), Err(Failure::NotStarted(why.clone())));
                each(Answer { target, at, said });
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::{fs, net::TcpListener, os::fd::AsFd, time::Duration};

    use super::*;

    const REQUEST: Request<'_> = Request {
        command: "true",
        stdin: b"",
    };

    /// A server that accepts and says nothing, and how it is reached.
    fn silent() -> (TcpListener, Target) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let place = listener.local_addr().unwrap();
        let mut target: Target = format!("root@{place}").parse().unwrap();
        target.config = Some("/dev/null".into());
        (listener, target)
    }

    /// Processes with this among their arguments.
    fn with(argument: &str) -> usize {
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        let has = |line: &Vec<u8>| {
            line.split(|byte| *byte == 0)
                .any(|one| one == argument.as_bytes())
        };
        lines.filter(has).count()
    }

    fn has_ssh() -> bool {
        let has = std::process::Command::new("ssh").arg("-V").output().is_ok();
        if !has {
            cordon_testkit::skip("no ssh");
        }
        has
    }

    #[test]
    fn a_server_that_says_nothing_is_cut_off_and_no_process_stays() {
        if !has_ssh() {
            return;
        }
        let (_listener, target) = silent();
        let limits = Limits {
            timeout: Duration::from_millis(700),
            ..Limits::default()
        };
        let mut answers = Vec::new();
        run(
            std::slice::from_ref(&target),
            REQUEST,
            &limits,
            None,
            &mut |answer| {
                answers.push(answer.said);
            },
        );
        let [Err(Failure::TimedOut { got: 0, .. })] = answers.as_slice() else {
            panic!("{answers:?}");
        };
        assert_eq!(with(&target.port.unwrap().to_string()), 0);
    }

    #[test]
    fn told_to_stop_it_stops_at_once_and_every_host_has_its_answer() {
        if !has_ssh() {
            return;
        }
        let (_listener, target) = silent();
        let targets = vec![target.clone(); 5];
        let limits = Limits {
            parallel: 2,
            timeout: Duration::from_hours(1),
            ..Limits::default()
        };
        let (stop, told) = std::os::unix::net::UnixStream::pair().unwrap();
        drop(told);
        let mut answers = Vec::new();
        run(
            &targets,
            REQUEST,
            &limits,
            Some(stop.as_fd()),
            &mut |answer| {
                answers.push(answer.said);
            },
        );
        assert_eq!(answers, vec![Err(Failure::Stopped); 5]);
        assert_eq!(with(&target.port.unwrap().to_string()), 0);
    }
}
