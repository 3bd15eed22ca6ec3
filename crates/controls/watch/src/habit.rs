//! Learned silence: what a source's own past says of when it is due, and when its silence is an alarm.
//!
//! A period that somebody types for each source is wrong for most: an hour raises an alarm every night, a day
//! misses the busy ones. `lib/cadence` learns it; here is what watch remembers of each source, and how the
//! others of the site slow its clock, so that a holiday is no alarm for each of them.

use std::{collections::BTreeMap, str::FromStr};

use cadence::{Cadence, HOUR, Heard, Peer, Recent, Sickness, Sign, Wait, pace};
use cordon_model::{Span, Text, Time, Watched};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::state::Entry;

/// Between two looks at how fast the others run, while one of them waits beyond its own time.
const LOOK: Span = Span::minutes(5);

/// Longest time between two such looks.
const LONGEST: Span = Span::hours(1);

/// What is known of when one source speaks.
#[derive(Clone, Default, PartialEq, Debug, Serialize, Deserialize)]
pub(crate) struct Habit {
    pub(crate) learned: Option<Learned>,
    wait: Option<Wait>,
    recent: Recent,
    /// The running hour, and the one before until it was judged.
    hour: Running,
    ended: Option<Running>,
    sickness: Sickness,
}

/// What was heard in an hour.
#[derive(Clone, Copy, Default, PartialEq, Debug, Serialize, Deserialize)]
struct Running {
    /// Hours since 1970.
    hour: i64,
    lines: u32,
    errors: u32,
    unparsed: u32,
    shapes: u32,
    /// By how much its clock was behind, in seconds, as last heard.
    skew: Option<i64>,
}

/// What was learned.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Learned {
    /// Its cadence.
    Cadence(Box<Cadence>),
    /// Why there is none yet.
    NotYet(Text),
}

impl Learned {
    pub(crate) fn read(text: &Text) -> Self {
        match Cadence::from_str(text.as_str()) {
            Ok(cadence) => Self::Cadence(Box::new(cadence)),
            Err(_) => Self::NotYet(text.clone()), // because whoever learned it says in words why there is none
        }
    }
}

impl Serialize for Learned {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Cadence(cadence) => to.collect_str(cadence),
            Self::NotYet(why) => why.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Learned {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Text::deserialize(from).map(|text| Self::read(&text))
    }
}

fn ms(at: Time) -> i64 {
    i64::try_from(at.millis()).unwrap_or(i64::MAX)
}

fn time(ms: i64) -> Time {
    Time::from_millis(u64::try_from(ms).unwrap_or(0))
}

impl Habit {
    /// Whether an hour ended that is to be judged.
    pub(crate) const fn has_ended(&self) -> bool {
        self.ended.is_some()
    }

    /// It spoke.
    pub(crate) fn hear(&mut self, at: Time, seen: u64, errors: u64) {
        self.recent.hear(ms(at), small(seen));
        self.wait = Some(Wait::since(ms(at)));
        let hour = self.running(at);
        hour.lines = hour.lines.saturating_add(small(seen));
        hour.errors = hour.errors.saturating_add(small(errors));
    }

    /// By how many seconds its clock is behind, as last heard.
    pub(crate) const fn skew(&self) -> Option<i64> {
        self.hour.skew
    }

    /// What its lines looked like.
    pub(crate) fn look(&mut self, at: Time, unparsed: u64, shapes: u32, skew: Option<i64>) {
        let hour = self.running(at);
        hour.unparsed = hour.unparsed.saturating_add(small(unparsed));
        hour.shapes = hour.shapes.max(shapes);
        hour.skew = skew.or(hour.skew);
    }

    fn running(&mut self, at: Time) -> &mut Running {
        let hour = ms(at).div_euclid(HOUR);
        if self.hour.hour != hour {
            self.ended = (self.hour.lines > 0).then_some(self.hour);
            self.hour = Running {
                hour,
                skew: self.hour.skew,
                ..Running::default()
            };
        }
        &mut self.hour
    }

    /// Judges the hour that ended, if one did: what is odd about it now, and whether anything still is.
    pub(crate) fn weigh(&mut self, at: Time, pace: f64) -> Option<(Vec<String>, bool)> {
        self.running(at);
        let ended = self.ended.take()?;
        let heard = Heard {
            at: ended.hour.saturating_mul(HOUR),
            lines: ended.lines,
            errors: ended.errors,
            unparsed: ended.unparsed,
            shapes: ended.shapes,
            skew: ended.skew.map(|secs| secs.saturating_mul(-1000)),
            pace,
        };
        let mut sickness = self.sickness;
        let signs = sickness.hear(self.cadence()?, &heard);
        self.sickness = sickness;
        let odd = sickness.is_sick_besides_clock();
        Some((signs.iter().filter_map(told).collect(), odd))
    }

    /// What was learned of it is replaced; `last` is when it last spoke.
    pub(crate) fn learn(&mut self, learned: Learned, last: Time) {
        self.learned = Some(learned);
        self.wait.get_or_insert(Wait::since(ms(last)));
    }

    pub(crate) fn shift(&mut self, span: Span) {
        let by = i64::try_from(span.millis()).unwrap_or(0);
        if let Some(wait) = &mut self.wait {
            wait.last = wait.last.saturating_add(by);
            wait.until = wait.until.saturating_add(by);
        }
    }

    fn cadence(&self) -> Option<&Cadence> {
        match &self.learned {
            Some(Learned::Cadence(cadence)) => Some(cadence),
            Some(Learned::NotYet(_)) | None => None,
        }
    }

    /// Why its silence is not judged.
    pub(crate) fn unjudged(&self) -> Option<&Text> {
        match &self.learned {
            Some(Learned::NotYet(why)) => Some(why),
            Some(Learned::Cadence(_)) | None => None,
        }
    }

    /// When it is due, and when its silence is an alarm if the others keep their pace.
    pub(crate) fn due(&self) -> (Option<Time>, Option<Time>) {
        let Some((cadence, wait)) = self.cadence().zip(self.wait.as_ref()) else {
            return (None, None);
        };
        let alarm = cadence.alarm_after(wait, 1.0).map(time);
        (cadence.expected_by(wait.last).map(time), alarm)
    }

    /// Whether it is silent at `at`, its alarm, and when to look again. None without a cadence.
    pub(crate) fn judge(&mut self, at: Time, pace: f64) -> Option<(bool, Time, Time)> {
        let mut wait = self.wait?;
        let cadence = self.cadence()?;
        wait.pass(cadence, ms(at), pace);
        let never = at + Span::days(3650);
        let alarm = cadence.alarm_after(&wait, pace).map_or(never, time);
        let earliest = cadence.alarm_after(&wait, 1.0).map_or(never, time);
        let again = alarm.min(earliest.max(at + LOOK)).min(at + LONGEST);
        self.wait = Some(wait);
        Some((alarm <= at, alarm, again))
    }

    /// When to look at it without knowing the pace of the others: no alarm is before that.
    pub(crate) fn look_at(&self) -> Option<Time> {
        self.due().1
    }
}

/// A sign in words; none for a clock that is off, which has rules of its own that need no learning.
fn told(sign: &Sign) -> Option<String> {
    let percent = |share: f64| format!("{:.0} %", share * 100.0);
    Some(match sign {
        Sign::Fewer { lines, expected } => {
            format!("{lines:.0} lines where {expected:.0} are usual")
        }
        Sign::Errors { share, usual } => format!(
            "{} errors where {} are usual",
            percent(*share),
            percent(*usual)
        ),
        Sign::Unread { share, usual } => {
            format!(
                "{} of its lines cannot be read where {} is usual",
                percent(*share),
                percent(*usual)
            )
        }
        Sign::Skew { .. } => return None,
        Sign::Boilerplate { shapes, usual } => {
            format!("only {shapes} kinds of line where at least {usual} are usual")
        }
    })
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// How fast the clock of each office-shaped source runs at `at`, by what the others did in the last hours.
pub(crate) fn paces(entries: &BTreeMap<Watched, Entry>, at: Time) -> BTreeMap<Watched, f64> {
    let peers: Vec<(&Watched, Peer)> = entries
        .iter()
        .filter_map(|(of, entry)| {
            let cadence = entry.habit.cadence();
            let cadence = cadence.filter(|cadence| cadence.is_office_shaped())?;
            Some((of, entry.habit.recent.against(cadence, ms(at))?))
        })
        .collect();
    let of_others = |me: &Watched| {
        let others = peers
            .iter()
            .filter(|(of, _)| *of != me)
            .map(|(_, seen)| *seen);
        pace(&others.collect::<Vec<_>>())
    };
    peers
        .iter()
        .map(|(of, _)| ((*of).clone(), of_others(of)))
        .collect()
}
