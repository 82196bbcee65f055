//! Waiting for absolute instants with a precision far below a millisecond.
//!
//! Owns: one kernel timer and the queue of those who wait on it. Tokio's own
//! timers count in milliseconds, too coarse for tokens.
//!
//! Does not: read any other clock, or promise more than the scheduler gives;
//! what was really achieved is in the send log.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::unix::AsyncFd;

use crate::sys;

/// Wakes tasks at absolute instants of `CLOCK_MONOTONIC`.
#[derive(Debug, Clone)]
pub(crate) struct Pacer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    timer: AsyncFd<OwnedFd>,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: BTreeMap<(u64, u64), Waker>,
    next_id: u64,
    armed_ns: Option<u64>,
}

impl Pacer {
    /// Makes a pacer on the current Tokio runtime and starts its task there.
    ///
    /// # Errors
    ///
    /// What the kernel said when it would not give a timer.
    pub(crate) fn start() -> io::Result<Self> {
        let shared =
            Arc::new(Shared { timer: sys::new_timer()?, queue: Mutex::new(Queue::default()) });
        let driver = Arc::clone(&shared);
        tokio::spawn(async move { driver.drive().await });
        Ok(Self { shared })
    }

    /// Completes at `deadline_ns` or, if that is past, at once.
    pub(crate) fn sleep_until(&self, deadline_ns: u64) -> Sleep {
        Sleep { shared: Arc::clone(&self.shared), deadline_ns, id: None }
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn drive(&self) {
        loop {
            let Ok(mut ready) = self.timer.readable().await else {
                return;
            };
            if let Ok(Err(_)) = ready.try_io(|timer| sys::drain_timer(timer.get_ref())) {
                continue;
            }
            self.wake_due();
        }
    }

    fn wake_due(&self) {
        let due = {
            let mut queue = self.queue();
            let later = queue.waiting.split_off(&(sys::monotonic_ns().saturating_add(1), 0));
            let due = std::mem::replace(&mut queue.waiting, later);
            queue.armed_ns = None;
            self.arm(&mut queue);
            due
        };
        for waker in due.into_values() {
            waker.wake();
        }
    }

    fn arm(&self, queue: &mut Queue) {
        let Some((&(earliest, _), _)) = queue.waiting.first_key_value() else {
            return;
        };
        if queue.armed_ns.is_none_or(|armed| earliest < armed)
            && sys::arm_timer(self.timer.get_ref(), earliest).is_ok()
        {
            queue.armed_ns = Some(earliest);
        }
    }
}

/// A wait that ends at one instant. See [`Pacer::sleep_until`].
#[derive(Debug)]
pub(crate) struct Sleep {
    shared: Arc<Shared>,
    deadline_ns: u64,
    id: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if sys::monotonic_ns() >= self.deadline_ns {
            return Poll::Ready(());
        }
        let shared = Arc::clone(&self.shared);
        let mut queue = shared.queue();
        let id = self.id.unwrap_or_else(|| {
            queue.next_id = queue.next_id.wrapping_add(1);
            queue.next_id
        });
        self.id = Some(id);
        queue.waiting.insert((self.deadline_ns, id), context.waker().clone());
        shared.arm(&mut queue);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.shared.queue().waiting.remove(&(self.deadline_ns, id));
        }
    }
}
