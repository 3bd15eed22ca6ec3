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
        let early = |due: &mut usize| due.saturating_add(ahead) < at;
        drop(self.moved.wait_while(due, early));
    }

    /// The file at `next` is due.
    pub(super) fn pass(&self, next: usize) {
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        *due = next.max(*due);
        self.moved.notify_all();
    }
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

    /// A thread that waits for a turn that never comes is let go.
    #[test]
    fn whoever_waits_is_let_go_in_the_end() {
        let turn = Turn::default();
        thread::scope(|scope| {
            let waits = scope.spawn(|| turn.wait(5, 2));
            turn.pass(2);
            assert!(!waits.is_finished());
            drop(Release {
                turn: &turn,
                only_in_panic: true,
            });
            assert!(!waits.is_finished());
            turn.pass(3);
            waits.join().unwrap();
            let waits = scope.spawn(|| turn.wait(9, 0));
            drop(Release {
                turn: &turn,
                only_in_panic: false,
            });
            waits.join().unwrap();
        });
    }
}
