//! The common and combined forms of web servers, under the names of W3C that Sigma's webserver rules use.

use crate::{Record, Source, record::Kind, stamp::Around};

/// The parts of a line.
struct Line<'l> {
    /// Virtual host, before the client.
    site: Option<&'l str>,
    client: &'l str,
    user: &'l str,
    time: &'l str,
    request: &'l str,
    status: &'l str,
    bytes: &'l str,
    referer: Option<&'l str>,
    agent: Option<&'l str>,
}

fn parse(line: &str) -> Option<Line<'_>> {
    let (head, rest) = line.split_once(" [")?;
    let (time, rest) = rest.split_once("] \"")?;
    let mut words = head.split(' ').filter(|word| !word.is_empty());
    let (mut site, mut client) = (None, words.next()?);
    let mut others: [&str; 3] = [""; 3];
    let mut count = 0;
    for word in words {
        *others.get_mut(count)? = word;
        count += 1;
    }
    let user = match (count, others) {
        (3, [real, _, user]) => {
            (site, client) = (Some(client), real);
            user
        }
        (2, [_, user, _]) | (1, [user, ..]) => user,
        _ => return None,
    };
    let (request, rest) = quoted(rest)?;
    let mut words = rest.trim_start().splitn(3, ' ');
    let (status, bytes) = (words.next()?, words.next()?);
    if status.len() != 3 || !status.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let rest = words.next().unwrap_or("");
    let referer = rest.trim_start().strip_prefix('"').and_then(quoted);
    let after = referer.map_or("", |(_, after)| after).trim_start();
    let agent = after.strip_prefix('"').and_then(quoted);
    Some(Line {
        site,
        client,
        user,
        time,
        request,
        status,
        bytes,
        referer: referer.map(|(text, _)| text),
        agent: agent.map(|(text, _)| text),
    })
}

/// Up to the quotation mark that is not escaped, and what follows.
fn quoted(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

pub(crate) fn is_line(line: &str) -> bool {
    parse(line).is_some()
}

/// Adds what a line of a web server says; whether it is one.
pub(crate) fn fields(text: &str, record: &mut Record, around: Around) -> bool {
    let Some(line) = parse(text) else {
        return false;
    };
    record.time = around.clf(line.time);
    record.source = Source::new("", "webserver", "");
    told("c-ip", line.client, record);
    told("cs-username", line.user, record);
    if let Some(site) = line.site {
        record.text("cs-host", site);
    }
    request(line.request, record);
    record.guess("sc-status", line.status);
    told("sc-bytes", line.bytes, record);
    if let Some(referer) = line.referer {
        told("cs-referer", referer, record);
        told("cs(Referer)", referer, record);
    }
    if let Some(agent) = line.agent {
        told("cs-user-agent", agent, record);
        told("cs(User-Agent)", agent, record);
        told("c-useragent", agent, record);
    }
    true
}

fn told(name: &str, value: &str, record: &mut Record) {
    if value == "-" {
        record.add(name, Kind::Null, |_| {});
    } else {
        record.guess(name, value);
    }
}

/// `GET /a?b HTTP/1.1`; what is none of the kind stays whole, as a scanner sent it.
fn request(request: &str, record: &mut Record) {
    record.text("request", request);
    let mut words = request.splitn(2, ' ');
    let (Some(method), Some(rest)) = (words.next(), words.next()) else {
        return;
    };
    let (target, version) = match rest.rsplit_once(' ') {
        Some((target, version)) if version.starts_with("HTTP/") => (target, Some(version)),
        _ => (rest, None),
    };
    record.text("cs-method", method);
    record.text("cs-uri", target);
    record.text("c-uri", target);
    let (stem, query) = target
        .split_once('?')
        .map_or((target, None), |(stem, query)| (stem, Some(query)));
    record.text("cs-uri-stem", stem);
    match query {
        Some(query) => {
            record.text("cs-uri-query", query);
            record.text("c-uri-query", query);
        }
        None => record.add("cs-uri-query", Kind::Null, |_| {}),
    }
    record.text_of("cs-version", version);
}
