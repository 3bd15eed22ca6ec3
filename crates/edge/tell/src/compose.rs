//! The words of a message. Everything that was found may have been named by an attacker, so it is made inert.

use cordon_model::{Severity, Span, Time, inert, plural};

use crate::{Letter, Message, News};

/// Most findings of one rule that are written out; the rest is counted.
const MAX_WRITTEN: usize = 10;

/// Most items of one finding that are written out.
const MAX_ITEMS: usize = 20;

/// Longest subject, in characters.
const MAX_SUBJECT: usize = 150;

/// Findings to be told at once; `left` is how many messages of today remain, where they are counted.
pub(crate) fn at_once(
    ready: &[(u64, &Letter)],
    (me, url): (&str, Option<&str>),
    left: Option<u32>,
) -> Message {
    let letters = worst_first(ready.iter().map(|(_, letter)| *letter));
    let first = letters.first().map_or("", |letter| letter.title.as_str());
    let more = match letters.len() {
        0 | 1 => String::new(),
        many => format!(" and {} more", many - 1),
    };
    let mut text = String::new();
    tell(&mut text, &letters);
    if left == Some(0) {
        text +=
            "\nThis is the last message of today; what else is found comes with the next digest.\n";
    }
    end(&mut text, (me, url));
    let ids: Vec<u64> = ready.iter().map(|(id, _)| *id).collect();
    let id = format!("{}-{}", ids.iter().min().unwrap_or(&0), ids.len());
    let room = MAX_SUBJECT.saturating_sub(more.chars().count() + me.chars().count() + 11);
    let subject = format!(
        "Cordon on {}: {}{more}",
        inert(me),
        cut(&inert(first), room)
    );
    Message {
        id,
        subject,
        text,
        letters,
    }
}

/// What waited, and that mail works.
pub(crate) fn digest(
    waiting: &[&Letter],
    dropped: u64,
    (me, url): (&str, Option<&str>),
    day: u64,
) -> Message {
    let letters = worst_first(waiting.iter().copied());
    let (over, stands): (Vec<&Letter>, Vec<&Letter>) = letters
        .iter()
        .partition(|letter| letter.news == News::Ended);
    let mut text = String::new();
    if letters.is_empty() {
        text += "Nothing new since the last digest. This message comes each day: a day without it means that mail\n\
                 from Cordon no longer reaches you.\n";
    }
    if !stands.is_empty() {
        text += "Found since the last digest, and not told at once:\n\n";
        let stands: Vec<Letter> = stands.into_iter().cloned().collect();
        tell(&mut text, &stands);
    }
    if !over.is_empty() {
        let rest = over.len().saturating_sub(MAX_WRITTEN);
        text += "\nOver:\n";
        for letter in over.iter().take(MAX_WRITTEN) {
            line(
                &mut text,
                &format!("  {} on {}", inert(&letter.title), inert(&letter.host)),
            );
        }
        if rest > 0 {
            line(&mut text, &format!("  and {rest} more"));
        }
    }
    if dropped > 0 {
        line(
            &mut text,
            &format!("\n{dropped} more were too many to keep; the console has their history."),
        );
    }
    end(&mut text, (me, url));
    let date = Time::from_millis(day * Span::days(1).millis()).day();
    let what = if letters.is_empty() {
        "nothing new".to_owned()
    } else {
        plural(letters.len(), "finding")
    };
    let subject = format!("Cordon on {}: digest of {date}, {what}", inert(me));
    let id = format!("digest-{date}");
    Message {
        id,
        subject,
        text,
        letters,
    }
}

fn worst_first<'l>(letters: impl Iterator<Item = &'l Letter>) -> Vec<Letter> {
    let mut letters: Vec<Letter> = letters.cloned().collect();
    letters.sort_by(|a, b| {
        b.severity
            .cmp(&a.severity)
            .then_with(|| a.rule.cmp(&b.rule))
            .then_with(|| a.at.cmp(&b.at))
    });
    letters
}

/// Rule by rule: what to do once, then each.
fn tell(text: &mut String, letters: &[Letter]) {
    for same in letters.chunk_by(|a, b| a.rule == b.rule) {
        let Some(first) = same.first() else { continue };
        for letter in same.iter().take(MAX_WRITTEN) {
            let (title, host) = (inert(&letter.title), inert(&letter.host));
            let since = letter.at.to_string();
            line(text, &format!("{}: {title}", word(letter.severity)));
            line(text, &format!("  on {host}, since {since}"));
            if let Some(excerpt) = &letter.excerpt {
                line(text, &format!("  {}", inert(excerpt)));
            }
            for item in letter.items.iter().take(MAX_ITEMS) {
                line(text, &format!("  {}", inert(item)));
            }
            let rest = letter.items.len().saturating_sub(MAX_ITEMS);
            if rest > 0 {
                line(
                    text,
                    &format!("  and {rest} more of {}", letter.items.len()),
                );
            }
        }
        let rest = same.len().saturating_sub(MAX_WRITTEN);
        if rest > 0 {
            line(
                text,
                &format!("and {rest} more of {} by the same rule", same.len()),
            );
        }
        line(text, &format!("\nWhat to do: {}", inert(&first.advice)));
        if let Some(command) = &first.command {
            line(text, &format!("  {}", inert(command)));
        }
        text.push('\n');
    }
}

fn end(text: &mut String, (me, url): (&str, Option<&str>)) {
    let place = url.map_or_else(|| "its console".to_owned(), inert);
    line(
        text,
        &format!(
            "-- \nCordon on {}. More: {place}, or `cordon check` there.",
            inert(me)
        ),
    );
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

const fn word(severity: Severity) -> &'static str {
    severity.plain()
}

fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars()
        .take(most.saturating_sub(1))
        .chain(['…'])
        .collect()
}
