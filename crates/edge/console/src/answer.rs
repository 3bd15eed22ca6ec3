//! What is answered: the page, the stream of its changes, the files, and why not.

use std::{
    convert::Infallible,
    fmt::Write,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use askama::Template;
use axum::{
    Router,
    body::{Body, Bytes},
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware,
    response::{IntoResponse, Response},
    routing::get,
};
use cordon_model::Time;
use futures_util::stream;
use tokio::{sync::watch, time};

use crate::{
    Board, Page,
    assets::{ASSETS, Assets},
    crowd::Crowd,
    gate::{self, Gate, guard},
    serve::told,
    tabs::{Tab, Tabs},
    view::View,
};

/// How often a stream says that it is alive although nothing changed.
const BEAT: Duration = Duration::from_secs(15);

/// Shortest time between two pages on one stream.
const MIN_GAP: Duration = Duration::from_millis(500);

/// What a browser may load and do: nothing but ours, nothing inline, no form, no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    LongUri,
    Host,
    Body,
    Method,
    Token,
    Stranger,
    Nowhere,
}

/// What the routes see.
#[derive(Clone)]
struct Room {
    board: Board,
    crowd: Crowd,
    tabs: Tabs,
    stopped: watch::Receiver<bool>,
}

impl Room {
    fn view(&self, page: Option<&Page>) -> View {
        View::of(page, now(), self.crowd.closed())
    }
}

/// The routes, behind the gate.
pub(crate) fn router(
    board: Board,
    gate: Gate,
    crowd: Crowd,
    stopped: watch::Receiver<bool>,
) -> Router {
    Router::new()
        .route("/", get(whole))
        .route("/page", get(fragment))
        .route("/events", get(events))
        .route("/assets/{name}", get(asset))
        .fallback(|| async { refuse(Refusal::Nowhere) })
        .layer(middleware::from_fn_with_state(Arc::new(gate), guard))
        .with_state(Room {
            board,
            crowd,
            tabs: Tabs::default(),
            stopped,
        })
}

#[derive(Template)]
#[template(path = "whole.html")]
struct Whole<'a> {
    view: &'a View,
    assets: &'a Assets,
}

#[derive(Template)]
#[template(path = "fragment.html")]
struct Fragment<'a> {
    view: &'a View,
}

#[derive(Template)]
#[template(path = "refused.html")]
struct Refused<'a> {
    assets: &'a Assets,
    what: &'a str,
    hint: &'a str,
}

async fn whole(State(room): State<Room>) -> Response {
    let page = room.board.page();
    let view = room.view(page.as_deref());
    html(&Whole {
        view: &view,
        assets: &ASSETS,
    })
}

async fn fragment(State(room): State<Room>) -> Response {
    let page = room.board.page();
    html(&Fragment {
        view: &room.view(page.as_deref()),
    })
}

async fn asset(uri: Uri) -> Response {
    let Some(asset) = ASSETS.find(uri.path()) else {
        return refuse(Refusal::Nowhere);
    };
    let headers = [
        (header::CONTENT_TYPE, asset.mime),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable"),
    ];
    (headers, asset.body).into_response()
}

/// The page on every change, and a sign of life between changes.
async fn events(State(room): State<Room>) -> Response {
    let mut changes = room.board.watch();
    changes.mark_changed(); // so that a browser that comes back gets what it missed
    let feed = Feed {
        tab: Some(room.tabs.open()),
        room,
        changes,
        last: None,
    };
    let stream = stream::unfold(feed, async |mut feed| {
        let text = feed.message().await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), feed))
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CONNECTION, "close"), // so that a page that rests gives its connection back
    ];
    (headers, Body::from_stream(stream)).into_response()
}

/// What one open page is being told.
struct Feed {
    room: Room,
    changes: watch::Receiver<Option<Arc<Page>>>,
    /// None once it rests.
    tab: Option<Tab>,
    last: Option<time::Instant>,
}

impl Feed {
    async fn message(&mut self) -> Option<String> {
        let tab = self.tab.as_ref()?;
        let text = tokio::select! {
            () = told(&mut self.room.stopped) => return None,
            () = tab.rest() => {
                self.tab = None;
                return Some(event("rest", "newer pages are open"));
            }
            page = next(&mut self.changes, self.last) => draw(&self.room, page?.as_deref()),
            () = time::sleep(BEAT) => format!(": alive\n{}", event("beat", &now().millis().to_string())),
        };
        self.last = Some(time::Instant::now());
        Some(text)
    }
}

/// The next page, not sooner than [`MIN_GAP`] after the last message.
async fn next(
    changes: &mut watch::Receiver<Option<Arc<Page>>>,
    last: Option<time::Instant>,
) -> Option<Option<Arc<Page>>> {
    changes.changed().await.ok()?; // ok: because a board that nobody can write to ends the stream
    if let Some(last) = last {
        time::sleep_until(last + MIN_GAP).await;
    }
    Some(changes.borrow_and_update().clone())
}

fn draw(room: &Room, page: Option<&Page>) -> String {
    let view = room.view(page);
    match (Fragment { view: &view }).render() {
        Ok(html) => event("page", &html),
        Err(error) => event("trouble", &error.to_string()),
    }
}

/// One server-sent event; a line break in `data` begins a new line of data.
fn event(name: &str, data: &str) -> String {
    let mut text = format!("event: {name}\n");
    for line in data.lines().filter(|line| !line.trim().is_empty()) {
        match writeln!(text, "data: {}", line.trim_end()) {
            Ok(()) | Err(_) => {} // because writing to a String cannot fail
        }
    }
    text.push('\n');
    text
}

fn html(template: &impl Template) -> Response {
    let kind = (header::CONTENT_TYPE, "text/html; charset=utf-8");
    match template.render() {
        Ok(text) => ([kind], text).into_response(),
        Err(error) => {
            let text =
                format!("The page could not be drawn: {error}. `cordon check` says the same.");
            (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
        }
    }
}

/// Lets the browser in, and takes the token out of the address.
pub(crate) fn enter(cookie: &str, session: &str) -> Response {
    let cookie = format!("{cookie}={session}; HttpOnly; SameSite=Strict; Path=/");
    let headers = [
        (header::SET_COOKIE, cookie),
        (header::LOCATION, "/".to_owned()),
    ];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// Says no, and what to do instead. The connection ends, and with it any body that was announced.
pub(crate) fn refuse(refusal: Refusal) -> Response {
    let (what, hint) = match refusal {
        Refusal::LongUri => ("This address is too long.", "The console begins at /."),
        Refusal::Host => (
            "This console answers to localhost alone.",
            "Open the link that cordon up printed, from a browser on the same host or through a tunnel to it.",
        ),
        Refusal::Body => (
            "This console takes nothing in.",
            "It only shows; send no body.",
        ),
        Refusal::Method => ("This console only shows.", "Use GET."),
        Refusal::Token => (
            "This link has been used, or is of an earlier run.",
            "Each link works once. Restart cordon up: it prints a new one.",
        ),
        Refusal::Stranger => (
            "This browser has not been let in.",
            "Open the link that cordon up printed. It works once; if it has been used, restart cordon up.",
        ),
        Refusal::Nowhere => ("There is nothing at this address.", "The console is at /."),
    };
    let page = html(&Refused {
        assets: &ASSETS,
        what,
        hint,
    });
    let mut answer = (gate::status(refusal), page).into_response();
    answer
        .headers_mut()
        .insert(header::CONNECTION, HeaderValue::from_static("close"));
    if refusal == Refusal::Method {
        answer
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET"));
    }
    answer
}

/// The headers of every answer.
pub(crate) fn harden(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let cache = headers.entry(header::CACHE_CONTROL);
    cache.or_insert(HeaderValue::from_static("no-store"));
    answer
}

/// The console's own clock: only it can tell that a page has grown old.
fn now() -> Time {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let millis = since.map_or(0, |since| {
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    });
    Time::from_millis(millis)
}
