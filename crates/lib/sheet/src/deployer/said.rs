//! What a tool says became of an update, in its own words.

use super::Product;

/// What became of an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// It is installed.
    Done,
    /// It is not yet.
    Pending(Pending),
    /// It was tried and did not succeed, or was given up.
    Failed,
    /// The host does not need it. WSUS calls both this and installed `Installed/Not Applicable`.
    NotNeeded,
    /// The tool does not know, or its word is none that is known.
    Unknown(String),
}

/// How far an update is that is not installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pending {
    /// It is needed and nothing was done.
    Needed,
    /// It is on its way: offered, scheduled, being downloaded or installed.
    Underway,
    /// It is on the host and not installed.
    Downloaded,
    /// It is installed and waits for a restart.
    Reboot,
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Done => "installed",
            Self::Pending(Pending::Needed) => "needed",
            Self::Pending(Pending::Underway) => "underway",
            Self::Pending(Pending::Downloaded) => "downloaded, not installed",
            Self::Pending(Pending::Reboot) => "installed, a restart is pending",
            Self::Failed => "failed",
            Self::NotNeeded => "not needed",
            Self::Unknown(_) => "unknown",
        })
    }
}

/// What words mean, in lower case, letters and digits alone.
const WORDS: [(Said, &[&str]); 7] = [
    (
        Said::Done,
        &[
            "installed",
            "updateisinstalled",
            "successfullyinstalledupdate",
            "successfullyinstalledupdates",
            "successfullyinstalled",
            "installationsucceeded",
            "succeeded",
            "success",
            "compliant",
            "uptodate",
            "installiert",
            "updateistinstalliert",
            "erfolgreichinstalliert",
            "erfolgreich",
            "kompatibel",
            "konform",
            "installé",
            "installée",
            "lamiseàjourestinstallée",
            "réussi",
            "conforme",
        ],
    ),
    (
        Said::Pending(Pending::Needed),
        &[
            "notinstalled",
            "needed",
            "required",
            "updateisrequired",
            "noncompliant",
            "notcompliant",
            "missing",
            "pending",
            "pendinginstallation",
            "benötigt",
            "erforderlich",
            "updateisterforderlich",
            "nichtinstalliert",
            "nichtkompatibel",
            "nichtkonform",
            "noninstallé",
            "noninstallée",
            "requis",
            "requise",
            "nécessaire",
            "lamiseàjourestrequise",
            "nonconforme",
        ],
    ),
    (
        Said::Pending(Pending::Underway),
        &[
            "inprogress",
            "offering",
            "offerready",
            "offerreceived",
            "offered",
            "scheduled",
            "installing",
            "installingupdate",
            "installingupdates",
            "downloading",
            "downloadingupdate",
            "downloadingupdates",
            "installstart",
            "downloadstart",
            "waitingforcontent",
            "wirdausgeführt",
            "inbearbeitung",
            "encours",
        ],
    ),
    (
        Said::Pending(Pending::Downloaded),
        &[
            "downloaded",
            "downloadsucceeded",
            "downloadcomplete",
            "downloadedupdate",
            "downloadedupdates",
            "heruntergeladen",
            "téléchargé",
            "téléchargée",
        ],
    ),
    (
        Said::Pending(Pending::Reboot),
        &[
            "installedpendingreboot",
            "installedpendingrestart",
            "pendingreboot",
            "pendingrestart",
            "pendingsystemrestart",
            "restartrequired",
            "rebootrequired",
            "rebootpending",
            "neustartausstehend",
            "installiertneustartausstehend",
            "redémarrageenattente",
            "installéredémarrageenattente",
        ],
    ),
    (
        Said::Failed,
        &[
            "failed",
            "error",
            "failedtoinstallupdate",
            "failedtoinstallupdates",
            "failedtodownloadupdate",
            "failedtodownloadupdates",
            "installationfailed",
            "installfailed",
            "downloadfailed",
            "cancelled",
            "canceled",
            "rolledback",
            "rollbackinitiated",
            "needsattention",
            "fehler",
            "fehlgeschlagen",
            "installationfehlgeschlagen",
            "abgebrochen",
            "échec",
            "échoué",
            "annulé",
            "erreur",
        ],
    ),
    (
        Said::NotNeeded,
        &[
            "notapplicable",
            "installednotapplicable",
            "updateisnotrequired",
            "notrequired",
            "notneeded",
            "superseded",
            "nichtzutreffend",
            "nichtanwendbar",
            "installiertnichtzutreffend",
            "installiertnichtanwendbar",
            "updateistnichterforderlich",
            "nichterforderlich",
            "nonapplicable",
            "installénonapplicable",
            "installéenonapplicable",
            "lamiseàjournestpasrequise",
            "nonrequis",
        ],
    ),
];

/// Letters and digits alone, in lower case: `Installed / Not Applicable` is `installednotapplicable`.
pub(super) fn plain(text: &str) -> String {
    let lower = text.to_lowercase();
    lower.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// What the text of a state says.
pub(super) fn said(text: &str, product: Product) -> Said {
    let word = plain(text);
    if let Some(said) = number(&word, product) {
        return said;
    }
    let known = WORDS
        .iter()
        .find(|(_, words)| words.contains(&word.as_str()));
    known.map_or_else(|| Said::Unknown(text.to_owned()), |(said, _)| said.clone())
}

/// A state as its number: `UpdateInstallationState` of WSUS, the detection state of Configuration Manager.
fn number(word: &str, product: Product) -> Option<Said> {
    let unknown = || Said::Unknown(word.to_owned());
    Some(match (product, word) {
        (Product::Wsus | Product::ConfigMgr, "0") => unknown(),
        (Product::Wsus | Product::ConfigMgr, "1") => Said::NotNeeded,
        (Product::Wsus | Product::ConfigMgr, "2") => Said::Pending(Pending::Needed),
        (Product::Wsus, "3") => Said::Pending(Pending::Downloaded),
        (Product::ConfigMgr, "3") | (Product::Wsus, "4") => Said::Done,
        (Product::Wsus, "5") => Said::Failed,
        (Product::Wsus, "6") => Said::Pending(Pending::Reboot),
        _ => return None,
    })
}
