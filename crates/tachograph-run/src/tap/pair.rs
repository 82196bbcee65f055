//! A connection of a client and its connection to the server.
//!
//! Owns: moving bytes between the two sockets, and how much may be held while one of
//! them takes none. What was moved is noted, to be looked at when the turn is over.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::ops::Range;
use std::os::fd::{AsFd as _, BorrowedFd};

use tachograph_model::units::InstantNs;

use super::call::Watch;
use crate::clock;
use crate::sys::{self, Interest, Poller, Ready};

/// The most that one read takes.
const READ_BYTES: usize = 64 * 1_024;
/// Room for the reads of one turn.
const ARENA_BYTES: usize = 4 * 1_024 * 1_024;
/// What may be held for a socket that takes nothing, before the other is not read.
const HELD_BYTES_MAX: usize = 256 * 1_024;

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Upstream,
}

/// What happened on one of the sockets.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// The pair's number.
    pub(super) pair: usize,
    pub(super) side: Side,
    pub(super) what: What,
}

#[derive(Debug, Clone)]
pub(super) enum What {
    /// Bytes of the arena came, and were passed on.
    Bytes {
        range: Range<usize>,
        /// When the read had returned.
        user: InstantNs,
        /// When the kernel had received the last of them, on the real-time clock.
        realtime_ns: Option<u64>,
        /// When they had been passed on, if all were.
        passed: Option<InstantNs>,
    },
    /// No more will come.
    End { at: InstantNs, error: Option<String> },
    /// There is no server.
    Refused { message: String },
}

/// The bytes of one turn, and what happened in it.
#[derive(Debug)]
pub(super) struct Arena {
    bytes: Vec<u8>,
    used: usize,
    items: Vec<Item>,
    /// Pairs on which something happened.
    touched: Vec<usize>,
}

impl Default for Arena {
    fn default() -> Self {
        let bytes = vec![0; ARENA_BYTES];
        Self { bytes, used: 0, items: Vec::new(), touched: Vec::new() }
    }
}

impl Arena {
    /// Returns whether there is no room for another read.
    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() - self.used < 2 * READ_BYTES
    }

    pub(super) fn bytes(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[range.clone()]
    }

    /// Takes what happened, in order.
    pub(super) fn items(&mut self) -> Vec<Item> {
        std::mem::take(&mut self.items)
    }

    /// Forgets the turn; returns the pairs on which something happened.
    pub(super) fn clear(&mut self) -> Vec<usize> {
        self.used = 0;
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable();
        touched.dedup();
        touched
    }
}

/// A socket, and what is held for it.
#[derive(Debug)]
struct End {
    socket: TcpStream,
    /// What is awaited of it; absent as long as nothing is.
    interest: Option<Interest>,
    /// Bytes that it did not take yet.
    held: Vec<u8>,
    /// Nothing more comes from it.
    is_ended: bool,
    /// Nothing more goes to it.
    is_shut: bool,
}

impl End {
    fn new(socket: TcpStream) -> Self {
        Self { socket, interest: None, held: Vec::new(), is_ended: false, is_shut: false }
    }

    fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Writes what is held, then `bytes`; holds what is not taken. Returns how many bytes
    /// were taken.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let (mut from_held, mut from_new) = (0, 0);
        while from_held < self.held.len() || from_new < bytes.len() {
            match sys::send(self.socket.as_fd(), &self.held[from_held..], &bytes[from_new..]) {
                Ok(n_bytes) => {
                    let of_held = n_bytes.min(self.held.len() - from_held);
                    from_held += of_held;
                    from_new += n_bytes - of_held;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.held.drain(..from_held);
        self.held.extend_from_slice(&bytes[from_new..]);
        Ok(from_held + from_new)
    }

    /// Passes the other side's end on, once nothing is held.
    fn shut(&mut self) {
        if !self.is_shut && self.held.is_empty() {
            self.is_shut = true;
            // A socket that has gone already needs no farewell.
            drop(self.socket.shutdown(Shutdown::Write));
        }
    }
}

/// A client's connection and its connection to the server.
pub(super) struct Pair {
    client: End,
    upstream: Option<End>,
    /// Addresses of the server that were not tried.
    addresses: Vec<SocketAddr>,
    /// Why the address before gave no connection.
    connect_error: Option<String>,
    is_connected: bool,
    /// Nothing can be passed on any more.
    is_broken: bool,
    /// What is known of its requests and answers.
    pub(super) watch: Watch,
}

impl Pair {
    pub(super) fn new(
        client: TcpStream,
        agent: Option<String>,
        mut addresses: Vec<SocketAddr>,
    ) -> Self {
        // Taken from the end.
        addresses.reverse();
        Self {
            client: End::new(client),
            upstream: None,
            addresses,
            connect_error: None,
            is_connected: false,
            is_broken: false,
            watch: Watch::new(agent),
        }
    }

    /// Adds the client's socket to those that are awaited.
    pub(super) fn register(&mut self, poller: &mut Poller, token: u64) -> io::Result<()> {
        self.client.interest = Some(Interest::Read);
        poller.add(self.client.descriptor(), token, Interest::Read)
    }

    /// Returns whether nothing more can happen on it: both sides have ended, and heard all.
    ///
    /// A client that is still there after its server has ended is waited for: closing
    /// before it has read everything could take the last bytes from it.
    pub(super) fn is_over(&self) -> bool {
        let has_ended = |end: &End| end.is_ended && end.held.is_empty();
        let both = has_ended(&self.client) && self.upstream.as_ref().is_none_or(has_ended);
        self.is_broken || both
    }

    /// Moves what one of the sockets has, or takes.
    pub(super) fn forward(&mut self, event: Ready, side: Side, index: usize, arena: &mut Arena) {
        arena.touched.push(index);
        let mut note = |arena: &mut Arena, side, what| {
            arena.items.push(Item { pair: index, side, what });
        };
        if side == Side::Upstream && !self.is_connected {
            if self.connecting(arena, &mut note) {
                return;
            }
        } else if event.writable {
            self.flush(side, arena, &mut note);
        }
        if event.readable && !self.is_broken {
            self.read(side, arena, &mut note);
        }
    }

    /// Reads once from a side and passes it on.
    fn read(&mut self, side: Side, arena: &mut Arena, note: &mut Note<'_>) {
        let from = match side {
            Side::Client => &mut self.client,
            Side::Upstream => match &mut self.upstream {
                Some(upstream) => upstream,
                None => return,
            },
        };
        if from.is_ended {
            return;
        }
        let room = &mut arena.bytes[arena.used..arena.used + READ_BYTES];
        let received = match sys::receive(from.socket.as_fd(), room) {
            Ok(received) => received,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                return;
            }
            Err(error) => {
                self.is_broken = true;
                let error = Some(format!("the connection broke: {error}"));
                return note(arena, side, What::End { at: clock::now(), error });
            }
        };
        let user = clock::now();
        if received.n_bytes == 0 {
            from.is_ended = true;
            self.pass_end(side);
            return note(arena, side, What::End { at: user, error: None });
        }
        let range = arena.used..arena.used + received.n_bytes;
        arena.used = range.end;
        let passed = self.pass(side, arena, &range, note);
        let realtime_ns = received.realtime_ns;
        note(arena, side, What::Bytes { range, user, realtime_ns, passed });
    }

    /// Passes bytes of one side on to the other; returns when all were taken.
    fn pass(
        &mut self,
        side: Side,
        arena: &mut Arena,
        range: &Range<usize>,
        note: &mut Note<'_>,
    ) -> Option<InstantNs> {
        // After the answer in a missing server's place, what comes is only read.
        if side == Side::Client && self.upstream.is_none() && !self.client.is_shut {
            self.connect_next(arena, note);
        }
        let bytes = &arena.bytes[range.clone()];
        let to = match side {
            Side::Upstream => &mut self.client,
            Side::Client => match &mut self.upstream {
                Some(upstream) if self.is_connected => upstream,
                Some(upstream) => {
                    upstream.held.extend_from_slice(bytes);
                    return None;
                }
                // There is no server; the client has its answer.
                None => return None,
            },
        };
        let before = clock::now();
        match to.write(bytes) {
            Ok(n_bytes) => {
                let after = clock::now();
                if side == Side::Client {
                    self.watch.written(n_bytes as u64, before);
                }
                (n_bytes == bytes.len()).then_some(after)
            }
            Err(error) => {
                self.is_broken = true;
                // What the other side sends is of no use to one that is gone.
                let gone = match side {
                    Side::Client => Side::Upstream,
                    Side::Upstream => Side::Client,
                };
                let error = Some(format!("the connection broke: {error}"));
                note(arena, gone, What::End { at: before, error });
                None
            }
        }
    }

    /// Writes what is held for a side.
    fn flush(&mut self, side: Side, arena: &mut Arena, note: &mut Note<'_>) {
        let to = match side {
            Side::Client => &mut self.client,
            Side::Upstream => match &mut self.upstream {
                Some(upstream) => upstream,
                None => return,
            },
        };
        if to.held.is_empty() {
            return;
        }
        let before = clock::now();
        match to.write(&[]) {
            Ok(n_bytes) => {
                if side == Side::Upstream {
                    self.watch.written(n_bytes as u64, before);
                }
                self.pass_end(if side == Side::Client { Side::Upstream } else { Side::Client });
            }
            Err(error) => {
                self.is_broken = true;
                let error = Some(format!("the connection broke: {error}"));
                note(arena, side, What::End { at: before, error });
            }
        }
    }

    /// Passes on that `side` has ended.
    fn pass_end(&mut self, side: Side) {
        match side {
            Side::Client if self.client.is_ended && self.is_connected => {
                if let Some(upstream) = &mut self.upstream {
                    upstream.shut();
                }
            }
            Side::Upstream if self.upstream.as_ref().is_some_and(|it| it.is_ended) => {
                self.client.shut();
            }
            _ => {}
        }
    }

    /// Goes on connecting; returns whether it is not connected yet.
    fn connecting(&mut self, arena: &mut Arena, note: &mut Note<'_>) -> bool {
        let Some(upstream) = &mut self.upstream else { return true };
        match (upstream.socket.peer_addr(), upstream.socket.take_error()) {
            (Ok(_), Ok(None)) => {}
            // Woken early.
            (Err(error), Ok(None)) if error.kind() == io::ErrorKind::NotConnected => return true,
            (_, Ok(Some(error)) | Err(error)) | (Err(error), _) => {
                let held = std::mem::take(&mut upstream.held);
                self.upstream = None;
                self.connect_error = Some(error.to_string());
                self.connect_next(arena, note);
                if let Some(upstream) = &mut self.upstream {
                    upstream.held = held;
                }
                return true;
            }
        }
        self.is_connected = true;
        self.watch.connected = Some(clock::now());
        self.flush(Side::Upstream, arena, note);
        self.pass_end(Side::Client);
        false
    }

    /// Begins to connect to the next address; without one, answers in the server's place.
    fn connect_next(&mut self, arena: &mut Arena, note: &mut Note<'_>) {
        if self.watch.connect_began.is_none() {
            self.watch.connect_began = Some(clock::now());
        }
        while let Some(address) = self.addresses.pop() {
            match sys::connect(&address) {
                Ok(socket) => {
                    // Where the kernel has no stamps, the user's remain.
                    drop(sys::enable_receive_stamps(socket.as_fd()));
                    // It is awaited as soon as the event is settled.
                    self.upstream = Some(End::new(socket));
                    return;
                }
                Err(error) => self.connect_error = Some(error.to_string()),
            }
        }
        let cause = self.connect_error.take().unwrap_or_else(|| "no address".to_owned());
        let message = format!("no connection to the server: {cause}; is it running?");
        let body = serde_json::json!({ "error": format!("tacho tap: {message}") }).to_string();
        let answer = format!(
            "HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
        // A client that has gone needs no answer.
        drop(self.client.write(answer.as_bytes()));
        self.client.shut();
        note(arena, Side::Upstream, What::Refused { message });
    }

    /// Tells the poller what is awaited now.
    pub(super) fn settle(&mut self, poller: &mut Poller, token: impl Fn(Side) -> u64) {
        if self.is_over() {
            poller.remove(self.client.descriptor());
            if let Some(upstream) = &self.upstream {
                poller.remove(upstream.descriptor());
            }
            return;
        }
        let upstream_held = self.upstream.as_ref().map_or(0, |upstream| upstream.held.len());
        let client_held = self.client.held.len();
        let wanted = interest(&self.client, upstream_held);
        let mut result = await_end(poller, &mut self.client, token(Side::Client), wanted);
        if let Some(upstream) = &mut self.upstream {
            let wanted = if self.is_connected {
                interest(upstream, client_held)
            } else {
                Interest::ReadWrite
            };
            result = result.and(await_end(poller, upstream, token(Side::Upstream), wanted));
        }
        self.is_broken |= result.is_err();
    }
}

/// Tells the poller what to await of a socket, if it does not know.
fn await_end(poller: &mut Poller, end: &mut End, token: u64, wanted: Interest) -> io::Result<()> {
    if end.is_ended && wanted == Interest::Nothing {
        // A socket that has ended would wake the poller again and again.
        if end.interest.take().is_some() {
            poller.remove(end.socket.as_fd());
        }
        return Ok(());
    }
    let before = end.interest.replace(wanted);
    match before {
        Some(before) if before == wanted => Ok(()),
        Some(_) => poller.change(end.socket.as_fd(), token, wanted),
        None => poller.add(end.socket.as_fd(), token, wanted),
    }
}

/// Notes what happened.
type Note<'a> = dyn FnMut(&mut Arena, Side, What) + 'a;

/// Returns what to await of a socket, when so many bytes are held for the other.
fn interest(end: &End, held_for_other: usize) -> Interest {
    let reads = !end.is_ended && held_for_other < HELD_BYTES_MAX;
    match (reads, end.held.is_empty()) {
        (true, true) => Interest::Read,
        (true, false) => Interest::ReadWrite,
        (false, true) => Interest::Nothing,
        (false, false) => Interest::Write,
    }
}
