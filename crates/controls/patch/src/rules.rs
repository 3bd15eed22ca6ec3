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

/// Name of the probe of `patch.missing`.
pub const SYNTHETIC_HOST: &str = "patch.synthetic-host";

/// Audit your systems.
pub const SPEC: Spec = Spec {
    name: "patch",
    prevents: "Audit your systems for missing patches.",
    does: "compares what is installed with what is fixed",
    consumes: &[FactKind::Package, FactKind::Pulse, FactKind::Swapped],
    rules: &[MISSING, REQUIREMENT, PARTIAL, UNKNOWN],
    probes: &[Probe {
        id: SYNTHETIC_HOST,
        plants: "an invented host with one package of the real feed, in a version that was never fixed",
        expect: MISSING.id,
        within: Span::secs(5),
    }],
};
