//! A cadence as one line of printable ASCII, so that it can be stored, compared and read by eye:
//!
//! `1 <168 rates> z=20.9 due=0.83 of=77220/60 fa=0.02 office=y utc=2 lines=<48 means>:2.1:10.5
//! err=0.004:80:10.5 odd=- shapes=12:40`
//!
//! The rates go from Monday 00:00 on, `.` for none and `0-9A-Za-z` from the least to the most, so a
//! week can be seen. Every number is what is judged with: a line that parses prints itself again,
//! to the byte, and every other text is refused.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    Cadence, HOUR,
    baseline::{Baseline, Shapes, Share},
    week::Week,
};

/// Most bytes of a line.
pub const MAX_BYTES: usize = 400;

/// The version that this crate writes and reads.
const VERSION: &str = "1";

/// Why a text is no cadence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// Longer than [`MAX_BYTES`].
    #[error("expected at most {MAX_BYTES} bytes, got {0}")]
    TooLong(usize),
    /// Of another version.
    #[error("expected a cadence of version {VERSION}, got version `{0}`")]
    Version(String),
    /// A field is missing, or is not as this crate writes it.
    #[error("expected {0}")]
    Field(&'static str),
    /// It is right but not written as this crate writes it.
    #[error("expected each number in its shortest form, and nothing beside")]
    Form,
}

impl fmt::Display for Cadence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{VERSION} {} z={} due={} of={}/{} fa={} office={} utc={}",
            self.week.text(),
            self.threshold,
            self.due,
            self.ticks,
            self.days,
            self.budget,
            if self.office { 'y' } else { 'n' },
            self.week.offset() / HOUR,
        )?;
        let Some(baseline) = &self.baseline else {
            return Ok(());
        };
        write!(f, " lines={}:{}:", baseline.text(), baseline.spread)?;
        match baseline.fewer {
            Some(limit) => write!(f, "{limit}")?,
            None => f.write_str("-")?,
        }
        for (name, share) in [("err", &baseline.errors), ("odd", &baseline.unread)] {
            match share {
                Some(share) => write!(
                    f,
                    " {name}={}:{}:{}",
                    share.usual, share.weight, share.limit
                )?,
                None => write!(f, " {name}=-")?,
            }
        }
        match &baseline.shapes {
            Some(shapes) => write!(f, " shapes={}:{}", shapes.least, shapes.lines),
            None => f.write_str(" shapes=-"),
        }
    }
}

impl FromStr for Cadence {
    type Err = FormError;
    fn from_str(text: &str) -> Result<Self, FormError> {
        if text.len() > MAX_BYTES {
            return Err(FormError::TooLong(text.len()));
        }
        let mut words = text.split(' ');
        let version = words.next().unwrap_or("");
        if version != VERSION {
            return Err(FormError::Version(version.to_owned()));
        }
        let rates = words.next().unwrap_or("");
        let mut field = |name: &'static str| {
            let (key, value) = words.next()?.split_once('=')?;
            (key == name).then_some(value)
        };
        let threshold = ranged(field("z"), 1e-3..=1e3).ok_or(FormError::Field("z=NUMBER"))?;
        let due = ranged(field("due"), 0.0..=1e3).ok_or(FormError::Field("due=NUMBER"))?;
        let (ticks, days) = field("of")
            .and_then(|of| of.split_once('/'))
            .ok_or(FormError::Field("of=TICKS/DAYS"))?;
        let ticks = ticks.parse().map_err(|_| FormError::Field("TICKS"))?;
        let days = days.parse().map_err(|_| FormError::Field("DAYS"))?;
        let budget = ranged(field("fa"), 1e-9..=1e3).ok_or(FormError::Field("fa=NUMBER"))?;
        let office = match field("office") {
            Some("y") => true,
            Some("n") => false,
            _ => return Err(FormError::Field("office=y or office=n")),
        };
        let offset = field("utc")
            .and_then(|hours| hours.parse::<i64>().ok()) // ok: because None is refused below
            .filter(|hours| (-26..=26).contains(hours))
            .ok_or(FormError::Field("utc=HOURS"))?;
        let week = Week::parse(rates, offset * HOUR);
        let week = week.ok_or(FormError::Field("168 rates, not all of them nothing"))?;
        let baseline = match field("lines") {
            Some(lines) => Some(baseline(
                lines,
                [field("err"), field("odd"), field("shapes")],
            )?),
            None => None,
        };
        let new = Self {
            week,
            threshold,
            due,
            ticks,
            days,
            budget,
            office,
            baseline,
        };
        if new.to_string() == text {
            Ok(new)
        } else {
            Err(FormError::Form)
        }
    }
}

fn baseline(lines: &str, [err, odd, shapes]: [Option<&str>; 3]) -> Result<Baseline, FormError> {
    const LINES: FormError = FormError::Field("lines=MEANS:SPREAD:LIMIT");
    let mut parts = lines.splitn(3, ':');
    let levels = parts.next().and_then(Baseline::parse_levels).ok_or(LINES)?;
    let spread = ranged(parts.next(), 0.1..=1e3).ok_or(LINES)?;
    let fewer = match parts.next() {
        Some("-") => None,
        limit => Some(ranged(limit, 1.0..=1e3).ok_or(LINES)?),
    };
    let shapes = match shapes {
        Some("-") => None,
        shapes => {
            let (least, lines) = shapes
                .and_then(|shapes| shapes.split_once(':'))
                .ok_or(FormError::Field("shapes=LEAST:LINES"))?;
            Some(Shapes {
                least: least.parse().map_err(|_| FormError::Field("LEAST"))?,
                lines: lines.parse().map_err(|_| FormError::Field("LINES"))?,
            })
        }
    };
    Ok(Baseline {
        levels,
        spread,
        fewer,
        errors: share(err, "err=SHARE:WEIGHT:LIMIT")?,
        unread: share(odd, "odd=SHARE:WEIGHT:LIMIT")?,
        shapes,
    })
}

fn share(text: Option<&str>, expected: &'static str) -> Result<Option<Share>, FormError> {
    if text == Some("-") {
        return Ok(None);
    }
    let wrong = FormError::Field(expected);
    let mut parts = text.ok_or_else(|| wrong.clone())?.splitn(3, ':');
    Ok(Some(Share {
        usual: ranged(parts.next(), 1e-6..=1.0).ok_or_else(|| wrong.clone())?,
        weight: ranged(parts.next(), 2.0..=1e5).ok_or_else(|| wrong.clone())?,
        limit: ranged(parts.next(), 1.0..=1e3).ok_or(wrong)?,
    }))
}

/// A number in a range, which neither NaN nor infinity is.
fn ranged(text: Option<&str>, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
    let value = text?.parse().ok()?; // ok: because the caller refuses None
    range.contains(&value).then_some(value)
}

impl Serialize for Cadence {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cadence {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
