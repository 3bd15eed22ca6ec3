//! Who reads the log, and what it heard.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    ops::ControlFlow,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use bench_kit::up::Up;
use cordon_logs_edge::Tail;
use cordon_model::{Cursor, Fact};

use crate::Heard;

/// The word that makes this program a reader.
pub const CHILD: &str = "follow";

/// Between two polls of our reader.
const POLL: Duration = Duration::from_millis(50);

/// Who reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Our follower alone, with a journal of its own: each line is known by its number.
    Cordon,
    /// The real `cordon up`: lines are counted.
    Up,
    Imfile,
}

/// A reader that runs.
pub enum Running {
    Child(Child),
    Up(Up),
}

impl Running {
    /// SIGKILL, to all of it.
    pub fn kill(self) {
        match self {
            Self::Child(mut child) => {
                child.kill().expect("it runs");
                child.wait().expect("it ends");
            }
            Self::Up(mut up) => up.kill(),
        }
    }
}

impl Reader {
    /// By its name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Cordon, Self::Up, Self::Imfile];
        all.into_iter().find(|reader| reader.name() == name)
    }

    /// As people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cordon => "cordon",
            Self::Up => "cordon-up",
            Self::Imfile => "imfile",
        }
    }

    /// Most milliseconds of a round, beside the shortest: `cordon up` looks once a second, and rsyslog needs a moment to start.
    pub const fn longest_round(self) -> u64 {
        match self {
            Self::Cordon => 200,
            Self::Up | Self::Imfile => 1300,
        }
    }

    /// Goes on where the last one was killed.
    pub fn start(self, folder: &Path) -> Running {
        let mut command = match self {
            Self::Up => {
                let policy = folder.join("etc/cordon");
                fs::create_dir_all(&policy).expect("room");
                let source = "[[logs.source]]\nname = \"app.log\"\npath = \"/logs/app.log\"\n";
                fs::write(policy.join("policy.toml"), source).expect("room");
                return Running::Up(Up::start(folder, None));
            }
            Self::Cordon => {
                let mut command = Command::new("/proc/self/exe");
                command.arg(CHILD).arg(folder);
                command
            }
            Self::Imfile => {
                let config = folder.join("rsyslog.conf");
                fs::write(&config, imfile(folder)).expect("room");
                let pid = folder.join("pid");
                if let Err(error) = fs::remove_file(&pid) {
                    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
                }
                let mut command = Command::new("rsyslogd");
                command.arg("-n").arg("-f").arg(config).arg("-i").arg(pid);
                command
            }
        };
        command.stderr(Stdio::null()).stdin(Stdio::null());
        if self == Self::Cordon {
            command.stderr(Stdio::inherit());
        }
        Running::Child(command.spawn().expect("a reader"))
    }

    /// What it has heard so far.
    pub fn heard(running: &Running, reader: Self, folder: &Path) -> Heard {
        let mut heard = Heard::default();
        match (reader, running) {
            (Self::Up, Running::Up(up)) => {
                heard.counted = Some(up.lines_of_hours());
                heard.gaps.extend(up.tells_a_gap().then_some(None));
            }
            (Self::Cordon, _) => {
                let journal = fs::read(folder.join("journal")).expect("ours");
                for line in whole(&journal).split(|byte| *byte == b'\n') {
                    let line = String::from_utf8_lossy(line);
                    match line.split_at_checked(1) {
                        Some(("=", text)) => note(&mut heard, text),
                        Some(("!", lost)) => heard.gaps.push(lost.parse().ok()),
                        _ => {}
                    }
                }
            }
            (Self::Imfile | Self::Up, _) => {
                let text = fs::read(folder.join("out")).unwrap_or_default();
                for line in String::from_utf8_lossy(&text).lines() {
                    note(&mut heard, line);
                }
            }
        }
        heard
    }
}

fn note(heard: &mut Heard, line: &str) {
    let number = line.split_once("number=").and_then(|(_, rest)| {
        let (number, dots) = rest.split_once(' ')?;
        let whole = number.len() == 16 && dots.len() == 37;
        number.parse().ok().filter(|_| whole)
    });
    match number {
        Some(number) => *heard.numbers.entry(number).or_insert(0) += 1,
        None => heard.torn += 1,
    }
}

/// The part of a journal whose last line says where to go on: what came after was not finished.
fn whole(journal: &[u8]) -> &[u8] {
    let mut end = journal.len();
    while let Some(at) = journal[..end].iter().rposition(|byte| *byte == b'\n') {
        let start = journal[..at].iter().rposition(|byte| *byte == b'\n');
        if journal[start.map_or(0, |start| start + 1)] == b'@' {
            return &journal[..=at];
        }
        end = at;
    }
    &[]
}

/// Our reader: a poll's lines and its cursor become durable together.
pub fn follow(folder: &Path) {
    let path = folder.join("journal");
    let old = match fs::read(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        other => other.expect("ours"),
    };
    let kept = whole(&old);
    let mut journal = OpenOptions::new();
    let mut journal: File = journal.create(true).append(true).open(&path).expect("ours");
    journal.set_len(kept.len() as u64).expect("ours");
    let log = folder.join("logs/app.log");
    let mut tail = Tail::new("host".into(), "app".into(), log, Vec::new());
    let last = kept.strip_suffix(b"\n").unwrap_or_default();
    if let Some(cursor) = last.rsplit(|byte| *byte == b'\n').next()
        && let Some(cursor) = cursor.strip_prefix(b"@")
    {
        tail.resume(Cursor(cursor.to_vec()));
    }
    loop {
        let (mut batch, mut place) = (Vec::new(), None);
        drop(tail.poll(&mut |sensed, cursor| {
            match sensed.fact {
                Fact::Log(line) => {
                    batch.push(b'=');
                    batch.extend_from_slice(line.text.as_str().as_bytes());
                    batch.push(b'\n');
                }
                Fact::Gap { lost, .. } => {
                    let lost = lost.map_or_else(|| "?".to_owned(), |lost| lost.to_string());
                    batch.extend_from_slice(format!("!{lost}\n").as_bytes());
                }
                _ => {}
            }
            place = cursor.or(place.take());
            ControlFlow::Continue(())
        }));
        if let Some(Cursor(place)) = place.filter(|_| !batch.is_empty()) {
            batch.push(b'@');
            batch.extend_from_slice(&place);
            batch.push(b'\n');
            journal.write_all(&batch).expect("room");
            journal.sync_data().expect("a disk");
        }
        if !tail.is_behind() {
            thread::sleep(POLL);
        }
    }
}

/// State after every line, and truncation looked for.
fn imfile(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        "global(workDirectory=\"{folder}\" maxMessageSize=\"8k\")\n\
         module(load=\"imfile\" mode=\"inotify\")\n\
         template(name=\"raw\" type=\"string\" string=\"%rawmsg-after-pri%\\n\")\n\
         input(type=\"imfile\" File=\"{folder}/logs/app.log\" Tag=\"app\" reopenOnTruncate=\"on\"\n\
         persistStateInterval=\"1\" persistStateAfterSubmission=\"on\")\n\
         action(type=\"omfile\" file=\"{folder}/out\" template=\"raw\")\n"
    )
}
