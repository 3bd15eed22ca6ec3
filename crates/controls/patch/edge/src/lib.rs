//! The world side of patch: reads dpkg's status and apt's security indexes, plants the invented host.
#![expect(clippy::disallowed_methods, reason = "edge")]

pub mod apply;
mod apt;
pub mod audit;
pub mod auditor;
mod dpkg;
mod feeds;
mod hosts;
mod prove;
pub mod remote;
pub mod running;
mod unpack;

pub use apt::{Index, LISTS, advisories, security_indexes};
pub use dpkg::{Dpkg, STATUS, inventory};
pub use feeds::{FeedUnread, Feeds, Indexed, MAX_DOCUMENTS, Sample, Told, feeds};
pub use hosts::{HostFiles, Listed, MAX_DEPTH, MAX_FILES, host, hosts, listed};
pub use prove::SyntheticHost;
pub use unpack::{MAX_FILE_BYTES, MAX_UNPACKED_BYTES, UnpackError, unpack, unpack_bytes};
