//! Clients over plain sockets, and a page to show them.

use std::{
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use cordon_console::{
    Account, Board, Console, Finding, Hub, Lamp, Listening, Moment, Page, Source, Todo,
};
use cordon_model::{Severity, Span, Standing, Time};

/// How long a test waits for bytes that must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const POLICY: &str = "content-security-policy: default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

pub(crate) struct Running {
    console: Option<Console>,
    pub(crate) board: Board,
    pub(crate) at: Listening,
}

impl Running {
    pub(crate) fn new() -> Self {
        let board = Board::new();
        let (console, at) = Console::start("127.0.0.1:0".parse().unwrap(), board.clone()).unwrap();
        Self {
            console: Some(console),
            board,
            at,
        }
    }

    pub(crate) fn stop(&mut self) {
        self.console.take().unwrap().stop().unwrap();
    }

    pub(crate) fn host(&self) -> String {
        self.at.address.to_string()
    }

    pub(crate) fn token(&self) -> &str {
        self.at.url.split_once("/?token=").unwrap().1
    }

    /// The cookie that the link gives.
    pub(crate) fn enter(&self) -> String {
        let answer = self.get(&format!("/?token={}", self.token()), "");
        assert_eq!(answer.status, 303, "{}", answer.head);
        let line = answer.line("set-cookie: ");
        line.split(';').next().unwrap().to_owned()
    }

    /// Sends `head` and what `lines` adds to it, and reads the answer to its end.
    pub(crate) fn get(&self, path: &str, lines: &str) -> Answer {
        self.ask(&format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\n{lines}Connection: close\r\n\r\n",
            self.host()
        ))
    }

    pub(crate) fn ask(&self, request: &str) -> Answer {
        let mut stream = connect(self.at.address);
        stream.write_all(request.as_bytes()).unwrap();
        Answer::read(stream)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(console) = self.console.take() {
            console.stop().unwrap();
        }
    }
}

pub(crate) fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        match stream.read_to_end(&mut bytes) {
            Ok(_) => {}
            // A body that was announced and not taken: the answer came first.
            Err(error) if error.kind() == ErrorKind::ConnectionReset && !bytes.is_empty() => {}
            Err(error) => panic!("{error}"),
        }
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self {
            status,
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    pub(crate) fn line(&self, name: &str) -> &str {
        let found = self.head.lines().find_map(|line| line.strip_prefix(name));
        found.unwrap_or_else(|| panic!("no `{name}` in {}", self.head))
    }
}

pub(crate) fn at() -> Time {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    Time::from_millis(u64::try_from(now.as_millis()).unwrap())
}

/// A page on which every text is `text`.
pub(crate) fn page(text: &str) -> Page {
    let (at, text) = (at(), text.to_owned());
    Page {
        at,
        host: text.clone(),
        verdict: text.clone(),
        next: vec![Todo {
            what: text.clone(),
            severity: Severity::High,
            command: Some(text.clone()),
            advice: text.clone(),
            evidence: vec![text.clone()],
            mends: 2,
        }],
        controls: vec![Lamp {
            control: text.clone(),
            prevents: text.clone(),
            state: Standing::Proven,
            since: Some(at),
            last_proven: Some(at),
            knows: text.clone(),
            command: Some(text.clone()),
        }],
        accounts: vec![account(&text, at)],
        sources: vec![Source {
            name: text.clone(),
            host: format!("other {text}"),
            state: Standing::Silent,
            last_event: Some(at - Span::hours(2)),
            deadline: Some(Span::minutes(3)),
            expected: None,
            alarm: None,
            unjudged: Some(text.clone()),
            hours: vec![0, 5, 1000],
            lost: Some(text.clone()),
            lines: 1000,
            errors: 1,
            lines_per_hour: Some(12),
        }],
        findings: vec![Finding {
            rule: text.clone(),
            title: text.clone(),
            severity: Severity::Medium,
            status: text.clone(),
            host: text.clone(),
            subject: text.clone(),
            advice: text.clone(),
            command: Some(text.clone()),
            excerpt: Some(text.clone()),
            items: vec![text.clone()],
            under: Some(text.clone()),
            since: at,
        }],
        timeline: vec![Moment {
            at,
            kind: text.clone(),
            title: text.clone(),
            host: format!("other {text}"),
            severity: None,
        }],
        hub: Hub {
            store_bytes: 1,
            free_bytes: None,
            last_commit: None,
            events: 1,
            started: at,
            rss_bytes: None,
            trouble: Some(text.clone()),
        },
        notes: vec![text],
    }
}

pub(crate) struct Events(BufReader<TcpStream>);

impl Events {
    /// Everything up to and with the line that contains `text`.
    pub(crate) fn until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            let mut line = String::new();
            let bytes = self.0.read_line(&mut line).unwrap();
            assert!(bytes > 0, "the stream ended before `{text}`: {seen}");
            seen.push_str(&line);
            if line.contains(text) {
                return seen;
            }
        }
    }

    /// Whether the stream ends, and by its last chunk rather than cut off.
    pub(crate) fn ends(mut self) -> bool {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).is_ok() && rest.ends_with(b"0\r\n\r\n")
    }
}

pub(crate) fn events(running: &Running, cookie: &str) -> Events {
    let mut stream = connect(running.at.address);
    let request = format!(
        "GET /events HTTP/1.1\r\nHost: {}\r\n{cookie}\r\n",
        running.host()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut events = Events(BufReader::new(stream));
    let head = events.until("event: page");
    assert!(
        head.contains("content-type: text/event-stream") && head.contains(POLICY),
        "{head}"
    );
    events
}

fn account(text: &str, at: Time) -> Account {
    let text = text.to_owned();
    Account {
        what: text.clone(),
        passed: text.clone(),
        missing: text.clone(),
        state: Standing::Sick,
        recent: 140,
        waiting: 3,
        unaccounted: 14,
        since: Some(at - Span::hours(2)),
        last: Some(at - Span::hours(2)),
        within: Span::minutes(5),
    }
}
