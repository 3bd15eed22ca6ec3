//! What an audit saw of one host. The rungs of the ladder are witnesses, each with its own word; which of
//! them counts is for the judge to say. In 2004 the deployment tool's word was the only rung there was.

use serde::{Deserialize, Serialize};

use crate::{Severity, SourceName, Text, Time};

/// What became of one requirement on one host, in place of what was said of it before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Audited {
    /// Which requirement: `MS04-011`, `ALSA-2024:0310`; with `package` it is the row's key.
    pub requirement: Text,
    /// What would have to be there: `KB835732`, `openssl`.
    pub package: SourceName,
    /// Who asks.
    pub asked: Asked,
    /// Where that is written: a sheet and its row, a feed and its day.
    pub source: Text,
    /// What was seen.
    pub seen: Seen,
    /// The version on the host, where one is told.
    #[serde(default)]
    pub installed: Text,
    /// The version that would do, where one is told.
    #[serde(default)]
    pub fixed: Text,
    /// How bad it is when it is not there, where somebody said so.
    #[serde(default)]
    pub severity: Option<Severity>,
    /// Who answers for it.
    #[serde(default)]
    pub owner: Text,
    /// Until when it must be there.
    #[serde(default)]
    pub due: Option<Time>,
    /// Whether what it mends is known to be exploited.
    #[serde(default)]
    pub exploited: bool,
    /// What counts as evidence of it.
    #[serde(default)]
    pub needs: Needs,
    /// There are sheets, and no row of them asks for it: what was missed in 2004.
    #[serde(default)]
    pub unasked: bool,
}

/// Who asks for a requirement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Asked {
    /// A person: a row of the baseline.
    Baseline,
    /// A feed of advisories.
    Feed,
}

/// The least that proves a requirement.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Needs {
    /// A list of the system names it.
    #[default]
    Listed,
    /// The file itself is there.
    File,
    /// It is what runs.
    Running,
}

/// What an audit saw.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// What each witness said.
    Ladder(Ladder),
    /// The host is exposed, and nobody has a fix.
    NoFix(Text),
    /// Nobody asks for it here any more, or something else settles it.
    Settled(Text),
}

/// The rungs from a wish to what runs. `None`: there is no such witness.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ladder {
    /// The deployer's word that it is done. A word, never evidence.
    pub deployer: Option<Rung>,
    /// The host's own list of packages or updates.
    pub listed: Option<Rung>,
    /// The file on the disk.
    pub file: Option<Rung>,
    /// The kernel that was booted, the libraries that are mapped, the restart that is or is not due.
    pub running: Option<Rung>,
}

/// What one witness said, with its words.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// It is there.
    Yes(Text),
    /// It is not there.
    No(Text),
    /// It cannot tell, and why.
    Unknown(Text),
}

impl Rung {
    /// The witness's words.
    pub const fn words(&self) -> &Text {
        match self {
            Self::Yes(words) | Self::No(words) | Self::Unknown(words) => words,
        }
    }
}

/// Whether a host could be audited at all. Ends what was said of its requirements: with this, all of it is
/// said.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    /// Where the inventory came from: a folder, SSH; or the list that names the host, if none came.
    pub from: Text,
    /// When it was made, as far as that is told.
    #[serde(default)]
    pub dated: Option<Time>,
    /// Packages and updates that it names.
    #[serde(default)]
    pub things: u64,
    /// Requirements that the host was held against.
    #[serde(default)]
    pub rows: u64,
    /// Everything that is not proven was said again since the last time: what was not is no longer asked.
    #[serde(default)]
    pub whole: bool,
    /// Why nothing that rests on it is green: it never came, is old, empty, or much shorter than before.
    #[serde(default)]
    pub trouble: Option<Text>,
    /// Why its release is no good whatever is installed: past its end, or in no feed.
    #[serde(default)]
    pub release: Option<Text>,
}
