//! Asking an execution to stop, from a signal handler's thread or elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// What an execution is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum InterruptLevel {
    /// To go on.
    None,
    /// To finish the current run and begin no other.
    Finish,
    /// To end the current run at once; it does not count.
    Abandon,
}

/// A switch with two steps, for the first and the second Ctrl-C. Clones are the
/// same switch; it never goes back.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<AtomicU8>);

impl Interrupt {
    /// Makes a switch that asks for nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes one step on, and returns the level reached.
    pub fn press(&self) -> InterruptLevel {
        // The closure always gives a value, so both variants hold the old one.
        let (Ok(before) | Err(before)) =
            self.0
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |level| Some((level + 1).min(2)));
        level(before + 1)
    }

    /// Asks to abandon at once.
    pub fn abandon(&self) {
        self.0.store(2, Ordering::SeqCst);
    }

    /// Returns what is asked for.
    pub fn level(&self) -> InterruptLevel {
        level(self.0.load(Ordering::SeqCst))
    }
}

fn level(steps: u8) -> InterruptLevel {
    match steps {
        0 => InterruptLevel::None,
        1 => InterruptLevel::Finish,
        _ => InterruptLevel::Abandon,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_presses_abandon_and_more_do_not_overflow() {
        let interrupt = Interrupt::new();
        let other = interrupt.clone();
        assert_eq!(interrupt.level(), InterruptLevel::None);
        assert_eq!(other.press(), InterruptLevel::Finish);
        assert_eq!(interrupt.level(), InterruptLevel::Finish);
        assert_eq!(interrupt.press(), InterruptLevel::Abandon);
        for _ in 0..300 {
            assert_eq!(interrupt.press(), InterruptLevel::Abandon);
        }
        assert_eq!(other.level(), InterruptLevel::Abandon);
    }
}
