//! Until when a release is mended by its vendor. A host whose vendor stopped has no missing patch, because
//! no patch is made any more: an auditor without this table calls it clean (trivy's "Total: 0"). The
//! table is data with its date; what is not in it is unknown, never supported.

use std::fmt;
use std::str::FromStr;

/// The day on which the table was made from its sources.
pub const TABLE_DATED: Date = Date(2026, 8, 22);

const TABLE: &str = include_str!("eol.tsv");

/// A day: year, month, day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub u16, pub u8, pub u8);

/// A release and when it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// `debian`, `windows-server`.
    pub id: &'static str,
    /// `12`, `3.19`, `10-22h2`.
    pub version: &'static str,
    /// `bookworm`, where it has one.
    pub codename: Option<&'static str>,
    /// The last day of free security updates.
    pub ends: Date,
    /// The last day of paid or long-term ones, where they exist.
    pub extended: Option<Date>,
}

/// What the table says of a release on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// Mended until that day.
    Until(Date),
    /// Mended until that day for those who pay or whose community does it; free updates have ended.
    ExtendedUntil(Date),
    /// Not mended since that day.
    EndedOn(Date),
    /// Not in the table.
    Unknown,
}

/// What the table says of `id` in `version` on `today`. The version may be longer than the table's:
/// `8.10` is in the row `8`, `3.19.1` in `3.19`.
///
/// ```
/// use pkgdb::eol::{Date, Support, support};
///
/// assert_eq!(support("debian", "12", Date(2026, 11, 1)), Support::ExtendedUntil(Date(2028, 6, 30)));
/// assert_eq!(support("centos", "7.9", Date(2026, 11, 1)), Support::EndedOn(Date(2024, 6, 30)));
/// assert_eq!(support("plan9", "4", Date(2026, 11, 1)), Support::Unknown);
/// ```
pub fn support(id: &str, version: &str, today: Date) -> Support {
    let fits = |row: &Row| {
        row.id == id
            && version
                .strip_prefix(row.version)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    // The longest version that fits: `15.6` before a row `15`.
    let row = rows().filter(fits).max_by_key(|row| row.version.len());
    match row {
        None => Support::Unknown,
        Some(row) if today <= row.ends => Support::Until(row.ends),
        Some(row) => match row.extended {
            Some(extended) if today <= extended => Support::ExtendedUntil(extended),
            Some(extended) => Support::EndedOn(extended.max(row.ends)),
            None => Support::EndedOn(row.ends),
        },
    }
}

/// Every row of the table.
pub fn rows() -> impl Iterator<Item = Row> {
    TABLE.lines().filter_map(|line| {
        let mut fields = line.split('\t');
        let (id, version) = (fields.next()?, fields.next()?);
        let (codename, ends, extended) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Row {
            id,
            version,
            codename: Some(codename).filter(|name| !name.is_empty()),
            ends: ends.parse().ok()?, // ok: because a test reads every line of the table
            extended: extended.parse().ok(), // ok: because empty is none
        })
    })
}

/// Why a text is no [`Date`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a date like 2026-08-22, found {0:?}")]
pub struct NoDate(pub String);

impl FromStr for Date {
    type Err = NoDate;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let mut parts = text.split('-');
            let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
            let date = Self(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?); // ok: because None is refused next
            let real = (1..=12).contains(&date.1) && (1..=31).contains(&date.2);
            (real && parts.next().is_none() && text.len() == 10).then_some(date)
        };
        read().ok_or_else(|| NoDate(text.to_owned()))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_row_of_its_own() {
        let lines = TABLE.lines().filter(|line| !line.starts_with('#'));
        let all: Vec<Row> = rows().collect();
        assert_eq!(all.len(), lines.count());
        for (nth, row) in all.iter().enumerate() {
            let twin = all[..nth]
                .iter()
                .find(|r| (r.id, r.version) == (row.id, row.version));
            assert_eq!(twin, None, "{row:?}");
        }
    }

    #[test]
    fn the_day_after_the_last_is_over() {
        let check = |id: &str, version: &str, today: &str, expected: &str| {
            let support = support(id, version, today.parse().unwrap());
            assert_eq!(format!("{support:?}"), expected, "{id} {version} {today}");
        };
        check("alpine", "3.19.1", "2025-11-01", "Until(Date(2025, 11, 1))");
        check(
            "alpine",
            "3.19.1",
            "2025-11-02",
            "EndedOn(Date(2025, 11, 1))",
        );
        check("alpine", "3.1", "2026-11-02", "EndedOn(Date(2016, 11, 1))");
        check(
            "almalinux",
            "8.10",
            "2026-11-02",
            "Until(Date(2029, 5, 31))",
        );
        check(
            "windows",
            "2000",
            "2026-11-02",
            "EndedOn(Date(2010, 7, 13))",
        );
        check("debian", "120", "2026-11-02", "Unknown");
        assert!("2026-13-01".parse::<Date>().is_err());
        assert!("soon".parse::<Date>().is_err());
    }
}
