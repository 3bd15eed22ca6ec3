//! From what each witness says to where a requirement stands.
//!
//! 2004: the deployment tool said "done", and that was the only rung anybody looked at. So the verdict is
//! the lowest rung of the host's own: a word is never evidence, a list is not a file, a file on the disk is
//! not what runs. Where two witnesses disagree that is a finding of its own, and the loudest is the deployer
//! who says yes while the host says no.

use cordon_model::{Ladder, Needs, Rung};

/// How the reason of [`Stand::NotRunning`] begins.
pub const NOT_RUNNING_WORDS: &str = "installed, not running: ";

/// Where a requirement stands on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stand {
    /// The host itself shows that it is there, as far up as was asked.
    Proven,
    /// The host itself shows that it is not there.
    Missing(String),
    /// It is on the disk, and something older runs.
    NotRunning(String),
    /// Two witnesses disagree.
    Contradicted(String),
    /// Nobody can tell, and why.
    Unknown(String),
}

impl Stand {
    /// The word people read, and `--json` prints.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Proven => "proven",
            Self::Missing(_) | Self::NotRunning(_) => "missing",
            Self::Contradicted(_) => "contradicted",
            Self::Unknown(_) => "unknown",
        }
    }

    /// Why it is so; none where it is proven.
    pub fn why(&self) -> Option<&str> {
        match self {
            Self::Proven => None,
            Self::Missing(why)
            | Self::NotRunning(why)
            | Self::Contradicted(why)
            | Self::Unknown(why) => Some(why),
        }
    }
}

/// The verdict of a ladder.
pub fn stand(ladder: &Ladder, needs: Needs) -> Stand {
    let Ladder {
        deployer,
        listed,
        file,
        running,
    } = ladder;
    match (installed(listed.as_ref(), file.as_ref()), deployer) {
        (Installed::No(why), Some(Rung::Yes(word))) => {
            Stand::Contradicted(format!("{word}, the host says no: {why}"))
        }
        (Installed::Disagree(why), _) => Stand::Contradicted(why),
        (Installed::No(why), Some(Rung::No(word) | Rung::Unknown(word))) => {
            Stand::Missing(format!("{why}; {word}"))
        }
        (Installed::No(why), None) => Stand::Missing(why),
        (Installed::Unknown(why), Some(word)) => {
            Stand::Unknown(format!("{why}; {}, which proves nothing", word.words()))
        }
        (Installed::Unknown(why), None) => Stand::Unknown(why),
        (Installed::Yes { by_file }, _) => match (running, needs) {
            (Some(Rung::No(why)), _) => Stand::NotRunning(format!("installed, not running: {why}")),
            (_, Needs::File | Needs::Running) if !by_file => Stand::Unknown(
                "it is listed, and the file itself was not seen, which the baseline asks for"
                    .to_owned(),
            ),
            (Some(Rung::Unknown(why)), Needs::Running) => Stand::Unknown(why.as_str().to_owned()),
            (None, Needs::Running) => {
                Stand::Unknown("nothing tells whether it is what runs".to_owned())
            }
            (Some(Rung::Yes(_) | Rung::Unknown(_)) | None, _) => Stand::Proven,
        },
    }
}

enum Installed {
    Yes { by_file: bool },
    No(String),
    Disagree(String),
    Unknown(String),
}

/// A list that does not name an update proves little where the file is there: it came with a service pack.
/// A list that names it proves nothing where the file is older.
fn installed(listed: Option<&Rung>, file: Option<&Rung>) -> Installed {
    let words = |rung: &Rung| rung.words().as_str().to_owned();
    match (listed, file) {
        (_, Some(Rung::Yes(_))) => Installed::Yes { by_file: true },
        (Some(Rung::Yes(list)), Some(Rung::No(file))) => {
            Installed::Disagree(format!("{list}, and {file}"))
        }
        (_, Some(no @ Rung::No(_))) | (Some(no @ Rung::No(_)), _) => Installed::No(words(no)),
        (Some(Rung::Yes(_)), _) => Installed::Yes { by_file: false },
        (Some(unknown @ Rung::Unknown(_)), _) | (None, Some(unknown @ Rung::Unknown(_))) => {
            Installed::Unknown(words(unknown))
        }
        (None, None) => Installed::Unknown("nobody looked".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use cordon_model::Text;

    use super::*;

    /// `+`, `-`, `?` and ` `: yes, no, cannot tell, no such witness; deployer, list, file, running.
    fn ladder(text: &str) -> Ladder {
        let rung = |at: usize, who: &str| match text.chars().nth(at) {
            Some('+') => Some(Rung::Yes(Text::new(&format!("{who} yes")))),
            Some('-') => Some(Rung::No(Text::new(&format!("{who} no")))),
            Some('?') => Some(Rung::Unknown(Text::new(&format!("{who} unknown")))),
            _ => None,
        };
        Ladder {
            deployer: rung(0, "deployer"),
            listed: rung(1, "list"),
            file: rung(2, "file"),
            running: rung(3, "running"),
        }
    }

    fn check(text: &str, needs: Needs, word: &str, why: &str) {
        let stand = stand(&ladder(text), needs);
        assert_eq!(stand.word(), word, "{text:?} {needs:?}: {stand:?}");
        let said = stand.why().unwrap_or_default();
        assert!(said.contains(why), "{text:?} {needs:?}: {said}");
    }

    #[test]
    fn the_lowest_rung_counts_and_a_word_is_no_evidence() {
        check("    ", Needs::Listed, "unknown", "nobody looked");
        check(
            "+   ",
            Needs::Listed,
            "unknown",
            "deployer yes, which proves nothing",
        );
        check(
            "+?  ",
            Needs::Listed,
            "unknown",
            "list unknown; deployer yes",
        );
        check(
            "+-  ",
            Needs::Listed,
            "contradicted",
            "deployer yes, the host says no: list no",
        );
        check("--  ", Needs::Listed, "missing", "list no; deployer no");
        check(" +  ", Needs::Listed, "proven", "");
        check("-+  ", Needs::Listed, "proven", "");
        check(
            " +- ",
            Needs::Listed,
            "contradicted",
            "list yes, and file no",
        );
        check(" -+ ", Needs::Listed, "proven", ""); // it came with a service pack
        check("+-+ ", Needs::Listed, "proven", "");
        check(" -- ", Needs::Listed, "missing", "file no");
        check("+ - ", Needs::Listed, "contradicted", "file no");
        check(
            " + -",
            Needs::Listed,
            "missing",
            "installed, not running: running no",
        );
        check("++++", Needs::Running, "proven", "");
        check(" +++", Needs::Running, "proven", "");
        check(" ++ ", Needs::Running, "unknown", "whether it is what runs");
        check(" ++?", Needs::Running, "unknown", "running unknown");
        check(" ++?", Needs::File, "proven", "");
        check(
            " +  ",
            Needs::File,
            "unknown",
            "the file itself was not seen",
        );
        check(
            " + +",
            Needs::Running,
            "unknown",
            "the file itself was not seen",
        );
    }

    #[test]
    fn no_ladder_without_evidence_of_the_host_is_proven() {
        let marks = ['+', '-', '?', ' '];
        for deployer in marks {
            for running in marks {
                for list in ['-', '?', ' '] {
                    for file in ['-', '?', ' '] {
                        let text: String = [deployer, list, file, running].iter().collect();
                        for needs in [Needs::Listed, Needs::File, Needs::Running] {
                            assert_ne!(stand(&ladder(&text), needs), Stand::Proven, "{text:?}");
                        }
                    }
                }
            }
        }
    }
}
