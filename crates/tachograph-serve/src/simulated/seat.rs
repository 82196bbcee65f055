//! The place of one answer among those that are served.
//!
//! Owns: waiting until an answer has received an amount of service, alone or
//! among others, and giving its share back however the answer ends.
//!
//! Does not: compute shares; that is the clock of service.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::capacity::{Progress, ServiceClock, Sharing};
use super::config::{Capacity, SimulatedConfig};
use crate::pacer::Pacer;
use crate::sys;

/// The capacity that all answers of one server have together.
#[derive(Debug)]
pub(super) struct Pool {
    clock: Mutex<ServiceClock>,
    /// Tells those who wait that their instants are earlier than they were told.
    /// Of later ones they learn when they wake.
    moved: watch::Sender<()>,
}

impl Pool {
    /// Makes what the configuration says; nothing where streams are independent.
    pub(super) fn of(config: &SimulatedConfig) -> Option<Arc<Self>> {
        let sharing = match config.capacity {
            Capacity::Independent => return None,
            Capacity::Shared => Sharing::Equal,
            Capacity::Slowdown => Sharing::Slowdown(config.slowdown_per_stream),
        };
        let clock = Mutex::new(ServiceClock::new(sharing));
        Some(Arc::new(Self { clock, moved: watch::Sender::new(()) }))
    }

    fn clock(&self) -> MutexGuard<'_, ServiceClock> {
        self.clock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one answer. Dropping it gives its share back.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    pacer: &'a Pacer,
    begin_ns: u64,
    share: Option<Share>,
}

#[derive(Debug)]
struct Share {
    pool: Arc<Pool>,
    id: u64,
    moved: watch::Receiver<()>,
}

impl<'a> Seat<'a> {
    /// Takes a place that nobody else slows down.
    pub(super) fn alone(pacer: &'a Pacer, start_ns: u64) -> Self {
        Self { pacer, begin_ns: start_ns, share: None }
    }

    /// Takes a place among others, for an answer that is complete after
    /// `length_ns` of service or only leaves.
    pub(super) fn among(
        pool: &Arc<Pool>,
        pacer: &'a Pacer,
        start_ns: u64,
        length_ns: Option<u64>,
    ) -> Self {
        let moved = pool.moved.subscribe();
        let joined = pool.clock().join(start_ns, length_ns);
        let share = Share { pool: Arc::clone(pool), id: joined.id, moved };
        Self { pacer, begin_ns: joined.begin_ns, share: Some(share) }
    }

    /// When service began, on the monotonic clock.
    pub(super) fn begin_ns(&self) -> u64 {
        self.begin_ns
    }

    /// Waits until the answer has received `service_ns`; returns the instant at
    /// which it had, however late this task was woken.
    pub(super) async fn reach(&mut self, service_ns: u64) -> u64 {
        let Some(share) = &mut self.share else {
            let due_ns = self.begin_ns.saturating_add(service_ns);
            self.pacer.sleep_until(due_ns).await;
            return due_ns;
        };
        loop {
            // Before asking, so that whoever leaves after the answer wakes us.
            share.moved.mark_unchanged();
            let progress = {
                let mut clock = share.pool.clock();
                clock.reach(share.id, service_ns, sys::monotonic_ns())
            };
            let expected_ns = match progress {
                Progress::Reached(due_ns) => return due_ns,
                Progress::Expected(due_ns) => due_ns,
            };
            tokio::select! {
                () = self.pacer.sleep_until(expected_ns) => {}
                _ = share.moved.changed() => {}
            }
        }
    }

    /// Time from one amount of service, already received, to a later one.
    pub(super) fn time_between_ns(&self, from_ns: u64, to_ns: u64) -> u64 {
        let Some(share) = &self.share else {
            return to_ns.saturating_sub(from_ns);
        };
        let clock = share.pool.clock();
        let due_ns = |service_ns| clock.due_ns(share.id, service_ns).unwrap_or(self.begin_ns);
        due_ns(to_ns).saturating_sub(due_ns(from_ns))
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let moved = self.pool.clock().leave(self.id, sys::monotonic_ns());
        if moved {
            self.pool.moved.send_replace(());
        }
    }
}
