//! Parts of a date, as it is written: no zone is applied, as the specification says.

/// A part of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// 0 to 59.
    Minute,
    /// 0 to 23.
    Hour,
    /// 1 to 31, of the month.
    Day,
    /// 1 to 53, of ISO 8601.
    Week,
    /// 1 to 12.
    Month,
    /// The year.
    Year,
}

impl Part {
    /// The part of `text`, which is `YYYY-MM-DD`, then `T` or a space and `HH:MM`; or seconds or
    /// milliseconds since 1970 in UTC. None if it is no date, or has no time where one is asked.
    pub fn of(self, text: &str) -> Option<i64> {
        let (date, time) = read(text).or_else(|| epoch(text))?;
        let (year, month, day) = date;
        Some(match self {
            Self::Minute => time?.1,
            Self::Hour => time?.0,
            Self::Day => day,
            Self::Week => week(year, month, day),
            Self::Month => month,
            Self::Year => year,
        })
    }
}

type Date = (i64, i64, i64);

fn read(text: &str) -> Option<(Date, Option<(i64, i64)>)> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        let all = digits.bytes().all(|byte| byte.is_ascii_digit());
        all.then(|| digits.parse().ok())? // ok: because digits of this length are a number
    };
    let sign = |at: usize| text.as_bytes().get(at).copied();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let split = matches!(sign(4), Some(b'-' | b'/')) && sign(7) == sign(4);
    if !split || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    let time = (matches!(sign(10), Some(b'T' | b' ')) && sign(13) == Some(b':'))
        .then(|| Some((number(11, 13)?, number(14, 16)?)))
        .flatten()
        .filter(|(hour, minute)| *hour < 24 && *minute < 60);
    Some(((year, month, day), time))
}

fn epoch(text: &str) -> Option<(Date, Option<(i64, i64)>)> {
    const MILLIS_FROM: i64 = 100_000_000_000;
    const MOST_MILLIS: i64 = 253_402_300_799_999;
    let number: f64 = text.parse().ok()?; // ok: because what is no number is no time
    if !(0.0..=MOST_MILLIS as f64).contains(&number) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        reason = "its range was just checked"
    )]
    let number = number as i64;
    let seconds = if number >= MILLIS_FROM {
        number / 1000
    } else {
        number
    };
    let minutes = seconds.rem_euclid(86_400) / 60;
    Some((
        civil(seconds.div_euclid(86_400)),
        Some((minutes / 60, minutes % 60)),
    ))
}

fn leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970, by Howard Hinnant's `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse, `civil_from_days`.
fn civil(days: i64) -> Date {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// The week of ISO 8601: that of the Thursday of the same week.
fn week(year: i64, month: i64, day: i64) -> i64 {
    let days = days(year, month, day);
    let thursday = days - (days + 3).rem_euclid(7) + 3;
    let (year, _, _) = civil(thursday);
    (thursday - self::days(year, 1, 1)) / 7 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_as_written() {
        use Part::*;
        for (text, part, value) in [
            ("2026-04-17T05:24:53.092051Z", Hour, Some(5)),
            ("2026-04-17 05:24:53.079", Minute, Some(24)),
            ("2026-04-17T05:24:53+02:00", Hour, Some(5)),
            ("2026-04-17", Day, Some(17)),
            ("2026-04-17", Hour, None),
            ("2026/04/17 22:00:00", Month, Some(4)),
            ("2021-01-03", Week, Some(53)),
            ("2024-12-30", Week, Some(1)),
            ("2026-11-25", Week, Some(48)),
            ("1776403493", Year, Some(2026)),
            ("1776403493092", Hour, Some(5)),
            ("2026-02-30", Day, None),
            ("yesterday", Day, None),
            ("", Year, None),
        ] {
            assert_eq!(part.of(text), value, "{part:?} {text}");
        }
    }
}
