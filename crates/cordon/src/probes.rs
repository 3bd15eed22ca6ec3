//! Which probes can be planted, and the number that marks each planting.

use std::{fs, io};

use cordon_logs_edge::NonceLine;
use cordon_model::{Blindness, Nonce, Prove, Text};
use cordon_patch::Feed;
use cordon_patch_edge::SyntheticHost;
use cordon_watch_edge::WithheldPulse;

/// A probe for each control that has something to prove it with: `logs` if a source is named, `patch`
/// if there is a feed.
pub fn plantable(logs: bool, feed: Option<&Feed>) -> Vec<Box<dyn Prove>> {
    let mut probes: Vec<Box<dyn Prove>> = vec![Box::new(WithheldPulse::default())];
    if logs {
        probes.push(Box::new(NonceLine::default()));
    }
    probes.extend(
        feed.and_then(SyntheticHost::new)
            .map(|probe| Box::new(probe) as Box<dyn Prove>),
    );
    probes
}

/// Sixteen hexadecimal digits that were never used before.
pub fn nonce() -> Result<Nonce, Blindness> {
    let blind = |why: String| Blindness {
        why: Text::new(&why),
        mend: None,
    };
    let mut bytes = [0; 8];
    fs::File::open("/dev/urandom")
        .and_then(|mut random| io::Read::read_exact(&mut random, &mut bytes))
        .map_err(|error| blind(format!("no random number can be had: {error}")))?;
    let text = format!("{:016x}", u64::from_le_bytes(bytes));
    text.parse().map_err(|error| blind(format!("{error}")))
}
