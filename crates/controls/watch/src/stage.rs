//! What a line says of a thing on its way: its key, and how far it got.
//!
//! 2004: the scanner still ran and mail still flowed, so nothing rang. Only a message that is known to have
//! been accepted, and of which the scanner then said nothing, shows that it does no work. Here are the
//! forms in which the usual programs say either.

use serde::Deserialize;

/// Longest key that is kept, in bytes. No program writes a longer queue-id; a Message-ID may be as long.
pub(crate) const MAX_KEY_BYTES: usize = 250;

/// What a line says of one thing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mark<'t> {
    /// It is on its way to the stage: not there yet.
    Came(&'t str),
    /// It passed, if [`Mark::Came`] was said of it before.
    PassedIfCame(&'t str),
    /// It passed.
    Passed(&'t str),
    /// It was turned away before the stage.
    Left(&'t str),
}

/// How a program writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Format {
    /// Postfix: what came by SMTP and was put into the queue, by queue-id. What a content filter hands
    /// back (`orig_queue_id`) and what Postfix itself makes is not counted.
    Postfix,
    /// Rspamd's line for each message, by queue-id.
    Rspamd,
    /// amavis passed or blocked it, by queue-id; `UNCHECKED` is no verdict.
    Amavis,
    /// clamav-milter with `LogClean Full` and `LogInfected Full`, by queue-id.
    ClamavMilter,
    /// `MailScanner` judged or requeued it, by queue-id.
    Mailscanner,
    /// Exchange's message tracking: what came by SMTP, by Message-ID.
    Exchange,
    /// Any line that bears a Message-ID.
    MessageId,
    /// Any scanner's "infected" about a message of our own canary.
    Canary,
    /// A lease of dnsmasq, ISC dhcpd or Windows, by the host's short name in lower case.
    Dhcp,
}

impl Format {
    /// Whether what it counts is mail.
    pub(crate) const fn is_mail(self) -> bool {
        !matches!(self, Self::Dhcp)
    }

    /// What `text` says, if anything.
    pub(crate) fn read(self, text: &str) -> Option<Mark<'_>> {
        match self {
            Self::Postfix => postfix(text),
            Self::Rspamd => {
                let (_, rest) = text.split_once("task_write_log")?;
                Some(Mark::Passed(queue_id(after(rest, "qid: <")?)?))
            }
            Self::Amavis => amavis(text),
            Self::ClamavMilter => clamav(text),
            Self::Mailscanner => mailscanner(text),
            Self::Exchange => exchange(text),
            Self::MessageId => message_id(text),
            Self::Canary => canary(text),
            Self::Dhcp => dhcp(text),
        }
        .filter(|mark| mark.key().len() <= MAX_KEY_BYTES)
    }
}

impl<'t> Mark<'t> {
    pub(crate) const fn key(self) -> &'t str {
        match self {
            Self::Came(key) | Self::PassedIfCame(key) | Self::Passed(key) | Self::Left(key) => key,
        }
    }
}

/// What each known form reads in `text`: the keys. For those who want to know whether hostile lines do harm.
pub fn keys(text: &str) -> impl Iterator<Item = &str> {
    let all = [
        Format::Postfix,
        Format::Rspamd,
        Format::Amavis,
        Format::ClamavMilter,
        Format::Mailscanner,
        Format::Exchange,
        Format::MessageId,
        Format::Canary,
        Format::Dhcp,
    ];
    all.into_iter()
        .filter_map(|format| format.read(text).map(Mark::key))
}

fn after<'t>(text: &'t str, mark: &str) -> Option<&'t str> {
    text.split_once(mark).map(|(_, rest)| rest)
}

/// The letters and digits that `text` begins with: short and long queue-ids of Postfix, sendmail's too.
fn queue_id(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_ascii_alphanumeric());
    let id = text.get(..end.unwrap_or(text.len()))?;
    (5..=24).contains(&id.len()).then_some(id)
}

/// `… postfix/smtpd[7]: 4XyZ: client=…` came; `… postfix/qmgr[8]: 4XyZ: from=<…> … (queue active)` passed.
fn postfix(text: &str) -> Option<Mark<'_>> {
    let (before, rest) = text.split_once("]: ")?;
    let id = queue_id(rest)?;
    let said = rest.get(id.len()..)?.strip_prefix(": ")?;
    let program = before.rsplit_once('[')?.0;
    let is = |name: &str| program.ends_with(name);
    if is("/smtpd") && said.starts_with("client=") {
        (!said.contains("orig_queue_id=")).then_some(Mark::Came(id))
    } else if is("/qmgr") && said.starts_with("from=<") && said.ends_with("(queue active)") {
        Some(Mark::PassedIfCame(id))
    } else if is("/cleanup")
        && ["milter-reject:", "milter-discard:", "reject:", "discard:"]
            .iter()
            .any(|it| said.starts_with(it))
    {
        Some(Mark::Left(id))
    } else {
        None
    }
}

fn amavis(text: &str) -> Option<Mark<'_>> {
    let rest = after(text, ") Passed ").or_else(|| after(text, ") Blocked "))?;
    if rest.starts_with("UNCHECKED") {
        return None;
    }
    Some(Mark::Passed(queue_id(after(rest, "Queue-ID: ")?)?))
}

fn clamav(text: &str) -> Option<Mark<'_>> {
    let clean = after(text, "Clean message ");
    let infected = || after(text, "Message ").filter(|rest| rest.contains(" infected by "));
    let rest = clean.or_else(infected)?;
    let id = queue_id(rest)?;
    rest.get(id.len()..)?
        .starts_with(" from <")
        .then_some(Mark::Passed(id))
}

/// `Message 4XyZ.A1B2C from 192.0.2.1 (…) to … is not spam`, `Requeue: 4XyZ.A1B2C to 5AbC`.
fn mailscanner(text: &str) -> Option<Mark<'_>> {
    let rest = after(text, "MailScanner[")?;
    let judged = after(rest, "]: Message ").filter(|rest| rest.contains(" is "));
    let requeued = || after(rest, "]: Requeue: ").filter(|rest| rest.contains(" to "));
    let infected = || after(rest, "]: Infected message ");
    Some(Mark::Passed(queue_id(
        judged.or_else(requeued).or_else(infected)?,
    )?))
}

/// The columns are the first eleven of Exchange 2007 and later (`date-time,client-ip,…,source,event-id,
/// internal-message-id,message-id`), or those of Exchange 2000 and 2003 with tabs between, where 1019 is
/// "SMTP: message submitted to advanced queuing". Source: Microsoft, "Message tracking", and KB 246965.
fn exchange(text: &str) -> Option<Mark<'_>> {
    if text.starts_with('#') {
        return None;
    }
    let id = if text.contains('\t') {
        let mut columns = text.split('\t').skip(8);
        (columns.next()? == "1019").then_some(columns.next()?)?
    } else {
        let mut columns = Columns(Some(text)).skip(7);
        let (source, event) = (columns.next()?, columns.next()?);
        let received = source.eq_ignore_ascii_case("SMTP") && event.eq_ignore_ascii_case("RECEIVE");
        columns.nth(1).filter(|_| received)?
    };
    let id = id.trim_matches(['<', '>', ' ']);
    id.contains('@').then_some(Mark::Passed(id))
}

/// Columns of a line of CSV; quoted ones without their quotes.
struct Columns<'t>(Option<&'t str>);

impl<'t> Iterator for Columns<'t> {
    type Item = &'t str;
    fn next(&mut self) -> Option<&'t str> {
        let rest = self.0?;
        let Some(quoted) = rest.strip_prefix('"') else {
            let (column, rest) = rest
                .split_once(',')
                .map_or((rest, None), |(c, r)| (c, Some(r)));
            self.0 = rest;
            return Some(column);
        };
        let mut ends = quoted.match_indices('"').map(|(at, _)| at);
        let end = loop {
            let Some(at) = ends.next() else {
                self.0 = None;
                return Some(quoted); // the quote never ends: what there is of it
            };
            if quoted.get(at + 1..)?.starts_with('"') {
                ends.next(); // a doubled quote is one that belongs to the column
            } else {
                break at;
            }
        };
        self.0 = quoted.get(end + 1..)?.strip_prefix(',');
        quoted.get(..end)
    }
}

/// `<…@…>` after the word `message-id` in any case.
fn message_id(text: &str) -> Option<Mark<'_>> {
    const WORD: &str = "message-id";
    let at = text
        .as_bytes()
        .windows(WORD.len())
        .position(|w| w.eq_ignore_ascii_case(WORD.as_bytes()))?;
    let (_, rest) = text.get(at..)?.split_once('<')?;
    let (id, _) = rest.split_once('>')?;
    (id.contains('@') && !id.contains(char::is_whitespace)).then_some(Mark::Passed(id))
}

/// What our own canary's mail is marked with in its Message-ID; the nonce follows up to the `@`.
pub const CANARY_MARK: &str = "cordon-canary.";

fn canary(text: &str) -> Option<Mark<'_>> {
    let infected = ["infected", "INFECTED", "FOUND", "Eicar", "EICAR", "irus"];
    if !infected.iter().any(|word| text.contains(word)) {
        return None;
    }
    let rest = after(text, CANARY_MARK)?;
    let nonce = rest
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
        .next()?;
    (!nonce.is_empty()).then_some(Mark::Passed(nonce))
}

/// dnsmasq `DHCPACK(eth0) 10.0.0.5 aa:… host`, ISC `DHCPACK on 10.0.0.5 to aa:… (host) via eth0`, Windows
/// `10,11/24/26,10:00:00,Assign,10.0.0.5,host.example,…` (10 assigned, 11 renewed).
fn dhcp(text: &str) -> Option<Mark<'_>> {
    let name = if let Some(rest) = after(text, "DHCPACK on ") {
        rest.split_once('(')?.1.split_once(')')?.0
    } else if let Some(rest) = after(text, "DHCPACK(") {
        after(rest, ") ")?.split_whitespace().nth(2)?
    } else {
        let mut columns = text.split(',');
        let id = columns.next()?;
        let name = columns.nth(4)?;
        ["10", "11"].contains(&id).then_some(name)?
    };
    let short = name.split('.').next()?;
    (!short.is_empty()).then_some(Mark::Passed(short))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(format: Format, text: &str, expected: Option<Mark<'_>>) {
        assert_eq!(format.read(text), expected, "{text}");
    }

    #[test]
    fn postfix_counts_what_came_by_smtp_and_was_queued() {
        let check = |text, expected| check(Format::Postfix, text, expected);
        let id = "4XyZ12abcdz1k";
        check(
            "Nov 24 01:00:00 mx postfix/smtpd[7]: 4XyZ12abcdz1k: client=a.example[192.0.2.1]",
            Some(Mark::Came(id)),
        );
        check(
            "Nov 24 01:00:00 mx postfix/submission/smtpd[7]: 4XyZ12abcdz1k: client=u[192.0.2.1], sasl_method=PLAIN",
            Some(Mark::Came(id)),
        );
        check(
            "Nov 24 01:00:00 mx postfix/smtpd[7]: 9AAAAA: client=localhost[127.0.0.1], orig_queue_id=4XyZ12abcdz1k, orig_client=a",
            None,
        );
        check(
            "Nov 24 01:00:00 mx postfix/qmgr[8]: 4XyZ12abcdz1k: from=<a@b.example>, size=512, nrcpt=1 (queue active)",
            Some(Mark::PassedIfCame(id)),
        );
        check(
            "Nov 24 01:00:00 mx postfix/cleanup[9]: 4XyZ12abcdz1k: milter-reject: END-OF-MESSAGE from a[192.0.2.1]: 5.7.1",
            Some(Mark::Left(id)),
        );
        check(
            "Nov 24 01:00:00 mx postfix/cleanup[9]: 4XyZ12abcdz1k: message-id=<x@y>",
            None,
        );
        check(
            "Nov 24 01:00:00 mx postfix/qmgr[8]: 4XyZ12abcdz1k: removed",
            None,
        );
        check(
            "Nov 24 01:00:00 mx postfix/smtpd[7]: NOQUEUE: reject: RCPT from a[192.0.2.1]",
            None,
        );
        check(
            "Nov 24 01:00:00 mx postfix/smtpd[7]: connect from a[192.0.2.1]",
            None,
        );
    }

    #[test]
    fn scanners_say_their_verdict_in_their_own_way() {
        let passed = |id| Some(Mark::Passed(id));
        check(
            Format::Rspamd,
            "2026-11-24 01:00:00 #12(normal) <a1b2c3>; task; rspamd_task_write_log: id: <x@y>, qid: <4XyZ12abc>, ip: 192.0.2.1, (default: F (no action): [0.1/15.00] []), len: 5",
            passed("4XyZ12abc"),
        );
        check(
            Format::Rspamd,
            "2026-11-24 01:00:00 #12(normal) <a1>; task; rspamd_worker_body_handler: accepted connection",
            None,
        );
        check(
            Format::Amavis,
            "Nov 24 mx amavis[5]: (5-09) Passed CLEAN {RelayedInbound}, [192.0.2.1] <a@b> -> <c@d>, Queue-ID: 83B741009CD35, Message-ID: <x@y>, Hits: -",
            passed("83B741009CD35"),
        );
        check(
            Format::Amavis,
            "Nov 24 mx amavis[5]: (5-09) Blocked INFECTED (Eicar) {Discarded}, <a@b> -> <c@d>, Queue-ID: 83B741009CD35, size: 5",
            passed("83B741009CD35"),
        );
        check(
            Format::Amavis,
            "Nov 24 mx amavis[5]: (5-09) Passed UNCHECKED {Relayed}, <a@b> -> <c@d>, Queue-ID: 83B741009CD35",
            None,
        );
        check(
            Format::ClamavMilter,
            "Tue Nov 24 01:00:00 2026 -> Clean message 4XyZ12abc from <a@b> to <c@d> with subject 'x' message-id '<x@y>' date 'z'",
            passed("4XyZ12abc"),
        );
        check(
            Format::ClamavMilter,
            "Message 4XyZ12abc from <a@b> to <c@d> with subject 'x' message-id '<x@y>' date 'z' infected by Eicar-Signature",
            passed("4XyZ12abc"),
        );
        check(
            Format::ClamavMilter,
            "Clean message from <a@b> to <c@d>",
            None,
        );
        check(
            Format::Mailscanner,
            "Jul 30 efa MailScanner[18]: Message 4bsM5k4xJmz4rT6.A1B2C from 192.0.2.1 (a@b) to d.example is not spam",
            passed("4bsM5k4xJmz4rT6"),
        );
        check(
            Format::Mailscanner,
            "Jul 30 efa MailScanner[18]: Requeue: 4bsM5k4xJmz4rT6.A1B2C to 5BcD12",
            passed("4bsM5k4xJmz4rT6"),
        );
        check(
            Format::Mailscanner,
            "Jul 30 efa MailScanner[18]: New Batch: Scanning 1 messages, 1000 bytes",
            None,
        );
        check(
            Format::Canary,
            "Message 4XyZ12abc from <a@b> message-id '<cordon-canary.17-3@host>' infected by Eicar",
            passed("17-3"),
        );
        check(
            Format::Canary,
            "Clean message 4XyZ12abc from <a@b> message-id '<cordon-canary.17-3@host>'",
            None,
        );
    }

    #[test]
    fn exchange_is_read_by_its_documented_columns() {
        let check = |text, expected| check(Format::Exchange, text, expected);
        check(
            "#Fields: date-time,client-ip,client-hostname,server-ip,server-hostname,source-context,connector-id,source,event-id,internal-message-id,message-id",
            None,
        );
        check(
            "2026-11-24T01:00:00.000Z,192.0.2.1,a,192.0.2.2,EX1,\"08D4;a, b \"\"c\"\"\",EX1\\In,SMTP,RECEIVE,77,<x@y.example>,,c@d",
            Some(Mark::Passed("x@y.example")),
        );
        check(
            "2026-11-24T01:00:00.000Z,192.0.2.1,a,192.0.2.2,EX1,,,STOREDRIVER,DELIVER,77,<x@y.example>,,c@d",
            None,
        );
        check(
            "2004-5-3\t8:0:0 GMT\t192.0.2.1\tmail.example\t-\tEX1\t192.0.2.2\tc@d\t1019\tx@y.example\t0\t0\t500",
            Some(Mark::Passed("x@y.example")),
        );
        check(
            "2004-5-3\t8:0:0 GMT\t192.0.2.1\tmail.example\t-\tEX1\t192.0.2.2\tc@d\t1028\tx@y.example\t0",
            None,
        );
        check("\"", None);
    }

    #[test]
    fn leases_are_known_by_the_short_name() {
        let check = |text, expected| check(Format::Dhcp, text, expected);
        check(
            "dnsmasq-dhcp[9]: DHCPACK(eth0) 10.0.0.5 aa:bb:cc:dd:ee:ff ws1",
            Some(Mark::Passed("ws1")),
        );
        check(
            "dnsmasq-dhcp[9]: DHCPACK(eth0) 10.0.0.5 aa:bb:cc:dd:ee:ff",
            None,
        );
        check(
            "dhcpd[9]: DHCPACK on 10.0.0.5 to aa:bb:cc:dd:ee:ff (WS1) via eth0",
            Some(Mark::Passed("WS1")),
        );
        check(
            "10,11/24/26,10:00:00,Assign,10.0.0.5,ws1.example.org,AABBCCDDEEFF,",
            Some(Mark::Passed("ws1")),
        );
        check("24,11/24/26,10:00:00,Database Cleanup Begin,,,,", None);
    }

    #[test]
    fn a_message_id_needs_its_word() {
        let check = |text, expected| check(Format::MessageId, text, expected);
        check(
            "scanner: clean Message-ID: <x@y> from=<a@b>",
            Some(Mark::Passed("x@y")),
        );
        check("message-id=<x@y>", Some(Mark::Passed("x@y")));
        check("from=<a@b>", None);
        check("message-id=<unclosed@y", None);
    }
}
