//! Plants a line with a number used once; it must come back through the same reader and judge.

use std::{fs, io, ops::ControlFlow, path::PathBuf};

use cordon_logs::{NONCE_LINE, PROBE_MARK, SPEC};
use cordon_model::{
    Blindness, ControlName, End, Host, Nonce, Planting, Prove, Sense, Sensed, Subject, Text, Time,
    Withdrawn,
};

use crate::file::LogFile;

/// The probe of `logs.phrase`.
#[derive(Debug, Default)]
pub struct NonceLine {
    planted: Option<(Host, PathBuf)>,
}

fn blind(error: &dyn std::fmt::Display) -> Blindness {
    Blindness {
        why: Text::new(&format!("the probe could not be planted: {error}")),
        mend: None,
    }
}

impl Prove for NonceLine {
    fn plant(&mut self, nonce: &Nonce, me: &Host, at: Time) -> Result<Planting, Blindness> {
        let path = std::env::temp_dir().join(format!("cordon-probe-{nonce}.log"));
        let mut file = fs::File::create_new(&path).map_err(|error| blind(&error))?; // nobody else's
        self.planted = Some((me.clone(), path));
        io::Write::write_all(
            &mut file,
            format!("planted by cordon {PROBE_MARK}{nonce}\n").as_bytes(),
        )
        .map_err(|error| blind(&error))?;
        let within = SPEC.probes.iter().find(|probe| probe.id == NONCE_LINE);
        let within = within.map_or_else(Default::default, |probe| probe.within);
        Ok(Planting {
            probe: NONCE_LINE.into(),
            control: ControlName::from(SPEC.name),
            host: me.clone(),
            subject: Subject::Nonce(nonce.clone()),
            until: at + within,
        })
    }

    fn look(&mut self, out: &mut dyn FnMut(Sensed)) -> End {
        let Some((host, path)) = &self.planted else {
            return End::Blind {
                why: blind(&"nothing was planted"),
            };
        };
        let (host, path, source) = (host.clone(), path.clone(), "cordon-probe".into());
        let mut sensor = LogFile {
            host,
            source,
            path,
            errors: Vec::new(),
        };
        sensor.sense(None, &mut |sensed, _| {
            // The pulse of the probe's own file stays here: nobody owes it.
            if matches!(sensed.fact, cordon_model::Fact::Log(_)) {
                out(sensed);
            }
            ControlFlow::Continue(())
        })
    }

    fn withdraw(&mut self) -> Withdrawn {
        let Some((_, path)) = self.planted.take() else {
            return Withdrawn::Clean;
        };
        match fs::remove_file(&path) {
            Ok(()) => Withdrawn::Clean,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Withdrawn::Clean,
            Err(error) => {
                let what = Text::new(&format!("{} could not be removed: {error}", path.display()));
                Withdrawn::Left { what }
            }
        }
    }
}
