//! Hosts that somebody else's inventory speaks of: what an auditor saw of each requirement there, kept until it
//! sees something else. What is proven is not kept: its number is.

use std::collections::BTreeMap;

use cordon_model::{
    Asked, Audited, Finding, Host, Inventory, Key, Ladder, Rule, Rung, Seen, Severity, SourceName,
    Subject, Text, Time, Verdict,
};
use serde::{Deserialize, Serialize};

use crate::{
    judge::{Say, listing, unknown},
    ladder::{NOT_RUNNING_WORDS, Stand, stand},
    requirement::{Demand, Judged, Requirement, What},
    rules::{
        CONTRADICTED, NO_FIX, NOT_AUDITED, NOT_RUNNING, REQUIREMENT, UNKNOWN, UNSUPPORTED, UPDATES,
    },
    usual::Usual,
};

/// Most requirements of one host that are kept; a host that has as many is told as not audited.
pub const MAX_ROWS: usize = 20_000;

/// What the findings of an auditor bear beside those of the host's own sensors.
const DETAIL: &str = "audit";

/// What is known of one host by an audit of its inventory.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub struct Fleet {
    /// What is not proven, by `requirement package`.
    rows: BTreeMap<Text, Kept>,
    inventory: Option<Inventory>,
    /// How many times an inventory was closed: what was said since bears this number.
    round: u64,
    /// How many packages and updates it names.
    usual: Usual,
}

/// A row, and in which round it was said.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
struct Kept {
    row: Audited,
    round: u64,
}

impl Fleet {
    /// What is not proven, by requirement.
    pub fn rows(&self) -> impl Iterator<Item = &Audited> {
        self.rows.values().map(|kept| &kept.row)
    }

    /// The inventory that this rests on; none while no auditor spoke of the host.
    pub const fn inventory(&self) -> Option<&Inventory> {
        self.inventory.as_ref()
    }

    /// Whether it answered, as far as that can be trusted.
    pub fn answered(&self) -> bool {
        self.inventory
            .as_ref()
            .is_some_and(|inventory| inventory.trouble.is_none())
    }

    /// Whether something is known to be wrong, and whether something is not known.
    pub fn wrong_and_unclear(&self) -> (bool, bool) {
        let release = self.inventory.as_ref().and_then(|one| one.release.as_ref());
        let mut both = (release.is_some(), false);
        for row in self.rows() {
            match of(row) {
                Standing::NoFix
                | Standing::At(Stand::Missing(_) | Stand::NotRunning(_) | Stand::Contradicted(_)) =>
                {
                    both.0 = true;
                }
                Standing::At(Stand::Unknown(_)) => both.1 = true,
                Standing::At(Stand::Proven) | Standing::Settled => {}
            }
        }
        both
    }

    /// Takes in what was seen of one requirement.
    pub(crate) fn take(&mut self, host: &Host, row: &Audited, say: Say<'_>) {
        let key = Text::new(&format!("{} {}", row.requirement, row.package));
        match of(row) {
            Standing::At(Stand::Proven) | Standing::Settled => {
                if self.rows.remove(&key).is_some() {
                    clear_row(host, row, say);
                }
            }
            Standing::NoFix | Standing::At(_) => {
                if self.rows.len() < MAX_ROWS || self.rows.contains_key(&key) {
                    let (row, round) = (row.clone(), self.round);
                    self.rows.insert(key, Kept { row, round });
                }
            }
        }
    }

    /// All was said of the host: what it comes to.
    pub(crate) fn close(&mut self, host: &Host, inventory: &Inventory, at: Time, say: Say<'_>) {
        if inventory.from.as_str().is_empty() {
            self.forget(host, say); // nobody speaks of the host any more
            return;
        }
        if inventory.whole {
            self.drop_unsaid(host, say);
        }
        self.round += 1;
        let trouble = inventory.trouble.as_ref().map(Text::to_string);
        let trouble = trouble.or_else(|| self.shrinks(inventory.things, at));
        let trouble = trouble.or_else(|| {
            let why = format!("more than {MAX_ROWS} requirements are open, and more are not kept");
            (self.rows.len() >= MAX_ROWS).then_some(why)
        });
        say(with_why(&NOT_AUDITED, host, trouble.clone()));
        let release = inventory.release.as_ref().map(Text::to_string);
        say(with_why(&UNSUPPORTED, host, release));
        let trouble = trouble.as_deref().map(Text::new);
        self.inventory = Some(Inventory {
            trouble,
            ..inventory.clone()
        });
        self.report(host, at, say);
    }

    /// What was not said in this round is no longer asked.
    fn drop_unsaid(&mut self, host: &Host, say: Say<'_>) {
        let round = self.round;
        self.rows.retain(|_, kept| {
            if kept.round != round {
                clear_row(host, &kept.row, say);
            }
            kept.round == round
        });
    }

    fn shrinks(&mut self, things: u64, at: Time) -> Option<String> {
        let usual = self.usual.shrinks(things, at)?;
        Some(format!(
            "its inventory names {things} packages and updates, and used to name {usual}"
        ))
    }

    fn report(&self, host: &Host, at: Time, say: Say<'_>) {
        let (mut missing, mut waiting, mut no_fix, mut unclear) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for row in self.rows() {
            let stand = match of(row) {
                Standing::At(_) => say_row(host, row, at, say),
                Standing::NoFix => {
                    no_fix.push(row);
                    continue;
                }
                Standing::Settled => continue,
            };
            match stand {
                Stand::Missing(_) if row.asked == Asked::Feed => missing.push(row),
                Stand::NotRunning(why) => {
                    let why = why.trim_start_matches(NOT_RUNNING_WORDS);
                    waiting.push(format!("{}: {why}", row.package));
                }
                Stand::Unknown(why) => unclear.push((row.package.to_string(), why)),
                Stand::Missing(_) | Stand::Contradicted(_) | Stand::Proven => {}
            }
        }
        say(grouped(&UPDATES, host, "update", &missing));
        say(grouped(&NO_FIX, host, "package", &no_fix));
        let key = key_of(&NOT_RUNNING, host);
        say(if waiting.is_empty() {
            Verdict::Clear(key)
        } else {
            Verdict::Find(listing(&NOT_RUNNING, key, "update", waiting.into_iter()))
        });
        say(unknown(key_of(&UNKNOWN, host), &unclear));
    }

    fn forget(&mut self, host: &Host, say: Say<'_>) {
        for row in self.rows() {
            clear_row(host, row, say);
        }
        for rule in [
            &UPDATES,
            &NO_FIX,
            &NOT_RUNNING,
            &UNKNOWN,
            &NOT_AUDITED,
            &UNSUPPORTED,
        ] {
            say(Verdict::Clear(key_of(rule, host)));
        }
        *self = Self::default();
    }
}

enum Standing {
    At(Stand),
    NoFix,
    Settled,
}

fn of(row: &Audited) -> Standing {
    match &row.seen {
        Seen::Ladder(ladder) => Standing::At(stand(ladder, row.needs)),
        Seen::NoFix(_) => Standing::NoFix,
        Seen::Settled(_) => Standing::Settled,
    }
}

fn key_of(rule: &Rule, host: &Host) -> Key {
    Key::new(rule, host, Subject::Host).detailed(DETAIL)
}

fn keys_of_row(host: &Host, row: &Audited) -> [Key; 2] {
    [&REQUIREMENT, &CONTRADICTED].map(|rule| {
        let subject = Subject::Package(row.package.clone());
        Key::new(rule, host, subject).detailed(row.requirement.clone())
    })
}

fn clear_row(host: &Host, row: &Audited, say: Say<'_>) {
    for key in keys_of_row(host, row) {
        say(Verdict::Clear(key));
    }
}

/// Says what one row comes to by itself, and where it stands. Rows of feeds are told together, unless their
/// witnesses disagree.
pub(crate) fn say_row(host: &Host, row: &Audited, at: Time, say: Say<'_>) -> Stand {
    let Standing::At(stand) = of(row) else {
        return Stand::Proven;
    };
    let [missing, contradicted] = keys_of_row(host, row);
    let by_row = row.asked == Asked::Baseline;
    match &stand {
        Stand::Missing(why) | Stand::NotRunning(why) if by_row => {
            say(Verdict::Clear(contradicted));
            say(Verdict::Find(finding(&REQUIREMENT, missing, row, why, at)));
        }
        Stand::Contradicted(why) => {
            if by_row {
                say(Verdict::Clear(missing));
            }
            say(Verdict::Find(finding(
                &CONTRADICTED,
                contradicted,
                row,
                why,
                at,
            )));
        }
        Stand::Proven | Stand::Unknown(_) | Stand::Missing(_) | Stand::NotRunning(_) => {
            if by_row {
                say(Verdict::Clear(missing));
            }
            say(Verdict::Clear(contradicted));
        }
    }
    stand
}

fn finding(rule: &Rule, key: Key, row: &Audited, why: &str, at: Time) -> Finding {
    let installed = match row.installed.as_str() {
        "" => "nothing",
        some => some,
    };
    let mut finding = Finding::new(rule, key)
        .with("requirement", &row.requirement)
        .with("package", row.package.as_str())
        .with("installed", installed)
        .with("why", why)
        .with("source", &row.source);
    if let Some(severity) = row.severity.filter(|_| rule.id == REQUIREMENT.id) {
        finding.severity = severity;
    }
    if !row.owner.as_str().is_empty() {
        finding = finding.with("owner", &row.owner);
    }
    if let Some(due) = row.due {
        finding = finding.with("due", due.day());
        if due < at {
            finding.severity = finding.severity.max(Severity::High);
            finding = finding.with("overdue", at.since(due).plain());
        }
    }
    if row.exploited {
        finding.severity = Severity::Critical;
    }
    finding
}

fn with_why(rule: &Rule, host: &Host, why: Option<String>) -> Verdict {
    let key = key_of(rule, host);
    match why {
        Some(why) => Verdict::Find(
            Finding::new(rule, key)
                .with("host", host.as_str())
                .with("why", why),
        ),
        None => Verdict::Clear(key),
    }
}

/// What makes one update more urgent than its neighbours.
fn notes(row: &Audited) -> &'static str {
    let critical = row.severity == Some(Severity::Critical);
    match (row.exploited, critical, row.unasked) {
        (true, _, true) => " (exploited, and in no row of your sheets)",
        (true, _, false) => " (exploited)",
        (false, true, true) => " (critical, and in no row of your sheets)",
        (false, true, false) => " (critical)",
        (false, false, _) => "",
    }
}

fn grouped(rule: &Rule, host: &Host, thing: &str, rows: &[&Audited]) -> Verdict {
    let key = key_of(rule, host);
    if rows.is_empty() {
        return Verdict::Clear(key);
    }
    let listed = rows.iter().map(|row| {
        let note = notes(row);
        match (row.installed.as_str(), row.fixed.as_str()) {
            ("", _) => format!("{}{note}", row.package),
            (installed, "") => format!("{} {installed}{note}", row.package),
            (installed, fixed) => format!("{} {installed} < {fixed}{note}", row.package),
        }
    });
    let mut finding = listing(rule, key, thing, listed).with("host", host.as_str());
    let urgent = |row: &&Audited| row.exploited || row.severity == Some(Severity::Critical);
    if rows.iter().any(|row| row.exploited) {
        finding.severity = Severity::Critical;
    }
    // The seed's own case: critical, on a host, and on nobody's list.
    let missed = rows.iter().filter(|row| row.unasked && urgent(row)).count();
    if missed > 0 {
        finding = finding.with("in_no_sheet", missed);
    }
    Verdict::Find(finding)
}

/// A requirement that was held against a host, as what an auditor says of it; none if it is for others.
pub fn row_of(asked: &Requirement, judged: &Judged) -> Option<Audited> {
    let seen = match &judged.what {
        What::Ladder(ladder) => Seen::Ladder(ladder.clone()),
        What::Settled { by, why } => Seen::Ladder(Ladder {
            listed: Some(Rung::Yes(Text::new(&format!("{by}: {why}")))),
            ..Ladder::default()
        }),
        What::NotFor(_) => return None,
    };
    let text = |of: &Option<String>| of.as_deref().map_or_else(Text::default, Text::new);
    Some(Audited {
        requirement: asked.id.clone(),
        package: judged
            .package
            .as_deref()
            .map_or_else(|| asked.demand.name(), package_name),
        asked: Asked::Baseline,
        source: asked.source.clone(),
        seen,
        installed: text(&judged.installed),
        fixed: text(&judged.wanted),
        severity: asked.severity,
        owner: asked.owner.clone().unwrap_or_default(), // default: because nobody may answer for it
        due: asked.due,
        exploited: false,
        needs: asked.needs,
        unasked: false,
    })
}

impl Demand {
    /// What it is called among packages: `KB835732`, `openssl`, `lsasrv.dll`.
    pub fn name(&self) -> SourceName {
        let text = match self {
            Self::Package { name, .. }
            | Self::File { name, .. }
            | Self::Registry { name, .. }
            | Self::Setting { name, .. } => name.to_string(),
            Self::Updates(kbs) => kbs
                .first()
                .map_or_else(|| "update".to_owned(), |kb| format!("KB{kb}")),
        };
        package_name(&text)
    }
}

fn package_name(text: &str) -> SourceName {
    // or: because a name from a sheet may be longer than a name can be, or hold a tab
    text.parse().unwrap_or_else(|_| "unnamed".into())
}
