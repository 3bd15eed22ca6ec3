//! How bad an advisory is. It orders what is missing and decides nothing else: a fix that is missing is missing, however
//! low somebody scored it.

use std::str::FromStr;

use cvss::Cvss;

use crate::Advisory;

/// How bad, in the four words that vendors and CVSS share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Below 4.0.
    Low,
    /// From 4.0; vendors say *moderate* too.
    Medium,
    /// From 7.0; vendors say *important* too.
    High,
    /// From 9.0.
    Critical,
}

impl Level {
    /// A vendor's word: `Important`, as Red Hat and those after it begin their summaries.
    pub(crate) fn of_word(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "low" => Some(Self::Low),
            "moderate" | "medium" => Some(Self::Medium),
            "important" | "high" => Some(Self::High),
            "critical" => Some(Self::Critical),
            _ => None,
        }
    }

    fn of_vector(vector: &str) -> Option<Self> {
        match Cvss::from_str(vector).ok()?.severity() {
            // ok: because what is no vector says nothing
            cvss::Severity::None => None,
            cvss::Severity::Low => Some(Self::Low),
            cvss::Severity::Medium => Some(Self::Medium),
            cvss::Severity::High => Some(Self::High),
            cvss::Severity::Critical => Some(Self::Critical),
        }
    }
}

/// Whether a vector tells of what a worm needs: over the network, no privileges, nobody who clicks, and something that
/// it may change on the host. CVSS 2 does not tell of users, so by it nothing is.
fn is_wormable(vector: &str) -> bool {
    let Ok(Cvss::CvssV30(_) | Cvss::CvssV31(_) | Cvss::CvssV40(_)) = Cvss::from_str(vector) else {
        return false;
    };
    let value = |metric: &str| {
        let mut parts = vector.split('/').filter_map(|part| part.split_once(':'));
        parts
            .find(|(name, _)| *name == metric)
            .map(|(_, value)| value)
    };
    let needs_nobody = ["PR", "UI"].iter().all(|metric| value(metric) == Some("N"));
    let changes = value("I")
        .or_else(|| value("VI"))
        .is_some_and(|value| value != "N");
    value("AV") == Some("N") && needs_nobody && changes
}

impl Advisory {
    /// Whether one of its vectors tells of what a worm needs (CVSS 3 and 4: `AV:N`, `PR:N`, `UI:N`, and an integrity
    /// that is lost). None where it bears no vector.
    pub fn wormable(&self) -> Option<bool> {
        (!self.vectors.is_empty()).then(|| self.vectors.iter().any(|one| is_wormable(one)))
    }

    /// How bad its vectors say that it is, the worst of them; else the vendor's word.
    pub fn level(&self) -> Option<Level> {
        let by_vector = self.vectors.iter().filter_map(|one| Level::of_vector(one));
        by_vector.max().or(self.said)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(vectors: &[&str], wormable: Option<bool>, level: Option<Level>) {
        let advisory = Advisory {
            vectors: vectors.iter().map(|one| (*one).to_owned()).collect(),
            said: Level::of_word("Moderate"),
            ..Advisory::new("X-1", [])
        };
        assert_eq!(
            (advisory.wormable(), advisory.level()),
            (wormable, level),
            "{vectors:?}"
        );
    }

    #[test]
    fn a_worm_needs_the_network_and_nobody_else() {
        let (medium, high) = (Some(Level::Medium), Some(Level::High));
        let critical = Some(Level::Critical);
        check(&[], None, medium);
        let worm = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
        check(&[worm], Some(true), critical);
        let clicked = "CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H";
        check(&[clicked], Some(false), high);
        let local = "CVSS:3.0/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
        check(&[local], Some(false), high);
        let crash = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H";
        check(&[crash], Some(false), high);
        let fourth = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N";
        check(&[fourth], Some(true), critical);
        check(&["AV:N/AC:L/Au:N/C:C/I:C/A:C"], Some(false), high); // CVSS 2 has no more than high
        check(&["CVSS:3.1/AV:N/AC:L"], Some(false), medium);
        check(&["CVSS:4.0/AV:N"], Some(false), medium);
        check(
            &["", "/", "CVSS:9.9/AV:N/PR:N/UI:N/I:H", worm],
            Some(true),
            critical,
        );
    }
}
