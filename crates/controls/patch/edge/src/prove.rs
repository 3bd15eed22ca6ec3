//! Plants an invented host that misses one package of the real feed. It must turn red.

use std::{fs, io, ops::ControlFlow, path::PathBuf};

use cordon_model::{
    Blindness, ControlName, End, Fact, Host, Nonce, Package, PackageKind, PackageStatus, Planting,
    Prove, Sense, Sensed, Subject, Text, Time, Withdrawn,
};
use cordon_patch::{Feed, SPEC, SYNTHETIC_HOST};

use crate::dpkg::Dpkg;

/// Older than any version that ever was (`~` sorts before everything).
const NEVER_FIXED: &str = "0~~cordon~probe";

/// The probe of `patch.missing`.
#[derive(Debug)]
pub struct SyntheticHost {
    package: String,
    arch: String,
    planted: Option<(Host, PathBuf)>,
}

impl SyntheticHost {
    /// A host that misses a package of `feed`; none if the feed names no package.
    pub fn new(feed: &Feed) -> Option<Self> {
        let (package, arch) = feed.any()?;
        Some(Self {
            package: package.to_owned(),
            arch: arch.to_owned(),
            planted: None,
        })
    }
}

fn blind(error: &dyn std::fmt::Display) -> Blindness {
    Blindness {
        why: Text::new(&format!("the probe could not be planted: {error}")),
        mend: None,
    }
}

impl Prove for SyntheticHost {
    fn plant(&mut self, nonce: &Nonce, _me: &Host, at: Time) -> Result<Planting, Blindness> {
        let host: Host = format!("cordon-probe-{nonce}")
            .parse()
            .map_err(|e| blind(&e))?;
        let folder = std::env::temp_dir().join(host.as_str());
        fs::create_dir(&folder).map_err(|error| blind(&error))?; // fails if somebody was there first
        let status = folder.join("status");
        let stanza = format!(
            "Package: {}\nStatus: install ok installed\nArchitecture: {}\nVersion: {NEVER_FIXED}\n\n",
            self.package, self.arch
        );
        self.planted = Some((host.clone(), folder));
        fs::write(&status, stanza).map_err(|error| blind(&error))?;
        let within = SPEC.probes.iter().find(|probe| probe.id == SYNTHETIC_HOST);
        let within = within.map_or_else(Default::default, |probe| probe.within);
        Ok(Planting {
            probe: SYNTHETIC_HOST.into(),
            control: ControlName::from(SPEC.name),
            host,
            subject: Subject::Host,
            until: at + within,
        })
    }

    fn look(&mut self, out: &mut dyn FnMut(Sensed)) -> End {
        let Some((host, folder)) = &self.planted else {
            return End::Blind {
                why: blind(&"nothing was planted"),
            };
        };
        let mut sensor = Dpkg {
            host: host.clone(),
            path: folder.join("status"),
        };
        let end = sensor.sense(None, &mut |sensed, _| {
            out(sensed);
            ControlFlow::Continue(())
        });
        // The invented host must leave nothing behind in memory.
        if let Ok(name) = self.package.parse() {
            let (kind, status) = (PackageKind::Deb, PackageStatus::Absent);
            let (arch, version) = (Text::new(&self.arch), Text::default());
            let gone = Package {
                kind,
                name,
                arch,
                version,
                status,
            };
            out(Sensed {
                host: host.clone(),
                said: None,
                fact: Fact::Package(gone),
            });
        }
        end
    }

    fn withdraw(&mut self) -> Withdrawn {
        let Some((_, folder)) = self.planted.take() else {
            return Withdrawn::Clean;
        };
        match fs::remove_dir_all(&folder) {
            Ok(()) => Withdrawn::Clean,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Withdrawn::Clean,
            Err(error) => {
                let what = Text::new(&format!(
                    "{} could not be removed: {error}",
                    folder.display()
                ));
                Withdrawn::Left { what }
            }
        }
    }
}
