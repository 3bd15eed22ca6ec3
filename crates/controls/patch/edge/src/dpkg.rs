//! The inventory of a Debian host.

use std::{
    io::ErrorKind,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use cordon_model::{
    Blindness, ControlName, Cursor, End, Fact, Host, Package, Sense, Sensed, Text, Watched,
};
use cordon_patch::{InventoryError, Listing, SPEC, read_status};

use crate::unpack::{UnpackError, unpack};

/// Where dpkg keeps what is installed.
pub const STATUS: &str = "/var/lib/dpkg/status";

/// Reads dpkg's status of one host: every package as a fact, then a pulse that closes the look.
#[derive(Debug, Clone)]
pub struct Dpkg {
    /// Whose it is.
    pub host: Host,
    /// Where it is.
    pub path: PathBuf,
}

impl Sense for Dpkg {
    fn sense(
        &mut self,
        _from: Option<&Cursor>,
        out: &mut dyn FnMut(Sensed, Option<Cursor>) -> ControlFlow<()>,
    ) -> End {
        let listing = match inventory(&self.path) {
            Ok(listing) => listing,
            Err(why) => return End::Blind { why },
        };
        let seen = u64::try_from(listing.entries.len()).unwrap_or(u64::MAX);
        let of = Watched::Control(ControlName::from(SPEC.name));
        let pulse = Fact::Pulse {
            of,
            seen,
            errors: listing.rejected,
        };
        let facts = listing
            .entries
            .into_iter()
            .map(Fact::Package)
            .chain([pulse]);
        for fact in facts {
            let sensed = Sensed {
                host: self.host.clone(),
                said: None,
                fact,
            };
            if out(sensed, None).is_break() {
                return End::Stopped;
            }
        }
        End::Finished { seen }
    }
}

/// The packages that dpkg's status at `path` tells of.
///
/// # Errors
/// Blindness, with what mends it where that is known.
pub fn inventory(path: &Path) -> Result<Listing<Package>, Blindness> {
    let blind = |why: String, mend: Option<&str>| {
        let mend = mend.map(Text::new);
        Err(Blindness {
            why: Text::new(&why),
            mend,
        })
    };
    match unpack(path) {
        Err(UnpackError::Unreadable {
            kind: ErrorKind::NotFound,
            ..
        }) => blind(
            format!(
                "{} is not there, and no other package manager is read yet",
                path.display()
            ),
            None,
        ),
        Err(error) => blind(error.to_string(), None),
        Ok(bytes) => read_status(&bytes).or_else(|error| {
            let mend = match error {
                InventoryError::Binary(_) => None,
                InventoryError::Truncated(_) | InventoryError::NoPackages(_) => {
                    Some("cp /var/lib/dpkg/status-old /var/lib/dpkg/status")
                }
            };
            blind(
                format!("{} is no dpkg status: {error}", path.display()),
                mend,
            )
        }),
    }
}
