//! What the console promises, over real sockets: who is let in, what is refused, what is shown.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]
#![expect(clippy::disallowed_methods, reason = "edge")]

mod client;

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use client::{Answer, Events, PATIENCE, POLICY, Running, connect, events, page};
use cordon_console::{Board, Console, ConsoleError};
use cordon_model::Span;

#[test]
fn the_link_opens_once_and_the_session_stays() {
    let running = Running::new();
    running.board.show(page("a quiet day"));
    let answer = running.get(&format!("/?token={}", running.token()), "");
    assert_eq!((answer.status, answer.line("location: ")), (303, "/"));
    let cookie = answer.line("set-cookie: ").to_owned();
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().unwrap();
    assert!(
        !cookie.contains(running.token()),
        "the session is not the token"
    );
    let again = running.get(&format!("/?token={}", running.token()), "");
    assert_eq!(again.status, 403);
    assert!(again.body.contains("Restart cordon up"), "{}", again.body);
    for path in ["/", "/page"] {
        let answer = running.get(path, &format!("Cookie: other=1; {cookie}\r\n"));
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains("a quiet day"));
        assert_eq!(answer.line("cache-control: "), "no-store");
    }
    let used = running.get(
        &format!("/?token={}", running.token()),
        &format!("Cookie: {cookie}\r\n"),
    );
    assert_eq!(
        used.status, 303,
        "the link from the history of a browser that was let in"
    );
}

#[test]
fn a_wrong_token_or_no_cookie_opens_nothing() {
    let running = Running::new();
    running.board.show(page("secret words"));
    let port = running.at.address.port();
    let zeros = "0".repeat(32);
    for (path, lines) in [
        ("/".to_owned(), String::new()),
        ("/page".to_owned(), String::new()),
        ("/events".to_owned(), String::new()),
        ("/nowhere".to_owned(), String::new()),
        ("/?token=".to_owned(), String::new()),
        (format!("/?token={zeros}"), String::new()),
        (format!("/?token={}0", running.token()), String::new()),
        (format!("/page?token={}", running.token()), String::new()),
        ("/".to_owned(), format!("Cookie: cordon-{port}={zeros}\r\n")),
        (
            "/".to_owned(),
            format!("Cookie: cordon-{port}={}\r\n", running.token()),
        ),
        ("/".to_owned(), format!("Cookie: cordon-{port}=\r\n")),
    ] {
        let answer = running.get(&path, &lines);
        assert_eq!(answer.status, 403, "{path} {lines}");
        assert!(!answer.body.contains("secret words"));
        assert!(answer.head.contains(POLICY), "{}", answer.head);
    }
    running.enter(); // none of these used the token up
}

#[test]
fn only_our_own_names_are_answered() {
    let running = Running::new();
    let cookie = running.enter();
    let port = running.at.address.port();
    let ask = |host: &str| {
        running.ask(&format!(
            "GET / HTTP/1.1\r\n{host}Cookie: {cookie}\r\nConnection: close\r\n\r\n"
        ))
    };
    for ours in ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"] {
        assert_eq!(
            ask(&format!("Host: {ours}:{port}\r\n")).status,
            200,
            "{ours}"
        );
    }
    let other = format!("Host: 127.0.0.1:{port}\r\nHost: evil.example\r\n");
    for (foreign, status) in [
        ("Host: evil.example\r\n".to_owned(), 421),
        (format!("Host: evil.example:{port}\r\n"), 421),
        (format!("Host: 127.0.0.1.evil.example:{port}\r\n"), 421),
        (format!("Host: localhost:{}\r\n", port.wrapping_add(1)), 421),
        ("Host: localhost\r\n".to_owned(), 421),
        ("Host:\r\n".to_owned(), 421),
        (String::new(), 421),
        (other, 421),
    ] {
        assert_eq!(ask(&foreign).status, status, "{foreign}");
    }
    let absolute = format!(
        "GET http://evil.example/ HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n",
        running.host()
    );
    assert_eq!(running.ask(&absolute).status, 421);
    for (site, status) in [
        ("same-origin", 200),
        ("none", 200),
        ("same-site", 403),
        ("cross-site", 403),
    ] {
        let answer = running.get(
            "/page",
            &format!("Cookie: {cookie}\r\nSec-Fetch-Site: {site}\r\n"),
        );
        assert_eq!(answer.status, status, "{site}");
    }
}

#[test]
fn there_is_no_file_system_behind_a_path() {
    let running = Running::new();
    let cookie = format!("Cookie: {}\r\n", running.enter());
    let whole = running.get("/", &cookie).body;
    let paths: Vec<&str> = whole
        .split('"')
        .filter(|text| text.starts_with("/assets/"))
        .collect();
    assert!(paths.len() >= 6, "{paths:?}");
    for path in paths {
        let asset = running.get(path, "");
        assert_eq!(asset.status, 200, "{path}");
        assert!(asset.line("cache-control: ").ends_with("immutable") && !asset.body.is_empty());
        assert!(asset.head.contains(POLICY));
    }
    for path in [
        "/assets/../../etc/passwd",
        "/assets/..%2f..%2f..%2fetc%2fpasswd",
        "/assets/%2e%2e/%2e%2e/etc/passwd",
        "/assets/....//etc/passwd",
        "/assets//etc/passwd",
        "/assets/style.css",
        "/assets/",
        "/../etc/passwd",
        "/favicon.ico",
    ] {
        let answer = running.get(path, &cookie);
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.body.contains("root:"));
        assert_eq!(running.get(path, "").status, 403, "{path} without a cookie");
    }
}

#[test]
fn nothing_but_get_is_taken_and_no_body_is_read() {
    let running = Running::new();
    let cookie = running.enter();
    for method in [
        "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "BREW",
    ] {
        let request = format!(
            "{method} / HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n",
            running.host()
        );
        let answer = running.ask(&request);
        assert_eq!(
            (answer.status, answer.line("allow: ")),
            (405, "GET"),
            "{method}"
        );
    }
    for announced in ["Content-Length: 1073741824", "Transfer-Encoding: chunked"] {
        let mut stream = connect(running.at.address);
        let head = format!(
            "POST / HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\n{announced}\r\n\r\n",
            running.host()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // The answer comes, and the connection ends, although not a byte of the body was sent.
        let answer = Answer::read(stream);
        assert_eq!(
            (answer.status, answer.line("connection: ")),
            (413, "close"),
            "{announced}"
        );
    }
    // Whoever sends it all the same is cut off: what was taken is what fits into the system's buffers.
    let mut stream = connect(running.at.address);
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {}\r\nContent-Length: 1073741824\r\n\r\n",
        running.host()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let block = vec![b'x'; 1 << 20];
    let taken = (0..1024)
        .take_while(|_| stream.write_all(&block).is_ok())
        .count();
    assert!(taken < 64, "{taken} MB were taken");
    let long = running.get(&format!("/{}", "a".repeat(4000)), "");
    assert_eq!(long.status, 414);
    let heads = format!("X-Much: {}\r\n", "b".repeat(20_000));
    assert_eq!(running.get("/", &heads).status, 431);
    assert_eq!(
        running.get("/", &format!("Cookie: {cookie}\r\n")).status,
        200
    );
}

#[test]
fn five_hundred_slow_connections_disturb_nobody() {
    let mut running = Running::new();
    running.board.show(page("still here"));
    let cookie = format!("Cookie: {}\r\n", running.enter());
    let mut stream = events(&running, &cookie);
    let mut slow: Vec<TcpStream> = Vec::new();
    for number in 0..500 {
        let mut stream = connect(running.at.address);
        let part = if number % 2 == 0 {
            ""
        } else {
            "GET / HTTP/1.1\r\nHost: 127"
        };
        // It may have had to go already.
        match stream.write_all(part.as_bytes()) {
            Ok(()) => {}
            Err(error) => assert!(matches!(
                error.kind(),
                ErrorKind::BrokenPipe | ErrorKind::ConnectionReset
            )),
        }
        slow.push(stream);
    }
    let begin = Instant::now();
    for _ in 0..20 {
        let answer = running.get("/page", &cookie);
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains("still here"));
    }
    let each = begin.elapsed() / 20;
    assert!(each < Duration::from_millis(250), "{each:?} for a request");
    println!("{each:?} for a request beside 500 slow connections");
    // The stream of one who was let in was not closed for them, and the page says that others were.
    running.board.show(page("and still here"));
    assert!(stream.until("and still here").contains("event: page"));
    assert!(
        running
            .get("/page", &cookie)
            .body
            .contains("slow connections closed to let new ones in")
    );
    let begin = Instant::now();
    running.stop();
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?} to stop",
        begin.elapsed()
    );
}

#[test]
fn who_says_nothing_more_is_closed() {
    let running = Running::new();
    let whole = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", running.host());
    let parts = ["", "GET / HTTP/1.1\r\nHost: ", whole.as_str()];
    let begin = Instant::now();
    let streams = parts.map(|part| {
        let mut stream = connect(running.at.address);
        stream.write_all(part.as_bytes()).unwrap();
        stream
    });
    for mut stream in streams {
        let mut bytes = Vec::new();
        assert!(stream.read_to_end(&mut bytes).is_ok(), "it is left open");
    }
    assert!(begin.elapsed() < PATIENCE);
}

#[test]
fn a_change_is_pushed_and_a_stop_ends_the_stream() {
    let mut running = Running::new();
    let cookie = format!("Cookie: {}\r\n", running.enter());
    let mut stream = events(&running, &cookie);
    let first = stream.until("Nothing has been judged yet");
    assert!(
        first.contains("t-blind"),
        "amber before the first look: {first}"
    );
    running.board.show(page("one"));
    assert!(stream.until("one").contains("event: page"));
    // A burst is one page, the last.
    let begin = Instant::now();
    for number in 0..100 {
        running.board.show(page(&format!("burst {number}.")));
    }
    let seen = stream.until("burst 99.");
    assert!(
        begin.elapsed() >= Duration::from_millis(400),
        "at most one page in 500 ms"
    );
    assert!(
        seen.matches("event: page").count() <= 2,
        "{}",
        seen.matches("event: page").count()
    );
    let begin = Instant::now();
    running.stop();
    assert!(
        begin.elapsed() < Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    assert!(stream.ends());
    assert!(
        TcpStream::connect(running.at.address).is_err(),
        "nobody listens any more"
    );
}

#[test]
fn the_oldest_page_rests_when_too_many_are_open() {
    let running = Running::new();
    let cookie = format!("Cookie: {}\r\n", running.enter());
    let mut oldest = events(&running, &cookie);
    let newer: Vec<Events> = (0..4).map(|_| events(&running, &cookie)).collect();
    oldest.until("event: rest");
    assert!(oldest.ends());
    running.board.show(page("for the rest"));
    for mut stream in newer {
        stream.until("for the rest");
    }
}

#[test]
fn what_an_attacker_named_is_shown_and_not_obeyed() {
    let running = Running::new();
    let cookie = format!("Cookie: {}\r\n", running.enter());
    for (hostile, never, shown) in [
        (
            "<script>alert(1)</script>",
            "<script>alert",
            "&#60;script&#62;alert(1)",
        ),
        (
            "\"><img src=x onerror=alert(1)>",
            "<img",
            "&#34;&#62;&#60;img src=x onerror=alert(1)&#62;",
        ),
        (
            "' autofocus onfocus=alert(1) '",
            "' autofocus",
            "&#39; autofocus",
        ),
        (
            "</title></style><svg onload=alert(1)>",
            "<svg onload",
            "&#60;svg onload",
        ),
        ("{{ view.now }} {% raw %}", "&&", "{{ view.now }} {% raw %}"),
        (
            "bidi \u{202e}fdp.exe\u{2066}",
            "\u{202e}",
            "bidi \\u{202e}fdp.exe\\u{2066}",
        ),
        (
            "esc \u{1b}[2J\u{0}\u{7f}",
            "\u{1b}",
            "esc \\u{1b}[2J\\u{0}\\u{7f}",
        ),
        (
            "line\r\n\r\nevent: page\ndata: <b>",
            "\nevent: page\ndata: <b>",
            "line\\u{d}\\u{a}",
        ),
        (
            "\u{200b}\u{feff}\u{e0041}\u{2028}",
            "\u{200b}",
            "\\u{200b}\\u{feff}\\u{e0041}\\u{2028}",
        ),
        (
            "javascript:alert(1)",
            "href=\"javascript:",
            "javascript:alert(1)",
        ),
    ] {
        running.board.show(page(hostile));
        let body = running.get("/", &cookie).body;
        assert!(!body.contains(never), "{hostile:?} came through");
        let (times, least) = (body.matches(shown).count(), 25);
        assert!(
            times >= least,
            "{shown} is shown {times} times, expected {least}"
        );
    }
}

#[test]
fn what_is_old_is_amber_and_what_is_long_is_cut() {
    let running = Running::new();
    let cookie = format!("Cookie: {}\r\n", running.enter());
    let mut old = page("all is well");
    old.sources.clear();
    old.at = old.at - Span::minutes(12);
    running.board.show(old);
    let body = running.get("/page", &cookie).body;
    assert!(
        body.contains("class=\"page t-blind old\"")
            && body.contains("This page was judged 12 min ago."),
        "{body}"
    );
    let mut long = page("x");
    long.findings = vec![long.findings[0].clone(); 5000];
    long.findings[0].items = vec!["item".to_owned(); 5000];
    long.findings[0].advice = "y".repeat(100_000);
    running.board.show(long);
    let body = running.get("/page", &cookie).body;
    for said in ["and 4,800 more of 5,000", "and 4,900 more of 5,000", "y…"] {
        assert!(body.contains(said), "{said}");
    }
    assert!(body.len() < 500_000, "{} bytes", body.len());
}

#[test]
fn only_loopback_is_listened_on() {
    for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0", "[2001:db8::1]:8080"] {
        let address: SocketAddr = address.parse().unwrap();
        let refused = Console::start(address, Board::new()).map(|(_, at)| at);
        assert_eq!(refused, Err(ConsoleError::NotLoopback(address)));
    }
    let running = Running::new();
    let taken = Console::start(running.at.address, Board::new()).map(|(_, at)| at);
    assert!(
        matches!(taken, Err(ConsoleError::Listen { address, .. }) if address == running.at.address)
    );
}
