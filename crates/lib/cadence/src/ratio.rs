//! Whether too few of the things that entered a stage came out of it.
//!
//! A scanner that lets one message in fifty pass unlooked at is neither silent nor slow: only counting
//! what went in and what came out tells.

use crate::special::beta_share;

/// Below this many things no alarm should be raised on their share.
pub const LEAST: u64 = 200;

/// From this posterior on a shortfall is told.
pub const CERTAIN: f64 = 0.999;

/// The probability that less than `share` of what enters comes out, when `b` of `a` did: the posterior
/// of a binomial share under a uniform prior. More out than in counts as all.
pub fn shortfall(a: u64, b: u64, share: f64) -> f64 {
    let (entered, out) = (a as f64, b.min(a) as f64);
    beta_share(out + 1.0, entered - out + 1.0, share)
}

/// Whether [`shortfall`] is beyond [`CERTAIN`] over at least [`LEAST`] things.
pub fn is_short(a: u64, b: u64, share: f64) -> bool {
    a >= LEAST && shortfall(a, b, share) > CERTAIN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_tenth_is_told_and_a_lost_one_is_not() {
        assert!(is_short(200, 180, 0.98));
        assert!(!is_short(200, 199, 0.98));
        assert!(!is_short(199, 100, 0.98), "too few to say");
        assert!(is_short(1_000_000_000, 975_000_000, 0.98));
        assert!(shortfall(1_000_000_000, 985_000_000, 0.98) < 1e-9);
        assert!(
            (shortfall(0, 0, 0.5) - 0.5).abs() < 1e-12,
            "nothing seen, nothing known"
        );
        assert!(
            (shortfall(1, 5, 0.5) - 0.25).abs() < 1e-12,
            "more out than in is all"
        );
    }
}
