//! Many calls on one thread.
//!
//! Owns: sockets, connections that are kept, time-outs and cancellation. Each wake-up
//! reads every ready socket once, stamps what came, and gives it to the call's
//! [`Exchange`].
//!
//! Does not: decide what bytes mean, or start threads (a host name is looked up on
//! one, once).

mod connection;
mod resolve;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::os::fd::AsFd as _;

use tachograph_model::digest::Digest;
use tachograph_model::event::{CallSent, CallStatus, ClockSample};
use tachograph_model::plan::ConnectionMode;
use tachograph_model::units::{DurationNs, InstantNs};

use self::connection::{Active, Connection, Ended, Phase};
pub(super) use self::resolve::Resolver;
use super::endpoint::Endpoint;
use super::exchange::Exchange;
use super::request;
use super::transport::{RequestHead, Transport, request_head};
use super::{CallSpec, CallTrace, Stop};
use crate::clock::{self, RealtimeOffset};
use crate::sys::{self, Interest, Poller, Ready};

/// The most that one read takes.
const READ_BYTES: usize = 64 * 1_024;

/// The token of the stop switch; no slot has it.
const STOP_TOKEN: u64 = u64::MAX;

/// Why there is no driver.
#[derive(Debug, thiserror::Error)]
pub enum DriverError {
    /// No way to wait for sockets.
    #[error("the system gives no way to wait for sockets; raise the limit of open files")]
    Poller {
        /// What the system says.
        source: io::Error,
    },
}

/// A deadline of a call, as it was when it was noted.
type Timer = Reverse<(InstantNs, usize, u64)>;

/// Carries any number of calls at once.
pub struct Driver {
    poller: Poller,
    stop: Stop,
    sample: ClockSample,
    offset: RealtimeOffset,
    /// Keeps the kernel stamping: it begins some time after the first socket asks.
    keeper: Option<std::net::UdpSocket>,
    resolver: Resolver,
    slots: Vec<Option<Box<Connection>>>,
    generations: Vec<u32>,
    free: Vec<usize>,
    idle: BTreeMap<Endpoint, Vec<usize>>,
    planned: BTreeMap<(InstantNs, u64), CallSpec>,
    timers: BinaryHeap<Timer>,
    n_active: usize,
    next_serial: u64,
    buffer: Vec<u8>,
    ready: Vec<Ready>,
    finished: Vec<CallTrace>,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver")
            .field("n_active", &self.n_active)
            .field("n_planned", &self.planned.len())
            .finish_non_exhaustive()
    }
}

impl Driver {
    /// Makes a driver; `stop` ends its calls as `cancelled`.
    ///
    /// # Errors
    ///
    /// [`DriverError`] if the system gives no way to wait for sockets.
    pub fn new(stop: Stop) -> Result<Self, DriverError> {
        let failed = |source| DriverError::Poller { source };
        let mut poller = Poller::new().map_err(failed)?;
        poller.add(stop.descriptor(), STOP_TOKEN, Interest::Read).map_err(failed)?;
        let sample = clock::sample();
        let offset = RealtimeOffset::of(&sample).expect("a fresh sample holds a number");
        let keeper = std::net::UdpSocket::bind(("127.0.0.1", 0))
            .ok()
            .filter(|socket| sys::enable_receive_stamps(socket.as_fd()).is_ok());
        sys::tighten_timer_slack();
        Ok(Self {
            poller,
            stop,
            sample,
            offset,
            keeper,
            resolver: Resolver::default(),
            slots: Vec::new(),
            generations: Vec::new(),
            free: Vec::new(),
            idle: BTreeMap::new(),
            planned: BTreeMap::new(),
            timers: BinaryHeap::new(),
            n_active: 0,
            next_serial: 0,
            buffer: vec![0; READ_BYTES],
            ready: Vec::new(),
            finished: Vec::new(),
        })
    }

    /// Returns the sample by which kernel stamps are moved to the monotonic clock.
    pub fn clock_sample(&self) -> &ClockSample {
        &self.sample
    }

    /// Returns whether the kernel stamps what this driver receives.
    pub fn has_kernel_stamps(&self) -> bool {
        self.keeper.is_some()
    }

    /// Returns how many calls were submitted and have not been returned.
    pub fn n_pending(&self) -> usize {
        self.n_active + self.planned.len() + self.finished.len()
    }

    /// Takes a call; the next [`Self::wait`] starts it, at its planned instant.
    pub fn submit(&mut self, spec: CallSpec) {
        let planned = spec.planned.unwrap_or_else(clock::now);
        self.next_serial += 1;
        self.planned.insert((planned, self.next_serial), spec);
    }

    /// Works until a call ends or `timeout` has passed, and returns the ended calls;
    /// returns at once if no call is pending.
    ///
    /// `on_sent` gets each request once it is written, or has failed before.
    pub fn wait(
        &mut self,
        timeout: Option<DurationNs>,
        on_sent: &mut dyn FnMut(&CallSent),
    ) -> Vec<CallTrace> {
        let until = timeout.map(|timeout| clock::now().after(timeout));
        loop {
            if self.stop.is_stopped() {
                self.cancel_all(on_sent);
            }
            let now = clock::now();
            self.start_due(now, on_sent);
            let is_over = until.is_some_and(|until| now >= until);
            if !self.finished.is_empty() || self.n_pending() == 0 || is_over {
                return std::mem::take(&mut self.finished);
            }
            self.turn(until, on_sent);
        }
    }

    /// Waits once, and handles what is ready and what is overdue.
    fn turn(&mut self, until: Option<InstantNs>, on_sent: &mut dyn FnMut(&CallSent)) {
        let planned = self.planned.first_key_value().map(|((instant, _), _)| *instant);
        let timer = self.timers.peek().map(|Reverse((instant, _, _))| *instant);
        let next = [until, planned, timer].into_iter().flatten().min();
        let now = clock::now();
        let timeout_ns = next.map(|next| next.since(now).map_or(0, |duration| duration.0));
        let mut ready = std::mem::take(&mut self.ready);
        if let Err(error) = self.poller.wait(timeout_ns, &mut ready) {
            // Without a way to wait no call can go on.
            let message = format!("waiting for sockets failed: {error}");
            self.end_all(CallStatus::Cancelled, &message, on_sent);
        }
        for event in &ready {
            if event.token != STOP_TOKEN {
                self.handle(*event, on_sent);
            }
        }
        self.ready = ready;
        self.expire(clock::now(), on_sent);
    }

    fn start_due(&mut self, now: InstantNs, on_sent: &mut dyn FnMut(&CallSent)) {
        while let Some(entry) = self.planned.first_entry() {
            let (planned, serial) = *entry.key();
            if planned > now {
                return;
            }
            let spec = entry.remove();
            self.start(Self::prepare(spec, planned, serial), on_sent);
        }
    }

    fn start(&mut self, active: Active, on_sent: &mut dyn FnMut(&CallSent)) {
        self.n_active += 1;
        match active.keepalive.then(|| self.take_idle(&active.endpoint)).flatten() {
            Some(index) => self.reuse(index, active, on_sent),
            None => self.open(active, on_sent),
        }
    }

    /// Makes a call out of its specification.
    fn prepare(spec: CallSpec, planned: InstantNs, serial: u64) -> Active {
        let keepalive = spec.connection == ConnectionMode::Keepalive;
        let accept =
            if spec.api.is_ollama() { "application/x-ndjson" } else { "text/event-stream" };
        let head = request_head(&RequestHead {
            method: "POST",
            path: spec.api.path(),
            endpoint: &spec.endpoint,
            accept,
            n_body_bytes: Some(spec.body.len()),
            keepalive,
            key: spec.secret.as_ref().map(super::Secret::reveal),
        });
        let sent = CallSent {
            call: spec.call,
            stage: spec.stage,
            server: spec.server,
            api: spec.api,
            request_sha256: Digest::of(spec.body.as_bytes()),
            parity_sha256: request::parity_digest(&spec.body, spec.nonce.as_deref()),
            request: spec.body,
            nonce: spec.nonce,
            connection: spec.connection,
            planned_ns: planned,
            connect_ns: None,
            connected_ns: None,
            sent_ns: None,
        };
        Active {
            serial,
            endpoint: spec.endpoint,
            sent,
            head,
            n_written: 0,
            phase: Phase::Connecting,
            addresses: Vec::new(),
            connect_error: None,
            started: clock::now(),
            timer: InstantNs(u64::MAX),
            timeouts: spec.timeouts,
            exchange: Exchange::new(spec.api),
            secret: spec.secret,
            keepalive,
            announced: false,
        }
    }

    /// Takes a kept connection that is still open.
    fn take_idle(&mut self, endpoint: &Endpoint) -> Option<usize> {
        while let Some(index) = self.idle.get_mut(endpoint).and_then(Vec::pop) {
            let usable = self.slots[index]
                .as_ref()
                .is_some_and(|connection| sys::is_idle(connection.transport.descriptor()));
            if usable {
                return Some(index);
            }
            self.close(index);
        }
        None
    }

    fn reuse(&mut self, index: usize, mut active: Active, on_sent: &mut dyn FnMut(&CallSent)) {
        active.phase = Phase::Writing;
        active.sent.connection = ConnectionMode::Keepalive;
        let mut connection = self.slots[index].take().expect("an idle slot has a connection");
        connection.is_reused = true;
        connection.call = Some(Box::new(active));
        let ended = connection.write();
        self.settle(index, connection, ended, on_sent);
    }

    /// Begins a new connection for a call.
    fn open(&mut self, mut active: Active, on_sent: &mut dyn FnMut(&CallSent)) {
        active.phase = Phase::Connecting;
        active.sent.connection = ConnectionMode::Fresh;
        active.sent.connect_ns = Some(clock::now());
        match self.resolver.addresses(&active.endpoint, active.connect_timeout()) {
            Ok(addresses) => active.addresses = addresses,
            Err(message) => active.connect_error = Some(message),
        }
        self.connect_next(active, on_sent);
    }

    /// Tries the call's next address; without one the call ends.
    fn connect_next(&mut self, mut active: Active, on_sent: &mut dyn FnMut(&CallSent)) {
        // What was noted for it belongs to the slot that it leaves.
        active.timer = InstantNs(u64::MAX);
        while let Some(address) = active.addresses.pop() {
            let attempt = sys::connect(&address).and_then(|socket| {
                // Where the kernel has no stamps, the user's remain.
                let stamps = sys::enable_receive_stamps(socket.as_fd());
                drop(stamps);
                Transport::new(socket, &active.endpoint)
            });
            let registered = attempt.and_then(|transport| {
                let index = self.free.pop().unwrap_or_else(|| {
                    self.slots.push(None);
                    self.generations.push(0);
                    self.slots.len() - 1
                });
                let token = self.token(index);
                match self.poller.add(transport.descriptor(), token, Interest::ReadWrite) {
                    Ok(()) => Ok((index, transport)),
                    Err(error) => {
                        self.free.push(index);
                        Err(error)
                    }
                }
            });
            match registered {
                Ok((index, transport)) => {
                    let connection = Box::new(Connection {
                        transport,
                        interest: Interest::ReadWrite,
                        is_reused: false,
                        call: Some(Box::new(active)),
                    });
                    self.settle(index, connection, None, on_sent);
                    return;
                }
                Err(error) => active.connect_error = Some(format!("{address}: {error}")),
            }
        }
        let cause = active.connect_error.take().unwrap_or_else(|| "no address".to_owned());
        let message =
            format!("no connection to {}: {cause}; is the server running?", active.endpoint);
        self.end(active, Some((CallStatus::ConnectError, message)), on_sent);
    }

    fn token(&self, index: usize) -> u64 {
        u64::from(self.generations[index]) << 32 | index as u64
    }

    fn handle(&mut self, event: Ready, on_sent: &mut dyn FnMut(&CallSent)) {
        let index = usize::try_from(event.token & 0xffff_ffff).expect("a slot's number");
        if index >= self.slots.len() || self.token(index) != event.token {
            return;
        }
        let Some(mut connection) = self.slots[index].take() else { return };
        let Some(phase) = connection.call.as_ref().map(|call| call.phase) else {
            // The server closed a connection that was kept.
            self.slots[index] = Some(connection);
            self.close_idle(index);
            return;
        };
        let ended = match phase {
            Phase::Connecting | Phase::Establishing => connection.establish(),
            Phase::Writing if event.writable => connection.write(),
            Phase::Writing | Phase::Reading => None,
        };
        let reads =
            event.readable && ended.is_none() && matches!(phase, Phase::Writing | Phase::Reading);
        let ended = if reads { connection.read(&mut self.buffer, self.offset) } else { ended };
        self.settle(index, connection, ended, on_sent);
    }

    /// Puts a connection back after work on it, or ends its call.
    fn settle(
        &mut self,
        index: usize,
        mut connection: Box<Connection>,
        ended: Option<Ended>,
        on_sent: &mut dyn FnMut(&CallSent),
    ) {
        if let Some(ended) = ended {
            return self.settle_end(index, connection, ended, on_sent);
        }
        let wanted = connection.wanted();
        if wanted != connection.interest {
            let token = self.token(index);
            match self.poller.change(connection.transport.descriptor(), token, wanted) {
                Ok(()) => connection.interest = wanted,
                Err(error) => {
                    let message = format!("the connection cannot be awaited: {error}");
                    let ended = Ended::Failed(CallStatus::Truncated, message);
                    return self.settle_end(index, connection, ended, on_sent);
                }
            }
        }
        if let Some(call) = &mut connection.call {
            call.announce(on_sent);
            let (deadline, _) = call.deadline();
            if deadline < call.timer {
                call.timer = deadline;
                self.timers.push(Reverse((deadline, index, call.serial)));
            }
        }
        self.slots[index] = Some(connection);
    }

    fn settle_end(
        &mut self,
        index: usize,
        mut connection: Box<Connection>,
        ended: Ended,
        on_sent: &mut dyn FnMut(&CallSent),
    ) {
        let call = *connection.call.take().expect("only a call ends");
        let keeps = matches!(ended, Ended::Complete { reusable: true })
            && call.keepalive
            && call.is_written();
        self.slots[index] = Some(connection);
        if !(keeps && self.keep(index, &call.endpoint)) {
            self.close(index);
        }
        match ended {
            Ended::Complete { .. } => self.end(call, None, on_sent),
            Ended::Failed(status, message) => self.end(call, Some((status, message)), on_sent),
            Ended::NotConnected(message) => {
                let mut call = call;
                call.connect_error = Some(message);
                self.connect_next(call, on_sent);
            }
            Ended::Unsent => {
                let mut call = call;
                call.n_written = 0;
                call.sent.sent_ns = None;
                self.open(call, on_sent);
            }
        }
    }

    /// Keeps a connection for a later call; returns whether that is possible.
    fn keep(&mut self, index: usize, endpoint: &Endpoint) -> bool {
        let token = self.token(index);
        let Some(connection) = &mut self.slots[index] else { return false };
        if connection.interest != Interest::Read {
            let descriptor = connection.transport.descriptor();
            if self.poller.change(descriptor, token, Interest::Read).is_err() {
                return false;
            }
            connection.interest = Interest::Read;
        }
        self.idle.entry(endpoint.clone()).or_default().push(index);
        true
    }

    /// Ends a call and keeps its record.
    fn end(
        &mut self,
        mut call: Active,
        interruption: Option<(CallStatus, String)>,
        on_sent: &mut dyn FnMut(&CallSent),
    ) {
        call.announce_now(on_sent);
        self.n_active -= 1;
        let trace =
            call.exchange.finish(call.sent, interruption, clock::now(), call.secret.as_ref());
        self.finished.push(trace);
        if self.timers.len() > 64 + 4 * self.n_active {
            let slots = &self.slots;
            self.timers
                .retain(|Reverse((_, index, serial))| serial_at(slots, *index) == Some(*serial));
        }
    }

    fn close(&mut self, index: usize) {
        if let Some(connection) = self.slots[index].take() {
            self.poller.remove(connection.transport.descriptor());
            self.generations[index] = self.generations[index].wrapping_add(1);
            self.free.push(index);
        }
    }

    fn close_idle(&mut self, index: usize) {
        for kept in self.idle.values_mut() {
            kept.retain(|other| *other != index);
        }
        self.close(index);
    }

    /// Ends the calls whose time is over.
    fn expire(&mut self, now: InstantNs, on_sent: &mut dyn FnMut(&CallSent)) {
        while let Some(Reverse((noted, index, serial))) = self.timers.peek().copied() {
            if noted > now {
                return;
            }
            self.timers.pop();
            if serial_at(&self.slots, index) != Some(serial) {
                continue;
            }
            let mut connection = self.slots[index].take().expect("the serial was just seen");
            let call = connection.call.as_mut().expect("the serial was just seen");
            let (deadline, overdue) = call.deadline();
            if deadline > now {
                call.timer = deadline;
                self.timers.push(Reverse((deadline, index, serial)));
                self.slots[index] = Some(connection);
                continue;
            }
            let (status, message) = call.overdue(overdue);
            self.settle_end(index, connection, Ended::Failed(status, message), on_sent);
        }
    }

    fn cancel_all(&mut self, on_sent: &mut dyn FnMut(&CallSent)) {
        self.end_all(CallStatus::Cancelled, "stopped before its end", on_sent);
    }

    fn end_all(&mut self, status: CallStatus, message: &str, on_sent: &mut dyn FnMut(&CallSent)) {
        for index in 0..self.slots.len() {
            if self.slots[index].as_ref().is_some_and(|connection| connection.call.is_some()) {
                let connection = self.slots[index].take().expect("the slot was just seen");
                let ended = Ended::Failed(status, message.to_owned());
                self.settle_end(index, connection, ended, on_sent);
            }
        }
        while let Some(((planned, serial), spec)) = self.planned.pop_first() {
            self.n_active += 1;
            let call = Self::prepare(spec, planned, serial);
            self.end(call, Some((status, message.to_owned())), on_sent);
        }
    }
}

/// Returns the serial of the call in a slot.
fn serial_at(slots: &[Option<Box<Connection>>], index: usize) -> Option<u64> {
    slots[index].as_ref()?.call.as_ref().map(|call| call.serial)
}

#[cfg(test)]
mod tests;
