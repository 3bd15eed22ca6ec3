//! What hosts are judged by, and how it is named.

use std::collections::BTreeSet;

use cordon_patch::{Feed, Patch};
use cordon_patch_edge::Feeds;

use super::sheets::Sheets;

/// Feeds, policy and sheets.
pub(super) struct Bench {
    pub(super) feeds: Feeds,
    pub(super) patch: Patch,
    pub(super) sheets: Sheets,
}

impl Bench {
    /// What of the feeds could not be read: of that nothing was judged.
    pub(super) fn rejects(&self) -> Vec<String> {
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
    pub(super) fn named(&self) -> String {
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

pub(super) fn feed_plain(feed: &Feed) -> String {
    match feed.dated {
        Some(dated) => format!("{} of {}", feed.name, dated.day()),
        None => format!("{} (undated)", feed.name),
    }
}
