//! What goes to whom, and when. Pure: rows that wait, what is known of one recipient, and the time go in; at
//! most one message comes out, and what is known once that message was sent.
//!
//! Findings that open within [`SETTLE`] go out together, one message however many they are. A rule that
//! was told speaks again after [`COOL`] at the earliest, unless it got worse. What is beyond the number of a
//! day, what is less severe, and what is over waits for the digest.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::{Severity, Span, Time};
use serde::{Deserialize, Serialize};

use crate::compose;

/// How long the first finding waits for others of its kind.
pub const SETTLE: Span = Span::secs(10);

/// How long a rule that was told is quiet, however many more findings it has.
pub const COOL: Span = Span::hours(1);

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

/// What to send now, and what is known when it was sent. `rows` are those of the outbox, oldest first; `me`
/// is the name of this hub, `url` where its console is.
pub fn plan(
    desk: &Desk,
    rows: &[(u64, Letter)],
    who: &Who,
    (me, url): (&str, Option<&str>),
    now: Time,
) -> (Option<Message>, Desk) {
    let mut next = desk.clone();
    let today = day_of(now);
    if next.day != today {
        (next.day, next.told) = (today, 0);
    }
    next.causes.retain(|_, told| *told + COOL > now);
    for (id, letter) in rows.iter().filter(|(id, _)| *id > desk.upto) {
        next.upto = *id;
        if letter.news != News::Ended && letter.severity >= who.least {
            next.held.insert(*id);
        } else if who.digest_at.is_some() {
            next.digest.insert(*id);
        }
    }
    let ready: Vec<&(u64, Letter)> = rows
        .iter()
        .filter(|(id, letter)| next.held.contains(id) && next.speaks(letter))
        .collect();
    let settled = ready.iter().any(|(_, letter)| letter.at + SETTLE <= now);
    if settled {
        return next.at_once(&ready, who, (me, url), now);
    }
    if let Some(at) = who.digest_at
        && next.digested != today
        && now >= midnight(today) + at
    {
        let waiting: Vec<&Letter> = rows
            .iter()
            .filter(|(id, _)| next.digest.contains(id))
            .map(|(_, letter)| letter)
            .collect();
        let message = compose::digest(&waiting, (me, url), today);
        next.digest.clear();
        next.digested = today;
        return (Some(message), next);
    }
    (None, next)
}

impl Desk {
    fn speaks(&self, letter: &Letter) -> bool {
        letter.news == News::Worse || !self.causes.contains_key(&letter.rule)
    }

    fn at_once(
        mut self,
        ready: &[&(u64, Letter)],
        who: &Who,
        place: (&str, Option<&str>),
        now: Time,
    ) -> (Option<Message>, Self) {
        for (id, _) in ready {
            self.held.remove(id);
        }
        if self.told >= who.a_day {
            self.digest.extend(ready.iter().map(|(id, _)| *id));
            return (None, self);
        }
        self.told += 1;
        for (_, letter) in ready {
            self.causes.insert(letter.rule.clone(), now);
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
            severity,
            title: "unaccounted mail: 14 messages accepted".to_owned(),
            advice: "Look whether it runs.".to_owned(),
            command: None,
            items: vec!["4A0001".to_owned()],
            excerpt: None,
        }
    }

    /// Runs the plan until it has nothing more to say.
    fn all(desk: &mut Desk, rows: &[(u64, Letter)], now: Time) -> Vec<Message> {
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
        let rows: Vec<_> = (1..=500)
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
            rows.iter().all(|(id, _)| !desk.needs(*id)),
            "nothing waits any more"
        );
    }

    #[test]
    fn a_cause_that_was_told_is_quiet_for_an_hour_unless_it_gets_worse() {
        let mut desk = Desk::new(&WHO, at("10:00:00"));
        let mut rows = vec![(1, letter(at("10:00:00"), "a", Severity::High))];
        assert_eq!(all(&mut desk, &rows, at("10:00:10")).len(), 1);
        rows.push((2, letter(at("10:20:00"), "a", Severity::High)));
        assert_eq!(all(&mut desk, &rows, at("10:30:00")), []);
        assert!(desk.needs(2), "it waits, it is not lost");
        let worse = Letter {
            news: News::Worse,
            ..letter(at("10:30:00"), "a", Severity::Critical)
        };
        rows.push((3, worse));
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
        let mut rows = Vec::new();
        let mut sent = Vec::new();
        for id in 1..=7 {
            let now = at("10:00:00") + Span::minutes(id);
            rows.push((id, letter(now, &format!("rule{id}"), Severity::High)));
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
        assert_eq!(all(&mut desk, &[], at("06:59:59")), []);
        let sent = all(&mut desk, &[], at("07:00:00"));
        assert!(sent[0].text.contains("Nothing"), "{}", sent[0].text);
        let late = Desk::new(&WHO, at("09:00:00"));
        assert_eq!(
            plan(&late, &[], &WHO, ("hub", None), at("09:00:01")).0,
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
        let rows = [
            (1, ended),
            (2, letter(at("10:00:00"), "b", Severity::Medium)),
        ];
        assert_eq!(all(&mut desk, &rows, at("12:00:00")), []);
        let sent = all(&mut desk, &rows, at("07:00:00") + Span::days(1));
        assert!(
            sent[0].text.contains("Over") && sent[0].letters.len() == 2,
            "{}",
            sent[0].text
        );
    }

    #[test]
    fn a_message_that_was_not_marked_as_sent_is_the_same_when_sent_again() {
        let desk = Desk::new(&WHO, at("08:00:00"));
        let rows = [(1, letter(at("10:00:00"), "a", Severity::High))];
        let first = plan(&desk, &rows, &WHO, ("hub", None), at("10:00:10"))
            .0
            .unwrap();
        let again = plan(&desk, &rows, &WHO, ("hub", None), at("10:05:00"))
            .0
            .unwrap();
        assert_eq!(first.id, again.id);
    }
}
