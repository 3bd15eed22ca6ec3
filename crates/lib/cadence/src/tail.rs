//! From which gap on silence is told: a threshold from a stated budget of false alarms.
//!
//! Peaks over a threshold (Pickands 1975; Siffer et al., KDD 2017): the excesses of the longest gaps
//! follow a generalised Pareto law, whose parameters come from probability-weighted moments (Hosking
//! and Wallis 1987), which small samples bear better than likelihood does.

/// The shape that tails are pulled towards: a little heavier than that of a Poisson stream, whose hours
/// are all alike. Recorded series and overdispersed counts lie around it.
const SHAPE: f64 = 0.05;

/// Gaps that stand behind it. The shape is what moments tell worst: taken from 150 gaps alone it moves
/// thresholds by a factor of two, which costs delay in one source and false alarms in the next.
const PRIOR: f64 = 300.0;

/// The lightest shape that is taken from gaps.
const LIGHTEST: f64 = -0.5;

/// The heaviest: beyond it there is no mean.
const HEAVIEST: f64 = 0.9;

/// How far beyond the longest gap a threshold is when the budget asks for [`MARGIN_BUDGET`] false alarms
/// in the history itself. For one it is the longest gap; beyond, the tail alone decides.
const MARGIN: f64 = 0.1;

/// The budget of [`MARGIN`].
const MARGIN_BUDGET: f64 = 0.02;

/// The tail of rescaled gaps.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Tail {
    /// Where the tail begins.
    start: f64,
    /// Gaps of the history beyond it.
    beyond: f64,
    scale: f64,
    pub(crate) shape: f64,
    longest: f64,
}

impl Tail {
    /// From rescaled gaps, longest first, of which there were `all`. At least a tenth of them must be
    /// there.
    pub(crate) fn new(longest_first: &[f64], all: usize) -> Option<Self> {
        let longest = *longest_first.first()?;
        let beyond = (all / 10)
            .clamp(5.min(all - 1), MOST_BEYOND)
            .min(longest_first.len() - 1);
        let start = *longest_first.get(beyond)?;
        let excess: Vec<f64> = longest_first
            .iter()
            .take(beyond)
            .map(|gap| gap - start)
            .collect();
        let count = excess.len() as f64;
        if excess.is_empty() {
            return None;
        }
        let mean = excess.iter().sum::<f64>() / count;
        // Hosking and Wallis: a1 = E[x (1 - F(x))], with the longest first at the smallest weight.
        let weighted = excess
            .iter()
            .enumerate()
            .map(|(rank, x)| x * (rank as f64 + 0.35) / count)
            .sum::<f64>()
            / count;
        let shape = if mean > 2.0 * weighted {
            (2.0 - mean / (mean - 2.0 * weighted)).clamp(LIGHTEST, HEAVIEST)
        } else {
            LIGHTEST
        };
        let shape = (shape * count + SHAPE * PRIOR) / (count + PRIOR);
        Some(Self {
            start,
            beyond: count,
            scale: (mean * (1.0 - shape)).max(1e-6),
            shape,
            longest,
        })
    }

    /// The gap that is passed `budget` times in as much history as this came from.
    pub(crate) fn threshold(&self, budget: f64) -> f64 {
        let ratio = (self.beyond / budget).max(1.0);
        let excess = if self.shape.abs() < 1e-3 {
            self.scale * ratio.ln()
        } else {
            self.scale / self.shape * (ratio.powf(self.shape) - 1.0)
        };
        let reached = self.start + excess;
        if budget < 1.0 {
            let margin = MARGIN * (budget.ln() / MARGIN_BUDGET.ln()).min(1.0);
            reached.max((1.0 + margin) * self.longest)
        } else {
            reached
        }
    }
}

/// Most gaps that a tail is made of.
pub(crate) const MOST_BEYOND: usize = 150;

#[cfg(test)]
mod tests {
    use super::*;

    /// The quantiles of an exponential law, longest first.
    fn exponential(count: u32) -> Vec<f64> {
        (0..count)
            .map(|rank| -((f64::from(rank) + 0.5) / f64::from(count)).ln())
            .collect()
    }

    #[test]
    fn an_exponential_tail_is_carried_on_as_one() {
        let gaps = exponential(10_000);
        let tail = Tail::new(&gaps, gaps.len()).unwrap();
        assert!((0.0..0.06).contains(&tail.shape), "{}", tail.shape);
        // 0.01 of 10,000 gaps: P = 1e-6, so 13.8; the prior shape adds a tenth.
        let z = tail.threshold(0.01);
        assert!((13.8..15.3).contains(&z), "{z}");
    }

    #[test]
    fn a_clockwork_has_a_threshold_just_above_its_period() {
        let tail = Tail::new(
            &[
                1.01, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.99, 0.99, 0.98, 0.98,
            ],
            12,
        );
        let z = tail.unwrap().threshold(0.02);
        assert!((1.1..1.15).contains(&z), "{z}");
    }

    #[test]
    fn a_smaller_budget_never_lowers_the_threshold() {
        let gaps: Vec<f64> = exponential(300).iter().map(|gap| gap.powf(1.5)).collect();
        let tail = Tail::new(&gaps, gaps.len()).unwrap();
        let thresholds: Vec<f64> = [3.0, 1.0, 0.3, 0.1, 0.01]
            .map(|budget| tail.threshold(budget))
            .into();
        assert!(thresholds.is_sorted(), "{thresholds:?}");
    }
}
