//! For which hosts a requirement is, in the words of whoever wrote it.

use cordon_model::Pattern;
use serde::Deserialize;

/// Which hosts a requirement is for. What is left out narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// By name; one of them must fit.
    pub hosts: Vec<Pattern>,
    /// By what they run, in whatever words: `Windows XP`, `debian`.
    pub os: Option<String>,
    /// By what they are for, as `[[patch.hosts]]` says.
    pub role: Option<String>,
    /// By any other mark, likewise.
    pub tag: Option<String>,
}

/// `[[patch.hosts]]`: what hosts are for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Which.
    pub name: Pattern,
    /// What they are for: `web`.
    #[serde(default)]
    pub role: Option<String>,
    /// Any other marks.
    #[serde(default)]
    pub tags: Vec<String>,
}

/// Whether a requirement is for a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InScope {
    /// It is.
    For,
    /// It is for others, and why.
    Not(String),
    /// It cannot be said, and why.
    Unclear(String),
}

/// Words that name a family of systems. What a sheet calls `2003` is a server, and so on; the longest first.
const FAMILIES: [(&str, &str); 34] = [
    ("windows server 2008 r2", "2008r2"),
    ("server 2008 r2", "2008r2"),
    ("2008 r2", "2008r2"),
    ("windows server 2012 r2", "2012r2"),
    ("server 2012 r2", "2012r2"),
    ("2012 r2", "2012r2"),
    ("windows nt", "nt"),
    ("nt 4", "nt"),
    ("2000", "2000"),
    ("2003", "2003"),
    ("2008", "2008"),
    ("2012", "2012"),
    ("2016", "2016"),
    ("2019", "2019"),
    ("2022", "2022"),
    ("2025", "2025"),
    ("vista", "vista"),
    ("windows 8.1", "8.1"),
    ("windows 7", "7"),
    ("windows 8", "8"),
    ("windows 10", "10"),
    ("windows 11", "11"),
    ("win7", "7"),
    ("win8", "8"),
    ("win10", "10"),
    ("win11", "11"),
    ("windows xp", "xp"),
    ("xp", "xp"),
    ("debian", "debian"),
    ("ubuntu", "ubuntu"),
    ("almalinux", "almalinux"),
    ("rocky", "rocky"),
    ("alpine", "alpine"),
    ("red hat", "rhel"),
];

impl Scope {
    /// Whether `host`, which runs `system`, is meant. A host that does not say what it runs is in doubt, never
    /// out of scope.
    pub fn of(&self, host: &str, system: Option<&str>, groups: &[Group]) -> InScope {
        let lower = host.to_lowercase();
        let named = |pattern: &Pattern| pattern.fits(host) || pattern.fits(&lower);
        if !self.hosts.is_empty() && !self.hosts.iter().any(named) {
            let hosts: Vec<String> = self.hosts.iter().map(Pattern::to_string).collect();
            return InScope::Not(format!("the row is for {}", hosts.join(", ")));
        }
        let mine = || groups.iter().filter(|group| named(&group.name));
        if let Some(role) = &self.role
            && !mine().any(|group| group.role.as_ref() == Some(role))
        {
            return InScope::Not(format!("the row is for the role {role}"));
        }
        if let Some(tag) = &self.tag
            && !mine().any(|group| group.tags.contains(tag))
        {
            return InScope::Not(format!("the row is for hosts with the tag {tag}"));
        }
        self.by_system(system)
    }

    fn by_system(&self, system: Option<&str>) -> InScope {
        let Some(wanted) = &self.os else {
            return InScope::For;
        };
        let (families_wanted, says_windows) = (families(wanted), says_windows(wanted));
        if families_wanted.is_empty() && !says_windows {
            return InScope::For; // words that say nothing of a system narrow nothing
        }
        let Some(system) = system else {
            let why = format!("the row is for {wanted}, and the host does not say what it runs");
            return InScope::Unclear(why);
        };
        let mine = families(system);
        let fits = families_wanted.iter().any(|one| mine.contains(one));
        if fits || (families_wanted.is_empty() && says_windows_name(system)) {
            InScope::For
        } else {
            InScope::Not(format!("the row is for {wanted}, this is {system}"))
        }
    }
}

/// Words by which a sheet says that a row is for everybody.
const EVERYBODY: [&str; 14] = [
    "all",
    "any",
    "every",
    "everything",
    "alle",
    "alles",
    "tous",
    "toutes",
    "todos",
    "todas",
    "tutti",
    "tutte",
    "systems",
    "hosts",
];

/// Whether a text that should narrow a row to some systems names none that is known, and does not say `all`
/// either: then the row is held against every host, and whoever wrote it may have meant fewer.
pub fn names_no_system(applies: &str) -> bool {
    let lower = applies.to_lowercase();
    let mut words = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    families(applies).is_empty()
        && !says_windows(applies)
        && !words.all(|word| EVERYBODY.contains(&word))
}

fn says_windows(text: &str) -> bool {
    text.to_lowercase().contains("windows")
}

/// Some systems say only their number.
fn says_windows_name(system: &str) -> bool {
    says_windows(system)
        || !matches!(
            families(system).as_slice(),
            [] | ["debian" | "ubuntu" | "almalinux" | "rocky" | "alpine" | "rhel"]
        )
}

/// The families that a text names. A name that is part of a longer one that was found counts once.
fn families(text: &str) -> Vec<&'static str> {
    let mut rest = text.to_lowercase().replace(['®', '™', '-'], " ");
    let mut found = Vec::new();
    for (words, family) in FAMILIES {
        while let Some(at) = position(&rest, words) {
            rest.replace_range(at..at + words.len(), &" ".repeat(words.len()));
            if !found.contains(&family) {
                found.push(family);
            }
        }
    }
    found
}

/// Where `words` stand as words.
fn position(text: &str, words: &str) -> Option<usize> {
    text.match_indices(words).map(|(at, _)| at).find(|at| {
        let before = text.get(..*at).and_then(|text| text.chars().next_back());
        let after = text
            .get(at + words.len()..)
            .and_then(|text| text.chars().next());
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        !inside(before) && !inside(after)
    })
}

#[cfg(test)]
mod tests {
    use super::{families, names_no_system};

    #[test]
    fn a_text_that_narrows_nothing_is_told_unless_it_means_all() {
        for text in ["all kiosks", "Kasse 3", "finance"] {
            assert!(names_no_system(text), "{text}");
        }
        let clear = [
            "all",
            "*",
            "alle",
            "All hosts",
            "Windows clients",
            "XP kiosks",
            "Debian 12",
        ];
        for text in clear {
            assert!(!names_no_system(text), "{text}");
        }
    }

    #[test]
    fn systems_are_told_by_the_words_of_sheets() {
        let check = |text: &str, expected: &[&str]| assert_eq!(families(text), expected, "{text}");
        check("Microsoft Windows XP Professional", &["xp"]);
        check("Windows 2000, XP und Server 2003", &["2000", "2003", "xp"]);
        check("Microsoft Windows Server 2008 R2 Standard", &["2008r2"]);
        check("Windows Server 2008", &["2008"]);
        check("Windows 8.1 Pro", &["8.1"]);
        check("Win10", &["10"]);
        check("all workstations", &[]);
    }
}
