//! Times as logs write them. A date without a year is the last such date that is at most a day after
//! the file was written; a time without a zone is in the zone that the caller names, and says so.

/// A time that an event tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    /// Milliseconds since 1970, UTC.
    pub millis: i64,
    /// Whether its zone was written; else it is [`crate::Options::minutes_east`].
    pub zoned: bool,
}

const DAY_MILLIS: i64 = 86_400_000;

/// Characters of a line in which its time begins.
const HEAD_CHARS: usize = 96;

/// Years that are tried for a date without one: enough for a 29 February across 2100.
const YEARS_TRIED: i64 = 9;

/// Where times without year or zone are.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Around {
    pub(crate) millis: Option<i64>,
    pub(crate) minutes_east: i16,
}

/// Reads pieces of a time from the front of a text.
#[derive(Clone, Copy)]
pub(crate) struct Cursor<'t> {
    pub(crate) rest: &'t str,
}

impl<'t> Cursor<'t> {
    pub(crate) fn new(rest: &'t str) -> Self {
        Self { rest }
    }

    /// A number of `least` to `most` digits.
    pub(crate) fn digits(&mut self, least: usize, most: usize) -> Option<i64> {
        let count = self
            .rest
            .bytes()
            .take(most)
            .take_while(u8::is_ascii_digit)
            .count();
        let (digits, rest) = self.rest.split_at_checked(count)?;
        if count < least {
            return None;
        }
        self.rest = rest;
        digits.parse().ok() // ok: because digits of more than an i64 are no time
    }

    pub(crate) fn skip(&mut self, any: &[char]) -> Option<char> {
        let first = self
            .rest
            .chars()
            .next()
            .filter(|first| any.contains(first))?;
        self.rest = self.rest.get(first.len_utf8()..)?;
        Some(first)
    }

    /// `12:34:56` with an optional fraction, in milliseconds of the day.
    pub(crate) fn clock(&mut self) -> Option<i64> {
        let hour = self.digits(1, 2)?;
        self.skip(&[':'])?;
        let minute = self.digits(2, 2)?;
        let second = match self.skip(&[':']) {
            Some(_) => self.digits(2, 2)?,
            None => 0,
        };
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let mut millis = 0;
        let mut after = *self;
        if after.skip(&['.', ',']).is_some() && after.rest.starts_with(|c: char| c.is_ascii_digit())
        {
            let count = after.rest.bytes().take_while(u8::is_ascii_digit).count();
            let (fraction, rest) = after.rest.split_at_checked(count)?;
            for place in 0..3 {
                let digit = fraction
                    .as_bytes()
                    .get(place)
                    .map_or(0, |byte| i64::from(byte - b'0'));
                millis = millis * 10 + digit;
            }
            self.rest = rest;
        }
        Some(((hour * 60 + minute) * 60 + second) * 1000 + millis)
    }

    /// `Z`, `+02:00` or `-0700`, in milliseconds east; nothing where none follows.
    pub(crate) fn zone(&mut self) -> Option<i64> {
        let mut after = *self;
        let sign = match after.skip(&['Z', 'z', '+', '-'])? {
            '+' => 1,
            '-' => -1,
            _ => 0,
        };
        let mut minutes = 0;
        if sign != 0 {
            let hours = after.digits(2, 2)?;
            after.skip(&[':']);
            minutes = hours * 60 + after.digits(2, 2)?;
        }
        *self = after;
        Some(sign * minutes * 60_000)
    }
}

impl Around {
    pub(crate) fn local(self, millis: i64) -> Stamp {
        Stamp {
            millis: millis - i64::from(self.minutes_east) * 60_000,
            zoned: false,
        }
    }

    fn with_zone(self, millis: i64, zone: Option<i64>) -> Stamp {
        match zone {
            Some(east) => Stamp {
                millis: millis - east,
                zoned: true,
            },
            None => self.local(millis),
        }
    }

    /// `2026-04-17T05:24:53.092Z` and its kin, at the front of the text; the rest is what follows.
    pub(crate) fn iso(self, text: &str) -> Option<(Stamp, &str)> {
        let mut at = Cursor::new(text);
        let year = at.digits(4, 4)?;
        let separator = at.skip(&['-', '/'])?;
        let month = at.digits(1, 2)?;
        at.skip(&[separator])?;
        let day = at.digits(1, 2)?;
        at.skip(&['T', 't', ' '])?;
        at.skip(&[' ']);
        let clock = at.clock()?;
        let millis = day_millis(year, month, day)? + clock;
        let mut spaced = at;
        let zone = at.zone().or_else(|| {
            spaced.skip(&[' '])?;
            if let Some(rest) = spaced.rest.strip_prefix("UTC") {
                at.rest = rest;
                return Some(0);
            }
            let numeric = spaced.rest.starts_with(['+', '-']);
            let zone = spaced.zone().filter(|_| numeric)?;
            at = spaced;
            Some(zone)
        });
        Some((self.with_zone(millis, zone), at.rest))
    }

    /// `Jan  3 13:45:36`, with a year or without, at the front of the text.
    pub(crate) fn bsd(self, text: &str) -> Option<(Stamp, &str)> {
        let (name, rest) = text.split_at_checked(3)?;
        let month = month(name)?;
        let mut at = Cursor::new(rest.strip_prefix(' ')?.trim_start());
        let day = at.digits(1, 2)?;
        at.skip(&[' '])?;
        let mut year = None;
        let mut dated = at;
        if let Some(written) = dated.digits(4, 4)
            && dated.skip(&[' ']).is_some()
        {
            (year, at) = (Some(written), dated);
        }
        let clock = at.clock()?;
        if year.is_none() {
            let mut dated = at;
            dated.skip(&[' ']);
            if let Some(written) = dated
                .digits(4, 4)
                .filter(|year| (1970..2200).contains(year))
                && dated.rest.starts_with([' ', ':'])
            {
                (year, at) = (Some(written), dated);
            }
        }
        let zone = at.zone();
        let millis = match year {
            Some(year) => day_millis(year, month, day)? + clock,
            None => self.yearless(month, day, clock)?,
        };
        Some((self.with_zone(millis, zone), at.rest))
    }

    fn yearless(self, month: i64, day: i64, clock: i64) -> Option<i64> {
        let latest = self.millis? + DAY_MILLIS;
        let last = year_of(latest + DAY_MILLIS);
        (0..YEARS_TRIED).find_map(|back| {
            let millis = day_millis(last - back, month, day)? + clock;
            (self.local(millis).millis <= latest).then_some(millis)
        })
    }

    /// `10/Oct/2000:13:55:36 -0700` of Apache and nginx, `10-Oct-2000 13:55:36` of BIND.
    pub(crate) fn clf(self, text: &str) -> Option<Stamp> {
        let mut at = Cursor::new(text);
        let day = at.digits(1, 2)?;
        let separator = at.skip(&['/', '-'])?;
        let (name, rest) = at.rest.split_at_checked(3)?;
        at.rest = rest;
        at.skip(&[separator])?;
        let year = at.digits(4, 4)?;
        at.skip(&[':', ' '])?;
        let clock = at.clock()?;
        at.skip(&[' ']);
        let zone = at.zone();
        Some(self.with_zone(day_millis(year, month(name)?, day)? + clock, zone))
    }

    /// The first time in the head of a line.
    pub(crate) fn find(self, line: &str) -> Option<Stamp> {
        let mut before = ' ';
        for (at, c) in line.char_indices().take(HEAD_CHARS) {
            if c.is_ascii_alphanumeric()
                && !before.is_ascii_alphanumeric()
                && let Some(rest) = line.get(at..)
            {
                let iso = self.iso(rest).map(|(stamp, _)| stamp);
                let found = iso
                    .or_else(|| self.bsd(rest).map(|(stamp, _)| stamp))
                    .or_else(|| self.clf(rest));
                if found.is_some() {
                    return found;
                }
            }
            before = c;
        }
        None
    }

    /// Whatever a field of a time holds: a date, or seconds to nanoseconds since 1970.
    pub(crate) fn any(self, text: &str) -> Option<Stamp> {
        let text = text.trim();
        if text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            return epoch(text);
        }
        let iso = self.iso(text).map(|(stamp, _)| stamp);
        iso.or_else(|| self.bsd(text).map(|(stamp, _)| stamp))
            .or_else(|| self.clf(text))
    }
}

/// Seconds, milliseconds, microseconds or nanoseconds since 1970, by their size.
pub(crate) fn epoch(text: &str) -> Option<Stamp> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let number: i64 = whole.parse().ok()?; // ok: because what is no number is no time
    let millis = match whole.len() {
        9..=10 => {
            let mut millis = number * 1000;
            for (place, scale) in [100, 10, 1].into_iter().enumerate() {
                let digit = fraction
                    .as_bytes()
                    .get(place)
                    .filter(|byte| byte.is_ascii_digit());
                millis += digit.map_or(0, |byte| i64::from(byte - b'0') * scale);
            }
            millis
        }
        12..=13 => number,
        15..=16 => number / 1000,
        18..=19 => number / 1_000_000,
        _ => return None,
    };
    Some(Stamp {
        millis,
        zoned: true,
    })
}

fn month(name: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let at = MONTHS
        .iter()
        .position(|month| month.eq_ignore_ascii_case(name))?;
    i64::try_from(at + 1).ok() // ok: because there are twelve
}

/// Midnight of a day, in milliseconds since 1970; none if there is no such day.
pub(crate) fn day_millis(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let longest = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=longest).contains(&day) || !(1601..=9999).contains(&year) {
        return None;
    }
    // Days from civil, Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    Some(days * DAY_MILLIS)
}

fn year_of(millis: i64) -> i64 {
    let mut year = 1970 + millis.div_euclid(DAY_MILLIS) / 366;
    while day_millis(year + 1, 1, 1).is_some_and(|begin| begin <= millis) {
        year += 1;
    }
    year
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 January 2026, ten past midnight.
    const AROUND: i64 = 1_767_226_200_000;

    fn check(text: &str, minutes_east: i16, millis: Option<i64>) {
        let around = Around {
            millis: Some(AROUND),
            minutes_east,
        };
        assert_eq!(around.any(text).map(|stamp| stamp.millis), millis, "{text}");
    }

    #[test]
    fn times_of_all_kinds() {
        check("2026-01-01T00:10:00Z", 0, Some(AROUND));
        check("2026-01-01 01:10:00.5+01:00", 0, Some(AROUND + 500));
        check("2026-01-01 01:10:00", 60, Some(AROUND));
        check("2026-01-01 00:10:00 UTC", 60, Some(AROUND));
        check("01/Jan/2026:01:10:00 +0100", 0, Some(AROUND));
        check("1767226200", 0, Some(AROUND));
        check("1767226200.25", 0, Some(AROUND + 250));
        check("1767226200000", 0, Some(AROUND));
        check("1767226200000000", 0, Some(AROUND));
        check("2026-02-30 01:10:00", 0, None);
        check("2026-01-01", 0, None);
        check("", 0, None);
    }

    #[test]
    fn a_date_without_year_is_at_most_a_day_ahead() {
        check("Jan  1 00:10:00", 0, Some(AROUND));
        check("Jan  1 02:10:00", 120, Some(AROUND));
        check("Dec 31 00:10:00", 0, Some(AROUND - DAY_MILLIS));
        check("Jan  2 00:10:00", 0, Some(AROUND + DAY_MILLIS));
        check("Jan  2 00:10:01", 0, Some(AROUND + 1000 - 364 * DAY_MILLIS));
        check("Dec 28 2008 16:49:07", 0, Some(1_230_482_947_000));
        check("Feb 29 12:00:00", 0, Some(1_709_208_000_000));
        let nowhen = Around::default();
        assert_eq!(nowhen.any("Jan  1 00:10:00"), None);
    }
}
