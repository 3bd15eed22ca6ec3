//! What patch can find, as data.

use cordon_model::{Cause, FactKind, Probe, Rule, Scope, Severity, Shares, Span, Spec};

/// OCSF Vulnerability Finding.
const VULNERABILITY: u32 = 2002;

const LOST: Cause = Cause {
    rule: "watch.agent-lost",
    shares: Shares::Host,
};

const fn rule(id: &'static str, severity: Severity) -> Rule {
    Rule {
        id,
        title: "",
        advice: "",
        command: None,
        severity,
        scope: Scope::Local,
        ocsf: VULNERABILITY,
        attack: &[],
        explained_by: &[],
        settle: Span::secs(0),
    }
}

pub(crate) const MISSING: Rule = Rule {
    title: "{what} missing",
    advice: "The feed has a fixed version of each of these packages and the host has an older one. \
             Install them in one go; a held package must be released first.",
    command: Some("apt-get install --only-upgrade {names}"),
    attack: &["T1190", "T1210"],
    ..rule("patch.missing", Severity::High)
};

pub(crate) const REQUIREMENT: Rule = Rule {
    title: "{requirement} is not installed",
    advice: "The baseline asks for {package} here and the host does not have it. Install it, or write \
             an exception with an owner and an end. What the deployment tool says is not evidence.",
    attack: &["T1210"],
    explained_by: &[LOST],
    ..rule("patch.requirement-missing", Severity::High)
};

pub(crate) const PARTIAL: Rule = Rule {
    title: "{what} installed by half",
    advice: "Their installation was interrupted, so the new version may not be in force whatever its \
             number says. Let the package manager finish.",
    command: Some("dpkg --configure -a"),
    ..rule("patch.half-installed", Severity::Medium)
};

pub(crate) const UNKNOWN: Rule = Rule {
    title: "{what} not judgeable",
    advice: "{reasons}. They are neither proven nor missing: find a feed that covers them, or remove \
             them.",
    ..rule("patch.unknown", Severity::Low)
};

pub(crate) const UPDATES: Rule = Rule {
    title: "{what} missing",
    advice: "A fix exists for each and the host does not have it. The plan names the smallest set that mends \
             them all, the most urgent first, grouped by restart.",
    command: Some("cordon patch plan"),
    attack: &["T1190", "T1210"],
    explained_by: &[LOST],
    ..rule("patch.updates-missing", Severity::High)
};

pub(crate) const CONTRADICTED: Rule = Rule {
    title: "{requirement}: two witnesses disagree",
    advice: "{why}. Believe the host. Then find out why the other said yes: what it says of all other hosts \
             is worth as little.",
    attack: &["T1210"],
    explained_by: &[LOST],
    ..rule("patch.contradicted", Severity::Critical)
};

pub(crate) const NOT_RUNNING: Rule = Rule {
    title: "{what} installed and not running",
    advice: "The fix is on the disk and something older runs. Restart what is named, or the host; until then it \
             is as exposed as before.",
    explained_by: &[LOST],
    ..rule("patch.not-running", Severity::High)
};

pub(crate) const NO_FIX: Rule = Rule {
    title: "{what} exposed without a fix",
    advice: "Nobody has a fix that could be installed. Take what is named away, put something in front of it, or \
             write an exception with an owner and an end.",
    ..rule("patch.no-fix", Severity::Medium)
};

pub(crate) const NOT_AUDITED: Rule = Rule {
    title: "{host} is not audited",
    advice: "{why}. Nothing is known of its patches, so it counts as missing in the worst case. Mend its \
             collection, or take it out of the lists that name it.",
    explained_by: &[LOST],
    ..rule("patch.not-audited", Severity::High)
};

pub(crate) const SHRUNK: Rule = Rule {
    title: "{feed} is much shorter than it was",
    advice: "It names {now}, and used to name {before}. A feed that was cut finds nothing and looks like health, and a \
             list that was cut misses nobody. Fetch it again; if it is right, this ends by itself after a week.",
    ..rule("patch.feed-shrunk", Severity::High)
};

pub(crate) const UNSUPPORTED: Rule = Rule {
    title: "nobody mends the release of {host}",
    advice: "{why}. That nothing is missing there means nothing. Upgrade it, or cut it off.",
    ..rule("patch.unsupported", Severity::High)
};

/// Name of the probe of `patch.missing`.
pub const SYNTHETIC_HOST: &str = "patch.synthetic-host";

/// Name of the probe of the audit of inventories.
pub const SYNTHETIC_INVENTORY: &str = "patch.synthetic-inventory";

/// Audit your systems.
pub const SPEC: Spec = Spec {
    name: "patch",
    prevents: "Audit your systems for missing patches.",
    does: "compares what is installed with what is fixed",
    consumes: &[
        FactKind::Package,
        FactKind::Pulse,
        FactKind::Swapped,
        FactKind::Audited,
        FactKind::Inventoried,
    ],
    rules: &[
        MISSING,
        UPDATES,
        REQUIREMENT,
        CONTRADICTED,
        NOT_RUNNING,
        NO_FIX,
        PARTIAL,
        NOT_AUDITED,
        SHRUNK,
        UNSUPPORTED,
        UNKNOWN,
    ],
    probes: &[
        Probe {
            id: SYNTHETIC_HOST,
            plants: "an invented host with one package of the real feed, in a version that was never fixed",
            expect: MISSING.id,
            within: Span::secs(5),
        },
        Probe {
            id: SYNTHETIC_INVENTORY,
            plants: "an invented host among the inventories, with a package that an invented advisory mends",
            expect: UPDATES.id,
            within: Span::minutes(1),
        },
    ],
};
