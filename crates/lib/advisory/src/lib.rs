//! What is fixed, who says so, and which hosts lack it.
//!
//! In 2004 one bulletin was missed and 80 % of the workstations fell. Auditors miss one today in other
//! ways: a fix of another module stream or release is held against the host, a package without any fix
//! is called patched, a test that could not be evaluated is called false, a row that could not be read
//! is gone without a word. So every reader here counts rows in = rows out + rejected with reasons, each
//! feed says how new it is and of which releases it speaks, and a judgement has four states:
//! *proven*, *missing* (a fix exists), *no fix* (exposed, and nobody has one) and *unknown* with why.
//!
//! Bytes in, values out: no I/O, no clock. The caller opens archives and folders, and knows which
//! kernel runs.
//!
//! | function | reads |
//! | --- | --- |
//! | [`osv`] | OSV documents of AlmaLinux, Rocky, Red Hat, Debian, Ubuntu, Alpine, SUSE |
//! | [`csaf`] | CSAF 2.0 advisories and VEX |
//! | [`secdb`] | Alpine's secdb |
//! | [`kev_csv`], [`kev_json`] | the known exploited vulnerabilities of CISA |
//! | [`Oval::read`] | OVAL 5 definitions, which are evaluated and not indexed |
//!
//! ```
//! use advisory::{Index, Inventory, Installed, Options, Release, State, osv};
//!
//! let document = br#"{"id":"ALSA-1","summary":"Important: bash security update","modified":"2026-01-02T03:04:05Z",
//!     "related":["CVE-2026-1"],"affected":[{"package":{"ecosystem":"AlmaLinux:8","name":"bash"},
//!     "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"4.4.20-5.el8"}]}]}]}"#;
//! let feed = osv("alma", [document.as_slice()]);
//! assert_eq!((feed.rows.len(), feed.rejected), (1, 0));
//! let index = Index::new(&[feed], Options::default());
//! let release: Release = "almalinux:8".parse().unwrap();
//! let bash = Installed { name: "bash", arch: "x86_64", version: "4.4.20-4.el8", ..Installed::default() };
//! let packages = [bash];
//! let audit = index.judge(&Inventory { release: &release, packages: &packages });
//! assert_eq!(audit.rows[0].verdict.state, State::Missing);
//! assert_eq!(audit.rows[0].verdict.fixed.as_deref(), Some("4.4.20-5.el8"));
//! ```
#![warn(missing_docs)]

mod csaf;
mod danger;
mod feed;
mod fleet;
mod index;
mod judge;
mod kev;
mod osv;
mod oval;
mod release;
mod row;
mod secdb;

pub use csaf::csaf;
pub use danger::Level;
pub use feed::{Feed, Format, MAX_DOCUMENT_BYTES, MAX_REASONS, MAX_ROWS};
pub use fleet::{Fleet, FleetRow, HostId, ItemId, MAX_ITEMS, Tally};
pub use index::{Index, Options, Touched};
pub use judge::{Audit, Installed, Inventory, Judged, State, Stream, Verdict, Why};
pub use kev::{Kev, KevError, Known, kev_csv, kev_json};
pub use osv::osv;
pub use oval::{
    Definition, Facts, Have, MAX_DEPTH, MAX_OVAL_BYTES, MAX_PATTERN_STEPS, Outcome, Oval,
    OvalError, Truth, Uname, Witness,
};
pub use release::{NoRelease, Release};
pub use row::{Advisory, Class, Fix, Row, Speaks, Streams};
pub use secdb::secdb;
