//! System calls that the standard library does not offer.
//!
//! Owns: the unsafe code of clock and client: reading clocks, connecting without
//! blocking, receiving with kernel stamps, and waiting for many sockets.
//!
//! Does not: know HTTP, keep state beside a [`Poller`]'s, or retry.
#![expect(unsafe_code, reason = "libc calls; each states why it is sound")]

use std::io;
use std::mem;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

/// A clock of the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clock {
    /// `CLOCK_MONOTONIC`.
    Monotonic,
    /// `CLOCK_REALTIME`.
    Realtime,
}

/// Returns a clock's reading in nanoseconds.
pub(crate) fn clock_ns(clock: Clock) -> u64 {
    let id = match clock {
        Clock::Monotonic => libc::CLOCK_MONOTONIC,
        Clock::Realtime => libc::CLOCK_REALTIME,
    };
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec that outlives the call.
    let result = unsafe { libc::clock_gettime(id, &raw mut time) };
    assert_eq!(result, 0, "both clocks exist on every supported system");
    timespec_ns(&time)
}

/// Returns a time of a clock, which is never negative, in nanoseconds.
fn timespec_ns(time: &libc::timespec) -> u64 {
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    part(time.tv_sec) * 1_000_000_000 + part(time.tv_nsec)
}

/// Turns a system call's result into an error if it is negative.
fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

/// Lets this thread's waits end on time instead of up to 50 microseconds late.
pub(crate) fn tighten_timer_slack() {
    #[cfg(target_os = "linux")]
    // SAFETY: PR_SET_TIMERSLACK takes one number and touches no memory.
    let _slack_is_best_effort = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong) };
}

/// Starts connecting to `address` without waiting for the connection.
///
/// # Errors
///
/// What the system says; a connection in progress is not an error.
pub(crate) fn connect(address: &SocketAddr) -> io::Result<TcpStream> {
    let family = if address.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 };
    let fd = {
        // SAFETY: `socket` touches no memory of ours.
        let fd = check(unsafe { libc::socket(family, libc::SOCK_STREAM, 0) })?;
        // SAFETY: the descriptor was just made and belongs to nobody else.
        unsafe { OwnedFd::from_raw_fd(fd) }
    };
    // SAFETY: `fcntl` with F_SETFD touches no memory of ours.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
    let stream = TcpStream::from(fd);
    stream.set_nonblocking(true)?;
    stream.set_nodelay(true)?;
    let result = match address {
        SocketAddr::V4(v4) => {
            // SAFETY: all-zero bytes are a valid sockaddr_in.
            let mut raw: libc::sockaddr_in = unsafe { mem::zeroed() };
            raw.sin_family = family_of(libc::AF_INET);
            raw.sin_port = v4.port().to_be();
            raw.sin_addr.s_addr = u32::from_ne_bytes(v4.ip().octets());
            connect_raw(&stream, (&raw const raw).cast(), mem::size_of_val(&raw))
        }
        SocketAddr::V6(v6) => {
            // SAFETY: all-zero bytes are a valid sockaddr_in6.
            let mut raw: libc::sockaddr_in6 = unsafe { mem::zeroed() };
            raw.sin6_family = family_of(libc::AF_INET6);
            raw.sin6_port = v6.port().to_be();
            raw.sin6_addr.s6_addr = v6.ip().octets();
            raw.sin6_scope_id = v6.scope_id();
            connect_raw(&stream, (&raw const raw).cast(), mem::size_of_val(&raw))
        }
    };
    match result {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(stream),
    }
}

/// Returns an address family in the width that addresses give it.
fn family_of(family: libc::c_int) -> libc::sa_family_t {
    libc::sa_family_t::try_from(family).expect("families are small numbers")
}

/// Returns a size in the width that socket calls give it.
fn size_of_option<T>() -> libc::socklen_t {
    libc::socklen_t::try_from(mem::size_of::<T>()).expect("options have a few bytes")
}

/// Calls `connect` with an address of `len` bytes at `raw`.
fn connect_raw(stream: &TcpStream, raw: *const libc::sockaddr, len: usize) -> io::Result<()> {
    let len = libc::socklen_t::try_from(len).expect("an address has a few bytes");
    // SAFETY: the callers pass a pointer to a live address and its size.
    check(unsafe { libc::connect(stream.as_raw_fd(), raw, len) }).map(drop)
}

/// Asks the kernel to stamp what `socket` receives.
///
/// # Errors
///
/// `Unsupported` where no such stamps exist.
pub(crate) fn enable_receive_stamps(socket: BorrowedFd<'_>) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        let flags: libc::c_uint =
            libc::SOF_TIMESTAMPING_RX_SOFTWARE | libc::SOF_TIMESTAMPING_SOFTWARE;
        // SAFETY: the option's value is a live c_uint, and its size is given.
        check(unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_TIMESTAMPING,
                (&raw const flags).cast(),
                size_of_option::<libc::c_uint>(),
            )
        })
        .map(drop)
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _no_such_option_here = socket;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// What one read returned.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    /// How many bytes; zero at the end of the stream.
    pub(crate) n_bytes: usize,
    /// When the kernel received the last of them, on the real-time clock.
    pub(crate) realtime_ns: Option<u64>,
}

/// Room for the control message of three timespecs, aligned for its header.
#[repr(C, align(8))]
struct Control([u8; 128]);

/// Reads once from `socket`, with the kernel's stamp of the last byte if there is one.
///
/// # Errors
///
/// What the system says, `WouldBlock` if nothing is there.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<Received> {
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut control = Control([0; 128]);
    // SAFETY: all-zero bytes are a valid msghdr.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = control.0.len() as _;
    // SAFETY: `message` points to one live buffer and to live control space, with
    // their sizes; both outlive the call.
    let n_bytes = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, 0) };
    let n_bytes = usize::try_from(n_bytes).map_err(|_negative| io::Error::last_os_error())?;
    Ok(Received { n_bytes, realtime_ns: receive_stamp(&message) })
}

/// Returns the software receive stamp among a message's control data.
fn receive_stamp(message: &libc::msghdr) -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: the kernel filled `message`'s control space and set its length.
        let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
        while !header.is_null() {
            // SAFETY: a header that is not null lies inside the control space.
            let (level, kind) = unsafe { ((*header).cmsg_level, (*header).cmsg_type) };
            if level == libc::SOL_SOCKET && kind == libc::SCM_TIMESTAMPING {
                // SAFETY: this kind's data is three timespecs; the first is the
                // software stamp. It need not be aligned.
                let time: libc::timespec =
                    unsafe { std::ptr::read_unaligned(libc::CMSG_DATA(header).cast()) };
                let stamp = timespec_ns(&time);
                return (stamp != 0).then_some(stamp);
            }
            // SAFETY: as for the first header.
            header = unsafe { libc::CMSG_NXTHDR(message, header) };
        }
        None
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _no_stamps_here = message;
        None
    }
}

/// Writes two pieces, one after the other, as far as the socket takes them.
///
/// # Errors
///
/// What the system says, `WouldBlock` if it takes nothing now. A closed
/// connection is an error here, never a signal.
pub(crate) fn send(socket: BorrowedFd<'_>, first: &[u8], second: &[u8]) -> io::Result<usize> {
    let part = |bytes: &[u8]| libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let mut parts = [part(first), part(second)];
    // SAFETY: all-zero bytes are a valid msghdr.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = parts.as_mut_ptr();
    message.msg_iovlen = parts.len() as _;
    #[cfg(target_os = "linux")]
    let flags = libc::MSG_NOSIGNAL;
    #[cfg(not(target_os = "linux"))]
    let flags = 0;
    // SAFETY: `message` points to two live pieces with their sizes; the call only
    // reads them.
    let n_bytes = unsafe { libc::sendmsg(socket.as_raw_fd(), &raw const message, flags) };
    usize::try_from(n_bytes).map_err(|_negative| io::Error::last_os_error())
}

/// Returns whether an idle socket is still usable: open, and nothing to read.
pub(crate) fn is_idle(socket: BorrowedFd<'_>) -> bool {
    let mut byte = 0_u8;
    let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
    // SAFETY: one live byte is offered.
    let n_bytes = unsafe { libc::recv(socket.as_raw_fd(), (&raw mut byte).cast(), 1, flags) };
    n_bytes < 0 && io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock
}

/// What is awaited of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Something to read.
    Read,
    /// Room to write, or something to read.
    ReadWrite,
    /// Room to write.
    Write,
    /// Nothing but the end of the connection.
    Nothing,
}

/// A socket is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ready {
    /// The number given with the socket.
    pub(crate) token: u64,
    /// It can be written, or has failed.
    pub(crate) writable: bool,
    /// It can be read, has ended or has failed.
    pub(crate) readable: bool,
}

#[cfg(target_os = "linux")]
pub(crate) use epoll::Poller;
#[cfg(not(target_os = "linux"))]
pub(crate) use portable::Poller;

/// Waiting on Linux.
#[cfg(target_os = "linux")]
mod epoll {
    use super::{AsRawFd, BorrowedFd, FromRawFd, Interest, OwnedFd, RawFd, Ready, check, io};

    /// Sockets reported by one wait at most; the others follow in the next.
    const EVENTS: libc::c_int = 256;

    /// A set of sockets to wait for, level-triggered.
    pub(crate) struct Poller {
        epoll: OwnedFd,
        events: Vec<libc::epoll_event>,
        /// Whether the kernel has `epoll_pwait2` (Linux 5.11).
        nanoseconds: bool,
    }

    impl Poller {
        /// Makes an empty set.
        pub(crate) fn new() -> io::Result<Self> {
            // SAFETY: `epoll_create1` touches no memory of ours.
            let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
            // SAFETY: the descriptor was just made and belongs to nobody else.
            let epoll = unsafe { OwnedFd::from_raw_fd(fd) };
            let events = vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS as usize];
            Ok(Self { epoll, events, nanoseconds: true })
        }

        fn control(
            &self,
            operation: libc::c_int,
            socket: RawFd,
            token: u64,
            interest: Interest,
        ) -> io::Result<()> {
            let wanted = match interest {
                Interest::Read => libc::EPOLLIN | libc::EPOLLRDHUP,
                Interest::ReadWrite => libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLOUT,
                Interest::Write => libc::EPOLLOUT,
                Interest::Nothing => 0,
            };
            let mut event = libc::epoll_event { events: wanted.cast_unsigned(), u64: token };
            // SAFETY: `event` is live during the call.
            check(unsafe {
                libc::epoll_ctl(self.epoll.as_raw_fd(), operation, socket, &raw mut event)
            })
            .map(drop)
        }

        /// Adds a socket.
        pub(crate) fn add(
            &mut self,
            socket: BorrowedFd<'_>,
            token: u64,
            interest: Interest,
        ) -> io::Result<()> {
            self.control(libc::EPOLL_CTL_ADD, socket.as_raw_fd(), token, interest)
        }

        /// Changes what is awaited of a socket, or its token.
        pub(crate) fn change(
            &mut self,
            socket: BorrowedFd<'_>,
            token: u64,
            interest: Interest,
        ) -> io::Result<()> {
            self.control(libc::EPOLL_CTL_MOD, socket.as_raw_fd(), token, interest)
        }

        /// Takes a socket out; one that is not there is no error.
        pub(crate) fn remove(&mut self, socket: BorrowedFd<'_>) {
            let removed = self.control(libc::EPOLL_CTL_DEL, socket.as_raw_fd(), 0, Interest::Read);
            // The kernel takes a closed socket out by itself.
            drop(removed);
        }

        /// Waits until a socket is ready or `timeout_ns` has passed; `None` waits
        /// for ever. A signal ends the wait early.
        pub(crate) fn wait(
            &mut self,
            timeout_ns: Option<u64>,
            ready: &mut Vec<Ready>,
        ) -> io::Result<()> {
            ready.clear();
            let n_events = match self.wait_raw(timeout_ns) {
                Ok(n_events) => n_events,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
                Err(error) => return Err(error),
            };
            ready.extend(self.events[..n_events].iter().map(|event| {
                let (flags, token) = (event.events.cast_signed(), event.u64);
                let failed = flags & (libc::EPOLLERR | libc::EPOLLHUP) != 0;
                Ready {
                    token,
                    writable: failed || flags & libc::EPOLLOUT != 0,
                    readable: failed || flags & (libc::EPOLLIN | libc::EPOLLRDHUP) != 0,
                }
            }));
            Ok(())
        }

        fn wait_raw(&mut self, timeout_ns: Option<u64>) -> io::Result<usize> {
            let (epoll, events) = (self.epoll.as_raw_fd(), self.events.as_mut_ptr());
            if self.nanoseconds {
                let timeout = timeout_ns.map(|total| libc::timespec {
                    tv_sec: (total / 1_000_000_000).cast_signed(),
                    tv_nsec: (total % 1_000_000_000).cast_signed(),
                });
                let pointer = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
                // SAFETY: `events` has room for EVENTS entries; `pointer` is null or
                // points to a live timespec; no signal mask is given.
                let result = unsafe {
                    libc::syscall(
                        libc::SYS_epoll_pwait2,
                        epoll,
                        events,
                        EVENTS,
                        pointer,
                        std::ptr::null::<libc::sigset_t>(),
                        0_usize,
                    )
                };
                match usize::try_from(result) {
                    Ok(n_events) => return Ok(n_events),
                    Err(_) => match io::Error::last_os_error() {
                        error if error.raw_os_error() == Some(libc::ENOSYS) => {
                            self.nanoseconds = false;
                        }
                        error => return Err(error),
                    },
                }
            }
            // SAFETY: `events` has room for EVENTS entries.
            let result =
                unsafe { libc::epoll_wait(epoll, events, EVENTS, super::milliseconds(timeout_ns)) };
            usize::try_from(result).map_err(|_negative| io::Error::last_os_error())
        }
    }
}

/// Returns a time-out in milliseconds, rounded up so that it is never early.
fn milliseconds(timeout_ns: Option<u64>) -> libc::c_int {
    timeout_ns.map_or(-1, |total| {
        libc::c_int::try_from(total.div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX)
    })
}

/// Waiting where there is no `epoll`.
#[cfg(any(test, not(target_os = "linux")))]
mod portable {
    use std::collections::BTreeMap;

    use super::{AsRawFd, BorrowedFd, Interest, RawFd, Ready, io};

    /// A set of sockets to wait for, by `poll`.
    pub(crate) struct Poller {
        sockets: BTreeMap<RawFd, (u64, Interest)>,
    }

    #[cfg_attr(target_os = "linux", expect(clippy::unnecessary_wraps, reason = "epoll's twin"))]
    impl Poller {
        pub(crate) fn new() -> io::Result<Self> {
            Ok(Self { sockets: BTreeMap::new() })
        }

        pub(crate) fn add(
            &mut self,
            socket: BorrowedFd<'_>,
            token: u64,
            interest: Interest,
        ) -> io::Result<()> {
            self.sockets.insert(socket.as_raw_fd(), (token, interest));
            Ok(())
        }

        pub(crate) fn change(
            &mut self,
            socket: BorrowedFd<'_>,
            token: u64,
            interest: Interest,
        ) -> io::Result<()> {
            self.add(socket, token, interest)
        }

        pub(crate) fn remove(&mut self, socket: BorrowedFd<'_>) {
            self.sockets.remove(&socket.as_raw_fd());
        }

        pub(crate) fn wait(
            &mut self,
            timeout_ns: Option<u64>,
            ready: &mut Vec<Ready>,
        ) -> io::Result<()> {
            ready.clear();
            let mut polled: Vec<libc::pollfd> = self
                .sockets
                .iter()
                .map(|(fd, (_, interest))| {
                    let events = match interest {
                        Interest::Read => libc::POLLIN,
                        Interest::ReadWrite => libc::POLLIN | libc::POLLOUT,
                        Interest::Write => libc::POLLOUT,
                        Interest::Nothing => 0,
                    };
                    libc::pollfd { fd: *fd, events, revents: 0 }
                })
                .collect();
            // SAFETY: `polled` is live and has the length that is given.
            let result = unsafe {
                libc::poll(polled.as_mut_ptr(), polled.len() as _, super::milliseconds(timeout_ns))
            };
            match super::check(result) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
                other => drop(other?),
            }
            for entry in polled.iter().filter(|entry| entry.revents != 0) {
                let failed = entry.revents & (libc::POLLERR | libc::POLLHUP | libc::POLLNVAL) != 0;
                let (token, _) = self.sockets[&entry.fd];
                ready.push(Ready {
                    token,
                    writable: failed || entry.revents & libc::POLLOUT != 0,
                    readable: failed || entry.revents & libc::POLLIN != 0,
                });
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::os::fd::AsFd as _;

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = connect(&listener.local_addr().unwrap()).unwrap();
        let (peer, _) = listener.accept().unwrap();
        (socket, peer)
    }

    #[test]
    fn idle_means_open_and_silent() {
        let (socket, mut peer) = pair();
        assert!(is_idle(socket.as_fd()));
        peer.write_all(b"x").unwrap();
        let mut poller = Poller::new().unwrap();
        poller.add(socket.as_fd(), 1, Interest::Read).unwrap();
        let mut ready = Vec::new();
        poller.wait(None, &mut ready).unwrap();
        assert!(!is_idle(socket.as_fd()), "something is there");
        assert_eq!(receive(socket.as_fd(), &mut [0; 9]).unwrap().n_bytes, 1);
        drop(peer);
        poller.wait(None, &mut ready).unwrap();
        assert!(!is_idle(socket.as_fd()), "the peer has gone");
        assert_eq!(receive(socket.as_fd(), &mut [0; 9]).unwrap().n_bytes, 0);
    }

    #[test]
    fn the_poller_waits_for_what_is_asked() {
        let (socket, mut peer) = pair();
        let mut poller = Poller::new().unwrap();
        let mut ready = Vec::new();
        poller.add(socket.as_fd(), 7, Interest::ReadWrite).unwrap();
        poller.wait(None, &mut ready).unwrap();
        assert_eq!(ready, [Ready { token: 7, writable: true, readable: false }]);
        poller.change(socket.as_fd(), 8, Interest::Read).unwrap();
        poller.wait(Some(1), &mut ready).unwrap();
        assert_eq!(ready, [], "nothing to read, and the time is over");
        peer.write_all(b"x").unwrap();
        poller.wait(None, &mut ready).unwrap();
        assert_eq!(ready, [Ready { token: 8, writable: false, readable: true }]);
        poller.remove(socket.as_fd());
        poller.wait(Some(1), &mut ready).unwrap();
        assert_eq!(ready, [], "it was taken out");
    }

    /// What other systems use does the same.
    #[test]
    fn the_portable_poller_waits_for_what_is_asked() {
        let (socket, mut peer) = pair();
        let mut poller = portable::Poller::new().unwrap();
        let mut ready = Vec::new();
        poller.add(socket.as_fd(), 7, Interest::ReadWrite).unwrap();
        poller.wait(None, &mut ready).unwrap();
        assert_eq!(ready, [Ready { token: 7, writable: true, readable: false }]);
        poller.change(socket.as_fd(), 8, Interest::Read).unwrap();
        poller.wait(Some(1), &mut ready).unwrap();
        assert_eq!(ready, [], "nothing to read, and the time is over");
        peer.write_all(b"x").unwrap();
        poller.wait(None, &mut ready).unwrap();
        assert_eq!(ready, [Ready { token: 8, writable: false, readable: true }]);
        poller.remove(socket.as_fd());
        poller.wait(Some(1), &mut ready).unwrap();
        assert_eq!(ready, [], "it was taken out");
    }

    #[test]
    fn a_timeout_is_never_early() {
        assert_eq!(milliseconds(None), -1);
        assert_eq!(milliseconds(Some(0)), 0);
        assert_eq!(milliseconds(Some(1)), 1);
        assert_eq!(milliseconds(Some(1_000_001)), 2);
        assert_eq!(milliseconds(Some(u64::MAX)), libc::c_int::MAX);
    }
}
