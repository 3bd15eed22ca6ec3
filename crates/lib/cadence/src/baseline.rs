//! draft
use crate::{Band, History, Options};
use serde::{Deserialize, Serialize};
/// d
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Baseline {}
impl Baseline {
    pub(crate) fn new(_: &History, _: &Options) -> Option<Self> {
        None
    }
    pub(crate) fn band(&self, _: i64, _: i64) -> Band {
        Band {
            low: 0.0,
            mean: 0.0,
            high: 0.0,
        }
    }
}
