//! What goes to whom, and when. Pure: rows that wait, what is known of one recipient, and the time go in; at
//! most one message comes out, and what is known once that message was sent.
//!
//! Findings that open within [`SETTLE`] go out together, one message however many they are. A cause (one rule
//! about one subject of one host) that was told speaks again after [`COOL`] at the earliest, unless it got
//! worse; another subject is another cause and does not wait. What ended before it was told, what is beyond
//! the number of a day, what is less severe, and what is over waits for the digest. A flood keeps at most
//! [`MAX_KEPT`] for each recipient: the rest is counted, and the digest says so.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::{Severity, Span, Time};
use serde::{Deserialize, Serialize};

use crate::compose;

/// How long the first finding waits for others of its kind.
pub const SETTLE: Span = Span::secs(10);

/// How long a rule that was told is quiet, however many more findings it has.
pub const COOL: Span = Span::hours(1);

/// Most rows that one recipient keeps waiting. What is beyond is counted.
pub const MAX_KEPT: usize = 5_000;

/// One thing to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// When it was found.
    pub at: Time,
    /// What happened to it.
    pub news: News,
    /// Which rule.
    pub rule: String,
    /// Where.
    pub host: String,
    /// About what.
    pub subject: String,
    /// Which of many that one rule stands for.
    #[serde(default)]
    pub detail: Option<String>,
    /// How bad.
    pub severity: Severity,
    /// One line.
    pub title: String,
    /// What to do.
    pub advice: String,
    /// The command that helps.
    pub command: Option<String>,
    /// What it counts: queue-ids, packages.
    pub items: Vec<String>,
    /// The decisive line.
    pub excerpt: Option<String>,
}

/// What happened to a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// It is new.
    Opened,
    /// It got worse.
    Worse,
    /// It is over.
    Ended,
}

/// How somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who {
    /// Least severity that is told at once.
    pub least: Severity,
    /// Most messages a day, the digest not counted.
    pub a_day: u32,
    /// When the digest comes, counted from midnight UTC; none for who gets none.
    pub digest_at: Option<Span>,
}

/// What is known of one recipient. Kept in the store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Desk {
    /// The last row that was looked at.
    pub upto: u64,
    /// Rows to be told at once.
    pub held: BTreeSet<u64>,
    /// Rows that wait for the digest.
    pub digest: BTreeSet<u64>,
    /// The day that `told` counts, in days since 1970.
    day: u64,
    told: u32,
    /// When each rule was last told.
    causes: BTreeMap<String, Time>,
    /// The day of the last digest.
    digested: u64,
    /// Rows that were too many to keep since then.
    #[serde(default)]
    dropped: u64,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Never used for another: a receiver can tell a repetition.
    pub id: String,
    /// One line.
    pub subject: String,
    /// For people.
    pub text: String,
    /// What it tells, worst first.
    pub letters: Vec<Letter>,
}

const fn day_of(at: Time) -> u64 {
    at.millis() / Span::days(1).millis()
}

impl Desk {
    /// Somebody who was told nothing yet; the first digest is the next that is due.
    pub fn new(who: &Who, now: Time) -> Self {
        let today = day_of(now);
        let over = who.digest_at.is_none_or(|at| now >= midnight(today) + at);
        Self {
            digested: if over { today } else { today.saturating_sub(1) },
            day: today,
            ..Self::default()
        }
    }

    /// Whether `row` needs to be kept for this recipient.
    pub fn needs(&self, row: u64) -> bool {
        row > self.upto || self.held.contains(&row) || self.digest.contains(&row)
    }
}

const fn midnight(day: u64) -> Time {
    Time::from_millis(day * Span::days(1).millis())
}

/// What to send now, and what is known when it was sent. `rows` are those of the outbox by id; `me` is the
/// name of this hub, `url` where its console is.
pub fn plan(
    desk: &Desk,
    rows: &Rows,
    who: &Who,
    place: (&str, Option<&str>),
    now: Time,
) -> (Option<Message>, Desk) {
    let mut next = desk.clone();
    let today = day_of(now);
    if next.day != today {
        (next.day, next.told) = (today, 0);
    }
    next.causes.retain(|_, told| *told + COOL > now);
    for (id, letter) in rows.range(desk.upto.saturating_add(1)..) {
        next.upto = *id;
        next.take_in(*id, letter, rows, who);
    }
    let ready: Vec<(u64, &Letter)> = next
        .held
        .iter()
        .filter_map(|id| Some((*id, rows.get(id)?)))
        .filter(|(_, letter)| next.speaks(letter))
        .collect();
    if ready.iter().any(|(_, letter)| letter.at + SETTLE <= now) {
        return next.at_once(&ready, who, place, now);
    }
    if let Some(at) = who.digest_at
        && next.digested != today
        && now >= midnight(today) + at
    {
        let waiting: Vec<&Letter> = next.digest.iter().filter_map(|id| rows.get(id)).collect();
        let message = compose::digest(&waiting, next.dropped, place, today);
        next.digest.clear();
        (next.digested, next.dropped) = (today, 0);
        return (Some(message), next);
    }
    (None, next)
}

/// What waits to be told, by its number in the outbox.
pub type Rows = BTreeMap<u64, Letter>;

impl Letter {
    /// What was told lately needs no second message: a rule about a subject of a host.
    fn cause(&self) -> String {
        format!("{} {} {}", self.rule, self.host, self.subject)
    }

    fn is_about(&self, other: &Self) -> bool {
        self.cause() == other.cause() && self.detail == other.detail
    }
}

impl Desk {
    fn take_in(&mut self, id: u64, letter: &Letter, rows: &Rows, who: &Who) {
        if letter.news == News::Ended {
            // What is over before it was told wakes nobody any more.
            let over = |id: &u64| rows.get(id).is_some_and(|held| held.is_about(letter));
            let over: Vec<u64> = self.held.iter().copied().filter(over).collect();
            for id in over {
                self.held.remove(&id);
                self.wait(id, who);
            }
        }
        let urgent = letter.news != News::Ended && letter.severity >= who.least;
        // A cause that is quiet for now may fill no more room than it has; one that is new always has some.
        let room = self.held.len() < MAX_KEPT || self.speaks(letter);
        if urgent && room {
            self.held.insert(id);
        } else {
            self.wait(id, who);
        }
    }

    fn wait(&mut self, id: u64, who: &Who) {
        if who.digest_at.is_some() && self.digest.len() < MAX_KEPT {
            self.digest.insert(id);
        } else if who.digest_at.is_some() {
            self.dropped += 1;
        }
    }

    fn speaks(&self, letter: &Letter) -> bool {
        letter.news == News::Worse || !self.causes.contains_key(&letter.cause())
    }

    fn at_once(
        mut self,
        ready: &[(u64, &Letter)],
        who: &Who,
        place: (&str, Option<&str>),
        now: Time,
    ) -> (Option<Message>, Self) {
        for (id, _) in ready {
            self.held.remove(id);
        }
        if self.told >= who.a_day {
            for (id, _) in ready {
                self.wait(*id, who);
            }
            return (None, self);
        }
        self.told += 1;
        for (_, letter) in ready {
            self.causes.insert(letter.cause(), now);
        }
        let left = who.a_day - self.told;
        let left = who.digest_at.map(|_| left);
        (Some(compose::at_once(ready, place, left)), self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHO: Who = Who {
        least: Severity::High,
        a_day: 5,
        digest_at: Some(Span::hours(7)),
    };

    fn at(text: &str) -> Time {
        format!("2026-11-24T{text}Z").parse().unwrap()
    }

    fn letter(when: Time, rule: &str, severity: Severity) -> Letter {
        Letter {
            at: when,
            news: News::Opened,
            rule: rule.to_owned(),
            host: "mail1".to_owned(),
            subject: "pair:mail".to_owned(),
            detail: None,
            severity,
            title: "unaccounted mail: 14 messages accepted".to_owned(),
            advice: "Look whether it runs.".to_owned(),
            command: None,
            items: vec!["4A0001".to_owned()],
            excerpt: None,
        }
    }

    /// Runs the plan until it has nothing more to say.
    fn all(desk: &mut Desk, rows: &Rows, now: Time) -> Vec<Message> {
        let mut sent = Vec::new();
        loop {
            let (message, next) = plan(desk, rows, &WHO, ("hub", None), now);
            *desk = next;
            match message {
                Some(message) => sent.push(message),
                None => return sent,
            }
        }
    }

    #[test]
    fn five_hundred_of_one_cause_are_one_message() {
        let mut desk = Desk::new(&WHO, at("10:00:00"));
        let rows: Rows = (1..=500)
            .map(|id| {
                (
                    id,
                    letter(at("10:32:00"), "watch.unaccounted", Severity::Critical),
                )
            })
            .collect();
        assert_eq!(all(&mut desk, &rows, at("10:32:09")), []);
        let sent = all(&mut desk, &rows, at("10:32:10"));
        assert_eq!(sent.len(), 1);
        assert!(
            sent[0].subject.contains("unaccounted mail")
                && sent[0].subject.contains("and 499 more"),
            "{}",
            sent[0].subject
        );
        assert!(
            rows.keys().all(|id| !desk.needs(*id)),
            "nothing waits any more"
        );
    }

    #[test]
    fn a_cause_that_was_told_is_quiet_for_an_hour_unless_it_gets_worse() {
        let mut desk = Desk::new(&WHO, at("10:00:00"));
        let mut rows = Rows::from([(1, letter(at("10:00:00"), "a", Severity::High))]);
        assert_eq!(all(&mut desk, &rows, at("10:00:10")).len(), 1);
        rows.insert(2, letter(at("10:20:00"), "a", Severity::High));
        assert_eq!(all(&mut desk, &rows, at("10:30:00")), []);
        assert!(desk.needs(2), "it waits, it is not lost");
        let worse = Letter {
            news: News::Worse,
            ..letter(at("10:30:00"), "a", Severity::Critical)
        };
        rows.insert(3, worse);
        assert_eq!(all(&mut desk, &rows, at("10:30:10")).len(), 1);
        assert_eq!(
            all(&mut desk, &rows, at("11:31:00")).len(),
            1,
            "the one that waited"
        );
    }

    #[test]
    fn the_sixth_of_a_day_waits_for_the_digest_and_the_fifth_says_so() {
        let mut desk = Desk::new(&WHO, at("08:00:00"));
        let mut rows = Rows::new();
        let mut sent = Vec::new();
        for id in 1..=7 {
            let now = at("10:00:00") + Span::minutes(id);
            rows.insert(id, letter(now, &format!("rule{id}"), Severity::High));
            sent.extend(all(&mut desk, &rows, now + SETTLE));
        }
        assert_eq!(sent.len(), 5);
        assert!(
            sent[4].text.contains("last message of today"),
            "{}",
            sent[4].text
        );
        assert_eq!(desk.digest, BTreeSet::from([6, 7]));
        let next = at("07:00:00") + Span::days(1);
        let digest = all(&mut desk, &rows, next);
        assert_eq!(digest.len(), 1);
        assert_eq!(digest[0].letters.len(), 2);
        assert_eq!(
            all(&mut desk, &rows, next + Span::hours(1)),
            [],
            "once a day"
        );
    }

    #[test]
    fn a_quiet_day_has_a_digest_too() {
        let mut desk = Desk::new(&WHO, at("06:00:00"));
        assert_eq!(all(&mut desk, &Rows::new(), at("06:59:59")), []);
        let sent = all(&mut desk, &Rows::new(), at("07:00:00"));
        assert!(sent[0].text.contains("Nothing"), "{}", sent[0].text);
        let late = Desk::new(&WHO, at("09:00:00"));
        assert_eq!(
            plan(&late, &Rows::new(), &WHO, ("hub", None), at("09:00:01")).0,
            None
        );
    }

    #[test]
    fn what_ended_or_is_less_severe_waits_for_the_digest() {
        let mut desk = Desk::new(&WHO, at("08:00:00"));
        let ended = Letter {
            news: News::Ended,
            ..letter(at("10:00:00"), "a", Severity::High)
        };
        let rows = Rows::from([
            (1, ended),
            (2, letter(at("10:00:00"), "b", Severity::Medium)),
        ]);
        assert_eq!(all(&mut desk, &rows, at("12:00:00")), []);
        let sent = all(&mut desk, &rows, at("07:00:00") + Span::days(1));
        assert!(
            sent[0].text.contains("Over") && sent[0].letters.len() == 2,
            "{}",
            sent[0].text
        );
    }

    #[test]
    fn another_subject_does_not_wait_for_the_first() {
        let mut desk = Desk::new(&WHO, at("08:00:00"));
        let silent = |when: &str, source: &str| Letter {
            subject: format!("source:{source}"),
            ..letter(at(when), "watch.silent", Severity::High)
        };
        let mut rows = Rows::from([(1, silent("10:00:00", "mail.log"))]);
        assert_eq!(all(&mut desk, &rows, at("10:00:10")).len(), 1);
        rows.insert(2, silent("10:05:00", "dhcp.log"));
        assert_eq!(all(&mut desk, &rows, at("10:05:10")).len(), 1);
    }

    #[test]
    fn what_is_over_before_it_was_told_wakes_nobody() {
        let mut desk = Desk::new(&WHO, at("08:00:00"));
        let over = Letter {
            news: News::Ended,
            ..letter(at("10:00:05"), "a", Severity::High)
        };
        let rows = Rows::from([
            (1, letter(at("10:00:00"), "a", Severity::High)),
            (2, letter(at("10:00:00"), "b", Severity::High)),
            (3, over),
        ]);
        let sent = all(&mut desk, &rows, at("10:00:20"));
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].letters.len(), 1, "only the one that stands");
        assert_eq!(desk.digest, BTreeSet::from([1, 3]));
    }

    #[test]
    fn a_flood_does_not_hide_what_comes_after_it() {
        let mut desk = Desk::new(&WHO, at("08:00:00"));
        let flood = |id: u64| (id, letter(at("10:00:00"), "a", Severity::Low));
        let most = MAX_KEPT as u64;
        let mut rows: Rows = (1..=most + 7).map(flood).collect();
        assert_eq!(all(&mut desk, &rows, at("10:00:20")), []);
        rows.insert(most + 8, letter(at("10:01:00"), "b", Severity::Critical));
        assert_eq!(all(&mut desk, &rows, at("10:01:10")).len(), 1);
        assert_eq!(rows.keys().filter(|id| desk.needs(**id)).count(), MAX_KEPT);
        let digest = all(&mut desk, &rows, at("07:00:00") + Span::days(1));
        assert!(
            digest[0].text.contains("7 more were too many"),
            "{}",
            digest[0].text
        );
    }

    #[test]
    fn a_message_that_was_not_marked_as_sent_is_the_same_when_sent_again() {
        let desk = Desk::new(&WHO, at("08:00:00"));
        let rows = Rows::from([(1, letter(at("10:00:00"), "a", Severity::High))]);
        let first = plan(&desk, &rows, &WHO, ("hub", None), at("10:00:10"))
            .0
            .unwrap();
        let again = plan(&desk, &rows, &WHO, ("hub", None), at("10:05:00"))
            .0
            .unwrap();
        assert_eq!(first.id, again.id);
    }
}
