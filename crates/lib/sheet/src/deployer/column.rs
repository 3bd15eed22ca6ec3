//! What the columns of an export mean, and whose export they make it.

use std::collections::BTreeMap;

use super::{
    Product, Said,
    said::{plain, said},
};
use crate::grid::{Cell, Grid, Row};

/// Rows of a table among which its heading is looked for.
const MAX_HEADING_ROWS: usize = 60;

/// What a column says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    Host,
    Kb,
    Bulletin,
    Title,
    Status,
    /// A mark where it is installed.
    Installed,
    /// A mark where it is needed.
    Required,
    LastContact,
    Os,
}

/// Headings in lower case, letters and digits alone; of several columns with one meaning the first here counts.
const WORDS: [(Column, &[&str]); 9] = [
    (
        Column::Host,
        &[
            "fulldomainname",
            "computername",
            "computer",
            "computertarget",
            "targetcomputer",
            "machinename",
            "machine",
            "netbiosname",
            "netbiosname0",
            "devicename",
            "device",
            "hostname",
            "dnshostname",
            "systemname",
            "name0",
            "name",
            "gerätename",
            "gerät",
            "rechnername",
            "computernamen",
            "nomdelordinateur",
            "ordinateur",
            "nomdelappareil",
            "appareil",
            "nomdordinateur",
        ],
    ),
    (
        Column::Kb,
        &[
            "knowledgebasearticles",
            "knowledgebasearticle",
            "kbarticle",
            "kbarticles",
            "kbarticleid",
            "articleid",
            "articleids",
            "kb",
            "kbs",
            "kbnumber",
            "kbid",
            "kbnummer",
            "hotfixid",
            "article",
            "artikelid",
            "artikelnummer",
            "iddarticle",
            "numérodarticle",
        ],
    ),
    (
        Column::Bulletin,
        &[
            "securitybulletins",
            "securitybulletin",
            "bulletinid",
            "bulletin",
            "msrcnumber",
            "bulletinids",
            "sicherheitsbulletin",
            "iddebulletin",
            "bulletindesécurité",
        ],
    ),
    (
        Column::Title,
        &[
            "updatetitle",
            "title",
            "updatename",
            "update",
            "softwareupdate",
            "localizeddisplayname",
            "displayname",
            "qualityupdateversion",
            "featureupdateversion",
            "updateversion",
            "updatetitel",
            "titel",
            "aktualisierung",
            "titredelamiseàjour",
            "titre",
            "miseàjour",
        ],
    ),
    (
        Column::Status,
        &[
            "updateinstallationstate",
            "installationstate",
            "installstate",
            "currentdeviceupdatestatus",
            "updatestatus",
            "updatestate",
            "statename",
            "laststatename",
            "laststate",
            "lastenforcementstate",
            "lastenforcementmessagename",
            "aggregatestate",
            "compliancestatus",
            "status",
            "state",
            "installationsstatus",
            "installationszustand",
            "updatezustand",
            "zustand",
            "konformitätsstatus",
            "étatdinstallation",
            "étatdelinstallation",
            "état",
            "statut",
        ],
    ),
    (
        Column::Installed,
        &["installed", "isinstalled", "installiert", "installé"],
    ),
    (
        Column::Required,
        &["required", "isrequired", "needed", "erforderlich", "requis"],
    ),
    (
        Column::LastContact,
        &[
            "lastreportedstatustime",
            "laststatusreport",
            "laststatusreported",
            "lastcontact",
            "lastcontacted",
            "lastsynctime",
            "lastsyncdatetime",
            "lastcheckin",
            "lastcheckintime",
            "lastscantime",
            "lastactivetime",
            "laststatustime",
            "laststatuschecktime",
            "lastsuccessfulscantime",
            "letzterkontakt",
            "letzterstatusbericht",
            "letztestatusmeldung",
            "letzteranmeldung",
            "letztercheckin",
            "derniercontact",
            "dernierrapportdétat",
            "dernierenregistrement",
        ],
    ),
    (
        Column::Os,
        &[
            "osversion",
            "osbuild",
            "deviceosbuild",
            "operatingsystemversion",
            "osdescription",
            "operatingsystem",
            "os",
            "deviceos",
            "targetos",
            "betriebssystemversion",
            "betriebssystem",
            "versiondusystèmedexploitation",
            "systèmedexploitation",
        ],
    ),
];

impl Column {
    pub(super) fn of(heading: &str) -> Option<Self> {
        Self::ranked(heading).map(|(column, _)| column)
    }

    /// With its place among the words of its meaning.
    fn ranked(heading: &str) -> Option<(Self, usize)> {
        let heading = plain(heading);
        WORDS.iter().find_map(|(column, words)| {
            let at = words.iter().position(|word| *word == heading)?;
            Some((*column, at))
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Kb => "kb",
            Self::Bulletin => "bulletin",
            Self::Title => "title",
            Self::Status => "status",
            Self::Installed => "installed",
            Self::Required => "required",
            Self::LastContact => "last contact",
            Self::Os => "os",
        }
    }
}

/// The heading of a table.
pub(super) struct Heading {
    pub(super) row: u32,
    table: String,
    columns: BTreeMap<Column, u32>,
    texts: BTreeMap<u32, String>,
}

/// The row that names the most columns, of which one is of hosts, or the table is of updates below a line that
/// names the host.
pub(super) fn find(grid: &Grid) -> Option<Heading> {
    let mut best: Option<Heading> = None;
    let mut a_host_above = false;
    for (row, cells) in grid.rows.iter().take(MAX_HEADING_ROWS) {
        let first = cells.values().next().map_or("", Cell::text);
        if let Some((label, _)) = first.split_once(':') {
            a_host_above |= Column::of(label) == Some(Column::Host);
            continue;
        }
        let heading = Heading::of(grid, *row, cells);
        let has = |column: Column| heading.columns.contains_key(&column);
        let of_updates = has(Column::Kb) || has(Column::Bulletin) || has(Column::Title);
        let of_states = has(Column::Status) || has(Column::Installed) || has(Column::Required);
        let fits = if has(Column::Host) {
            heading.columns.len() > 1
        } else {
            a_host_above && of_updates && of_states
        };
        let most = best.as_ref().map_or(0, |best| best.columns.len());
        if fits && heading.columns.len() > most {
            best = Some(heading);
        }
    }
    best
}

impl Heading {
    fn of(grid: &Grid, row: u32, cells: &Row) -> Self {
        let mut found = BTreeMap::<Column, (usize, u32)>::new();
        for (at, cell) in cells {
            if let Some((column, rank)) = Column::ranked(cell.text()) {
                let here = (rank, *at);
                found
                    .entry(column)
                    .and_modify(|best| *best = here.min(*best))
                    .or_insert(here);
            }
        }
        Self {
            row,
            table: grid.name.clone(),
            columns: found
                .into_iter()
                .map(|(column, (_, at))| (column, at))
                .collect(),
            texts: cells
                .iter()
                .map(|(at, cell)| (*at, cell.text().to_owned()))
                .collect(),
        }
    }

    pub(super) fn has_updates(&self) -> bool {
        [Column::Kb, Column::Bulletin, Column::Title]
            .iter()
            .any(|column| self.columns.contains_key(column))
    }

    pub(super) fn is_repeated_by(&self, cells: &Row) -> bool {
        let texts = cells.iter().map(|(at, cell)| (at, cell.text()));
        texts.eq(self.texts.iter().map(|(at, text)| (at, text.as_str())))
    }

    pub(super) fn cell<'r>(&self, column: Column, cells: &'r Row) -> Option<&'r Cell> {
        cells.get(self.columns.get(&column)?)
    }

    pub(super) fn text(&self, column: Column, cells: &Row) -> Option<String> {
        self.cell(column, cells).map(|cell| cell.text().to_owned())
    }

    /// What a row says became of its update, and in which words; none if no column speaks of it.
    pub(super) fn said(&self, cells: &Row, product: Product) -> Option<(Said, String)> {
        if self.columns.contains_key(&Column::Status) {
            let text = self.text(Column::Status, cells).unwrap_or_default(); // default: because a blank state is none
            return Some((said(&text, product), text));
        }
        let marked = |column: Column| {
            let text = self.text(column, cells).unwrap_or_default(); // default: because no mark is no
            matches!(
                plain(&text).as_str(),
                "x" | "yes" | "ja" | "oui" | "true" | "wahr" | "vrai" | "1"
            ) || text == "*"
        };
        let has = |column| self.columns.contains_key(&column);
        if !has(Column::Installed) && !has(Column::Required) {
            return None;
        }
        Some(
            match (marked(Column::Installed), marked(Column::Required)) {
                (true, _) => (Said::Done, "installed".to_owned()),
                (false, true) => (Said::Pending(super::Pending::Needed), "required".to_owned()),
                (false, false) => (Said::Unknown(String::new()), String::new()),
            },
        )
    }
}

impl std::fmt::Display for Heading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let meaning = |at: &u32| {
            let found = self.columns.iter().find(|(_, column)| *column == at);
            found.map_or("nothing", |(column, _)| column.name())
        };
        let columns = self
            .texts
            .iter()
            .map(|(at, text)| format!("{text} = {}", meaning(at)));
        let columns: Vec<String> = columns.collect();
        if !self.table.is_empty() {
            write!(f, "{}!", self.table)?;
        }
        write!(f, "{}: {}", self.row, columns.join(", "))
    }
}

/// Headings that one product has and the others have not.
const MARKS: [(Product, &[&str]); 3] = [
    (
        Product::Wsus,
        &[
            "updateinstallationstate",
            "updateapprovalaction",
            "fulldomainname",
            "lastreportedstatustime",
            "lastsynctime",
            "knowledgebasearticles",
            "securitybulletins",
            "laststatusreport",
            "lastcontacted",
            "installednotapplicable",
            "approval",
            "letzterstatusbericht",
            "dernierrapportdétat",
        ],
    ),
    (
        Product::ConfigMgr,
        &[
            "articleid",
            "bulletinid",
            "machinename",
            "statename",
            "laststatename",
            "lastenforcementstate",
            "lastenforcementmessagename",
            "laststatuschecktime",
            "resourceid",
            "machineid",
            "ciid",
            "collectionid",
            "assignmentname",
            "netbiosname0",
            "sitecode",
            "deviceosbuild",
            "lastactivetime",
            "artikelid",
        ],
    ),
    (
        Product::Intune,
        &[
            "upn",
            "primaryuserupn",
            "userprincipalname",
            "intunedeviceid",
            "azureaddeviceid",
            "aaddeviceid",
            "policyid",
            "policyname",
            "aggregatestate",
            "currentdeviceupdatestatus",
            "featureupdateversion",
            "qualityupdateversion",
            "ownership",
            "managedby",
            "lastcheckin",
            "lastsyncdatetime",
            "gerätename",
            "nomdelappareil",
        ],
    ),
];

/// Whose headings these are; where two have as many, nobody's.
pub(super) fn product(grids: &[Grid]) -> Product {
    let rows = grids
        .iter()
        .flat_map(|grid| grid.rows.values().take(MAX_HEADING_ROWS));
    let texts: Vec<String> = rows
        .flat_map(|row| row.values().map(|cell| plain(cell.text())))
        .collect();
    let count = |marks: &[&str]| {
        marks
            .iter()
            .filter(|mark| texts.iter().any(|text| text == *mark))
            .count()
    };
    let mut all = MARKS.map(|(product, marks)| (count(marks), product));
    all.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    match all {
        [(most, product), (next, _), _] if most > next => product,
        _ => Product::Other,
    }
}
