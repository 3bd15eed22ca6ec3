//! The small values that evidence is made of: KB numbers, dates, file versions. Text becomes one of
//! them at the door. A date whose day and month could be swapped is refused rather than guessed: it
//! decides whether a patch is older than the last start.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Number of a Knowledge Base article, Microsoft's name of an update.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Kb(pub(crate) u32);

impl Kb {
    /// A number of four to eight digits; others are none.
    pub fn new(number: u32) -> Option<Self> {
        (1_000..=99_999_999)
            .contains(&number)
            .then_some(Self(number))
    }

    /// The number.
    pub fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Kb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KB{}", self.0)
    }
}

/// A text that is none of the values of this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct ValueError {
    /// What it should have been.
    pub expected: &'static str,
    /// The text that came.
    pub found: String,
}

impl FromStr for Kb {
    type Err = ValueError;

    /// `KB835732`, `Q835732`, `KB 835732` or the bare number.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let bare = text
            .trim()
            .trim_start_matches(['K', 'k', 'B', 'b', 'Q', 'q']);
        let bare = bare.trim_start();
        let digits = bare.len() <= 8 && bare.bytes().all(|byte| byte.is_ascii_digit());
        let number = if digits { bare.parsed() } else { None };
        number.and_then(Self::new).ok_or_else(|| ValueError {
            expected: "a KB number such as KB835732",
            found: text.chars().take(80).collect(),
        })
    }
}

/// Text as a value, where what is no such value is simply none and the caller goes on without it.
pub(crate) trait Parsed {
    fn parsed<T: FromStr>(&self) -> Option<T>;
}

impl Parsed for str {
    fn parsed<T: FromStr>(&self) -> Option<T> {
        // ok: the caller sees that it is none, and the text that was none is of no use to it.
        self.parse().ok()
    }
}

/// Every `KBnnnnnn` and `Qnnnnnn` of a text, in order.
pub(crate) fn kbs_in(text: &str) -> impl Iterator<Item = Kb> + '_ {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let here = at;
            at += 1;
            let bounded = here == 0 || !bytes.get(here - 1).is_some_and(u8::is_ascii_alphanumeric);
            let start = match bytes.get(here).map(u8::to_ascii_uppercase) {
                Some(b'K')
                    if bytes
                        .get(here + 1)
                        .is_some_and(|b| b.eq_ignore_ascii_case(&b'B')) =>
                {
                    here + 2
                }
                Some(b'Q') => here + 1,
                _ => continue,
            };
            let rest = bytes.get(start..).unwrap_or(&[]);
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            if !bounded || !(5..=8).contains(&digits) {
                continue;
            }
            let number = rest
                .iter()
                .take(digits)
                .fold(0_u32, |n, byte| n * 10 + u32::from(byte - b'0'));
            if let Some(kb) = Kb::new(number) {
                at = start + digits;
                return Some(kb);
            }
        }
        None
    })
}

/// The update that an entry of a list of updates names: `KB943729`, and on Vista also `943729`.
pub(crate) fn entry_kb(entry: &str) -> Option<Kb> {
    let bare = || {
        let entry = entry.trim();
        let digits = entry.bytes().all(|byte| byte.is_ascii_digit());
        let number = entry
            .parsed()
            .filter(|_| digits && (5..=8).contains(&entry.len()));
        number.and_then(Kb::new)
    };
    kbs_in(entry).next().or_else(bare)
}

/// A day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Date(u32);

impl Date {
    /// Of year, month and day, if there is such a day.
    pub fn new(year: u32, month: u32, day: u32) -> Option<Self> {
        let plausible =
            (1980..=2200).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
        plausible.then_some(Self(year * 10_000 + month * 100 + day))
    }

    /// Of `20190212` as a number.
    pub fn from_number(number: u32) -> Option<Self> {
        Self::new(number / 10_000, number / 100 % 100, number % 100)
    }

    pub(crate) fn number(self) -> u32 {
        self.0
    }

    /// The second Tuesday of its month: the day on which Microsoft publishes security updates.
    /// What comes on another day came out of band, or is a preview.
    pub fn is_patch_tuesday(self) -> bool {
        let (year, month, day) = (self.0 / 10_000, self.0 / 100 % 100, self.0 % 100);
        // Zeller's congruence: 0 is Saturday, 3 is Tuesday.
        let (y, m) = if month < 3 {
            (year - 1, month + 12)
        } else {
            (year, month)
        };
        let weekday = (day + 13 * (m + 1) / 5 + y + y / 4 - y / 100 + y / 400) % 7;
        weekday == 3 && (8..=14).contains(&day)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:04}-{:02}-{:02}",
            self.0 / 10_000,
            self.0 / 100 % 100,
            self.0 % 100
        )
    }
}

/// A day, and the second of the day where the source said it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stamp {
    /// The day.
    pub date: Date,
    /// Seconds since its midnight, local to the host.
    pub secs: Option<u32>,
}

impl Stamp {
    /// Whether this is certainly later. Two stamps of one day, one of them without an hour, are not.
    pub fn is_after(self, other: Self) -> bool {
        match self.date.cmp(&other.date) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => {
                matches!((self.secs, other.secs), (Some(a), Some(b)) if a > b)
            }
        }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date)?;
        match self.secs {
            Some(secs) => write!(f, " {:02}:{:02}", secs / 3600, secs / 60 % 60),
            None => Ok(()),
        }
    }
}

/// How bad Microsoft calls it, in Microsoft's own words.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub enum Severity {
    /// Low.
    Low,
    /// Moderate.
    Moderate,
    /// Important.
    Important,
    /// Critical: a worm could spread by it without anybody's doing.
    Critical,
}

impl Severity {
    /// By its word; `None` for no word and for one that is not Microsoft's.
    pub fn named(word: &[u8]) -> Option<Self> {
        let words: [(&[u8], Self); 4] = [
            (b"Critical", Self::Critical),
            (b"Important", Self::Important),
            (b"Moderate", Self::Moderate),
            (b"Low", Self::Low),
        ];
        let word = word.trim_ascii();
        let found = words
            .iter()
            .find(|(name, _)| word.eq_ignore_ascii_case(name));
        found.map(|(_, severity)| *severity)
    }
}

/// In which order a file writes day and month.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum DayOrder {
    DayFirst,
    MonthFirst,
    Unknown,
}

impl DayOrder {
    /// What the dates of one file say together: one that has a number over 12 settles all.
    pub(crate) fn of(text: &str) -> Self {
        let (mut day_first, mut month_first) = (0_u32, 0_u32);
        for word in text.split([' ', ',', '\t', '\r', '\n', '"', ';']) {
            let Some([a, b, _]) = three(word) else {
                continue;
            };
            match (a, b) {
                (13..=31, 1..=12) => day_first += 1,
                (1..=12, 13..=31) => month_first += 1,
                _ => {}
            }
        }
        let american = text
            .split([' ', '\r', '\n'])
            .any(|word| matches!(word, "AM" | "PM"));
        match (day_first, month_first) {
            (1.., 0) => Self::DayFirst,
            (0, 1..) => Self::MonthFirst,
            (0, 0) if american => Self::MonthFirst,
            _ => Self::Unknown,
        }
    }
}

/// `a/b/yyyy` as three numbers; `yyyy-mm-dd` is not of this form.
fn three(word: &str) -> Option<[u32; 3]> {
    let mut parts = word.split(['/', '-', '.']).map(Parsed::parsed::<u32>);
    let all = [parts.next()??, parts.next()??, parts.next()??];
    (parts.next().is_none() && (1980..=2200).contains(&all[2])).then_some(all)
}

/// A date, perhaps with a time, as Windows writes it in some language.
pub(crate) fn stamp(text: &str, order: DayOrder) -> Option<Stamp> {
    let mut words = text
        .split([' ', ',', 'T', '\u{a0}'])
        .filter(|word| !word.is_empty());
    let first = words.next()?;
    let date = date_word(first, order)?;
    let rest: Vec<&str> = words.collect();
    let secs = rest
        .first()
        .and_then(|clock| clock_word(clock, rest.get(1).copied()));
    Some(Stamp { date, secs })
}

fn date_word(word: &str, order: DayOrder) -> Option<Date> {
    if word.len() == 8 && word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Date::from_number(word.parsed()?);
    }
    if let Some([a, b, year]) = three(word) {
        let dotted = word.contains('.');
        return match order {
            _ if a == b => Date::new(year, a, b),
            _ if a > 12 => Date::new(year, b, a),
            _ if b > 12 => Date::new(year, a, b),
            DayOrder::MonthFirst if !dotted => Date::new(year, a, b),
            DayOrder::DayFirst => Date::new(year, b, a),
            _ if dotted => Date::new(year, b, a),
            _ => None,
        };
    }
    let mut parts = word.split(['-', '/', '.']).map(Parsed::parsed::<u32>);
    Date::new(parts.next()??, parts.next()??, parts.next()??)
}

fn clock_word(clock: &str, half: Option<&str>) -> Option<u32> {
    let mut parts = clock.split([':', '.']).map(Parsed::parsed::<u32>);
    let (mut hour, minute) = (parts.next()??, parts.next()??);
    let second = parts.next().flatten().unwrap_or(0);
    match half {
        Some("PM") if hour < 12 => hour += 12,
        Some("AM") if hour == 12 => hour = 0,
        _ => {}
    }
    (hour < 24 && minute < 60 && second < 60).then_some(hour * 3600 + minute * 60 + second)
}

/// Version of a file: four numbers, ordered one after the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FileVersion(pub [u32; 4]);

impl FromStr for FileVersion {
    type Err = ValueError;

    /// `5.1.2600.134`, also with text behind it as in `5.1.2600.134 (xpclient.040302-1740)`.
    fn from_str(text: &str) -> Result<Self, ValueError> {
        let error = || ValueError {
            expected: "a file version such as 5.1.2600.134",
            found: text.chars().take(80).collect(),
        };
        let word = text.trim().split([' ', '(']).next().unwrap_or("");
        let mut numbers = [0; 4];
        let mut count = 0;
        for part in word.split('.') {
            let slot = numbers.get_mut(count).ok_or_else(error)?;
            *slot = part.parse().map_err(|_| error())?;
            count += 1;
        }
        if count < 2 {
            return Err(error());
        }
        Ok(Self(numbers))
    }
}

impl fmt::Display for FileVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, build, revision] = self.0;
        write!(f, "{major}.{minor}.{build}.{revision}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kb_numbers_are_found_where_they_stand_alone() {
        let found = |text: &str| kbs_in(text).map(Kb::number).collect::<Vec<_>>();
        assert_eq!(
            found("[01]: KB835732 Q147222 SKB123456 KB12 KB123456789"),
            [835_732, 147_222]
        );
        assert_eq!(found("Package_for_KB4487017~31bf"), [4_487_017]);
        assert_eq!("KB 835732".parse(), Ok(Kb(835_732)));
        assert!("File 1".parse::<Kb>().is_err());
    }

    #[test]
    fn a_date_that_could_be_two_days_is_none() {
        let day = |text, order| stamp(text, order).map(|stamp| stamp.to_string());
        assert_eq!(day("03/05/2019", DayOrder::Unknown), None);
        assert_eq!(
            day("03/05/2019, 21:01:50", DayOrder::DayFirst).unwrap(),
            "2019-05-03 21:01"
        );
        assert_eq!(
            day("3/5/2019, 9:02:31 PM", DayOrder::MonthFirst).unwrap(),
            "2019-03-05 21:02"
        );
        assert_eq!(
            day("30-4-2018, 22:22:37", DayOrder::Unknown).unwrap(),
            "2018-04-30 22:22"
        );
        assert_eq!(
            day("2019-03-07, 17:06:11", DayOrder::Unknown).unwrap(),
            "2019-03-07 17:06"
        );
        assert_eq!(day("29.04.2019", DayOrder::Unknown).unwrap(), "2019-04-29");
    }

    #[test]
    fn patch_tuesday_is_the_second_tuesday() {
        let day = |number| Date::from_number(number).unwrap().is_patch_tuesday();
        assert!(day(20_190_212) && day(20_040_413) && day(20_161_011) && day(20_190_108));
        assert!(!day(20_181_219) && !day(20_190_219) && !day(20_181_220));
    }

    #[test]
    fn versions_compare_by_number_not_by_text() {
        let version = |text: &str| text.parse::<FileVersion>().unwrap();
        assert!(version("5.1.2600.134") < version("5.1.2600.1361 (xpsp2.040109-1800)"));
        assert!("5".parse::<FileVersion>().is_err() && "a.b".parse::<FileVersion>().is_err());
    }
}
