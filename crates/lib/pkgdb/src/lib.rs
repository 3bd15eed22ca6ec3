//! What is installed on a Linux host, read from the bytes of its own package database.
//!
//! A live host answers `rpm -qa`; a disk image, a container layer or a folder that somebody sent does
//! not, and then the database itself is the only witness. A reader that stops at the first page it
//! does not understand hands out a shorter list, and every package behind it counts as patched or
//! as absent. So each reader here gives the whole list or an error that says what is wrong: a
//! truncated file, a page that is used twice, an index that knows more packages than the table, a
//! write-ahead log that was left behind. What a text format lets one skip is counted, with a reason.
//!
//! Bytes in, values out: no I/O, no clock, no panic on any bytes, time linear in their number.
//!
//! | function | reads |
//! | --- | --- |
//! | [`rpmdb_sqlite`] | `rpmdb.sqlite` (rpm 4.16 and later), with its `-wal` |
//! | [`rpmdb_ndb`] | `Packages.db` (SUSE) |
//! | [`rpmdb_bdb`] | `Packages` (Berkeley DB hash; RHEL 8 and older) |
//! | [`rpm_header`] | one header blob of any of them |
//! | [`rpm_query`], [`rpm_plain`] | the text of `rpm -qa`, with [`RPM_QUERY`] and without |
//! | [`apk_installed`] | `lib/apk/db/installed` |
//! | [`Os::read`] | `etc/os-release` |
//! | [`eol::support`] | until when the vendor mends that release |
//!
//! ```
//! let text = "openssl-libs\t1\t1.1.1k\t9.el8_7\tx86_64\topenssl-1.1.1k-9.el8_7.src.rpm\t(none)\t1700000000\n";
//! let listing = pkgdb::rpm_query(text.as_bytes()).unwrap();
//! assert_eq!(listing.packages[0].evr(), "1:1.1.1k-9.el8_7");
//! assert_eq!(listing.packages[0].source(), Some("openssl"));
//! ```
#![warn(missing_docs)]

mod apk;
mod bdb;
mod bytes;
pub mod eol;
mod header;
mod ndb;
mod os;
mod package;
mod sqlite;
#[cfg(test)]
mod testgen;
mod text;
mod wal;

pub use apk::apk_installed;
pub use bdb::rpmdb_bdb;
pub use header::{MAX_HEADER_BYTES, MAX_HEADER_TAGS, rpm_header};
pub use ndb::rpmdb_ndb;
pub use os::{MAX_OS_RELEASE_BYTES, Os, OsError};
pub use package::{Epoch, Error, Listing, MAX_REASONS, Manager, Package, Rejected};
pub use sqlite::rpmdb_sqlite;
pub use text::{RPM_QUERY, rpm_plain, rpm_query};
pub use wal::Wal;

/// Reads whichever rpm database `bytes` are, by their magic number; `wal` matters to `SQLite` alone.
pub fn rpmdb(bytes: &[u8], wal: Wal<'_>) -> Result<Listing, Error> {
    if bytes.starts_with(sqlite::MAGIC) {
        rpmdb_sqlite(bytes, wal)
    } else if bytes.starts_with(ndb::MAGIC) {
        rpmdb_ndb(bytes)
    } else if bdb::is_hash(bytes) {
        rpmdb_bdb(bytes)
    } else {
        Err(Error::NotA {
            expected: "an rpm database of SQLite, ndb or Berkeley DB hash",
            found: bytes.len(),
        })
    }
}
