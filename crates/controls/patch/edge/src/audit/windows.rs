//! Rows of a Windows host: by Microsoft's feed and by bulletins.

use winaudit::{
    Basis, Bulletin, Feed, Install, Judgement, Kb, Reason, Report, ReportRow, Subject, WindowsHost,
    judge, judge_bulletin,
};

use cordon_model::{Ladder, Needs, Rung, Severity, Text};
use cordon_patch::{Demand, Judged, Requirement, Scope, What, plan::Update};

use super::{
    Bench, Rows,
    baseline::{of_bulletin, speaks_of},
    row::{Danger, Line},
};

pub(super) fn rows(name: &str, host: &WindowsHost, bench: &Bench, rows: &mut Rows) {
    rows.packages += host.hotfixes.len();
    for note in &host.notes {
        rows.say(&format!("{name}: {note}"));
    }
    if let Some(feed) = &bench.feeds.windows {
        let report = judge(host, feed);
        let evaluated = report.evaluated.map(|span| span.to_string());
        let stale = bench.is_old_windows();
        for row in &report.rows {
            let mut line = of_row(name, row);
            line.feed.clone_from(&evaluated);
            line.stale = stale;
            line.in_baseline = row.kb().and_then(|kb| bench.sheets.asks_for(kb.number()));
            line.exploited = bench.is_exploited(row.cve_names(feed));
            rows.put(line);
        }
        let plan = report.plan();
        rows.updates = updates(&report, &plan, feed, bench);
        if !plan.is_empty() {
            let all: Vec<String> = plan.iter().map(|one| one.kb.to_string()).collect();
            rows.say(&format!("{name}: install {}", all.join(", ")));
        }
    } else if bench.feeds.bulletins.is_empty() && bench.sheets.is_empty() {
        rows.put(Line::unknown(
            name,
            "Windows",
            "no feed was given that speaks of Windows",
        ));
    }
    for bulletin in &bench.feeds.bulletins {
        // A row of a sheet that names it speaks of it in the sheet's place.
        if !bench.asked.iter().any(|asked| speaks_of(asked, bulletin)) {
            let judged = of_bulletin(bulletin, &judge_bulletin(host, bulletin));
            let mut line = Line::judged(name, &asked_by(bulletin), judged);
            line.source = None;
            line.danger = Danger {
                level: bulletin.severity.as_deref().and_then(severity),
                wormable: bulletin.wormable,
            };
            line.in_baseline = (!bench.sheets.is_empty()).then_some(false);
            rows.put(line);
        }
    }
}

/// The smallest set that the feed knows, for a plan.
fn updates(report: &Report, plan: &[Install], feed: &Feed, bench: &Bench) -> Vec<Update> {
    let of_chain = |row: &&ReportRow, kb: Kb| {
        let by = match row.judgement {
            Judgement::Alternative { by, .. } => Some(by),
            _ => row.kb(),
        };
        by == Some(kb)
    };
    let update = |install: &Install| {
        let rows = report.rows.iter();
        let mut chain = rows.filter(|row| of_chain(row, install.kb));
        Update {
            kb: install.kb.to_string(),
            title: install.title.clone(),
            fixes: install.fixes,
            restart: install.restart,
            brings: install.brings.iter().map(Kb::to_string).collect(),
            first: install.first,
            exploited: chain.any(|row| bench.is_exploited(row.cve_names(feed))),
        }
    };
    plan.iter().map(update).collect()
}

/// The word of a bulletin.
fn severity(word: &str) -> Option<Severity> {
    match word.to_lowercase().as_str() {
        "critical" => Some(Severity::Critical),
        "important" | "high" => Some(Severity::High),
        "moderate" | "medium" => Some(Severity::Medium),
        "low" => Some(Severity::Low),
        _ => None,
    }
}

/// A bulletin that nobody's sheet asks for asks for itself.
fn asked_by(bulletin: &Bulletin) -> Requirement {
    Requirement {
        id: Text::new(&bulletin.id),
        source: Text::default(),
        scope: Scope::default(),
        demand: Demand::Updates(vec![bulletin.kb.number()]),
        owner: None,
        due: None,
        severity: None,
        needs: Needs::Listed,
        claimed: None,
        brought_by: vec![bulletin.kb.number()],
    }
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
    let ladder = match row.judgement {
        Judgement::Unknown(Reason::InstalledAfterStart) => Some(Ladder {
            listed: Some(Rung::Yes(Text::new(&row.evidence))),
            running: Some(Rung::Unknown(of_reason(Reason::InstalledAfterStart).into())),
            ..Ladder::default()
        }),
        _ => None,
    };
    Line {
        reason: reason.map(str::to_owned),
        by,
        evidence: row.evidence.clone(),
        title: Some(row.title.clone()),
        fixes: Some(row.cves),
        severity: row.severity.map(|severity| match severity {
            winaudit::Severity::Low => Severity::Low,
            winaudit::Severity::Moderate => Severity::Medium,
            winaudit::Severity::Important => Severity::High,
            winaudit::Severity::Critical => Severity::Critical,
        }),
        requisite: true,
        ladder,
        needs: Needs::Listed,
        ..Line::of(name, &package, state)
    }
}

/// A row of the feed, as the answer to somebody who asked for its update.
pub(super) fn of_judgement(row: &ReportRow) -> Judged {
    let line = of_row("", row);
    let words = || Text::new(&row.evidence);
    let why = || line.reason.as_deref().map_or_else(words, Text::new);
    let rung = match row.judgement {
        Judgement::Proven => Rung::Yes(words()),
        Judgement::Missing => Rung::No(words()),
        Judgement::Unknown(_) => Rung::Unknown(why()),
        Judgement::Alternative { by, .. } => {
            let (by, why) = (by.to_string(), why().to_string());
            return Judged::plain(What::Settled { by, why }, row.evidence.clone());
        }
    };
    Judged::listed(rung, row.evidence.clone())
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
