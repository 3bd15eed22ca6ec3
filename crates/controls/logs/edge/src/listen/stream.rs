//! Connections: a thread each, so that one that is slow, silent or hostile stops nobody else.
//!
//! There is a limit to how many there are. At the limit the one that has said nothing whole for longest
//! makes room for the next, if that is [`STALE`]; else the next is refused and counted.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream},
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::Builder,
    time::{Duration, Instant},
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{
    Ear, Opened,
    serve::{Speech, serve},
    udp::{pause, wait},
};

/// Most connections of one socket at a time.
const MAX_CONNECTIONS: usize = 768;

/// How long a connection must have said nothing whole to be ended for the sake of another.
const STALE: Duration = Duration::from_mins(1);

/// How long a connection may say nothing at all.
const MAX_IDLE: Duration = Duration::from_hours(2);

/// How long a client may take for each step of its greeting, and to take an answer.
const GREETING: Duration = Duration::from_secs(10);

/// What the stack of a connection's thread may grow to, in bytes.
const STACK_BYTES: usize = 512 * 1024;

/// The connections of one socket.
#[derive(Debug)]
pub(super) struct Connections {
    began: Instant,
    next: AtomicU64,
    closed: AtomicBool,
    open: Mutex<BTreeMap<u64, Connection>>,
}

#[derive(Debug)]
struct Connection {
    stream: Arc<TcpStream>,
    /// When it last said something whole, in milliseconds since `began`.
    heard: Arc<AtomicU64>,
}

/// A connection's own handle.
pub(super) struct Line {
    connections: Arc<Connections>,
    number: u64,
    heard: Arc<AtomicU64>,
    pub(super) peer: IpAddr,
}

impl Line {
    /// Something whole was said.
    pub(super) fn heard(&self) {
        self.heard
            .store(self.connections.millis(), Ordering::Relaxed);
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let mut open = self
            .connections
            .open
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        open.remove(&self.number);
    }
}

impl Connections {
    fn millis(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Ends them all, and takes no more.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for connection in open.values() {
            drop(connection.stream.shutdown(Shutdown::Both)); // an error means that it is closed
        }
    }

    /// Room for one more, if there is any.
    fn enter(self: &Arc<Self>, stream: &Arc<TcpStream>, peer: IpAddr) -> Option<Line> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= MAX_CONNECTIONS {
            let stale = u64::try_from(STALE.as_millis()).unwrap_or(u64::MAX);
            let heard = |connection: &Connection| connection.heard.load(Ordering::Relaxed);
            let oldest = open.iter().min_by_key(|(_, connection)| heard(connection));
            let oldest = oldest.filter(|(_, one)| heard(one) + stale <= self.millis());
            let number = oldest.map(|(number, _)| *number)?;
            if let Some(connection) = open.remove(&number) {
                drop(connection.stream.shutdown(Shutdown::Both)); // an error means that it is closed
            }
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let heard = Arc::new(AtomicU64::new(self.millis()));
        let stream = stream.clone();
        open.insert(
            number,
            Connection {
                stream,
                heard: heard.clone(),
            },
        );
        let connections = self.clone();
        Some(Line {
            connections,
            number,
            heard,
            peer,
        })
    }
}

pub(super) fn open(
    address: SocketAddr,
    speech: Speech,
    tls: Option<Arc<ServerConfig>>,
    ear: Arc<Ear>,
    wake: UnixStream,
) -> io::Result<Opened> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let connections = Arc::new(Connections {
        began: Instant::now(),
        next: AtomicU64::new(0),
        closed: AtomicBool::new(false),
        open: Mutex::new(BTreeMap::new()),
    });
    let shared = connections.clone();
    let run = Box::new(move || {
        while wait(listener.as_fd(), &wake) {
            let (stream, from) = match listener.accept() {
                Ok(accepted) => accepted,
                Err(error) if went_away(error.kind()) => continue,
                Err(_) => {
                    // No handle is free, or no memory: told, and not tried again at once.
                    ear.notes.refused.fetch_add(1, Ordering::Relaxed);
                    pause(&wake);
                    continue;
                }
            };
            let (stream, peer) = (Arc::new(stream), from.ip().to_canonical());
            let begun = begin(stream, peer, speech, tls.clone(), &ear, &shared);
            if begun.is_err() {
                ear.notes.refused.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    Ok(Opened {
        address,
        connections: Some(connections),
        run,
    })
}

fn went_away(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted | io::ErrorKind::ConnectionAborted
    )
}

/// A connection that its thread and whoever ends it hold together, by one handle of the system.
struct Held(Arc<TcpStream>);

impl Read for Held {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self.0).read(buffer)
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self.0).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        (&*self.0).flush()
    }
}

/// Gives a connection its thread.
fn begin(
    stream: Arc<TcpStream>,
    peer: IpAddr,
    speech: Speech,
    tls: Option<Arc<ServerConfig>>,
    ear: &Arc<Ear>,
    connections: &Arc<Connections>,
) -> io::Result<()> {
    let Some(line) = connections.enter(&stream, peer) else {
        return Err(io::Error::other("there are too many connections"));
    };
    let ear = ear.clone();
    let thread = Builder::new().name("sender".into()).stack_size(STACK_BYTES);
    let speak = move || {
        // Senders that come and go are no trouble; what they say may be.
        if let Err(error) = speak(stream, speech, tls, &ear, &line)
            && is_trouble(error.kind())
        {
            ear.notes.complain(peer, &error);
        }
    };
    thread.spawn(speak).map(drop)
}

fn is_trouble(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other
    )
}

fn speak(
    stream: Arc<TcpStream>,
    speech: Speech,
    tls: Option<Arc<ServerConfig>>,
    ear: &Ear,
    line: &Line,
) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(GREETING))?;
    let Some(tls) = tls else {
        stream.set_read_timeout(Some(MAX_IDLE))?;
        return serve(speech, &mut Held(stream), ear, line);
    };
    stream.set_read_timeout(Some(GREETING))?;
    let connection = ServerConnection::new(tls).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, Held(stream));
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    stream.sock.0.set_read_timeout(Some(MAX_IDLE))?;
    serve(speech, &mut stream, ear, line)
}
