//! Probes in the world. Only the exact expected finding, in time, is withheld from people.

use cordon_model::{Fact, Finding, Host, Planting, ProbeId, Time};

/// Most probes in the world at once. One more is not planted: `watch` then finds it missed.
const MAX_PLANTINGS: usize = 1024;

#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct Plantings {
    waiting: Vec<Planting>,
}

impl Plantings {
    pub(crate) const fn new(waiting: Vec<Planting>) -> Self {
        Self { waiting }
    }

    pub(crate) fn waiting(&self) -> &[Planting] {
        &self.waiting
    }

    pub(crate) fn plant(&mut self, planting: &Planting) {
        if self.waiting.len() < MAX_PLANTINGS {
            self.waiting.push(planting.clone());
        }
    }

    /// The probe that `fact` is the echo of.
    pub(crate) fn echo(&self, host: &Host, fact: &Fact) -> Option<ProbeId> {
        let planted = self
            .waiting
            .iter()
            .find(|planting| fact.echoes(host, planting))?;
        Some(planted.probe.clone())
    }

    /// Takes out the planting that `finding` answers, if it came in time and `expects` says that its
    /// rule is the one that this probe must fire.
    pub(crate) fn answered(
        &mut self,
        finding: &Finding,
        at: Time,
        expects: impl Fn(&ProbeId) -> Option<&'static str>,
    ) -> Option<Planting> {
        let exact = |planting: &Planting| {
            planting.host == finding.key.host
                && planting.subject == finding.key.subject
                && at <= planting.until
                && expects(&planting.probe) == Some(finding.key.rule.as_str())
        };
        let index = self.waiting.iter().position(exact)?;
        Some(self.waiting.swap_remove(index))
    }

    /// Forgets what is overdue: from here on its finding would alarm people, as it should.
    pub(crate) fn expire(&mut self, at: Time) {
        self.waiting.retain(|planting| at <= planting.until);
    }
}
