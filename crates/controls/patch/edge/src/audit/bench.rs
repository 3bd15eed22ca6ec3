//! What hosts are judged by, and how it is named.

use std::collections::BTreeSet;

use cordon_model::{Span, Time};
use cordon_patch::{Feed, Patch, Requirement};

use super::{deployer::Words, row::Line, sheets::Sheets};
use crate::Feeds;

/// Feeds, policy and sheets, on one day.
#[derive(Debug)]
pub struct Bench {
    /// The advisories.
    pub feeds: Feeds,
    /// Debian's indexes and the policy.
    pub patch: Patch,
    /// The administrator's own sheets.
    pub sheets: Sheets,
    /// Every row of them, and of the policy.
    pub asked: Vec<Requirement>,
    /// What deployment tools say.
    pub words: Words,
    /// The day.
    pub now: Time,
    /// A feed that bears an older date than this says nothing that is green.
    pub feed_age: Span,
}

impl Bench {
    /// All of it together.
    pub fn new(feeds: Feeds, patch: Patch, sheets: Sheets, now: Time, feed_age: Span) -> Self {
        let mut asked = sheets.requirements(&feeds);
        asked.extend(patch.requirements().iter().cloned());
        Self {
            feeds,
            patch,
            sheets,
            asked,
            words: Words::default(),
            now,
            feed_age,
        }
    }

    /// Whether a feed that bears this day is too old. One that bears none is not judged, and is told as undated.
    pub fn is_old(&self, day: Option<&str>) -> bool {
        // ok: because a day that is none cannot be judged
        let dated = day.and_then(|day| format!("{day}T23:59:59Z").parse::<Time>().ok());
        dated.is_some_and(|dated| self.now.since(dated) > self.feed_age)
    }

    /// Whether Microsoft's feed is too old.
    pub(super) fn is_old_windows(&self) -> bool {
        let span = self.feeds.windows.as_ref().and_then(winaudit::Feed::span);
        span.is_some_and(|span| self.is_old(Some(&span.newest.to_string())))
    }

    /// The feeds that are too old, with their day.
    pub fn old(&self) -> Vec<(String, String)> {
        let debian = self.patch.feeds().iter();
        let debian = debian.filter_map(|feed| Some((feed.name.to_string(), feed.dated?.day())));
        let indexed = self.feeds.indexed.iter();
        let indexed = indexed.filter_map(|feed| Some((feed.name.clone(), feed.dated.clone()?)));
        let oval = self.feeds.oval.iter();
        let oval = oval.filter_map(|(name, oval)| Some((name.clone(), oval.dated.clone()?)));
        let windows = self.feeds.windows.as_ref().and_then(winaudit::Feed::span);
        let windows =
            windows.map(|span| ("updates of Microsoft".to_owned(), span.newest.to_string()));
        let all = debian.chain(indexed).chain(oval).chain(windows);
        all.filter(|(_, day)| self.is_old(Some(day))).collect()
    }

    /// What holds for every row, whoever made it.
    pub(super) fn mark(&self, line: &mut Line) {
        if line.in_baseline.is_none() && !self.sheets.is_empty() && line.feed.is_some() {
            line.in_baseline = Some(self.sheets.ask_for_package(&line.package));
        }
        line.exploited |= self.is_exploited(line.cves.iter().map(String::as_str));
    }

    /// Whether one of these is known to be exploited.
    pub(super) fn is_exploited<'c>(&self, mut cves: impl Iterator<Item = &'c str>) -> bool {
        let kev = self.feeds.kev.as_ref();
        kev.is_some_and(|kev| cves.any(|cve| kev.known.contains_key(cve)))
    }

    /// What of the feeds could not be read: of that nothing was judged.
    pub fn rejects(&self) -> Vec<String> {
        let told = |name: &str, rejected: u64, first: Option<String>| {
            let first = first.map_or_else(String::new, |why| format!(", the first: {why}"));
            (rejected > 0).then(|| format!("{name}: {rejected} entries could not be read{first}"))
        };
        let Feeds {
            windows,
            indexed,
            kev,
            ..
        } = &self.feeds;
        let indexed = indexed
            .iter()
            .map(|feed| told(&feed.name, feed.rejected, feed.reasons.first().cloned()));
        let windows = windows.iter().map(|feed| {
            let first = feed.counts.rejects.first();
            let first = first.map(|(line, _)| format!("in line {line}"));
            let rejected = u64::try_from(feed.counts.rejected).unwrap_or(u64::MAX);
            told("updates of Microsoft", rejected, first)
        });
        let kev = kev.iter().map(|kev| {
            told(
                "exploited vulnerabilities",
                kev.rejected,
                kev.reasons.first().cloned(),
            )
        });
        indexed.chain(windows).chain(kev).flatten().collect()
    }

    /// Every feed and sheet with its date.
    pub fn named(&self) -> String {
        let dated = |name: &str, day: Option<&str>| match day {
            Some(day) => format!("{name} of {day}"),
            None => format!("{name} (undated)"),
        };
        let Feeds {
            windows,
            indexed,
            oval,
            bulletins,
            ..
        } = &self.feeds;
        let mut all: Vec<String> = self.patch.feeds().iter().map(feed_plain).collect();
        all.extend(
            indexed
                .iter()
                .map(|feed| dated(&feed.name, feed.dated.as_deref())),
        );
        all.extend(
            oval.iter()
                .map(|(name, oval)| dated(name, oval.dated.as_deref())),
        );
        if let Some(feed) = windows {
            all.push(match feed.span() {
                Some(span) => format!(
                    "updates of Microsoft from {} to {}",
                    span.oldest, span.newest
                ),
                None => "updates of Microsoft (undated)".to_owned(),
            });
        }
        all.extend(bulletins.iter().map(|bulletin| bulletin.id.clone()));
        all.extend(self.sheets.names());
        let mut seen = BTreeSet::new();
        all.retain(|name| seen.insert(name.clone()));
        if all.is_empty() {
            "nothing: no feed was given that speaks of them".to_owned()
        } else {
            all.join(", ")
        }
    }
}

/// A feed with its date.
pub fn feed_plain(feed: &Feed) -> String {
    match feed.dated {
        Some(dated) => format!("{} of {}", feed.name, dated.day()),
        None => format!("{} (undated)", feed.name),
    }
}
