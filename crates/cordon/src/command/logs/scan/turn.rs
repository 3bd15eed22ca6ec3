//! Whose turn it is: files are read by several threads and told in their order, and nobody runs ahead without end.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    thread,
};

/// The file that is told now, by its place.
#[derive(Debug, Default)]
pub(super) struct Turn {
    due: Mutex<usize>,
    moved: Condvar,
}

impl Turn {
    /// Waits until a file is due that is no further than `ahead` before this one.
    pub(super) fn wait(&self, at: usize, ahead: usize) {
        let due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.moved.wait_while(due, |due| is_early(*due, at, ahead)));
    }

    /// The file at `next` is due.
    pub(super) fn pass(&self, next: usize) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        *due = next.max(*due);
        self.moved.notify_all();
    }
}

const fn is_early(due: usize, at: usize, ahead: usize) -> bool {
    due.saturating_add(ahead) < at
}

/// Lets everybody go on when the telling ends, or a thread panics: otherwise they would wait for ever.
pub(super) struct Release<'t> {
    pub(super) turn: &'t Turn,
    pub(super) only_in_panic: bool,
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        if !self.only_in_panic || thread::panicking() {
            self.turn.pass(usize::MAX);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_further_ahead_than_he_may_be() {
        assert!(is_early(2, 5, 2) && !is_early(3, 5, 2));
        assert!(is_early(8, 9, 0) && !is_early(9, 9, 0));
        assert!(
            !is_early(usize::MAX, usize::MAX, 8),
            "the end is never early"
        );
    }

    /// Threads that wait are let go: one by its turn, one by a panic elsewhere, one by the end.
    #[test]
    fn whoever_waits_is_let_go() {
        let turn = Turn::default();
        thread::scope(|scope| {
            let waits = scope.spawn(|| turn.wait(5, 2));
            turn.pass(3);
            waits.join().unwrap();
            let waits = scope.spawn(|| turn.wait(9, 0));
            let panics = scope.spawn(|| {
                let _others = Release {
                    turn: &turn,
                    only_in_panic: true,
                };
                panic!("as a reader might");
            });
            assert!(panics.join().is_err());
            waits.join().unwrap();
        });
        let turn = Turn::default();
        thread::scope(|scope| {
            let waits = scope.spawn(|| turn.wait(9, 0));
            drop(Release {
                turn: &turn,
                only_in_panic: false,
            });
            waits.join().unwrap();
        });
    }

    /// Whoever ends well lets nobody go before his turn.
    #[test]
    fn an_ordinary_end_passes_no_turn() {
        let turn = Turn::default();
        drop(Release {
            turn: &turn,
            only_in_panic: true,
        });
        assert_eq!(*turn.due.lock().unwrap(), 0);
    }
}
