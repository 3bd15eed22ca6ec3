//! What goes wrong, as people see it: a code, a sentence, where, a hint, and the exit code.

use std::fmt;

/// Exit codes of every command. The highest of 2 to 6 wins, else 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Exit {
    /// Nothing to report.
    Nothing = 0,
    /// There are findings, or what came differs from what was expected.
    Findings = 1,
    /// Wrong usage, or input that cannot be used.
    Usage = 2,
    /// The hub cannot be reached.
    HubUnreachable = 3,
    /// A control is blind, silent or sick.
    Blind = 4,
    /// Part of the work could not be done.
    Partial = 5,
    /// The store failed.
    Store = 6,
}

/// A row of the catalogue of errors.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// `E0203`.
    pub id: &'static str,
    /// What it means, one sentence.
    pub means: &'static str,
    /// What to do about it.
    pub hint: &'static str,
    /// How the command ends.
    pub exit: Exit,
}

macro_rules! catalogue {
    ($($name:ident = $id:literal, $exit:ident, $means:literal, $hint:literal;)*) => {
        $(#[doc = $means] pub const $name: Code =
            Code { id: $id, means: $means, hint: $hint, exit: Exit::$exit };)*
        /// Every error there is; `docs/reference/errors.md` is made from it.
        pub const CATALOGUE: &[Code] = &[$($name),*];
    };
}

catalogue! {
    POLICY_UNREADABLE = "E0101", Usage, "The policy file cannot be read.",
        "check the path after --policy, or leave it out to use the built-in policy";
    POLICY_REFUSED = "E0102", Usage, "The policy was refused.",
        "mend the line named above; nothing was changed, and a running Cordon keeps its old policy";
    INVENTORY_UNREADABLE = "E0201", Usage, "An inventory cannot be read.",
        "see `cordon patch audit --help` for the files that are known; the other hosts were judged";
    BASELINE_UNREADABLE = "E0202", Usage, "A baseline cannot be read.",
        "give a spreadsheet with a heading such as Bulletin, KB, Package or File: CSV, TSV, XLSX, XLSB, XLS or ODS";
    FEED_UNREADABLE = "E0203", Usage, "A security index cannot be read whole.",
        "get it anew (`apt-get update` for apt's); until then patch says \"cannot see\", not \"fine\"";
    FEED_MISSING = "E0204", Blind, "There is no security index to judge by.",
        "run `apt-get update`, or name an index with --advisories";
    SUITE_UNREADABLE = "E0205", Usage, "A version suite cannot be read.",
        "a suite has the header `a<TAB>op<TAB>b` or `version<TAB>valid` and one case a line";
    LOG_UNREADABLE = "E0206", Usage, "A log cannot be read.",
        "give log files, lists of times or tables of counts, or folders of them";
    SSH_TARGETS = "E0207", Usage, "The hosts to ask over SSH cannot be read.",
        "one a line or after --ssh: [NAME=][USER@]HOST[:PORT] or an alias of ssh_config, each name once";
    SSH_FAILED = "E0208", Partial, "A host could not be asked over SSH.",
        "the other hosts were judged; see `ssh -v` by hand and docs/guide/patch.md, Hosts over SSH";
    DEPLOYER_UNREADABLE = "E0209", Usage, "An export of a deployment tool cannot be read.",
        "give a CSV or workbook with a column of hosts beside one of updates, states or last contacts";
    MAPPING_UNREADABLE = "E0210", Usage, "What was remembered of sheets cannot be read or kept.",
        "mend the file named above, or remove it: what the columns mean is then guessed anew";
    RULES_UNREADABLE = "E0211", Usage, "Rules cannot be read, or none could be loaded.",
        "give Sigma rules or folders of them with --rules; what was refused is told above with its line";
    REACHABLE_UNREADABLE = "E0213", Usage, "The table of what can be reached cannot be read.",
        "one row a line: host,port,package and perhaps tcp or udp; `*` for whatever package answers there";
    PLAN_UNREADABLE = "E0214", Usage, "A plan cannot be read or cannot be done.",
        "make it anew by `cordon patch plan --json`";
    ROLLOUT = "E0215", Usage, "A rollout cannot be begun or gone on with.",
        "see `cordon patch rollout --state DIR`; nothing was done";
    ROLLOUT_STORE = "E0216", Store, "What happened in a rollout could not be made durable.",
        "nothing more was done; look at the disk and its room, then go on by --resume";
    SCENARIO_BROKEN = "E0301", Usage, "A scenario cannot be run.",
        "a scenario is a folder of policy.toml, events.jsonl and verdicts.jsonl; see docs/guide/scenarios.md";
    NOT_RESUMABLE = "E0302", Findings, "A restart between two events changes what is judged.",
        "some field of a control's State is not saved, or not loaded as it was";
    UNKNOWN_HOST = "E0401", Usage, "The name of this host cannot be read.",
        "give it with --host";
    NOT_LOOPBACK = "E0501", Usage, "The console would listen beyond this host.",
        "listen on 127.0.0.1 or [::1]; other addresses come with users and TLS";
    CONSOLE = "E0502", Usage, "The console cannot listen or cannot end.",
        "is another program on that port? name another with --listen, or let the system choose: 127.0.0.1:0";
    NOBODY_TOLD = "E0601", Usage, "Nobody is told of anything.",
        "name a person or a webhook in [alert] of the policy; see docs/guide/alerts.md";
    STORE_IN_USE = "E0503", Usage, "Another Cordon has this data open.",
        "stop the other one first, or name a folder of its own with --data";
    STORE_UNREADABLE = "E0504", Store, "The store cannot be opened or read.",
        "nothing was changed; look at the disk, its room and the folder's owner, then at the newest backup";
    NOT_STARTED = "E0505", Partial, "A part of Cordon could not be started.",
        "start it again; if it happens twice, report it with this line";
    OUTPUT = "E0402", Partial, "The result could not be written.",
        "the reader of the output went away, or its disk is full";
}

/// Something that went wrong.
#[derive(Debug)]
pub struct Fault {
    /// Which.
    pub code: &'static Code,
    /// What was expected and what came.
    pub what: String,
    /// File, line or host, if there is one.
    pub place: Option<String>,
}

impl Fault {
    /// An error of `code`.
    pub fn new(code: &'static Code, what: impl fmt::Display) -> Self {
        Self {
            code,
            what: what.to_string(),
            place: None,
        }
    }

    /// The same, in a place.
    pub fn at(mut self, place: impl fmt::Display) -> Self {
        self.place = Some(place.to_string());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, what, place } = self;
        writeln!(f, "error[{}]: {}", code.id, crate::page::inert(what))?;
        if let Some(place) = place {
            writeln!(f, "  --> {}", crate::page::inert(place))?;
        }
        write!(f, "  hint: {}", code.hint)
    }
}

impl std::error::Error for Fault {}

/// How a command that met `exits` ends: the highest of 2 to 6, else 1, else 0.
pub fn worst(exits: impl IntoIterator<Item = Exit>) -> Exit {
    exits.into_iter().max().unwrap_or(Exit::Nothing)
}
