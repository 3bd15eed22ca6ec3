//! The script that collects what [`crate::WindowsHost`] reads, for the hosts where no agent runs: one
//! readable PowerShell file that administrators can review, hand out by Group Policy, and whose
//! dated bundle answers what `systeminfo` cannot (revision of the build, file versions, Office,
//! last start, what waits for a restart, what Windows Update itself offers).
//!
//! It was linted here, and its bundle was read here from a file written by hand in its form. **It was
//! not run on Windows here.** Run it on one host of each kind before it goes to all.

use sha2::{Digest, Sha256};

/// The script: PowerShell 2.0 and later, reads only, writes one file to the share it is given.
pub const SCRIPT: &str = include_str!("collect.ps1");

/// A scheduled task that runs it daily and after each start; `DOMAIN` and `SERVER` are to replace.
pub const TASK_XML: &str = include_str!("task.xml");

/// How to hand both out by Group Policy.
pub const GROUP_POLICY: &str = include_str!("gpo.txt");

/// SHA-256 of [`SCRIPT`] in lower-case hexadecimal, to compare with what lies on the share.
pub fn script_sha256() -> String {
    let digest = Sha256::digest(SCRIPT.as_bytes());
    digest.iter().fold(String::new(), |mut text, byte| {
        text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
        text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        text
    })
}
