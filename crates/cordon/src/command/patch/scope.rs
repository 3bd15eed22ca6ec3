//! For which hosts a row of a sheet is, in the words of whoever wrote it.

use cordon_model::Pattern;
use cordon_patch_edge::HostFiles;
use sheet::Asked;

/// Whether a row is for a host.
pub(super) enum Scope {
    For,
    /// It is for others, and why.
    Not(String),
    /// It cannot be said.
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

pub(super) fn scope(host: &HostFiles, asked: &Asked) -> Scope {
    if let Some(hosts) = &asked.host {
        let patterns = hosts.split([',', ';', ' ']).filter(|one| !one.is_empty());
        let lower = host.name.to_lowercase();
        let fits = patterns.clone().any(|one| {
            let pattern: Result<Pattern, _> = one.to_lowercase().parse();
            pattern.is_ok_and(|pattern| pattern.fits(&lower))
        });
        if !fits
            && patterns
                .clone()
                .all(|one| !matches!(one, "all" | "alle" | "*"))
        {
            return Scope::Not(format!("the row is for {hosts}"));
        }
    }
    let Some(applies) = &asked.applies else {
        return Scope::For;
    };
    let wanted = families(applies);
    let says_windows = applies.to_lowercase().contains("windows");
    if wanted.is_empty() && !says_windows {
        return Scope::For; // words that say nothing of a system narrow nothing
    }
    let (mine, shown) = if let Some(windows) = &host.windows {
        let Some(name) = &windows.os_name else {
            let why = format!("the row is for {applies}, and the host does not say what it runs");
            return Scope::Unclear(why);
        };
        (families(&name.value), name.value.clone())
    } else if let Some(os) = &host.os {
        (vec![os.id.as_str()], os.id.clone())
    } else if host.dpkg.is_some() {
        (vec!["debian", "ubuntu"], "a host with dpkg".to_owned())
    } else {
        let why = format!("the row is for {applies}, and the host does not say what it runs");
        return Scope::Unclear(why);
    };
    let fits = wanted.iter().any(|one| mine.contains(one));
    let all_windows = wanted.is_empty() && host.windows.is_some();
    if fits || all_windows {
        Scope::For
    } else {
        Scope::Not(format!("the row is for {applies}, this is {shown}"))
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
pub(super) fn names_no_system(applies: &str) -> bool {
    let lower = applies.to_lowercase();
    let mut words = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    families(applies).is_empty()
        && !lower.contains("windows")
        && !words.all(|word| EVERYBODY.contains(&word))
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
        for text in [
            "all",
            "*",
            "alle",
            "All hosts",
            "Windows clients",
            "XP kiosks",
            "Debian 12",
        ] {
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
