//! Proposed actions: approved once, applied once, taken back when their lease ends.

use std::collections::BTreeMap;

use cordon_model::{Approval, Order, OrderId, Receipt, Time};
use serde::{Deserialize, Serialize};

use crate::ledger::Outcome;

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
enum Stage {
    Proposed,
    Ready,
    Holds { until: Time },
}

#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Orders {
    open: BTreeMap<OrderId, (Order, Stage)>,
}

impl Orders {
    /// A judge wants this done. The same order twice is one order.
    pub(crate) fn propose(&mut self, order: Order, out: &mut Vec<Outcome>) {
        if self.open.contains_key(&order.id) {
            return;
        }
        let (stage, outcome) = match order.needs {
            Approval::None => (Stage::Ready, Outcome::Ready(order.clone())),
            Approval::Person => (Stage::Proposed, Outcome::Proposed(order.clone())),
        };
        out.push(outcome);
        self.open.insert(order.id.clone(), (order, stage));
    }

    pub(crate) fn approve(&mut self, id: &OrderId, out: &mut Vec<Outcome>) {
        if let Some((order, stage @ Stage::Proposed)) = self.open.get_mut(id) {
            *stage = Stage::Ready;
            out.push(Outcome::Ready(order.clone()));
        }
    }

    pub(crate) fn receive(&mut self, receipt: &Receipt, at: Time) {
        match receipt {
            Receipt::Holds { order } => {
                if let Some((order, stage)) = self.open.get_mut(order) {
                    *stage = Stage::Holds {
                        until: at + order.lease,
                    };
                }
            }
            Receipt::Failed { order, .. } | Receipt::Undone { order } => {
                self.open.remove(order);
            }
        }
    }

    /// Whose lease has ended is taken back; it stays open until the receipt says so.
    pub(crate) fn tick(&mut self, at: Time, out: &mut Vec<Outcome>) {
        for (id, (_, stage)) in &mut self.open {
            if matches!(stage, Stage::Holds { until } if *until <= at) {
                *stage = Stage::Ready;
                out.push(Outcome::Undo(id.clone()));
            }
        }
    }
}
