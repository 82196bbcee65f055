//! How streams that are served at the same time slow each other down.
//!
//! Owns: the one clock of service. It turns an amount of service that a stream
//! is to have received into the instant at which it has, however many streams
//! come and go meanwhile.
//!
//! Does not: read a clock or wait. Instants are arguments, so that whatever it
//! says can be computed by hand.
//!
//! All streams progress at the same speed, hence one clock is enough: `service`
//! counts the nanoseconds of service that a stream present from the start would
//! have received, and between two changes in the number of streams it is a
//! straight line over time. A stream says on arrival when it will be complete,
//! so that it makes room for the others at that very instant, not when its task
//! has been woken and got round to it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What `n` streams in service do to the speed of each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sharing {
    /// One stream's rate is divided equally: each progresses at `1 / n`.
    Equal,
    /// Each further stream costs this fraction of the time that one alone
    /// takes: each progresses at `1 / (1 + fraction * (n - 1))`.
    Slowdown(f64),
}

impl Sharing {
    /// Nanoseconds of time that one nanosecond of service takes.
    fn cost(self, n_streams: usize) -> f64 {
        let others = n_streams.saturating_sub(1) as f64;
        match self {
            Self::Equal => 1.0 + others,
            Self::Slowdown(fraction) => 1.0 + fraction * others,
        }
    }
}

/// The clock of service of one server.
///
/// Times and services are `f64` nanoseconds counted from the instant at which
/// the first stream found the server empty: exact for whole numbers up to 104
/// days, and far finer than a nanosecond for the fractions in between.
#[derive(Debug)]
pub(super) struct ServiceClock {
    sharing: Sharing,
    /// The instant from which times count.
    zero_ns: u64,
    /// Nothing changes before this time any more, because somebody was told of
    /// what happened until then.
    settled: f64,
    /// Where the line of service over time has another slope, oldest first;
    /// empty only without streams.
    bends: VecDeque<Bend>,
    /// Streams that have not left, in order of arrival; some may be complete.
    streams: BTreeMap<u64, Stream>,
    /// Streams in service at the last bend, by [`key`] of their ends.
    present: BTreeSet<(u64, u64)>,
    last_id: u64,
}

#[derive(Debug, Clone, Copy)]
struct Bend {
    time: f64,
    service: f64,
    /// Time per service from here on.
    cost: f64,
}

#[derive(Debug, Clone, Copy)]
struct Stream {
    joined: Bend,
    /// Service at which it is complete; infinite for one that only leaves.
    end: f64,
}

/// A stream that was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joined {
    /// Name of the stream on this clock.
    pub(super) id: u64,
    /// When its service began.
    pub(super) begin_ns: u64,
}

/// Where a stream stands with an amount of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// It received it at this instant; nothing can change that any more.
    Reached(u64),
    /// It will have received it at this instant, later if somebody joins and
    /// earlier if somebody leaves early.
    Expected(u64),
}

impl ServiceClock {
    /// Makes the clock of a server without streams.
    pub(super) fn new(sharing: Sharing) -> Self {
        Self {
            sharing,
            zero_ns: 0,
            settled: 0.0,
            bends: VecDeque::new(),
            streams: BTreeMap::new(),
            present: BTreeSet::new(),
            last_id: 0,
        }
    }

    /// Lets a stream in that is complete after `length_ns` of service, or that
    /// stays until it leaves.
    ///
    /// Its service begins at `start_ns` or, if others were told already of a
    /// later instant, at that one: what was told stays true. What others expect
    /// is later from then on.
    pub(super) fn join(&mut self, start_ns: u64, length_ns: Option<u64>) -> Joined {
        if self.streams.is_empty() {
            self.zero_ns = start_ns;
            self.settled = 0.0;
        }
        let time = self.time(start_ns).max(self.settled.ceil());
        self.advance(time);
        let service = self.service_at(time);
        self.last_id += 1;
        let end = length_ns.map_or(f64::INFINITY, |length_ns| service + length_ns as f64);
        self.present.insert((key(end), self.last_id));
        let joined = self.bend(time, service);
        self.streams.insert(self.last_id, Stream { joined, end });
        Joined { id: self.last_id, begin_ns: self.instant(time) }
    }

    /// Takes a stream out; if it was not complete at `now_ns` the others are
    /// faster from then on.
    ///
    /// Returns whether that is so: then what others expect is earlier.
    pub(super) fn leave(&mut self, id: u64, now_ns: u64) -> bool {
        let Some(stream) = self.streams.remove(&id) else {
            return false;
        };
        let time = self.time(now_ns).max(self.settled.ceil());
        let early =
            self.present.contains(&(key(stream.end), id)) && self.time_of(stream.end) > time;
        if early {
            self.advance(time);
            let service = self.service_at(time);
            self.present.remove(&(key(stream.end), id));
            self.bend(time, service);
        }
        self.forget();
        early
    }

    /// Says when the stream has received `service_ns` since it joined, and
    /// whether that is so at `now_ns`.
    pub(super) fn reach(&mut self, id: u64, service_ns: u64, now_ns: u64) -> Progress {
        let Some(time) = self.time_since_join(id, service_ns) else {
            return Progress::Reached(now_ns);
        };
        let due_ns = self.instant(time);
        if due_ns > now_ns {
            return Progress::Expected(due_ns);
        }
        self.advance(time);
        Progress::Reached(due_ns)
    }

    /// The instant at which the stream has received `service_ns` since it
    /// joined, as things stand; absent for a stream that is not here.
    pub(super) fn due_ns(&self, id: u64, service_ns: u64) -> Option<u64> {
        self.time_since_join(id, service_ns).map(|time| self.instant(time))
    }

    fn time_since_join(&self, id: u64, service_ns: u64) -> Option<f64> {
        let stream = self.streams.get(&id)?;
        // More than it announced it does not receive.
        let service = (stream.joined.service + service_ns as f64).min(stream.end);
        // Service stands still while nobody is served: the same amount may have
        // been reached long before the stream came.
        Some(self.time_of(service).max(stream.joined.time))
    }

    /// The first time at which the clock shows `service`, as things stand.
    fn time_of(&self, service: f64) -> f64 {
        let Some(last) = self.bends.back() else {
            return self.settled;
        };
        if service <= last.service {
            let after = self.bends.partition_point(|bend| bend.service < service);
            let bend = self.bends.get(after.saturating_sub(1)).unwrap_or(last);
            return bend.time + (service - bend.service).max(0.0) * bend.cost;
        }
        let mut bend = *last;
        for (n_gone, (end, _)) in (1..).zip(&self.present) {
            let end = f64::from_bits(*end);
            if end >= service {
                break;
            }
            bend = self.later(bend, end, self.present.len() - n_gone);
        }
        bend.time + (service - bend.service) * bend.cost
    }

    /// The service that the clock shows at `time`, after the last bend and not
    /// after the next end.
    fn service_at(&self, time: f64) -> f64 {
        let Some(last) = self.bends.back().filter(|_| !self.present.is_empty()) else {
            return self.bends.back().map_or(0.0, |last| last.service);
        };
        let service = last.service + (time - last.time) / last.cost;
        let next_end = self.present.first().map_or(f64::INFINITY, |(end, _)| f64::from_bits(*end));
        service.min(next_end)
    }

    /// Settles what happens until `time`: streams that are complete go.
    fn advance(&mut self, time: f64) {
        self.settled = self.settled.max(time);
        while let (Some(last), Some(&(end, id))) = (self.bends.back(), self.present.first()) {
            let next = self.later(*last, f64::from_bits(end), self.present.len() - 1);
            if !next.time.is_finite() || next.time > self.settled {
                return;
            }
            self.present.remove(&(end, id));
            self.bend(next.time, next.service);
        }
    }

    /// The bend at `service` that follows `bend`.
    fn later(&self, bend: Bend, service: f64, n_streams: usize) -> Bend {
        let time = bend.time + (service - bend.service).max(0.0) * bend.cost;
        Bend { time, service: service.max(bend.service), cost: self.sharing.cost(n_streams) }
    }

    /// Bends the line for the streams that are present.
    fn bend(&mut self, time: f64, service: f64) -> Bend {
        let bend = Bend { time, service, cost: self.sharing.cost(self.present.len()) };
        let same = |last: &&mut Bend| last.time >= time && last.service >= service;
        match self.bends.back_mut().filter(same) {
            Some(last) => *last = bend,
            None => self.bends.push_back(bend),
        }
        bend
    }

    /// Forgets bends before the arrival of the oldest stream.
    fn forget(&mut self) {
        let Some((_, oldest)) = self.streams.first_key_value() else {
            self.bends.clear();
            self.present.clear();
            return;
        };
        while self.bends.get(1).is_some_and(|next| next.time <= oldest.joined.time) {
            self.bends.pop_front();
        }
    }

    fn time(&self, instant_ns: u64) -> f64 {
        instant_ns.saturating_sub(self.zero_ns) as f64
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "times are not negative, and `as` saturates"
    )]
    fn instant(&self, time: f64) -> u64 {
        self.zero_ns.saturating_add(time.round() as u64)
    }
}

/// Numbers that are not negative have the order of their bits.
fn key(service: f64) -> u64 {
    service.to_bits()
}

#[cfg(test)]
mod tests;
