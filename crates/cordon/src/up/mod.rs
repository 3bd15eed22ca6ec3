//! `cordon up`: sensors, engine, store and console with one command.
//!
//! As an ordinary user all of it is one process. As root it is two: this one keeps the privilege and
//! only looks; the hub (judging, store, console) runs as an unprivileged user and hears it over a pipe.

mod audit;
mod content;
mod fetch;
pub mod frames;
mod gather;
mod held;
mod hours;
pub mod hub;
mod learn;
mod rows;
pub mod sensors;
pub(crate) mod tell;
mod view;

use std::{
    collections::BTreeMap,
    fs, io,
    net::SocketAddr,
    os::unix::{
        fs::{PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc,
        mpsc::{Sender, SyncSender, channel, sync_channel},
    },
    thread,
};

use cordon_console::{Board, Console, ConsoleError, Listening};
use cordon_model::Host;
use cordon_store::{Sqlite, StoreError};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::fault::{self, Exit, Fault};
use frames::{Order, Word};
use hub::{Hub, Input, Places};
use sensors::{Note, Sensors};

/// Words under way from sensors to hub. When they are so many, the sensors wait.
const MAX_WAITING: usize = 8192;

/// The user that the hub runs as when `up` is started by root: its own, else nobody's.
const USERS: [&str; 2] = ["cordon", "nobody"];

/// The folder of what was received and is not judged yet, below the data.
const SPOOL: &str = "spool";

/// The folder of what hosts said over SSH, below the data.
const FETCHED: &str = "inventories";

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the hub remembers.
    pub data: PathBuf,
    /// Where the console listens.
    pub listen: SocketAddr,
    /// A policy that a person named.
    pub policy: Option<PathBuf>,
    /// What this host is called.
    pub me: Host,
    /// The root of the system to look at.
    pub root: PathBuf,
}

/// How the hub hears sensors that are another process.
pub const HUB_OF: &str = "--hub-of-sensors";

/// Runs until SIGINT or SIGTERM. `ready` is called once with the console's address.
pub fn run(options: &Options, ready: &mut dyn FnMut(&str)) -> Result<Exit, Fault> {
    if !options.listen.ip().is_loopback() {
        return Err(Fault::new(
            &fault::NOT_LOOPBACK,
            format!("{} is not loopback", options.listen),
        ));
    }
    if is_root()? {
        run_split(options, ready)
    } else {
        run_whole(options, ready)
    }
}

/// All in one process.
fn run_whole(options: &Options, ready: &mut dyn FnMut(&str)) -> Result<Exit, Fault> {
    make_data(&options.data, None)?;
    let (hub, console, listening) = start_hub(options)?;
    let cursors = hub.cursors()?;
    let (words, inbox) = sync_channel(MAX_WAITING);
    let (stop, stopped) = channel();
    let telling = hub.teller().start(&words)?;
    let learning = hub.learn(words.clone())?;
    let auditing = hub.audit(words.clone())?;
    let (to_hub, durable) = (words.clone(), stop.clone());
    on_signal(move || {
        tell(stop.send(Note::Stop));
        tell(to_hub.send(Input::Stop));
    })?;
    ready(&listening.url);
    let sensors = sensors_of(options);
    let looking = thread::Builder::new()
        .name("sensors".into())
        .spawn(move || {
            sensors.run(
                cursors,
                &stopped,
                &mut |word| match words.send(Input::Word(word)) {
                    Ok(()) => std::ops::ControlFlow::Continue(()),
                    Err(_) => std::ops::ControlFlow::Break(()),
                },
            );
        });
    let looking = looking.map_err(|error| Fault::new(&fault::NOT_STARTED, error))?;
    let exit = hub.run(&inbox, &mut |cursors| {
        tell(durable.send(Note::Durable(cursors)));
    });
    drop(inbox);
    telling.stop();
    learning.stop();
    auditing.stop();
    if looking.join().is_err() {
        return Err(Fault::new(&fault::NOT_STARTED, "the sensors panicked"));
    }
    console
        .stop()
        .map_err(|error| Fault::new(&fault::CONSOLE, error))?;
    Ok(exit)
}

/// The privileged half: it looks, and hands on what it sees.
fn run_split(options: &Options, ready: &mut dyn FnMut(&str)) -> Result<Exit, Fault> {
    let (uid, gid) = hub_user()?;
    make_data(&options.data, Some((uid, gid)))?;
    let failed = |error: io::Error| Fault::new(&fault::NOT_STARTED, error);
    // By inode, because the hub's user may not reach the folder that this program lies in.
    let mut command = Command::new("/proc/self/exe");
    command
        .args(["up", HUB_OF, "--listen"])
        .arg(options.listen.to_string());
    command
        .arg("--data")
        .arg(&options.data)
        .arg("--host")
        .arg(options.me.as_str());
    command.arg("--root").arg(&options.root);
    if let Some(policy) = &options.policy {
        command.arg("--policy").arg(policy);
    }
    // std drops the supplementary groups of root when it changes the user.
    command
        .uid(uid)
        .gid(gid)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let (Some(mut to), Some(mut from)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Fault::new(&fault::NOT_STARTED, "the hub has no pipe"));
    };
    let order = frames::read::<Order>(&mut from).map_err(failed)?;
    if let Some(Order::Begin { cursors, url }) = order {
        // Before anybody is told that it is ready: who hears that may end it at once.
        let (stop, stopped) = channel();
        let orders = stop.clone();
        on_signal(move || tell(stop.send(Note::Stop)))?;
        let obeying = thread::Builder::new()
            .name("orders".into())
            .spawn(move || obey(from, &orders));
        drop(obeying.map_err(failed)?); // it ends with the hub
        ready(&url);
        sensors_of(options).run(cursors, &stopped, &mut |word| {
            match frames::write(&mut to, &word) {
                Ok(()) => std::ops::ControlFlow::Continue(()),
                Err(_) => std::ops::ControlFlow::Break(()), // because the hub has ended, and says why
            }
        });
    }
    drop(to); // the hub ends when nobody speaks any more
    let status = child.wait().map_err(failed)?;
    Ok(status.code().map_or(Exit::Partial, exit_of))
}

/// From the hub's pipe to the sensors; the end of the pipe is the end of the hub.
fn obey(mut from: impl io::Read, notes: &Sender<Note>) {
    loop {
        let note = match frames::read::<Order>(&mut from) {
            Ok(Some(Order::Durable { cursors })) => Note::Durable(cursors),
            Ok(Some(Order::Begin { .. })) => continue,
            Ok(None) | Err(_) => Note::Stop, // because nobody listens any more
        };
        let last = matches!(note, Note::Stop);
        if notes.send(note).is_err() || last {
            return;
        }
    }
}

/// The unprivileged half: hears the sensors on stdin.
pub fn run_hub(options: &Options) -> Result<Exit, Fault> {
    let failed = |error: io::Error| Fault::new(&fault::NOT_STARTED, error);
    let (hub, console, listening) = start_hub(options)?;
    // The signal goes to both halves; this one ends when the other has stopped speaking.
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let handle = signals.handle();
    let begin = Order::Begin {
        cursors: hub.cursors()?,
        url: listening.url,
    };
    frames::write(&mut io::stdout().lock(), &begin).map_err(failed)?;
    let (words, inbox) = sync_channel(MAX_WAITING);
    let telling = hub.teller().start(&words)?;
    let learning = hub.learn(words.clone())?;
    let auditing = hub.audit(words.clone())?;
    let hearing = thread::Builder::new()
        .name("ear".into())
        .spawn(move || hear(&words));
    let exit = hub.run(&inbox, &mut |cursors| {
        let order = Order::Durable { cursors };
        tell(frames::write(&mut io::stdout().lock(), &order));
    });
    handle.close();
    for _ in signals.pending() {} // taken, so that the default does not end us in the middle
    drop(inbox);
    drop(hearing);
    telling.stop();
    learning.stop();
    auditing.stop();
    console
        .stop()
        .map_err(|error| Fault::new(&fault::CONSOLE, error))?;
    Ok(exit)
}

/// From the pipe to the main loop; the end of the pipe is the order to stop.
fn hear(words: &SyncSender<Input>) {
    let mut from = io::stdin().lock();
    loop {
        let input = match frames::read::<Word>(&mut from) {
            Ok(Some(word)) => Input::Word(word),
            Ok(None) => Input::Stop,
            Err(_) => Input::Deaf, // because half a word means that the sensors died
        };
        let last = !matches!(input, Input::Word(_));
        if words.send(input).is_err() || last {
            return;
        }
    }
}

fn start_hub(options: &Options) -> Result<(Hub, Console, Listening), Fault> {
    let store = Sqlite::open(&options.data).map_err(|error| match error {
        StoreError::InUse { .. } => Fault::new(&fault::STORE_IN_USE, error),
        other => Fault::new(&fault::STORE_UNREADABLE, other),
    })?;
    let Options {
        me, root, policy, ..
    } = options.clone();
    let board = Board::new();
    let places = Places {
        me,
        root,
        policy,
        fetched: options.data.join(FETCHED),
    };
    let hub = Hub::new(places, Arc::new(store), board.clone())?;
    let (console, listening) =
        Console::start(options.listen, board).map_err(|error| match error {
            ConsoleError::NotLoopback { .. } => Fault::new(&fault::NOT_LOOPBACK, error),
            other => Fault::new(&fault::CONSOLE, other),
        })?;
    Ok((hub, console, listening))
}

fn sensors_of(options: &Options) -> Sensors {
    let Options {
        me,
        root,
        policy,
        data,
        ..
    } = options.clone();
    Sensors {
        me,
        root,
        policy,
        spool: data.join(SPOOL),
    }
}

/// At the first SIGINT or SIGTERM, `end` is called; from then on they are ignored.
fn on_signal(end: impl FnOnce() + Send + 'static) -> Result<(), Fault> {
    let failed = |error: io::Error| Fault::new(&fault::NOT_STARTED, error);
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    let waiting = thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            if signals.forever().next().is_some() {
                end();
            }
        });
    waiting.map(drop).map_err(failed)
}

/// Whoever is gone already needs no order to stop.
fn tell<T, E>(sent: Result<T, E>) {
    drop(sent);
}

/// The folder of the store. What it remembers holds lines of logs that not everybody may read, so a new
/// one is for its owner alone; one that is there keeps the rights that somebody gave it.
fn make_data(data: &Path, owner: Option<(u32, u32)>) -> Result<(), Fault> {
    let failed = |error: io::Error| Fault::new(&fault::STORE_UNREADABLE, error).at(data.display());
    if !data.is_dir() {
        fs::create_dir_all(data).map_err(failed)?;
        fs::set_permissions(data, fs::Permissions::from_mode(0o700)).map_err(failed)?;
    }
    if let Some((uid, gid)) = owner {
        chown(data, Some(uid), Some(gid)).map_err(failed)?;
    }
    Ok(())
}

/// Whether this process may do everything.
pub fn is_root() -> Result<bool, Fault> {
    let status = fs::read_to_string("/proc/self/status");
    let status = status.map_err(|error| Fault::new(&fault::NOT_STARTED, error))?;
    let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    Ok(uids.is_some_and(|uids| uids.split_whitespace().nth(1) == Some("0")))
}

/// Number of user and group, from passwd(5).
fn hub_user() -> Result<(u32, u32), Fault> {
    let passwd = fs::read_to_string("/etc/passwd");
    let passwd = passwd.map_err(|error| Fault::new(&fault::NOT_STARTED, error))?;
    let ids: BTreeMap<&str, (u32, u32)> = passwd
        .lines()
        .filter_map(|line| {
            let fields: Vec<&str> = line.split(':').collect();
            let [name, _, uid, gid, ..] = fields.as_slice() else {
                return None;
            };
            Some((*name, (uid.parse().ok()?, gid.parse().ok()?))) // ok: because such a line is no user
        })
        .collect();
    let user = USERS.iter().find_map(|name| ids.get(name).copied());
    user.filter(|(uid, _)| *uid != 0).ok_or_else(|| {
        let names = USERS.join(" and ");
        Fault::new(
            &fault::NOT_STARTED,
            format!("there is no user {names} for the hub to run as"),
        )
    })
}

const fn exit_of(code: i32) -> Exit {
    match code {
        0 => Exit::Nothing,
        1 => Exit::Findings,
        2 => Exit::Usage,
        3 => Exit::HubUnreachable,
        4 => Exit::Blind,
        6 => Exit::Store,
        _ => Exit::Partial,
    }
}
