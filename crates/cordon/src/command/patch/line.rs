//! Rows as they are printed, and the tally of all.

use std::collections::{BTreeMap, BTreeSet};

use cordon_model::{Exception, Severity, plural};
use cordon_patch_edge::audit::{At, Line};

use super::Audit;
use crate::{
    command::{Out, Stop},
    page::inert,
};

/// Most updates that are named where no sheet asks for them; `in_baseline` of each row says it of all.
const MAX_MISSED: usize = 40;

/// How many of each.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub(super) packages: usize,
    pub(super) missing: usize,
    pub(super) proven: usize,
    pub(super) unknown: usize,
    pub(super) contradicted: usize,
    pub(super) no_fix: usize,
    excepted: usize,
    settled: usize,
}

impl Tally {
    fn count(&mut self, state: &str) {
        let of = match state {
            "proven" => &mut self.proven,
            "missing" => &mut self.missing,
            "contradicted" => &mut self.contradicted,
            "no_fix" => &mut self.no_fix,
            "excepted" => &mut self.excepted,
            "alternative" | "not_applicable" => &mut self.settled,
            _ => &mut self.unknown,
        };
        *of += 1;
    }

    pub(super) fn words(&self) -> String {
        let mut words = format!(
            "{} missing, {} proven, {} unknown",
            self.missing, self.proven, self.unknown
        );
        for (count, word) in [
            (self.contradicted, "contradicted"),
            (self.no_fix, "exposed without a fix"),
            (self.excepted, "excepted"),
            (self.settled, "settled by another or not for the host"),
        ] {
            if count > 0 {
                words = format!("{words}, {count} {word}");
            }
        }
        words
    }
}

/// Where rows are laid down.
pub(super) struct Desk<'a, 'o> {
    args: &'a Audit,
    exceptions: &'a [Exception],
    out: &'a mut Out<'o>,
    pub(super) tally: Tally,
    /// Hosts of which it was not judged whether their release is still mended.
    pub(super) unjudged: Vec<String>,
    /// What deployers said and was held against a row.
    pub(super) held: BTreeSet<At>,
    /// What is exploited or critical, missing, and in no row of the sheets: on how many hosts.
    missed: BTreeMap<String, usize>,
    /// Hosts on which something is proven, and those on which something is wrong.
    proven: BTreeSet<String>,
    wrong: BTreeSet<String>,
    unknown: BTreeSet<String>,
}

impl<'a, 'o> Desk<'a, 'o> {
    pub(super) fn new(args: &'a Audit, exceptions: &'a [Exception], out: &'a mut Out<'o>) -> Self {
        Self {
            args,
            exceptions,
            out,
            tally: Tally::default(),
            unjudged: Vec::new(),
            held: BTreeSet::new(),
            missed: BTreeMap::new(),
            proven: BTreeSet::new(),
            wrong: BTreeSet::new(),
            unknown: BTreeSet::new(),
        }
    }

    /// Whether something is proven of it and nothing is wrong. Of what is unknown it says nothing.
    pub(super) fn is_clean(&self, host: &str) -> bool {
        self.proven.contains(host) && !self.wrong.contains(host)
    }

    /// Whether anything of it is unknown.
    pub(super) fn is_unclear(&self, host: &str) -> bool {
        self.unknown.contains(host)
    }

    /// Says something to the person.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Stop> {
        writeln!(self.out.talk, "{}", inert(text))?;
        Ok(())
    }

    /// The seed's own case: critical for what is owned, missing, and on nobody's list.
    pub(super) fn tell_missed(&mut self) -> Result<(), Stop> {
        if self.missed.is_empty() {
            return Ok(());
        }
        let named = self.missed.iter().take(MAX_MISSED);
        let mut named: Vec<String> = named
            .map(|(package, hosts)| format!("{package} ({})", plural(*hosts, "host")))
            .collect();
        if self.missed.len() > MAX_MISSED {
            named.push(format!("{} more", self.missed.len() - MAX_MISSED));
        }
        let what = plural(self.missed.len(), "update");
        let named = named.join(", ");
        self.say(&format!(
            "critical or exploited, missing, and in no row of your sheets: {what}: {named}"
        ))
    }

    /// Prints a row, if it is to be seen, and counts it.
    pub(super) fn put(&mut self, mut line: Line) -> Result<(), Stop> {
        except(self.exceptions, &mut line);
        self.tally.count(line.state);
        let urgent = line.exploited || line.severity == Some(Severity::Critical);
        if urgent && line.state == "missing" && line.in_baseline == Some(false) {
            *self.missed.entry(line.package.clone()).or_default() += 1;
        }
        match line.state {
            // What rests on a feed that is too old is not green.
            "proven" if line.stale => drop(self.unknown.insert(line.host.clone())),
            "proven" => drop(self.proven.insert(line.host.clone())),
            "missing" | "contradicted" | "no_fix" => drop(self.wrong.insert(line.host.clone())),
            "unknown" => drop(self.unknown.insert(line.host.clone())),
            _ => {}
        }
        let quiet = matches!(line.state, "proven" | "alternative" | "not_applicable");
        let wanted = self.args.all || (self.args.json && line.requisite);
        if quiet && !wanted {
            return Ok(());
        }
        if self.args.json {
            serde_json::to_writer(&mut *self.out.data, &line).map_err(std::io::Error::from)?;
            writeln!(self.out.data)?;
            return Ok(());
        }
        let asked = match &line.requirement {
            Some(asked) if *asked != line.package => format!("{asked}: {}", line.package),
            _ => line.package.clone(),
        };
        writeln!(
            self.out.data,
            "{:<12} {:<16} {:<32} {}",
            line.state,
            inert(&line.host),
            inert(&asked),
            inert(&shown(&line))
        )?;
        Ok(())
    }
}

/// What is there and what would have to be, where versions are told; else why it is so.
fn shown(line: &Line) -> String {
    match (&line.installed, &line.fixed, &line.reason) {
        (None, None, Some(reason)) => reason.clone(),
        (None, None, None) => line.evidence.clone(),
        (installed, fixed, reason) => {
            let installed = installed.as_deref().unwrap_or("nothing");
            let fixed = fixed.as_deref().or(reason.as_deref());
            format!("{installed} -> {}", fixed.unwrap_or("any version"))
        }
    }
}

/// Marks a row that somebody answers for.
pub(super) fn except(exceptions: &[Exception], line: &mut Line) {
    if matches!(
        line.state,
        "missing" | "contradicted" | "no_fix" | "unknown"
    ) && let Some(exception) = exceptions.iter().find(|one| covers(one, line))
    {
        line.owner = Some(exception.owner.to_string());
        line.until = Some(exception.until.to_string());
        line.reason = Some(exception.reason.clone());
        line.state = "excepted";
    }
}

/// Whether an exception of `patch.*` speaks of this row: `package:KB835732`, or every one.
fn covers(exception: &Exception, line: &Line) -> bool {
    let asked = line.requirement.as_deref().unwrap_or(&line.package);
    exception.rule.as_str().starts_with("patch.")
        && exception.host.fits(&line.host)
        && [line.package.as_str(), asked]
            .iter()
            .any(|subject| exception.subject.fits(&format!("package:{subject}")))
}
