//! One connection, and the call that it carries.

use std::io;
use std::net::SocketAddr;

use tachograph_model::event::{CallSent, CallStatus};
use tachograph_model::plan::Timeouts;
use tachograph_model::units::{DurationNs, InstantNs};

use crate::client::Secret;
use crate::client::endpoint::Endpoint;
use crate::client::exchange::{Exchange, Progress};
use crate::client::transport::{Receipt, Transport};
use crate::clock::{self, RealtimeOffset};
use crate::sys::Interest;

/// How long a finished answer may keep its connection open before it is closed.
const END_GRACE: DurationNs = DurationNs::from_millis(1_000);

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// TCP is connecting.
    Connecting,
    /// TLS is being agreed on.
    Establishing,
    /// The request is being written.
    Writing,
    /// The answer is awaited or streams.
    Reading,
}

/// How work on a connection ended its call.
#[derive(Debug)]
pub(super) enum Ended {
    /// The answer is complete.
    Complete {
        /// Whether the connection can carry another.
        reusable: bool,
    },
    /// The call failed.
    Failed(CallStatus, String),
    /// This address gave no connection; another may.
    NotConnected(String),
    /// A kept connection was closed and took no byte of the request.
    Unsent,
}

/// What a call has waited for too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Overdue {
    Connection,
    FirstByte,
    NextChunk,
    Call,
    End,
}

/// A call in progress.
pub(super) struct Active {
    pub(super) serial: u64,
    pub(super) endpoint: Endpoint,
    pub(super) sent: CallSent,
    pub(super) head: Vec<u8>,
    pub(super) n_written: usize,
    pub(super) phase: Phase,
    /// Addresses that were not tried, the next one last.
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) connect_error: Option<String>,
    pub(super) started: InstantNs,
    /// The earliest deadline that is noted for this call.
    pub(super) timer: InstantNs,
    pub(super) timeouts: Timeouts,
    pub(super) exchange: Exchange,
    pub(super) secret: Option<Secret>,
    pub(super) keepalive: bool,
    pub(super) announced: bool,
}

impl Active {
    /// Returns how long to wait for a connection.
    pub(super) fn connect_timeout(&self) -> DurationNs {
        Timeouts::duration(self.timeouts.connect_s)
    }

    /// Returns whether the whole request was taken.
    pub(super) fn is_written(&self) -> bool {
        self.n_written == self.head.len() + self.sent.request.len()
    }

    /// Says that the request is written, once.
    pub(super) fn announce(&mut self, on_sent: &mut dyn FnMut(&CallSent)) {
        if self.phase == Phase::Reading {
            self.announce_now(on_sent);
        }
    }

    /// Says that the request is written or has failed, once.
    pub(super) fn announce_now(&mut self, on_sent: &mut dyn FnMut(&CallSent)) {
        if !self.announced {
            self.announced = true;
            on_sent(&self.sent);
        }
    }

    /// Returns until when the call may stay as it is, and what would be overdue then.
    pub(super) fn deadline(&self) -> (InstantNs, Overdue) {
        let after = |since: InstantNs, seconds| since.after(Timeouts::duration(seconds));
        let timeouts = &self.timeouts;
        let step = match self.phase {
            Phase::Connecting | Phase::Establishing => {
                let since = self.sent.connect_ns.unwrap_or(self.started);
                (after(since, timeouts.connect_s), Overdue::Connection)
            }
            Phase::Writing | Phase::Reading => {
                let exchange = &self.exchange;
                match exchange.last_read() {
                    Some(last) if exchange.is_final() => (last.user.after(END_GRACE), Overdue::End),
                    Some(last) if exchange.first_body_ns().is_some() => {
                        (after(last.user, timeouts.between_chunks_s), Overdue::NextChunk)
                    }
                    _ => {
                        let since = self.sent.sent_ns.unwrap_or(self.started);
                        (after(since, timeouts.first_token_s), Overdue::FirstByte)
                    }
                }
            }
        };
        let call = (after(self.started, timeouts.call_s), Overdue::Call);
        if call.0 < step.0 { call } else { step }
    }

    /// Returns the status of a call that waited too long, and why.
    pub(super) fn overdue(&self, overdue: Overdue) -> (CallStatus, String) {
        let timeouts = &self.timeouts;
        match overdue {
            Overdue::Connection => (
                CallStatus::ConnectError,
                format!(
                    "no connection to {} within {} s (`connect_s`)",
                    self.endpoint, timeouts.connect_s
                ),
            ),
            Overdue::FirstByte => (
                CallStatus::Timeout,
                format!(
                    "no byte of the answer's body within {} s (`first_token_s`)",
                    timeouts.first_token_s
                ),
            ),
            Overdue::NextChunk => (
                CallStatus::Stalled,
                format!(
                    "nothing came for {} s inside the stream (`between_chunks_s`)",
                    timeouts.between_chunks_s
                ),
            ),
            Overdue::Call => (
                CallStatus::Timeout,
                format!("the call did not end within {} s (`call_s`)", timeouts.call_s),
            ),
            // The final record is there, so the call is completed all the same.
            Overdue::End => {
                (CallStatus::Stalled, "the body did not end after its final record".to_owned())
            }
        }
    }
}

/// A connection, and the call that it carries.
pub(super) struct Connection {
    pub(super) transport: Transport,
    pub(super) interest: Interest,
    /// Whether an earlier call has used it.
    pub(super) is_reused: bool,
    /// Absent while the connection is kept for a later call.
    pub(super) call: Option<Box<Active>>,
}

impl Connection {
    /// Returns what is awaited of the socket now.
    pub(super) fn wanted(&self) -> Interest {
        match self.call.as_ref().map(|call| call.phase) {
            Some(Phase::Connecting | Phase::Writing) => Interest::ReadWrite,
            Some(Phase::Establishing) if self.transport.wants_write() => Interest::ReadWrite,
            _ => Interest::Read,
        }
    }

    fn call(&mut self) -> &mut Active {
        self.call.as_mut().expect("only connections with a call are worked on")
    }

    /// Goes on connecting; writes the request as soon as the connection is ready.
    pub(super) fn establish(&mut self) -> Option<Ended> {
        if self.call().phase == Phase::Connecting {
            let socket = self.transport.socket();
            let (peer, error) = (socket.peer_addr(), socket.take_error());
            match (peer, error) {
                (_, Err(error) | Ok(Some(error))) => {
                    return Some(Ended::NotConnected(error.to_string()));
                }
                // Woken early: still connecting.
                (Err(error), Ok(None)) if error.kind() == io::ErrorKind::NotConnected => {
                    return None;
                }
                (Err(error), Ok(None)) => return Some(Ended::NotConnected(error.to_string())),
                (Ok(_), Ok(None)) => self.call().phase = Phase::Establishing,
            }
        }
        match self.transport.establish() {
            Ok(false) => None,
            Ok(true) => {
                let now = clock::now();
                let call = self.call();
                call.sent.connected_ns = Some(now);
                call.phase = Phase::Writing;
                self.write()
            }
            Err(error) => Some(Ended::NotConnected(error.to_string())),
        }
    }

    /// Writes the request as far as the socket takes it.
    pub(super) fn write(&mut self) -> Option<Ended> {
        let call = self.call.as_mut().expect("only connections with a call are worked on");
        let (head, body) = (&call.head, call.sent.request.as_bytes());
        let n_bytes = head.len() + body.len();
        loop {
            let n_head = call.n_written.min(head.len());
            let (first, second) = (&head[n_head..], &body[call.n_written - n_head..]);
            let before = clock::now();
            let result = if first.is_empty() && second.is_empty() {
                match self.transport.flush() {
                    Ok(true) => {
                        call.phase = Phase::Reading;
                        return None;
                    }
                    Ok(false) => return None,
                    Err(error) => Err(error),
                }
            } else {
                self.transport.send(first, second)
            };
            match result {
                Ok(n_taken) => {
                    call.sent.sent_ns.get_or_insert(before);
                    call.n_written = (call.n_written + n_taken).min(n_bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) if self.is_reused && call.n_written == 0 => return Some(Ended::Unsent),
                // The answer may say why the server does not want the rest.
                Err(_) if call.n_written > 0 => {
                    call.phase = Phase::Reading;
                    return None;
                }
                Err(error) => {
                    let message = format!("the request could not be written: {error}");
                    return Some(Ended::Failed(CallStatus::ConnectError, message));
                }
            }
        }
    }

    /// Reads once, or until the socket has no more if a read filled the buffer.
    pub(super) fn read(&mut self, buffer: &mut [u8], offset: RealtimeOffset) -> Option<Ended> {
        let call = self.call.as_mut().expect("only connections with a call are worked on");
        loop {
            match self.transport.receive(buffer) {
                Ok(Receipt::Bytes { n_bytes, realtime_ns, may_have_more }) => {
                    let user = clock::now();
                    let kernel = realtime_ns
                        .and_then(|stamp| offset.receive_stamp(stamp, user, call.sent.sent_ns));
                    match call.exchange.read(&buffer[..n_bytes], user, kernel) {
                        Progress::Continues if may_have_more => {}
                        Progress::Continues => return None,
                        Progress::Complete { reusable } => {
                            return Some(Ended::Complete { reusable });
                        }
                        Progress::Broken => return Some(Ended::Complete { reusable: false }),
                    }
                }
                Ok(Receipt::Nothing) => return None,
                Ok(Receipt::End) => {
                    return Some(match call.exchange.connection_ended(clock::now()) {
                        Ok(()) => Ended::Complete { reusable: false },
                        Err(_) if call.exchange.last_read().is_none() => Ended::Failed(
                            CallStatus::Truncated,
                            "the server closed the connection without an answer".to_owned(),
                        ),
                        Err(error) => Ended::Failed(CallStatus::Truncated, error.to_string()),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let message = format!("the connection broke: {error}");
                    return Some(Ended::Failed(CallStatus::Truncated, message));
                }
            }
        }
    }
}
