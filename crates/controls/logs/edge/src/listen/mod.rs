//! Listens where policy says, and spools what comes.
//!
//! A sender never waits for the hub, only for the disk. What cannot be taken makes streams wait (their
//! sender keeps the rest) and datagrams drop, counted; who talks rubbish is told of and let go; and no
//! sender, however slow or many, stops another.

pub mod framing;
pub mod lumberjack;
mod serve;
mod stream;
pub(crate) mod tls;
mod udp;

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    os::unix::net::UnixStream,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{Builder, JoinHandle},
    time::{SystemTime, UNIX_EPOCH},
};

use cordon_logs::Listen;
use cordon_model::{SourceName, Text, Time};

use crate::spool::{Item, Spool, SpoolError};
use serve::Speech;
use stream::Connections;

/// Most complaints about senders that are told each time; the others are only counted.
const MAX_COMPLAINTS: usize = 10;

/// One `[[logs.listen]]`, while it listens.
#[derive(Debug)]
pub(crate) struct Listener {
    pub(crate) policy: Listen,
    pub(crate) notes: Arc<Notes>,
    written: Vec<Option<SystemTime>>,
    /// By their place in policy.
    sockets: BTreeMap<usize, Socket>,
    /// Why some of it cannot listen.
    pub(crate) trouble: Option<String>,
}

/// What happened at a listener that is not in the spool; taken by [`Notes::take`].
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Datagrams that the kernel dropped because nobody took them in time.
    kernel: AtomicU64,
    /// Datagrams that the spool had no room for.
    spool: AtomicU64,
    /// Connections that were refused because there were too many.
    refused: AtomicU64,
    /// Connections that ended because of what their sender did.
    bad: AtomicU64,
    complaints: Mutex<Vec<Text>>,
}

/// What was noted since the last time.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    pub(crate) dropped: u64,
    pub(crate) refused: u64,
    pub(crate) bad: u64,
    pub(crate) complaints: Vec<Text>,
}

/// What the threads of one socket share.
#[derive(Debug)]
struct Ear {
    name: SourceName,
    spool: Spool,
    notes: Arc<Notes>,
    stopped: AtomicBool,
}

/// A thread at a socket. It ends when the socket's owner lets go.
#[derive(Debug)]
struct Socket {
    ear: Arc<Ear>,
    connections: Option<Arc<Connections>>,
    /// Its other end wakes the thread when it is closed.
    wake: Option<UnixStream>,
    thread: Option<JoinHandle<()>>,
    address: SocketAddr,
}

impl Notes {
    pub(crate) fn take(&self) -> Noted {
        let taken = |counter: &AtomicU64| counter.swap(0, Ordering::Relaxed);
        let mut complaints = self
            .complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Noted {
            dropped: taken(&self.kernel) + taken(&self.spool),
            refused: taken(&self.refused),
            bad: taken(&self.bad),
            complaints: std::mem::take(&mut *complaints),
        }
    }

    fn complain(&self, peer: IpAddr, why: &dyn std::fmt::Display) {
        self.bad.fetch_add(1, Ordering::Relaxed);
        let mut complaints = self
            .complaints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if complaints.len() < MAX_COMPLAINTS {
            complaints.push(Text::new(&format!("{peer} was let go: {why}")));
        }
    }
}

impl Ear {
    /// Spools `items`, however long that takes. `waiting` is called about every second meanwhile.
    fn put(
        &self,
        items: &[Item<'_>],
        waiting: &mut dyn FnMut() -> io::Result<()>,
    ) -> io::Result<u64> {
        loop {
            match self.spool.append(items, now()) {
                Ok(seq) => return Ok(seq),
                Err(SpoolError::Closed) => return Err(gone()),
                Err(SpoolError::Full { .. } | SpoolError::Disk { .. }) => {}
            }
            if self.stopped.load(Ordering::Relaxed) || !self.spool.wait_for_room() {
                return Err(gone());
            }
            waiting()?;
        }
    }
}

/// We end, not the sender.
fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the listener is closed")
}

impl Listener {
    /// Listens where `policy` says, as far as that can be had.
    pub(crate) fn new(policy: &Listen, spool: &Spool) -> Self {
        let mut listener = Self {
            policy: policy.clone(),
            notes: Arc::new(Notes::default()),
            written: tls::written(policy),
            sockets: BTreeMap::new(),
            trouble: None,
        };
        listener.open(spool);
        listener
    }

    /// Tries again what could not be had.
    pub(crate) fn retry(&mut self, spool: &Spool) {
        if self.trouble.take().is_some() {
            self.open(spool);
        }
    }

    fn open(&mut self, spool: &Spool) {
        let config = tls::config(&self.policy);
        let of = |speech: Speech| (Some(speech), false);
        let Listen {
            udp,
            tcp,
            tls,
            beats,
            json,
            ..
        } = self.policy.clone();
        let encrypted = self.policy.certificate.is_some();
        let wanted = [
            (udp, (None, false)),
            (tcp, of(Speech::Syslog)),
            (tls, (Some(Speech::Syslog), true)),
            (beats, (Some(Speech::Beats), encrypted)),
            (json, (Some(Speech::Json), encrypted)),
        ];
        for (place, (address, (speech, encrypted))) in wanted.into_iter().enumerate() {
            let Some(address) = address.filter(|_| !self.sockets.contains_key(&place)) else {
                continue;
            };
            let opened = match (speech, encrypted, &config) {
                (None, ..) => self.socket(spool, |ear, wake| udp::open(address, ear, wake)),
                (Some(speech), true, Ok(config)) => {
                    let config = config.clone();
                    self.socket(spool, |ear, wake| {
                        stream::open(address, speech, config, ear, wake)
                    })
                }
                (Some(speech), false, _) => self.socket(spool, |ear, wake| {
                    stream::open(address, speech, None, ear, wake)
                }),
                (Some(_), true, Err(why)) => Err(io::Error::other(why.clone())),
            };
            match opened {
                Ok(socket) => drop(self.sockets.insert(place, socket)),
                Err(error) => {
                    self.trouble = Some(format!("{address} cannot be listened at: {error}"));
                }
            }
        }
    }

    /// One socket with its thread.
    fn socket(
        &self,
        spool: &Spool,
        open: impl FnOnce(Arc<Ear>, UnixStream) -> io::Result<Opened>,
    ) -> io::Result<Socket> {
        let ear = Arc::new(Ear {
            name: self.policy.name.clone(),
            spool: spool.clone(),
            notes: self.notes.clone(),
            stopped: AtomicBool::new(false),
        });
        let (wake, woken) = UnixStream::pair()?;
        let Opened {
            address,
            connections,
            run,
        } = open(ear.clone(), woken)?;
        let thread = Builder::new().name("listener".into()).spawn(run)?;
        Ok(Socket {
            ear,
            connections,
            wake: Some(wake),
            thread: Some(thread),
            address,
        })
    }

    /// Takes `policy` over, if its sockets can stay as they are: nothing is lost by another phrase.
    pub(crate) fn becomes(&mut self, policy: &Listen) -> bool {
        let sockets = |listen: &Listen| Listen {
            max_senders: 0,
            numbered: false,
            errors: Vec::new(),
            report: Vec::new(),
            ..listen.clone()
        };
        let same = sockets(&self.policy) == sockets(policy) && self.written == tls::written(policy);
        if same {
            self.policy = policy.clone();
        }
        same
    }

    /// Where it listens.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.sockets.values().map(|socket| socket.address)
    }
}

/// A socket that is open, and what its thread does.
struct Opened {
    address: SocketAddr,
    connections: Option<Arc<Connections>>,
    run: Box<dyn FnOnce() + Send>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.ear.stopped.store(true, Ordering::Relaxed);
        drop(self.wake.take());
        if let Some(connections) = &self.connections {
            connections.close();
        }
        if let Some(thread) = self.thread.take() {
            drop(thread.join()); // a panic of it was its end anyway
        }
    }
}

pub(crate) fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| since.as_millis()); // 0: because a clock before 1970 is one at 1970
    Time::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}
