//! Whether a source that still speaks is sick: far fewer lines, more errors, lines that cannot be read,
//! a clock that is off, or nothing but boilerplate.
//!
//! In 2004 the scanner wrote for days, and what it wrote was errors: it was never silent. Each sign is
//! a cumulated sum of log-likelihood ratios (Page 1954), judged an hour at a time, so a bad minute says
//! nothing and a bad day does. The limit is ln(hours of a month / budget), which bounds the false
//! alarms where the learned law is right, and higher where health itself swung higher.

use serde::{Deserialize, Serialize};

use crate::{
    Cadence, MINUTE,
    baseline::{SICKNESS_BUDGET, Share},
    fit::MONTH_HOURS,
    special::ln_gamma,
};

/// A source is sick with fewer lines when it has this share of what it had.
const FEWER: f64 = 0.3;

/// And with a share of errors when that is so many times the usual.
const MORE: f64 = 3.0;

/// A clock is off beyond this.
pub const MOST_SKEW: i64 = 5 * MINUTE;

/// Hours in a row that make a skewed clock, or boilerplate: at one in a hundred each, three in a row
/// come by chance once in a hundred years.
const IN_A_ROW: u8 = 3;

/// One hour of a source, as it was heard.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Heard {
    /// When the hour began.
    pub at: i64,
    /// Lines.
    pub lines: u32,
    /// Lines among them that tell of an error.
    pub errors: u32,
    /// Lines among them whose form could not be read.
    pub unparsed: u32,
    /// Distinct shapes of line; 0 where nobody counted.
    pub shapes: u32,
    /// How far the source's clock was off, in milliseconds, ahead positive; none where it was not told.
    pub skew: Option<i64>,
    /// The pace of the site: fewer lines on a holiday are no sickness. 1 with no peers.
    pub pace: f64,
}

/// A sign of sickness, with what was seen since it began.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "sign")]
pub enum Sign {
    /// Far fewer lines than usual.
    Fewer {
        /// Lines since it began.
        lines: f64,
        /// Lines that were to be expected.
        expected: f64,
    },
    /// Far more of the lines are errors.
    Errors {
        /// Their share since it began.
        share: f64,
        /// Their usual share.
        usual: f64,
    },
    /// Far more of the lines cannot be read.
    Unread {
        /// Their share since it began.
        share: f64,
        /// Their usual share.
        usual: f64,
    },
    /// Its clock is off.
    Skew {
        /// By how many milliseconds, ahead positive.
        millis: i64,
    },
    /// It writes only boilerplate.
    Boilerplate {
        /// Shapes of line in the last hour.
        shapes: u32,
        /// Shapes that all but one hour in a hundred have.
        usual: u32,
    },
}

/// How sick a source is. Of the same size for any source; the same after it was saved and loaded.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Sickness {
    fewer: Sum,
    errors: Sum,
    unread: Sum,
    skewed: Row,
    bland: Row,
}

/// A cumulated sum, and what was seen since it left 0.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
struct Sum {
    sum: f64,
    seen: f64,
    of: f64,
    sick: bool,
}

/// Hours in a row.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
struct Row {
    hours: u8,
    sick: bool,
}

impl Sickness {
    /// Hears one whole hour, and gives the signs that began with it. Nothing is judged that was not
    /// learned, but for the clock, which needs no learning.
    pub fn hear(&mut self, cadence: &Cadence, heard: &Heard) -> Vec<Sign> {
        let mut signs = Vec::new();
        if let Some(baseline) = cadence.baseline() {
            let (lines, pace) = (f64::from(heard.lines), crate::model::clamp(heard.pace));
            if let Some(limit) = baseline.fewer {
                let mean = baseline.mean(heard.at, cadence.offset()) * pace;
                let step = fewer_step(mean, baseline.spread, lines, limit);
                if let Some((lines, expected)) = self.fewer.step(step, limit, (lines, mean)) {
                    signs.push(Sign::Fewer { lines, expected });
                }
            }
            let shares = [
                (&mut self.errors, &baseline.errors, heard.errors),
                (&mut self.unread, &baseline.unread, heard.unparsed),
            ];
            for (place, (sum, share, count)) in shares.into_iter().enumerate() {
                let Some(share) = share else { continue };
                let count = f64::from(count.min(heard.lines));
                let step = share_step(share, count, lines);
                if let Some((count, of)) = sum.step(step, share.limit, (count, lines)) {
                    let (share, usual) = (count / of.max(1.0), share.usual);
                    signs.push(match place {
                        0 => Sign::Errors { share, usual },
                        _ => Sign::Unread { share, usual },
                    });
                }
            }
            if let Some(usual) = baseline.shapes.filter(|usual| heard.lines >= usual.lines)
                && heard.shapes > 0
                && self.bland.step(heard.shapes < usual.least)
            {
                signs.push(Sign::Boilerplate {
                    shapes: heard.shapes,
                    usual: usual.least,
                });
            }
        }
        if let Some(millis) = heard.skew
            && self.skewed.step(millis.saturating_abs() > MOST_SKEW)
        {
            signs.push(Sign::Skew { millis });
        }
        signs
    }

    /// Whether any sign is still there.
    pub const fn is_sick(&self) -> bool {
        self.skewed.sick || self.is_sick_besides_clock()
    }

    /// The same without the clock, for who tells of that otherwise.
    pub const fn is_sick_besides_clock(&self) -> bool {
        self.fewer.sick || self.errors.sick || self.unread.sick || self.bland.sick
    }
}

impl Sum {
    /// Goes on by `step`; gives what was seen since the sum left 0 when it reaches `limit`. It is well
    /// again below a quarter of that, and never above it, so that recovery does not take as long as
    /// the sickness did.
    fn step(&mut self, step: f64, limit: f64, (seen, of): (f64, f64)) -> Option<(f64, f64)> {
        self.sum = (self.sum + step).clamp(0.0, limit);
        if self.sum <= 0.0 {
            (self.seen, self.of) = (0.0, 0.0);
        } else {
            self.seen += seen;
            self.of += of;
        }
        let was = self.sick;
        self.sick = self.sum >= if was { limit / 4.0 } else { limit };
        (self.sick && !was).then_some((self.seen, self.of))
    }
}

impl Row {
    fn step(&mut self, bad: bool) -> bool {
        self.hours = if bad {
            (self.hours + 1).min(IN_A_ROW)
        } else {
            0
        };
        let was = self.sick;
        self.sick = self.hours >= IN_A_ROW || (was && bad);
        self.sick && !was
    }
}

/// The limit of a sum that keeps to the budget where the learned law is right.
pub(crate) fn limit() -> f64 {
    (MONTH_HOURS / SICKNESS_BUDGET).ln()
}

/// How much more likely `lines` are at [`FEWER`] times `mean` than at `mean`: negative binomial laws of
/// one size. No hour alone is enough.
pub(crate) fn fewer_step(mean: f64, spread: f64, lines: f64, limit: f64) -> f64 {
    let ratio = ((spread + mean) / (spread + FEWER * mean)).ln();
    (lines * FEWER.ln() + (lines + spread) * ratio).min(limit / 2.0)
}

/// How much more likely `count` of `of` are at [`MORE`] times the usual share than at that: beta-binomial
/// laws of one weight. No hour alone is enough.
pub(crate) fn share_step(share: &Share, count: f64, of: f64) -> f64 {
    if of < 1.0 {
        return 0.0;
    }
    let sick = (MORE * share.usual).min(f64::midpoint(share.usual, 1.0));
    let likely = |usual: f64| {
        let (a, b) = (usual * share.weight, (1.0 - usual) * share.weight);
        ln_beta(count + a, of - count + b) - ln_beta(a, b)
    };
    (likely(sick) - likely(share.usual)).min(share.limit / 2.0)
}

fn ln_beta(a: f64, b: f64) -> f64 {
    ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b)
}
