//! The same commands over SSH: one script for any `sh`, and what its answer means. The exit codes are kept for people;
//! nothing is believed for their sake, so a command that prints such a line itself gains nothing.

use super::{Job, Record, quoted};

const BEGIN: &str = "@cordon-begin";
const EXIT: &str = "@cordon-exit ";

/// The last line of an answer that is whole.
pub const SCRIPT_END: &str = "@cordon-end";

/// Why an answer is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// A login shell or forced command that runs something else.
    #[error("it did not run what it was given: {0:?}")]
    NotRun(String),
}

/// The script that does a job. `sudo`: each command is run by `sudo -n`.
pub fn script(job: &Job, sudo: bool) -> String {
    let head = format!(
        "PATH=$PATH:/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin\nexport PATH\nprintf '%s\\n' '{BEGIN}'\n"
    );
    let sudo = if sudo { "sudo -n " } else { "" };
    let calls = job.calls.iter().map(|call| {
        let shown = quoted(&format!("$ {call}"));
        format!(
            "printf '%s\\n' {shown}\n{sudo}{call} </dev/null 2>&1\nprintf '\\n{EXIT}%d\\n' \"$?\"\n"
        )
    });
    let end = format!("printf '%s\\n' '{SCRIPT_END}'\n");
    std::iter::once(head).chain(calls).chain([end]).collect()
}

/// What an answer says. One that ends too early tells no exit code.
pub fn answer(job: &Job, said: &[u8]) -> Result<Record, AnswerError> {
    let text = String::from_utf8_lossy(said);
    let Some((_, mine)) = text.split_once(BEGIN) else {
        let begin: String = text.chars().take(200).collect();
        return Err(AnswerError::NotRun(begin));
    };
    let exits: Vec<i32> = mine
        .lines()
        .filter_map(|line| line.strip_prefix(EXIT)?.trim().parse().ok()) // ok: because then it is no such line
        .collect();
    let whole = mine.trim_end().ends_with(SCRIPT_END) && exits.len() >= job.calls.len();
    let exit = exits.iter().copied().find(|code| *code != 0).unwrap_or(0); // 0: because none went wrong
    let exit = whole.then_some(exit);
    Ok(Record::of(job, exit, mine.as_bytes()))
}
