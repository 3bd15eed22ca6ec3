//! The world side of watch: an invented control that pulses once and then never again, and the canary
//! that a mail scanner must catch.

mod canary;

pub use canary::send as send_canary;

use cordon_model::{
    Blindness, ControlName, End, Fact, Host, Nonce, Planting, Prove, Sensed, Subject, Text, Time,
    Watched, Withdrawn,
};
use cordon_watch::{SPEC, WITHHELD_PULSE};

/// The probe of `watch.silent`.
#[derive(Debug, Default)]
pub struct WithheldPulse {
    planted: Option<(Host, Watched)>,
}

impl Prove for WithheldPulse {
    fn plant(&mut self, nonce: &Nonce, me: &Host, at: Time) -> Result<Planting, Blindness> {
        let name: ControlName = format!("cordon-probe-{nonce}").parse().map_err(|error| {
            let why = Text::new(&format!("the probe could not be planted: {error}"));
            Blindness { why, mend: None }
        })?;
        let invented = Watched::Control(name);
        self.planted = Some((me.clone(), invented.clone()));
        let within = SPEC.probes.iter().find(|probe| probe.id == WITHHELD_PULSE);
        let within = within.map_or_else(Default::default, |probe| probe.within);
        Ok(Planting {
            probe: WITHHELD_PULSE.into(),
            control: ControlName::from(SPEC.name),
            host: me.clone(),
            subject: Subject::Watched(invented),
            until: at + within,
        })
    }

    /// The one pulse; after it the invented control is silent.
    fn look(&mut self, out: &mut dyn FnMut(Sensed)) -> End {
        let Some((host, invented)) = &self.planted else {
            let why = Text::new("nothing was planted");
            return End::Blind {
                why: Blindness { why, mend: None },
            };
        };
        let fact = Fact::Pulse {
            of: invented.clone(),
            seen: 1,
            errors: 0,
        };
        out(Sensed {
            host: host.clone(),
            said: None,
            fact,
        });
        End::Finished { seen: 1 }
    }

    fn withdraw(&mut self) -> Withdrawn {
        self.planted = None; // watch forgets the invented control when the probe ends
        Withdrawn::Clean
    }
}
