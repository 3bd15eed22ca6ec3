//! What a look means for a tired reader: one sentence, each control, what to do first.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use cordon_engine::{Engine, Entry, Life};
use cordon_model::{
    ControlName, Finding, Rule, Severity, ShardKey, Spec, Standing, Subject, Text, Time, Value,
    Watched, plural,
};
use cordon_watch::{Outlook, Watch};
use serde::Serialize;

use super::knows::{self, belongs};
use crate::fault::Exit;

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
    /// What an engine knows means. `watched` is whether watch's own probe came back; `notes` are what a
    /// person should know beside.
    pub fn of(engine: &Engine, watched: bool, notes: &[Text]) -> Self {
        let specs = engine.specs();
        let rules: Vec<&Rule> = specs.iter().flat_map(|spec| spec.rules).collect();
        let place = |id: &str| rules.iter().position(|rule| rule.id == id);
        let entries = engine.findings();
        let mut findings: Vec<FindingLine> = entries
            .filter_map(|(key, entry)| Some(line(rules.get(place(key.rule.as_str())?)?, entry)))
            .collect();
        findings.sort_by_key(|finding| (Reverse(finding.severity), place(&finding.rule)));
        let outlook = outlook(engine);
        let controls = specs
            .iter()
            .map(|spec| control(engine, watched, spec, &outlook, &findings));
        let controls: Vec<ControlLine> = controls.collect();
        Self {
            at: engine.at(),
            host: engine.me().to_string(),
            verdict: verdict(&controls, &findings),
            next: next(&findings, engine.me().as_str()),
            controls,
            findings,
            notes: notes.iter().map(ToString::to_string).collect(),
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

/// How everything on the engine's own host stands.
pub(crate) fn outlook(engine: &Engine) -> BTreeMap<Watched, Outlook> {
    let key = ShardKey::Host(engine.me().clone());
    let state = engine.state::<Watch>(&key);
    match (state, engine.control::<Watch>()) {
        (Some(state), Some(watch)) => watch.load().outlook(state, engine.at()),
        _ => BTreeMap::new(), // because then watch is not proven, and its line says so
    }
}

fn control(
    engine: &Engine,
    watched: bool,
    spec: &Spec,
    outlook: &BTreeMap<Watched, Outlook>,
    findings: &[FindingLine],
) -> ControlLine {
    let me = Watched::Control(ControlName::from(spec.name));
    let own = outlook.get(&me);
    let parts = outlook
        .iter()
        .filter(|(of, _)| belongs(of) == Some(spec.name));
    let troubled = parts
        .map(|(_, part)| part.standing)
        .filter(|standing| standing.is_problem());
    // A control is as well as the worst of what it rests on; it is proven by its own probe alone.
    let standing = own.map_or(Standing::Off, |own| own.standing);
    let mut state = troubled.max().map_or(standing, |worst| worst.max(standing));
    let (mut knows, mut command) = knows::of(engine, spec, outlook);
    let about = |finding: &&FindingLine| match finding.subject.parse() {
        Ok(Subject::Watched(of)) => of == me || belongs(&of) == Some(spec.name),
        _ => false,
    };
    if let Some(trouble) = findings
        .iter()
        .filter(|finding| is_open(finding))
        .find(about)
    {
        let what = match trouble.fields.get("why") {
            Some(why) if state == Standing::Blind => why.to_string(),
            _ => format!("{}; {knows}", trouble.title),
        };
        (knows, command) = (what, trouble.command.clone().or(command));
    }
    // The main loop speaks for watch: without its probe, nothing it says is proven.
    if spec.name == "watch" && !watched {
        state = Standing::Blind;
        "its own probe did not come back: silence would not be noticed".clone_into(&mut knows);
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
pub(crate) fn fill(template: &str, finding: &Finding) -> Option<String> {
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
            [one] => sentences.push(format!("One control {}: {one}.", is(state, false))),
            _ => {
                let (count, names) = (names.len(), names.join(" and "));
                sentences.push(format!("{count} controls {}: {names}.", is(state, true)));
            }
        }
    }
    let open: Vec<&FindingLine> = findings.iter().filter(|finding| is_open(finding)).collect();
    // What is wrong with a control is told by its state above.
    let told_above = |finding: &FindingLine| {
        finding.rule.starts_with("watch.") && !finding.subject.starts_with("pair:")
    };
    let missing = open
        .iter()
        .filter(|finding| !told_above(finding) && finding.severity >= Severity::High);
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

const fn is(state: Standing, many: bool) -> &'static str {
    match (state, many) {
        (Standing::Blind, _) => "cannot see",
        (Standing::Silent, false) => "is silent",
        (Standing::Silent, true) => "are silent",
        (Standing::Sick, false) => "is sick",
        (Standing::Sick, true) => "are sick",
        (Standing::Off | Standing::Learning | Standing::Proven | Standing::Working, _) => "works",
    }
}

fn next(findings: &[FindingLine], me: &str) -> Vec<Todo> {
    let mut todos: Vec<Todo> = Vec::new();
    let mut hosts: Vec<BTreeSet<&str>> = Vec::new();
    for finding in findings.iter().filter(|finding| is_open(finding)) {
        let same = |todo: &Todo| todo.command.is_some() && todo.command == finding.command;
        if let Some(at) = todos.iter().position(same) {
            if let (Some(todo), Some(hosts)) = (todos.get_mut(at), hosts.get_mut(at)) {
                todo.mends += 1; // what one command mends is one thing to do
                hosts.insert(&finding.host);
            }
            continue;
        }
        hosts.push(BTreeSet::from([finding.host.as_str()]));
        let elsewhere = finding.host != me && !finding.title.contains(finding.host.as_str());
        let on = if elsewhere {
            format!(" on {}", finding.host)
        } else {
            String::new()
        };
        todos.push(Todo {
            what: format!("{}{on}", capital(&finding.title)),
            severity: finding.severity,
            command: finding.command.clone(),
            mends: 1,
        });
    }
    for (todo, hosts) in todos.iter_mut().zip(&hosts) {
        if hosts.len() > 1 {
            let more = plural(hosts.len() - 1, "more host");
            todo.what = format!("{}, and the like on {more}", todo.what);
        }
    }
    todos.truncate(MAX_NEXT);
    todos
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
