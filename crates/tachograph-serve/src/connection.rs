//! One accepted socket, as hyper wants it, with stamps on its writes.
//!
//! Owns: the moment between the decision to write and the write. The body of
//! an answer leaves a tag for each piece; the next write takes the clock just
//! before the system call and files the tags under that instant.
//!
//! Does not: know what the bytes mean.

use std::io;
use std::os::fd::AsRawFd;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::send_log::{SendLog, SendTag};
use crate::sys;

/// What the writer of a connection and the bodies on it share.
#[derive(Debug)]
pub(crate) struct Tags {
    log: Arc<SendLog>,
    pending: Mutex<Vec<SendTag>>,
    reset: AtomicBool,
}

impl Tags {
    pub(crate) fn new(log: Arc<SendLog>) -> Self {
        Self { log, pending: Mutex::new(Vec::new()), reset: AtomicBool::new(false) }
    }

    /// Announces a piece that goes out with the next write.
    pub(crate) fn announce(&self, tag: SendTag) {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).push(tag);
    }

    /// Makes the end of the connection a reset.
    pub(crate) fn reset_connection(&self) {
        self.reset.store(true, Ordering::Relaxed);
    }

    fn file(&self, sent_ns: u64) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if !pending.is_empty() {
            self.log.sent(&mut pending, sent_ns);
        }
    }
}

/// A socket whose tagged writes are logged.
#[derive(Debug)]
pub(crate) struct StampedSocket<S: AsRawFd> {
    socket: S,
    tags: Option<Arc<Tags>>,
    scratch: Box<[u8]>,
}

impl<S: AsRawFd> StampedSocket<S> {
    pub(crate) fn new(socket: S, tags: Arc<Tags>) -> Self {
        Self { socket, tags: Some(tags), scratch: scratch() }
    }

    /// A socket without a log.
    pub(crate) fn plain(socket: S) -> Self {
        Self { socket, tags: None, scratch: scratch() }
    }

    fn ends_in_reset(&self) -> bool {
        self.tags.as_ref().is_some_and(|tags| tags.reset.load(Ordering::Relaxed))
    }

    fn file<T>(&self, result: &Poll<io::Result<T>>, sent_ns: u64) {
        if let (Some(tags), Poll::Ready(Ok(_))) = (&self.tags, result) {
            tags.file(sent_ns);
        }
    }
}

fn scratch() -> Box<[u8]> {
    vec![0; 16 * 1024].into_boxed_slice()
}

impl<S: AsRawFd> Drop for StampedSocket<S> {
    fn drop(&mut self) {
        if self.ends_in_reset() {
            // A socket that is already gone needs no reset.
            drop(sys::reset_on_close(&self.socket));
        }
    }
}

impl<S: AsyncRead + AsRawFd + Unpin> Read for StampedSocket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let wanted = buffer.remaining().min(this.scratch.len());
        let mut read = ReadBuf::new(&mut this.scratch[..wanted]);
        match Pin::new(&mut this.socket).poll_read(context, &mut read) {
            Poll::Ready(Ok(())) => {
                buffer.put_slice(read.filled());
                Poll::Ready(Ok(()))
            }
            other => other,
        }
    }
}

impl<S: AsyncWrite + AsRawFd + Unpin> Write for StampedSocket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent_ns = sys::monotonic_ns();
        let result = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.file(&result, sent_ns);
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent_ns = sys::monotonic_ns();
        let result = Pin::new(&mut self.socket).poll_write_vectored(context, slices);
        self.file(&result, sent_ns);
        result
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.ends_in_reset() {
            // A FIN now would make the reset an orderly end.
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.socket).poll_shutdown(context)
    }
}
