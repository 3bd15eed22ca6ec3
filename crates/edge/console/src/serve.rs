//! The listener, its thread, and its end.

use std::{io, net::SocketAddr, pin::pin, thread, time::Duration};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    runtime,
    sync::watch,
    task::JoinSet,
    time,
};
use tower::ServiceExt;

use crate::{
    Board, ConsoleError, answer,
    crowd::{Crowd, Mark, Seat},
    gate::Gate,
};

/// How long a client may take to say what it wants, and to want something again.
const HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Largest head of a request, in bytes. hyper asks for at least 8,192.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Most header lines of a request.
const MAX_HEADERS: usize = 64;

/// Connections that may wait to be taken.
const BACKLOG: u32 = 1024;

/// How long open answers may take to end when the console is told to.
const GRACE: Duration = Duration::from_millis(800);

/// How long to wait when the system has no connection to give, because asking again at once would spin.
const PAUSE: Duration = Duration::from_millis(50);

/// A running console.
#[derive(Debug)]
pub struct Console {
    stop: watch::Sender<bool>,
    thread: thread::JoinHandle<()>,
}

/// Where a console listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// The address, with the port that was given.
    pub address: SocketAddr,
    /// The link that opens it, once.
    pub url: String,
}

impl Console {
    /// Listens on `listen`, port 0 for any, and shows `board` from a thread of its own.
    pub fn start(listen: SocketAddr, board: Board) -> Result<(Self, Listening), ConsoleError> {
        if !listen.ip().is_loopback() {
            return Err(ConsoleError::NotLoopback(listen));
        }
        let thread_error = |error: io::Error| ConsoleError::Thread(error.to_string());
        let runtime = runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(thread_error)?;
        let inside = runtime.enter(); // because a listener registers with the runtime it is made in
        let bound = bind(listen).and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|error| ConsoleError::Listen {
            address: listen,
            why: error.to_string(),
        })?;
        drop(inside);
        let gate = Gate::new(address)?;
        let url = gate.url(address);
        let (stop, stopped) = watch::channel(false);
        let crowd = Crowd::default();
        let router = answer::router(board, gate, crowd.clone(), stopped.clone());
        let thread = thread::Builder::new()
            .name("console".to_owned())
            .spawn(move || runtime.block_on(serve(listener, router, crowd, stopped)))
            .map_err(thread_error)?;
        Ok((Self { stop, thread }, Listening { address, url }))
    }

    /// Ends open answers, the page's stream of changes among them, and then the thread.
    pub fn stop(self) -> Result<(), ConsoleError> {
        self.stop.send_replace(true);
        self.thread.join().map_err(|_| ConsoleError::Panicked)
    }
}

fn bind(listen: SocketAddr) -> io::Result<TcpListener> {
    let socket = if listen.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(listen)?;
    socket.listen(BACKLOG)
}

/// Resolves when the console was told to stop, or was dropped.
pub(crate) async fn told(stopped: &mut watch::Receiver<bool>) {
    match stopped.wait_for(|stop| *stop).await {
        Ok(_) | Err(_) => {} // because a console that was dropped has stopped too
    }
}

async fn serve(
    listener: TcpListener,
    router: Router,
    crowd: Crowd,
    mut stopped: watch::Receiver<bool>,
) {
    let mut tasks = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = told(&mut stopped) => break,
            Some(_) = tasks.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            time::sleep(PAUSE).await; // no descriptors left, or the client has gone
            continue;
        };
        let (seat, mark) = (crowd.seat(), Mark::default());
        let number = seat.number();
        let task = tasks.spawn(answer_all(
            stream,
            router.clone(),
            seat,
            mark.clone(),
            stopped.clone(),
        ));
        crowd.sit(number, mark, task);
    }
    drop(listener);
    let all = async { while tasks.join_next().await.is_some() {} };
    match time::timeout(GRACE, all).await {
        Ok(()) | Err(_) => {} // because whoever is still reading then is cut off
    }
}

/// Answers one connection until it ends.
async fn answer_all(
    stream: TcpStream,
    router: Router,
    seat: Seat,
    mark: Mark,
    mut stopped: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(mark.clone());
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let told = async { told(&mut stopped).await };
    let ended = tokio::select! {
        ended = connection.as_mut() => Some(ended),
        () = told => None,
    };
    if ended.is_none() {
        connection.as_mut().graceful_shutdown();
        match connection.await {
            Ok(()) | Err(_) => {} // because a client that breaks off has ended too
        }
    }
    drop(seat);
}
