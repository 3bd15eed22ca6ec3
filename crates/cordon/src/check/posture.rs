//! What a look means for a tired reader: one sentence, each control, what to do first.

use std::{cmp::Reverse, collections::BTreeMap};

use cordon_engine::{Entry, Life};
use cordon_logs::Logs;
use cordon_model::{
    ControlName, Finding, Rule, Severity, ShardKey, Spec, Standing, Time, Value, Watched,
};
use cordon_patch::Patch;
use cordon_watch::{Outlook, Watch};
use serde::Serialize;

use super::Look;
use crate::{fault::Exit, page};

/// Most things to do that a page shows.
pub const MAX_NEXT: usize = 5;

/// The page as data; what `--json` prints.
#[derive(Debug, Serialize)]
pub struct Posture {
    /// When.
    pub at: Time,
    /// Where.
    pub host: String,
    /// One sentence or two.
    pub verdict: String,
    /// Each control of the registry.
    pub controls: Vec<ControlLine>,
    /// What is wrong, worst first. What another finding explains has `under`.
    pub findings: Vec<FindingLine>,
    /// At most [`MAX_NEXT`], by what mends them.
    pub next: Vec<Todo>,
    /// What could not be proven, or was left behind by a probe, and why.
    pub notes: Vec<String>,
}

/// How one control stands.
#[derive(Debug, Serialize)]
pub struct ControlLine {
    /// Its name.
    pub control: &'static str,
    /// Its state.
    pub state: Standing,
    /// When a probe last came back.
    pub last_proven: Option<Time>,
    /// What it works from.
    pub knows: String,
    /// The command that helps, where it is not working.
    pub command: Option<String>,
}

/// One finding.
#[derive(Debug, Serialize)]
pub struct FindingLine {
    /// Which rule.
    pub rule: String,
    /// One line.
    pub title: String,
    /// How bad.
    pub severity: Severity,
    /// `new`, `in_progress`, `suppressed` or `folded`.
    pub status: &'static str,
    /// Where.
    pub host: String,
    /// About what.
    pub subject: String,
    /// What to do about it.
    pub advice: String,
    /// The command that mends it.
    pub command: Option<String>,
    /// Values for the reader.
    pub fields: BTreeMap<String, Value>,
    /// The decisive line.
    pub excerpt: Option<String>,
    /// The cause that explains it, if one does.
    pub under: Option<String>,
    /// When it was first found.
    pub since: Time,
}

/// Something to do.
#[derive(Debug, Serialize)]
pub struct Todo {
    /// What.
    pub what: String,
    /// How urgent.
    pub severity: Severity,
    /// The command.
    pub command: Option<String>,
    /// How many findings it mends.
    pub mends: usize,
}

impl Posture {
    /// What `look` means.
    pub fn of(look: &Look) -> Self {
        let outlook = outlook(look);
        let specs = look.engine.specs();
        let controls: Vec<ControlLine> = specs
            .iter()
            .map(|spec| control(look, spec, &outlook))
            .collect();
        let rules: BTreeMap<&str, &Rule> = specs
            .iter()
            .flat_map(|spec| spec.rules)
            .map(|rule| (rule.id, rule))
            .collect();
        let order: BTreeMap<&str, usize> = rules_in_order(specs)
            .enumerate()
            .map(|(index, id)| (id, index))
            .collect();
        let mut findings: Vec<FindingLine> = look
            .engine
            .findings()
            .filter_map(|(key, entry)| Some(line(rules.get(key.rule.as_str())?, entry)))
            .collect();
        let place = |finding: &FindingLine| order.get(finding.rule.as_str()).copied();
        findings.sort_by_key(|finding| (Reverse(finding.severity), place(finding)));
        Self {
            at: look.at(),
            host: look.engine.me().to_string(),
            verdict: verdict(&controls, &findings),
            next: next(&findings),
            controls,
            findings,
            notes: look.left.iter().map(ToString::to_string).collect(),
        }
    }

    /// How the command ends.
    pub fn exit(&self) -> Exit {
        if self
            .controls
            .iter()
            .any(|control| control.state.is_problem())
        {
            Exit::Blind
        } else if self.open().next().is_some() {
            Exit::Findings
        } else {
            Exit::Nothing
        }
    }

    /// Findings that wait for somebody.
    pub fn open(&self) -> impl Iterator<Item = &FindingLine> {
        self.findings.iter().filter(|finding| is_open(finding))
    }
}

fn is_open(finding: &FindingLine) -> bool {
    matches!(finding.status, "new" | "in_progress")
}

fn rules_in_order<'s>(specs: &'s [&'static Spec]) -> impl Iterator<Item = &'static str> + 's {
    specs.iter().flat_map(|spec| spec.rules).map(|rule| rule.id)
}

fn outlook(look: &Look) -> BTreeMap<Watched, Outlook> {
    let key = ShardKey::Host(look.engine.me().clone());
    let state = look.engine.state::<Watch>(&key);
    match (state, look.engine.control::<Watch>()) {
        (Some(state), Some(watch)) => watch.load().outlook(state, look.at()),
        _ => BTreeMap::new(), // because then watch is not proven, and its line says so
    }
}

fn control(look: &Look, spec: &Spec, outlook: &BTreeMap<Watched, Outlook>) -> ControlLine {
    let own = outlook.get(&Watched::Control(ControlName::from(spec.name)));
    let parts: Vec<(&Watched, &Outlook)> = outlook
        .iter()
        .filter(|(of, _)| belongs(of) == Some(spec.name))
        .collect();
    let worst = parts.iter().filter(|(_, part)| part.standing.is_problem());
    let worst = worst.max_by_key(|(_, part)| part.standing);
    let mut state = own.map_or(Standing::Off, |own| own.standing);
    if let Some((_, part)) = worst {
        state = state.max(part.standing);
    }
    let (mut knows, mut command) = match spec.name {
        "watch" => watch_knows(outlook),
        "logs" => logs_knows(look, &parts),
        _ => patch_knows(look),
    };
    let trouble = own
        .filter(|own| own.standing == Standing::Blind)
        .or(worst.map(|(_, part)| *part));
    if let Some(trouble) = trouble {
        let name = worst.map(|(of, _)| format!("{of}: ")).unwrap_or_default(); // default: because it is the control itself
        if let Some(blind) = &trouble.blind {
            knows = format!(
                "{}{}",
                if own.is_some_and(|o| o.blind.is_some()) {
                    ""
                } else {
                    &name
                },
                blind.why
            );
            command = blind.mend.as_ref().map(ToString::to_string).or(command);
        } else {
            let last = trouble.last.map_or_else(
                || "nothing ever seen".to_owned(),
                |last| format!("last of {} ago", look.at().since(last).plain()),
            );
            knows = format!("{name}{} ({last}); {knows}", trouble.standing.plain());
        }
    }
    // The main loop speaks for watch: without its probe, nothing it says is proven.
    let withheld = cordon_watch::WITHHELD_PULSE;
    if spec.name == "watch" && !look.proven.iter().any(|probe| probe.as_str() == withheld) {
        state = Standing::Blind;
        knows = "its own probe did not come back: silence would not be noticed".to_owned();
    }
    let last_proven = own.and_then(|own| own.proven);
    ControlLine {
        control: spec.name,
        state,
        last_proven,
        knows,
        command,
    }
}

/// Which control a source or a feed is part of.
const fn belongs(of: &Watched) -> Option<&'static str> {
    match of {
        Watched::Source(_) => Some("logs"),
        Watched::Feed(_) => Some("patch"),
        Watched::Agent(_) | Watched::Channel(_) | Watched::Hub => Some("watch"),
        Watched::Control(_) => None,
    }
}

type Knows = (String, Option<String>);

fn watch_knows(outlook: &BTreeMap<Watched, Outlook>) -> Knows {
    let many = |what: fn(&Watched) -> bool| outlook.keys().filter(|of| what(of)).count();
    let controls = many(|of| matches!(of, Watched::Control(_)));
    let sources = many(|of| matches!(of, Watched::Source(_)));
    let feeds = many(|of| matches!(of, Watched::Feed(_)));
    let knows = [(controls, "control"), (sources, "source"), (feeds, "feed")];
    let knows: Vec<String> = knows.map(|(count, what)| plural(count, what)).to_vec();
    (format!("{} watched", knows.join(", ")), None)
}

fn logs_knows(look: &Look, sources: &[(&Watched, &Outlook)]) -> Knows {
    if sources.is_empty() {
        let knows = "no log is named in the policy";
        return (knows.to_owned(), Some("docs/guide/policy.md".to_owned()));
    }
    let last = sources.iter().filter_map(|(_, source)| source.last).max();
    let last = last.map_or_else(
        || "no line yet".to_owned(),
        |last| format!("last line {} ago", look.at().since(last).plain()),
    );
    let (seen, errors) = sources.iter().fold((0, 0), |(seen, errors), (_, source)| {
        (seen + source.seen.0, errors + source.seen.1)
    });
    let share = (errors * 100)
        .checked_div(seen)
        .map_or_else(String::new, |p| format!(", {p} % errors"));
    let readings = look.engine.shards::<Logs>().into_iter();
    let rates = readings.filter_map(|key| look.engine.state::<Logs>(key)?.lines_per_hour());
    let rate: u64 = rates.sum();
    let rate = if rate > 0 {
        format!(", {} lines an hour", page::count(size(rate)))
    } else {
        String::new()
    };
    let lines = page::count(size(seen));
    (
        format!(
            "{}, {lines} lines{rate}{share}, {last}",
            plural(sources.len(), "source")
        ),
        None,
    )
}

fn patch_knows(look: &Look) -> Knows {
    let key = ShardKey::Host(look.engine.me().clone());
    let packages = look
        .engine
        .state::<Patch>(&key)
        .map_or(0, |state| state.packages().count());
    let feeds = look
        .engine
        .control::<Patch>()
        .map(|patch| patch.load_full());
    let feeds: Vec<String> = feeds
        .iter()
        .flat_map(|patch| patch.feeds())
        .map(|feed| match feed.dated {
            Some(dated) => format!("{} of {}", feed.name, dated.day()),
            None => format!("{} (undated)", feed.name),
        })
        .collect();
    (
        format!(
            "{} packages judged against {}",
            page::count(packages),
            feeds.join(", ")
        ),
        None,
    )
}

fn line(rule: &Rule, entry: &Entry) -> FindingLine {
    let Entry {
        finding,
        life,
        first,
        ..
    } = entry;
    let (status, under) = match life {
        // One look has no time to let things settle: what stands is shown.
        Life::New | Life::Settling { .. } => ("new", None),
        Life::InProgress { .. } => ("in_progress", None),
        Life::Suppressed { .. } => ("suppressed", None),
        Life::Folded { under } => ("folded", Some(under.rule.to_string())),
    };
    FindingLine {
        rule: rule.id.to_owned(),
        title: fill(rule.title, finding).unwrap_or_else(|| rule.title.to_owned()),
        severity: finding.severity,
        status,
        host: finding.key.host.to_string(),
        subject: finding.key.subject.to_string(),
        advice: fill(rule.advice, finding).unwrap_or_else(|| rule.advice.to_owned()),
        command: rule.command.and_then(|command| fill(command, finding)),
        fields: finding.fields.clone(),
        excerpt: finding.excerpt.as_ref().map(ToString::to_string),
        under,
        since: *first,
    }
}

/// Fills `{field}` from the finding; none if a field is missing. A value is never read as a template.
fn fill(template: &str, finding: &Finding) -> Option<String> {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        filled.push_str(before);
        filled.push_str(&finding.fields.get(name)?.to_string());
        rest = after;
    }
    filled.push_str(rest);
    Some(filled)
}

fn verdict(controls: &[ControlLine], findings: &[FindingLine]) -> String {
    let mut sentences = Vec::new();
    for state in [Standing::Blind, Standing::Silent, Standing::Sick] {
        let names: Vec<&str> = controls
            .iter()
            .filter(|c| c.state == state)
            .map(|c| c.control)
            .collect();
        match names.as_slice() {
            [] => {}
            [one] => sentences.push(format!("{one} {}.", state_of_one(state))),
            _ => sentences.push(format!("{} {}.", names.join(" and "), state_of_many(state))),
        }
    }
    let open: Vec<&FindingLine> = findings.iter().filter(|finding| is_open(finding)).collect();
    let missing = open
        .iter()
        .filter(|finding| !finding.rule.starts_with("watch."));
    sentences.extend(missing.map(|finding| capital(&finding.title) + "."));
    if sentences.is_empty() && open.is_empty() {
        let on = controls
            .iter()
            .filter(|control| control.state != Standing::Off)
            .count();
        let proven = controls
            .iter()
            .filter(|c| c.state == Standing::Proven)
            .count();
        return format!(
            "Nothing to do: {proven} of {} set up here are proven.",
            plural(on, "control")
        );
    }
    if sentences.is_empty() {
        sentences.push(format!("{} to look at.", plural(open.len(), "finding")));
    }
    capital(&sentences.join(" "))
}

const fn state_of_one(state: Standing) -> &'static str {
    match state {
        Standing::Blind => "cannot see",
        Standing::Silent => "is silent",
        Standing::Sick => "is sick",
        Standing::Off | Standing::Learning | Standing::Proven | Standing::Working => "works",
    }
}

const fn state_of_many(state: Standing) -> &'static str {
    match state {
        Standing::Blind => "cannot see",
        Standing::Silent => "are silent",
        Standing::Sick => "are sick",
        Standing::Off | Standing::Learning | Standing::Proven | Standing::Working => "work",
    }
}

fn next(findings: &[FindingLine]) -> Vec<Todo> {
    let mut todos: Vec<Todo> = Vec::new();
    for finding in findings.iter().filter(|finding| is_open(finding)) {
        let same = |todo: &&mut Todo| todo.command.is_some() && todo.command == finding.command;
        if let Some(todo) = todos.iter_mut().find(same) {
            todo.mends += 1; // what one command mends is one thing to do
            continue;
        }
        todos.push(Todo {
            what: capital(&finding.title),
            severity: finding.severity,
            command: finding.command.clone(),
            mends: 1,
        });
    }
    todos.truncate(MAX_NEXT);
    todos
}

fn plural(count: usize, what: &str) -> String {
    format!(
        "{} {what}{}",
        page::count(count),
        if count == 1 { "" } else { "s" }
    )
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
