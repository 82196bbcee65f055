//! Stopping calls from another thread.

use std::io::{self, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A switch that ends every call of the drivers that share it, once and for all.
///
/// Clones are the same switch.
#[derive(Debug, Clone)]
pub struct Stop {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    stopped: AtomicBool,
    /// One end is written when the switch is thrown and never read, so that the
    /// other stays readable and wakes every driver that waits.
    writer: UnixStream,
    reader: UnixStream,
}

impl Stop {
    /// Makes a switch that is not thrown.
    ///
    /// # Errors
    ///
    /// What the system says if it gives no pair of sockets.
    pub fn new() -> io::Result<Self> {
        let (writer, reader) = UnixStream::pair()?;
        writer.set_nonblocking(true)?;
        reader.set_nonblocking(true)?;
        Ok(Self { shared: Arc::new(Shared { stopped: AtomicBool::new(false), writer, reader }) })
    }

    /// Throws the switch.
    pub fn stop(&self) {
        if !self.shared.stopped.swap(true, Ordering::SeqCst) {
            let woken = (&self.shared.writer).write(&[1]);
            debug_assert!(woken.is_ok(), "an empty socket takes a byte");
        }
    }

    /// Returns whether the switch was thrown.
    pub fn is_stopped(&self) -> bool {
        self.shared.stopped.load(Ordering::SeqCst)
    }

    /// Returns a descriptor that is readable from the throw on.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.shared.reader.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn clones_are_one_switch_and_stay_readable() {
        let stop = Stop::new().unwrap();
        let other = stop.clone();
        let mut byte = [0];
        let nothing = (&stop.shared.reader).read(&mut byte).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        other.stop();
        other.stop();
        assert!(stop.is_stopped());
        assert_eq!((&stop.shared.reader).read(&mut byte).unwrap(), 1);
    }
}
