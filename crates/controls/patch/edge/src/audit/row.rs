//! One judgement as it is printed, and as a fact.

use cordon_model::{Asked, Audited, Ladder, Needs, Rung, Seen, Severity, Text, Time};
use cordon_patch::{Judged, NOT_RUNNING_WORDS, Requirement, What, stand};
use serde::Serialize;

/// A row of an audit; `cordon patch audit --json` prints these.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// On which host.
    pub host: String,
    /// Who asks, where it is not a feed: a bulletin, a row of a sheet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requirement: Option<String>,
    /// Where that is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The package, update, file or setting.
    pub package: String,
    /// Its architecture.
    pub arch: String,
    /// `proven`, `missing`, …
    pub state: &'static str,
    /// Why it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What the host has.
    pub installed: Option<String>,
    /// What would do.
    pub fixed: Option<String>,
    /// What shows it.
    pub evidence: String,
    /// By which feed, and of which day.
    pub feed: Option<String>,
    /// What the feed calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What settles it in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The advisories.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advisories: Vec<String>,
    /// The vulnerabilities.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cves: Vec<String>,
    /// How many vulnerabilities, where they are not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fixes: Option<usize>,
    /// One of them is known to be exploited.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub exploited: bool,
    /// Whether a baseline that was given asks for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_baseline: Option<bool>,
    /// Who answers for it, or for the exception.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Until when it must be there, or the exception holds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// The feed is too old: nothing that rests on it is green.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// It is a requirement of its own, not a package that a feed happens to name: always in `--json`.
    #[serde(skip)]
    pub requisite: bool,
    /// What each witness says; none where the state tells all there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ladder: Option<Ladder>,
    /// How bad it is when it is not there, where somebody says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// How bad its advisories say that it is.
    #[serde(skip)]
    pub danger: Danger,
    /// The least that proves it.
    #[serde(skip)]
    pub needs: Needs,
    /// Updates any of which would do, beside the one that it is about.
    #[serde(skip)]
    pub any_of: Vec<u32>,
}

/// How bad advisories say that something is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Danger {
    /// In a word.
    pub level: Option<Severity>,
    /// A worm could use it.
    pub wormable: bool,
}

impl Line {
    /// A row and nothing else.
    pub fn of(host: &str, package: &str, state: &'static str) -> Self {
        Self {
            host: host.to_owned(),
            package: package.to_owned(),
            state,
            ..Self::default()
        }
    }

    /// What cannot be said, and why.
    pub fn unknown(host: &str, package: &str, why: &str) -> Self {
        Self {
            reason: Some(why.to_owned()),
            evidence: "none".to_owned(),
            ..Self::of(host, package, "unknown")
        }
    }

    /// It is on the disk, and `why` something older runs.
    pub fn not_running(self, why: &str) -> Self {
        let text = |text: &str| Some(Rung::Yes(Text::new(text)));
        Self {
            state: "missing",
            reason: Some(format!("{NOT_RUNNING_WORDS}{why}")),
            ladder: Some(Ladder {
                listed: text("it is installed"),
                running: Some(Rung::No(Text::new(why))),
                ..Ladder::default()
            }),
            ..self
        }
    }

    /// A deployer says that it is there, and the host says no: the loudest there is.
    pub(super) fn contradict(&mut self, word: &str) {
        let mut ladder = match self.seen() {
            Seen::Ladder(ladder) => ladder,
            Seen::NoFix(_) | Seen::Settled(_) => Ladder::default(),
        };
        ladder.deployer = Some(Rung::Yes(Text::new(word)));
        self.ladder = Some(ladder);
        self.state = "contradicted";
    }

    /// What came of a requirement.
    pub fn judged(host: &str, asked: &Requirement, judged: Judged) -> Self {
        let Judged {
            what,
            package,
            installed,
            wanted,
            evidence,
            feed,
            title,
            cves,
        } = judged;
        let package = package.unwrap_or_else(|| asked.demand.name().to_string());
        let line = Self {
            requirement: Some(asked.id.to_string()),
            source: Some(asked.source.to_string()),
            installed,
            fixed: wanted,
            evidence,
            feed,
            title,
            cves,
            owner: asked.owner.as_ref().map(Text::to_string),
            until: asked.due.map(Time::day),
            requisite: true,
            in_baseline: Some(true),
            severity: asked.severity,
            needs: asked.needs,
            any_of: asked.brought_by.clone(),
            ..Self::of(host, &package, "unknown")
        };
        match what {
            What::NotFor(why) => Self {
                reason: Some(why),
                state: "not_applicable",
                ..line
            },
            What::Settled { by, why } => Self {
                reason: Some(why),
                by: Some(by),
                state: "alternative",
                ..line
            },
            What::Ladder(ladder) => {
                let stand = stand(&ladder, asked.needs);
                // Of a version that is too old the versions say why.
                let versions = line.installed.is_some() && line.fixed.is_some();
                let plain = matches!(stand, cordon_patch::Stand::Missing(_)) && versions;
                Self {
                    state: stand.word(),
                    reason: stand.why().filter(|_| !plain).map(str::to_owned),
                    ladder: Some(ladder),
                    ..line
                }
            }
        }
    }

    /// As a fact; none where there is nothing that a judge would keep.
    pub fn audited(&self) -> Audited {
        let text = |of: &Option<String>| of.as_deref().map_or_else(Text::default, Text::new);
        let asked = if self.in_baseline == Some(true) && self.requirement.is_some() {
            Asked::Baseline
        } else {
            Asked::Feed
        };
        let requirement = self.requirement.as_ref().unwrap_or(&self.package);
        let package = if self.arch.is_empty() {
            self.package.clone()
        } else {
            format!("{}:{}", self.package, self.arch)
        };
        let source = self.source.as_ref().or(self.feed.as_ref());
        Audited {
            requirement: Text::new(requirement),
            // or: because a name from a file may be longer than a name can be
            package: package.parse().unwrap_or_else(|_| "unnamed".into()),
            asked,
            source: source.map_or_else(Text::default, |source| Text::new(source)),
            seen: self.seen(),
            installed: text(&self.installed),
            fixed: text(&self.fixed),
            severity: self.severity,
            owner: text(&self.owner),
            due: self
                .until
                .as_ref()
                .and_then(|day| format!("{day}T23:59:59Z").parse().ok()), // ok: because a sheet may say `soon`
            exploited: self.exploited,
            needs: self.needs,
            unasked: self.in_baseline == Some(false),
        }
    }

    fn seen(&self) -> Seen {
        let why = || Text::new(self.reason.as_deref().unwrap_or(&self.evidence));
        let listed = |rung| {
            Seen::Ladder(Ladder {
                listed: Some(rung),
                ..Ladder::default()
            })
        };
        if self.stale && self.state == "proven" {
            return listed(Rung::Unknown("the feed is too old to say so".into()));
        }
        match (self.state, &self.ladder) {
            ("no_fix", _) => Seen::NoFix(why()),
            ("alternative" | "not_applicable" | "excepted", _) => Seen::Settled(why()),
            (_, Some(ladder)) => Seen::Ladder(ladder.clone()),
            ("proven", None) => listed(Rung::Yes(Text::new(&self.evidence))),
            ("missing", None) => listed(Rung::No(match (&self.installed, &self.fixed) {
                (Some(installed), Some(fixed)) if self.reason.is_none() => {
                    Text::new(&format!("{installed} is there, and {fixed} would do"))
                }
                _ => why(),
            })),
            ("contradicted", None) => Seen::Ladder(Ladder {
                listed: Some(Rung::Yes(Text::new(&self.evidence))),
                file: Some(Rung::No(why())),
                ..Ladder::default()
            }),
            _ => listed(Rung::Unknown(why())),
        }
    }
}
