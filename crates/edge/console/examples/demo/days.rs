//! Made-up days. The bad one carries what an attacker would put into names and lines.

use cordon_console::{Account, Finding, Hub, Lamp, Moment, Page, Source, Todo};
use cordon_model::{Severity, Span, Standing, Time};

const SCRIPT: &str = "<script>document.title='owned'</script>";
const IMAGE: &str = "\"><img src=x onerror=\"document.title='owned'\">";
const TURNED: &str = "invoice\u{202e}fdp.exe\u{1b}[2J";

/// The day called `name`; none for `none`.
pub(crate) fn day(name: &str, now: Time, round: u64) -> Option<Page> {
    match name {
        "none" => None,
        "good" => Some(good(now, round)),
        "empty" => Some(empty(now)),
        _ => Some(bad(now, round)),
    }
}

fn hub(now: Time, round: u64) -> Hub {
    Hub {
        store_bytes: 41_218_048,
        free_bytes: Some(96_420_000_000),
        last_commit: Some(now - Span::secs(2)),
        events: 1_284_113 + round * 17,
        started: now - Span::days(12),
        rss_bytes: Some(38_400_000),
        trouble: None,
    }
}

fn lamp(control: &str, prevents: &str, state: Standing, proven: Option<Time>, knows: &str) -> Lamp {
    Lamp {
        control: control.to_owned(),
        prevents: prevents.to_owned(),
        state,
        since: None,
        last_proven: proven,
        knows: knows.to_owned(),
        command: None,
    }
}

const WATCH: &str = "That a control dies and its last good word stays on the screen.";
const LOGS: &str = "That a log stops, or says something that nobody reads.";
const PATCH: &str = "That a host stays open to what has long been fixed elsewhere.";
const EGRESS: &str = "That a worm fetches its next stage from here.";
const HOST: &str = "That a program nobody installed writes where programs live.";
const MAIL: &str = "That an attachment is delivered before anything looked into it.";

fn controls(now: Time) -> Vec<Lamp> {
    let ago = |seconds| Some(now - Span::secs(seconds));
    let mut all = vec![
        lamp(
            "watch",
            WATCH,
            Standing::Proven,
            ago(4),
            "6 controls, 5 sources and 1 feed watched",
        ),
        lamp(
            "logs",
            LOGS,
            Standing::Silent,
            ago(7440),
            "/var/log/mail.log: expected every 3 min, nothing for 2 h",
        ),
        lamp(
            "patch",
            PATCH,
            Standing::Proven,
            ago(64),
            "876 packages judged against bookworm-security of yesterday",
        ),
        lamp(
            "egress",
            EGRESS,
            Standing::Off,
            None,
            "outbound traffic is not limited here",
        ),
        lamp(
            "host",
            HOST,
            Standing::Blind,
            None,
            "needs CAP_SYS_ADMIN to watch writes",
        ),
        lamp(
            "mail",
            MAIL,
            Standing::Learning,
            None,
            "12,041 messages seen; learning until Thursday",
        ),
    ];
    all[1].since = ago(7260);
    all[1].command = Some("systemctl status rsyslog clamav-daemon".to_owned());
    all[3].command = Some("cordon egress learn".to_owned());
    all[4].command = Some("sudo cordon check".to_owned());
    all[4].since = ago(86_400 * 12);
    all
}

fn source(
    name: &str,
    state: Standing,
    last: Option<Time>,
    deadline: Option<Span>,
    lines: u64,
) -> Source {
    Source {
        name: name.to_owned(),
        host: "mail1.example.net".to_owned(),
        state,
        last_event: last,
        deadline,
        expected: last
            .filter(|_| deadline.is_none())
            .map(|last| last + Span::minutes(9)),
        alarm: last
            .filter(|_| deadline.is_none())
            .map(|last| last + Span::hours(2)),
        unjudged: None,
        hours: (0..24)
            .map(|hour| lines / 400 * (12 - u64::abs_diff(hour, 12)))
            .collect(),
        lost: None,
        lines,
        errors: 0,
        lines_per_hour: deadline.map(|_| lines / 300),
    }
}

fn accounts(now: Time) -> Vec<Account> {
    let text = str::to_owned;
    vec![Account {
        what: text("mail"),
        passed: text("messages accepted"),
        missing: text("scanner verdict"),
        state: Standing::Sick,
        recent: 140,
        waiting: 3,
        unaccounted: 14,
        since: Some(now - Span::hours(2)),
        last: Some(now - Span::hours(2)),
        within: Span::minutes(5),
    }]
}

fn sources(now: Time) -> Vec<Source> {
    let ago = |seconds| Some(now - Span::secs(seconds));
    let minutes = |minutes| Some(Span::minutes(minutes));
    let mut all = vec![
        source("mail.log", Standing::Silent, ago(7440), minutes(3), 412_004),
        source("auth.log", Standing::Proven, ago(12), minutes(5), 88_120),
        source(
            "nginx/access.log",
            Standing::Proven,
            ago(1),
            minutes(1),
            1_780_233,
        ),
        source("audit.log", Standing::Sick, ago(95), minutes(10), 9_214),
        source("clamav.log", Standing::Learning, ago(2040), None, 412),
        source(IMAGE, Standing::Blind, None, None, 0),
    ];
    all[3].errors = 212;
    "scan2".clone_into(&mut all[4].host);
    "<b>ws17</b>".clone_into(&mut all[5].host);
    all
}

fn finding(rule: &str, title: &str, severity: Severity, subject: &str, since: Time) -> Finding {
    Finding {
        rule: rule.to_owned(),
        title: title.to_owned(),
        severity,
        status: "new".to_owned(),
        host: "mail1.example.net".to_owned(),
        subject: subject.to_owned(),
        advice: String::new(),
        command: None,
        excerpt: None,
        items: Vec::new(),
        under: None,
        since,
    }
}

const UPGRADE: &str = "apt-get install --only-upgrade libssl3 openssh-server linux-image-amd64";

#[expect(clippy::too_many_lines, reason = "a table of equal rows")]
fn findings(now: Time) -> Vec<Finding> {
    let ago = |seconds| now - Span::secs(seconds);
    let mut all = vec![
        finding(
            "patch.missing",
            "68 security updates are missing",
            Severity::High,
            "host",
            ago(30_600),
        ),
        finding(
            "watch.silent",
            "mail.log has been silent since 17:31",
            Severity::High,
            "source:mail.log",
            ago(7260),
        ),
        finding(
            "logs.phrase",
            &format!("a line that policy wants reported: {SCRIPT}"),
            Severity::Medium,
            "source:auth.log",
            ago(5400),
        ),
        finding(
            "watch.sick",
            "audit.log: 212 lines could not be read",
            Severity::Medium,
            "source:audit.log",
            ago(3300),
        ),
        finding(
            "watch.blind",
            "host cannot see: needs CAP_SYS_ADMIN",
            Severity::Medium,
            "control:host",
            ago(1_036_800),
        ),
        finding(
            "logs.phrase",
            &format!("an attachment was named {TURNED}"),
            Severity::Low,
            "source:mail.log",
            ago(9000),
        ),
        finding(
            "watch.silent",
            "clamav.log has been silent since 17:33",
            Severity::High,
            "source:clamav.log",
            ago(7140),
        ),
        finding(
            "patch.reboot",
            "a reboot is due for the running kernel",
            Severity::Low,
            "package:linux-image-amd64",
            ago(400_000),
        ),
    ];
    "Install them in the next quiet hour; libssl3 first, every service that faces outside loads it.".clone_into(&mut all[0].advice);
    all[0].command = Some(UPGRADE.to_owned());
    all[0].items = (1..=68)
        .map(|n| {
            format!(
                "lib{}{n} 1.{n}-2 -> 1.{n}-2+deb12u{}",
                ["xml", "ssl", "tiff", "curl"][n % 4],
                n % 3 + 1
            )
        })
        .collect();
    "See whether the daemon still runs and whether its log was rotated away from it; mail is being accepted meanwhile.".clone_into(&mut all[1].advice);
    all[1].command = Some("systemctl status rsyslog clamav-daemon".to_owned());
    all[1].excerpt =
        Some("Nov 23 17:31:04 mail1 amavis[2211]: (02211-07) Passed CLEAN, Hits: 0.1".to_owned());
    "Somebody tried to log in with markup for a name. Nothing was let in; see whether the address comes again.".clone_into(&mut all[2].advice);
    all[2].excerpt = Some(format!(
        "Nov 23 18:05:11 mail1 sshd[991]: Invalid user {SCRIPT}{IMAGE} from 203.0.113.9 port 50022"
    ));
    "Look at the permissions of the file; the reader has been refused since the last rotation."
        .clone_into(&mut all[3].advice);
    all[3].command = Some("ls -l /var/log/audit/audit.log".to_owned());
    "Run Cordon with the capability, or accept in policy that writes are not watched here."
        .clone_into(&mut all[4].advice);
    all[4].command = Some("sudo cordon check".to_owned());
    "in_progress".clone_into(&mut all[4].status);
    "A name that reads backwards hides its ending. Nothing to do if the mail was rejected."
        .clone_into(&mut all[5].advice);
    "folded".clone_into(&mut all[6].status);
    all[6].under = Some("watch.silent".to_owned());
    "Explained by the silence of mail.log: the scanner writes both.".clone_into(&mut all[6].advice);
    "suppressed".clone_into(&mut all[7].status);
    "Suppressed until Sunday 03:00 by policy.".clone_into(&mut all[7].advice);
    all
}

fn todo(finding: &Finding, what: &str, mends: usize) -> Todo {
    Todo {
        what: what.to_owned(),
        severity: finding.severity,
        command: finding.command.clone(),
        advice: finding.advice.clone(),
        evidence: finding
            .excerpt
            .iter()
            .chain(finding.items.iter().take(3))
            .cloned()
            .collect(),
        mends,
    }
}

fn moment(at: Time, kind: &str, title: &str, severity: Option<Severity>) -> Moment {
    Moment {
        at,
        kind: kind.to_owned(),
        title: title.to_owned(),
        host: "mail1.example.net".to_owned(),
        severity,
    }
}

fn timeline(now: Time) -> Vec<Moment> {
    let ago = |minutes| now - Span::minutes(minutes);
    let mut all = vec![
        moment(
            ago(55),
            "opened",
            "audit.log: 212 lines could not be read",
            Some(Severity::Medium),
        ),
        moment(
            ago(90),
            "opened",
            &format!("a line that policy wants reported: {SCRIPT}"),
            Some(Severity::Medium),
        ),
        moment(
            ago(119),
            "folded",
            "clamav.log has been silent since 17:33",
            None,
        ),
        moment(
            ago(121),
            "opened",
            "mail.log has been silent since 17:31",
            Some(Severity::High),
        ),
        moment(
            ago(150),
            "opened",
            &format!("an attachment was named {TURNED}"),
            Some(Severity::Low),
        ),
        moment(
            ago(322),
            "withheld",
            "the line planted in auth.log came back",
            None,
        ),
        moment(
            ago(510),
            "opened",
            "68 security updates are missing",
            Some(Severity::High),
        ),
        moment(
            ago(744),
            "resolved",
            "nginx/access.log was silent for 14 min",
            None,
        ),
        moment(
            ago(758),
            "opened",
            "nginx/access.log is silent",
            Some(Severity::Medium),
        ),
        moment(
            ago(1130),
            "withheld",
            "the package planted in the inventory came back",
            None,
        ),
    ];
    "scan2".clone_into(&mut all[2].host);
    all
}

fn bad(now: Time, round: u64) -> Page {
    let findings = findings(now);
    let next = vec![
        todo(
            &findings[1],
            "Find out why the mail scanner's log stopped at 17:31",
            2,
        ),
        todo(
            &findings[0],
            "Install 68 security updates, 3 of them need a reboot",
            1,
        ),
        todo(&findings[3], "Let Cordon read audit.log again", 1),
        todo(&findings[2], &format!("Look at who logs in as {SCRIPT}"), 1),
        todo(
            &findings[4],
            "Give host what it needs to see, or accept that it cannot",
            1,
        ),
    ];
    Page {
        at: now,
        host: "mail1.example.net".to_owned(),
        verdict: "Logs is silent and host cannot see. 68 packages are missing on this host. Nothing is spreading.".to_owned(),
        next,
        controls: controls(now),
        accounts: accounts(now),
        sources: sources(now),
        findings,
        timeline: timeline(now),
        hub: hub(now, round),
        notes: vec![format!("the probe of host was not run: {IMAGE}")],
    }
}

fn good(now: Time, round: u64) -> Page {
    let mut page = bad(now, round);
    for lamp in &mut page.controls {
        if lamp.state != Standing::Off {
            lamp.state = Standing::Proven;
            lamp.last_proven = Some(now - Span::secs(41));
            lamp.command = None;
            lamp.since = None;
        }
    }
    "5 sources read; each was heard in its time".clone_into(&mut page.controls[1].knows);
    "1,204 programs known, each write to them seen".clone_into(&mut page.controls[4].knows);
    "12,041 messages judged, none without a verdict".clone_into(&mut page.controls[5].knows);
    page.sources.truncate(5);
    for source in &mut page.sources {
        (source.state, source.errors) = (Standing::Proven, 0);
        source.last_event = Some(now - Span::secs(9));
        source.deadline = source.deadline.or(Some(Span::hours(1)));
    }
    "Nothing to do: 5 of 5 controls set up here are proven.".clone_into(&mut page.verdict);
    page.findings.clear();
    page.next.clear();
    page.notes.clear();
    page.timeline
        .retain(|moment| moment.kind != "opened" && moment.kind != "folded");
    page
}

fn empty(now: Time) -> Page {
    Page {
        at: now,
        host: "mail1.example.net".to_owned(),
        verdict: "Nothing is set up here yet.".to_owned(),
        next: Vec::new(),
        controls: Vec::new(),
        accounts: Vec::new(),
        sources: Vec::new(),
        findings: Vec::new(),
        timeline: Vec::new(),
        hub: Hub {
            trouble: Some("the store could not be opened: no space left on device".to_owned()),
            free_bytes: None,
            last_commit: None,
            rss_bytes: None,
            ..hub(now, 0)
        },
        notes: Vec::new(),
    }
}
