//! Points and lengths of time. A judge sees no clock, only [`Time`] values that arrive with events.

use std::{
    fmt,
    ops::{Add, Sub},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00:00Z. People and JSON see RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

/// A length of time in milliseconds, never negative. People write `90s`, `5m`, `2h`, `7d`, `250ms`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span(u64);

/// Why a text is not a time or a length of time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Not RFC 3339 in UTC.
    #[error("expected a time such as 2004-05-03T08:00:00Z, got `{0}`")]
    NotATime(String),
    /// Not a number with a unit.
    #[error("expected a length of time such as 90s, 5m, 2h or 7d, got `{0}`")]
    NotASpan(String),
    /// A length of time below zero.
    #[error("expected a length of time of zero or more, got the negative `{0}`")]
    Negative(String),
}

const SECOND: u64 = 1000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

impl Time {
    /// From milliseconds since the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the epoch.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// The length of time from `earlier` to here; zero if `earlier` is in fact later.
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// From a civil date and a time of day in UTC. `None` if there is no such moment after 1970.
    ///
    /// Days from civil after Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013).
    pub fn from_civil(date: (i64, u64, u64), clock: (u64, u64, u64)) -> Option<Self> {
        let (year, month, day) = date;
        let (hour, minute, second) = clock;
        let sane = (1970..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second <= 60; // a leap second is the first second of the next minute
        if !sane {
            return None;
        }
        let shifted = if month <= 2 { year - 1 } else { year };
        let era = shifted.div_euclid(400);
        let year_of_era = shifted.rem_euclid(400);
        let month_from_march = (month + 9) % 12;
        // ok: because it is at most 366
        let day_of_year = i64::try_from((153 * month_from_march + 2) / 5 + day - 1).ok()?;
        let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
        // ok: because `None` is the answer for what lies before 1970
        let days = u64::try_from(era * 146_097 + day_of_era - 719_468).ok()?;
        Some(Self(
            days * DAY + hour * HOUR + minute * MINUTE + second * SECOND,
        ))
    }

    /// Year, month and day in UTC; the inverse of [`Time::from_civil`], from the same source.
    pub fn civil(self) -> (u64, u64, u64) {
        let shifted = self.0 / DAY + 719_468;
        let era = shifted / 146_097;
        let day_of_era = shifted % 146_097;
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        (year_of_era + era * 400 + u64::from(month <= 2), month, day)
    }

    /// The number of a month by its English abbreviation, as in RFC 3164 and RFC 5322: `May` is 5.
    pub fn month(name: &str) -> Option<u64> {
        const MONTHS: [&str; 12] = [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ];
        (1..)
            .zip(MONTHS)
            .find_map(|(number, month)| (month == name).then_some(number))
    }

    /// The day alone, `2026-11-23`.
    pub fn day(self) -> String {
        let (year, month, day) = self.civil();
        format!("{year:04}-{month:02}-{day:02}")
    }

    /// The time of day alone, `17:31`, in UTC.
    pub fn hour_minute(self) -> String {
        let of_day = self.0 % DAY;
        format!("{:02}:{:02}", of_day / HOUR, of_day % HOUR / MINUTE)
    }
}

const fn days_in(year: i64, month: u64) -> u64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl Span {
    /// From milliseconds.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From whole seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(secs * SECOND)
    }

    /// From whole minutes.
    pub const fn minutes(minutes: u64) -> Self {
        Self(minutes * MINUTE)
    }

    /// From whole hours.
    pub const fn hours(hours: u64) -> Self {
        Self(hours * HOUR)
    }

    /// From whole days.
    pub const fn days(days: u64) -> Self {
        Self(days * DAY)
    }

    /// Milliseconds.
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// For a tired reader: `4 s`, `12 min`, `3 h`, `187 days`. Rounded down.
    pub fn plain(self) -> String {
        match self.0 {
            0..MINUTE => format!("{} s", self.0 / SECOND),
            MINUTE..HOUR => format!("{} min", self.0 / MINUTE),
            HOUR..DAY => format!("{} h", self.0 / HOUR),
            _ if self.0 / DAY == 1 => "1 day".to_owned(),
            _ => format!("{} days", self.0 / DAY),
        }
    }
}

impl Add<Span> for Time {
    type Output = Self;
    fn add(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Time {
    type Output = Self;
    fn sub(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of_day = self.0 % DAY;
        let (hour, minute) = (of_day / HOUR, of_day % HOUR / MINUTE);
        write!(
            f,
            "{}T{hour:02}:{minute:02}:{:02}",
            self.day(),
            of_day % MINUTE / SECOND
        )?;
        match of_day % SECOND {
            0 => f.write_str("Z"),
            millis => write!(f, ".{millis:03}Z"),
        }
    }
}

impl FromStr for Time {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        parse_rfc3339_utc(text).ok_or_else(|| TimeError::NotATime(text.to_owned()))
    }
}

fn parse_rfc3339_utc(text: &str) -> Option<Time> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.splitn(3, '-');
    let year = i64::try_from(digits(date.next()?, 4)?).ok()?; // ok: because `None` is the answer
    let (month, day) = (digits(date.next()?, 2)?, digits(date.next()?, 2)?);
    let (clock, millis) = match clock.split_once('.') {
        Some((clock, fraction)) => (clock, digits(fraction, 3)?),
        None => (clock, 0),
    };
    let mut clock = clock.splitn(3, ':');
    let (hour, minute) = (digits(clock.next()?, 2)?, digits(clock.next()?, 2)?);
    let second = digits(clock.next()?, 2)?;
    Some(Time::from_civil((year, month, day), (hour, minute, second))? + Span::from_millis(millis))
}

fn digits(text: &str, width: usize) -> Option<u64> {
    let right = text.len() == width && text.bytes().all(|b| b.is_ascii_digit());
    if right { text.parse().ok() } else { None } // ok: because `None` is the answer
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (unit, name) in [(DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s")] {
            if self.0 >= unit && self.0.is_multiple_of(unit) {
                return write!(f, "{}{name}", self.0 / unit);
            }
        }
        if self.0 == 0 {
            f.write_str("0s")
        } else {
            write!(f, "{}ms", self.0)
        }
    }
}

impl FromStr for Span {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        if text.starts_with('-') {
            return Err(TimeError::Negative(text.to_owned()));
        }
        let cut = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (number, unit) = text.split_at(cut);
        let unit = match unit {
            "ms" => 1,
            "s" => SECOND,
            "m" => MINUTE,
            "h" => HOUR,
            "d" => DAY,
            _ => return Err(TimeError::NotASpan(text.to_owned())),
        };
        let span = number.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)); // ok: because the next line says so
        span.map(Self)
            .ok_or_else(|| TimeError::NotASpan(text.to_owned()))
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! text_for_people_number_for_machines {
    ($($name:ident)*) => {$(
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                if to.is_human_readable() { to.collect_str(self) } else { to.serialize_u64(self.0) }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                if from.is_human_readable() {
                    let text = String::deserialize(from)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    u64::deserialize(from).map(Self)
                }
            }
        }
    )*};
}

text_for_people_number_for_machines!(Time Span);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip_through_text() {
        for text in [
            "1970-01-01T00:00:00Z",
            "2000-02-29T23:59:59.999Z",
            "2004-05-03T08:00:00Z",
            "2026-11-23T17:31:04Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(text.parse::<Time>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        for day in 0..146_097 {
            let time = Time(day * DAY);
            let (year, month, of_month) = time.civil();
            let year = i64::try_from(year).unwrap();
            assert_eq!(
                Time::from_civil((year, month, of_month), (0, 0, 0)),
                Some(time)
            );
        }
    }

    #[test]
    fn bad_times_and_spans_say_what_came() {
        for text in [
            "",
            "2004-05-03",
            "2004-02-30T00:00:00Z",
            "2004-05-03T24:00:00Z",
            "2004-5-3T0:0:0Z",
        ] {
            assert_eq!(
                text.parse::<Time>(),
                Err(TimeError::NotATime(text.to_owned()))
            );
        }
        for text in ["", "5", "m", "5 m", "5y", "99999999999999999999d"] {
            assert_eq!(
                text.parse::<Span>(),
                Err(TimeError::NotASpan(text.to_owned()))
            );
        }
        assert_eq!(
            "-5m".parse::<Span>(),
            Err(TimeError::Negative("-5m".to_owned()))
        );
        for text in ["0s", "250ms", "90s", "5m", "2h", "7d"] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), text);
        }
    }
}
