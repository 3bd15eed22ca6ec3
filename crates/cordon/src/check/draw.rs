//! The page of `cordon check`.

use std::io::{self, Write};

use cordon_model::{Severity, Standing, Time};

use super::posture::{ControlLine, FindingLine, Posture, Todo};
use crate::page::{cut, inert, wrap};

const INDENT: &str = "  ";
const CONTROL: usize = 13;
const STATE: usize = 13;
const PROVEN: usize = 14;
const URGENCY: usize = 9;

/// How to draw.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// Columns.
    pub width: usize,
    /// Whether colour adds to the words. Alone it never says anything.
    pub colour: bool,
    /// Evidence and advice of every finding.
    pub all: bool,
}

/// Draws the page.
pub fn draw(posture: &Posture, style: Style, to: &mut dyn Write) -> io::Result<()> {
    writeln!(to)?;
    for text in wrap(&inert(&posture.verdict), style.width - 2 * INDENT.len()) {
        writeln!(to, "{INDENT}{}", paint(&text, BOLD, style))?;
    }
    writeln!(to)?;
    let head = format!(
        "{:<CONTROL$}{:<STATE$}{:<PROVEN$}{}",
        "CONTROL", "STATE", "LAST PROVEN", "WHAT WE KNOW"
    );
    writeln!(to, "{INDENT}{}", paint(&head, FAINT, style))?;
    for line in &posture.controls {
        control(line, posture.at, style, to)?;
    }
    if !posture.next.is_empty() {
        writeln!(to, "\n{INDENT}{}", paint("DO NEXT", FAINT, style))?;
        for (index, todo) in posture.next.iter().enumerate() {
            do_next(index + 1, todo, style, to)?;
        }
    }
    if style.all {
        for finding in &posture.findings {
            evidence(finding, posture.at, style, to)?;
        }
    }
    for note in &posture.notes {
        writeln!(to, "\n{INDENT}note: {}", inert(note))?;
    }
    let open = posture.open().count();
    let other = posture.findings.len() - open;
    let other = if other > 0 {
        format!(" (and {other} folded or suppressed)")
    } else {
        String::new()
    };
    let plural = if open == 1 { "" } else { "s" };
    let more = if style.all {
        ""
    } else {
        " · evidence and advice: cordon check --all"
    };
    let foot = format!("{open} finding{plural}{other}{more} · for machines: --json");
    writeln!(to)?;
    for text in wrap(&foot, style.width - 2 * INDENT.len()) {
        writeln!(to, "{INDENT}{}", paint(&text, FAINT, style))?;
    }
    writeln!(to)
}

fn control(line: &ControlLine, at: Time, style: Style, to: &mut dyn Write) -> io::Result<()> {
    let proven = line
        .last_proven
        .map_or_else(|| "-".to_owned(), |when| ago(at, when));
    let room = style.width - INDENT.len() - CONTROL - STATE - PROVEN;
    let mut knows = wrap(&inert(&line.knows), room);
    if let Some(command) = &line.command {
        knows.extend(wrap(&inert(command), room));
    }
    let state = format!("{:<STATE$}", line.state.plain());
    let state = paint(&state, colour_of(line.state), style);
    for (index, text) in knows.iter().enumerate() {
        if index == 0 {
            writeln!(
                to,
                "{INDENT}{:<CONTROL$}{state}{proven:<PROVEN$}{text}",
                line.control
            )?;
        } else {
            let blank = CONTROL + STATE + PROVEN;
            writeln!(to, "{INDENT}{:blank$}{text}", "")?;
        }
    }
    Ok(())
}

fn do_next(number: usize, todo: &Todo, style: Style, to: &mut dyn Write) -> io::Result<()> {
    let room = style.width - 2 * INDENT.len() - 3 - URGENCY;
    let severity = format!("{:>URGENCY$}", todo.severity.plain());
    let severity = paint(&severity, urgency(todo.severity), style);
    for (index, text) in wrap(&inert(&todo.what), room).iter().enumerate() {
        if index == 0 {
            writeln!(to, "{INDENT}{number:<3}{text:<room$}{severity}")?;
        } else {
            writeln!(to, "{INDENT}   {text}")?;
        }
    }
    if let Some(command) = &todo.command {
        let room = style.width - 2 * INDENT.len() - 3;
        writeln!(
            to,
            "{INDENT}   {}",
            paint(&cut(&inert(command), room), FAINT, style)
        )?;
    }
    Ok(())
}

fn evidence(finding: &FindingLine, at: Time, style: Style, to: &mut dyn Write) -> io::Result<()> {
    let room = style.width - 2 * INDENT.len() - 2;
    let under = finding
        .under
        .as_ref()
        .map_or_else(String::new, |under| format!(" under {under}"));
    let head = format!(
        "{} · {} · {}{under}",
        finding.title,
        finding.severity.plain(),
        finding.status
    );
    writeln!(to, "\n{INDENT}{}", paint(&inert(&head), BOLD, style))?;
    let about = format!(
        "{} on {}, {}, {}",
        finding.rule,
        finding.host,
        finding.subject,
        ago(at, finding.since)
    );
    let mut paragraphs = vec![about, finding.advice.clone()];
    paragraphs.extend(finding.excerpt.as_ref().map(|line| format!("line: {line}")));
    paragraphs.extend(
        finding
            .command
            .as_ref()
            .map(|command| format!("run: {command}")),
    );
    for paragraph in paragraphs {
        for text in wrap(&inert(&paragraph), room) {
            writeln!(to, "{INDENT}{INDENT}{text}")?;
        }
    }
    if let Some(cordon_model::Value::List(items)) = finding.fields.get("packages") {
        for item in items {
            writeln!(
                to,
                "{INDENT}{INDENT}- {}",
                cut(&inert(item.as_str()), room - 2)
            )?;
        }
    }
    Ok(())
}

fn ago(at: Time, when: Time) -> String {
    format!("{} ago", at.since(when).plain())
}

const BOLD: &str = "1";
const FAINT: &str = "2";

/// The nearest of sixteen colours to Okabe and Ito's, which colour-blind eyes tell apart.
const fn colour_of(state: Standing) -> &'static str {
    match state {
        Standing::Proven => "32",
        Standing::Working => "36",
        Standing::Sick | Standing::Silent => "31",
        Standing::Blind => "33",
        Standing::Off | Standing::Learning => FAINT,
    }
}

const fn urgency(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::High => "31",
        Severity::Medium => "33",
        Severity::Low | Severity::Info => FAINT,
    }
}

fn paint(text: &str, code: &str, style: Style) -> String {
    if style.colour {
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    } else {
        text.to_owned()
    }
}
