//! Rows of a Windows host: by Microsoft's feed and by bulletins.

use winaudit::{
    Basis, Bulletin, BulletinState, BulletinVerdict, Judgement, Reason, ReportRow, Subject,
    WindowsHost, judge, judge_bulletin,
};

use super::{
    bench::Bench,
    line::{Desk, Line},
};
use crate::command::Stop;

pub(super) fn rows(
    name: &str,
    host: &WindowsHost,
    bench: &Bench,
    desk: &mut Desk<'_, '_>,
) -> Result<(), Stop> {
    desk.tally.packages += host.hotfixes.len();
    for note in &host.notes {
        desk.say(&format!("{name}: {note}"))?;
    }
    if let Some(feed) = &bench.feeds.windows {
        let report = judge(host, feed);
        let evaluated = report.evaluated.map(|span| span.to_string());
        for row in &report.rows {
            let mut line = of_row(name, row);
            line.feed.clone_from(&evaluated);
            line.in_baseline = row.kb().and_then(|kb| bench.sheets.asks_for(kb.number()));
            desk.put(line)?;
        }
        let plan = report.plan();
        if !plan.is_empty() {
            let all: Vec<String> = plan.iter().map(|one| one.kb.to_string()).collect();
            desk.say(&format!("{name}: install {}", all.join(", ")))?;
        }
    } else if bench.feeds.bulletins.is_empty() && bench.sheets.is_empty() {
        desk.put(Line::unknown(
            name,
            "Windows",
            "no feed was given that speaks of Windows",
        ))?;
    }
    for bulletin in &bench.feeds.bulletins {
        // A row of a sheet that names it speaks of it in the sheet's place.
        if !bench.sheets.names_bulletin(bulletin) {
            let mut line = of_bulletin(name, bulletin, &judge_bulletin(host, bulletin));
            line.in_baseline = (!bench.sheets.is_empty()).then_some(false);
            desk.put(line)?;
        }
    }
    Ok(())
}

/// A row of the feed.
pub(super) fn of_row(name: &str, row: &ReportRow) -> Line {
    let package = match &row.subject {
        Subject::Update(kb) => kb.to_string(),
        Subject::Product(product) => product.clone(),
    };
    let (state, reason, by) = match row.judgement {
        Judgement::Proven => ("proven", None, None),
        Judgement::Missing => ("missing", None, None),
        Judgement::Alternative { by, basis } => {
            let reason = match basis {
                Basis::Superseded => "a newer update supersedes it",
                Basis::NewerOfLine => "a newer update of its line contains it",
                Basis::OtherWay => "the host takes the other way: rollup or security-only",
                Basis::ComponentServiced => {
                    "an installed rollup services the same component after it"
                }
                Basis::Preview => "it is an optional preview; the next update contains it",
                Basis::NotOffered => "Windows Update was asked and does not offer it",
            };
            ("alternative", Some(reason), Some(by.to_string()))
        }
        Judgement::Unknown(reason) => ("unknown", Some(of_reason(reason)), None),
    };
    Line {
        reason: reason.map(str::to_owned),
        by,
        evidence: row.evidence.clone(),
        title: Some(row.title.clone()),
        fixes: Some(row.cves),
        requisite: true,
        ..Line::of(name, &package, state)
    }
}

/// What is lacking, and where it would come from.
const fn of_reason(reason: Reason) -> &'static str {
    match reason {
        Reason::NoList => "no file lists the updates of this host",
        Reason::ListCut => "the list of updates is cut",
        Reason::InstalledAfterStart => "installed after the last known start: not proven running",
        Reason::Stranger => "an update that the feed does not know came later; the UBR decides",
        Reason::BeforeRollups => "from before the rollups: file versions decide",
        Reason::Standalone => "a standalone update beside the cumulative one: file versions decide",
        Reason::NoNetInventory => "the versions of .NET are not told",
        Reason::NoIeVersion => "the version of Internet Explorer is not told",
        Reason::NoMsiInventory => "the patches of Windows Installer are not told",
        Reason::OptionalComponent => "whether this part of Windows is there is not told",
        Reason::NoProduct => "no feed that was given speaks of this system",
    }
}

/// A verdict on one bulletin.
pub(super) fn of_bulletin(name: &str, bulletin: &Bulletin, verdict: &BulletinVerdict) -> Line {
    let (state, reason) = match verdict.state {
        BulletinState::NotApplicable => (
            "not_applicable",
            Some("the system is none of those affected"),
        ),
        BulletinState::Included | BulletinState::Proven => ("proven", None),
        BulletinState::InstalledNotRunning => (
            "missing",
            Some("installed, not running: the host was not restarted since"),
        ),
        BulletinState::Missing => ("missing", None),
        BulletinState::Contradicted => (
            "contradicted",
            Some("a key or list says that it is installed, and a file is older"),
        ),
        BulletinState::Unknown(_) => ("unknown", verdict.evidence.first().map(String::as_str)),
    };
    Line {
        requirement: Some(bulletin.id.clone()),
        reason: reason.map(str::to_owned),
        evidence: verdict.evidence.join("; "),
        cves: bulletin.cves.clone(),
        requisite: true,
        ..Line::of(name, &bulletin.kb.to_string(), state)
    }
}
