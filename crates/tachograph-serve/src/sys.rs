//! The few system calls that the standard library does not offer.
//!
//! Owns: every `unsafe` block of this crate: the monotonic clock, a timer on
//! absolute deadlines, the timer slack of a thread, the parent-death signal of
//! a child, and the reset of a connection.
//!
//! Does not: decide anything. Each function is one call and its error.
#![expect(unsafe_code, reason = "libc calls without a safe wrapper in the standard library")]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use tokio::io::unix::AsyncFd;

/// Returns the instant now on `CLOCK_MONOTONIC`, in nanoseconds.
///
/// The clock is the same for all processes of the host, so instants may be
/// compared with those that a client took.
pub fn monotonic_ns() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid, writable timespec for the whole call.
    let status = unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    assert_eq!(status, 0, "CLOCK_MONOTONIC exists on every supported system");
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds)
}

/// Asks the kernel to delay this thread's timers by at most 1 ns.
///
/// The default slack is 50 µs. Not being granted it costs accuracy only, which
/// the send log shows, so the caller may go on.
pub(crate) fn set_timer_slack() -> io::Result<()> {
    // SAFETY: PR_SET_TIMERSLACK takes one integer and changes only this thread.
    let status = unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64, 0_u64, 0_u64, 0_u64) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Raises this process's limit of open descriptors to the most it may have.
///
/// The usual limit of 1024 is too low for 512 streams and their clients in one
/// process.
pub(crate) fn raise_descriptor_limit() -> io::Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid and writable for the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: `limit` is valid for the call.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Makes a timer on `CLOCK_MONOTONIC`, not yet armed, known to the current
/// Tokio runtime.
pub(crate) fn new_timer() -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: the call takes no pointers; a negative result is an error.
    let fd = unsafe {
        libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_NONBLOCK | libc::TFD_CLOEXEC)
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `fd` was just made by the kernel and nobody else owns it.
    let timer = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: an `OwnedFd` gives the same open descriptor for as long as it
    // lives, and the registration owns it.
    unsafe { AsyncFd::register(timer) }.map_err(io::Error::from)
}

/// Arms `timer` to fire once at the absolute instant `deadline_ns`; a deadline
/// in the past fires at once.
pub(crate) fn arm_timer(timer: &OwnedFd, deadline_ns: u64) -> io::Result<()> {
    // Zero would disarm the timer.
    let deadline_ns = deadline_ns.max(1);
    let spec = libc::itimerspec {
        it_interval: libc::timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: libc::timespec {
            tv_sec: i64::try_from(deadline_ns / 1_000_000_000).unwrap_or(i64::MAX),
            tv_nsec: i64::try_from(deadline_ns % 1_000_000_000).unwrap_or(0),
        },
    };
    // SAFETY: the descriptor is a timer that lives through the call, `spec` is
    // valid, and the old value is not asked for.
    let status = unsafe {
        libc::timerfd_settime(
            timer.as_raw_fd(),
            libc::TFD_TIMER_ABSTIME,
            &raw const spec,
            std::ptr::null_mut(),
        )
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Takes the expirations off `timer`; `WouldBlock` if there are none.
pub(crate) fn drain_timer(timer: &OwnedFd) -> io::Result<()> {
    let mut count = [0_u8; 8];
    // SAFETY: the buffer is valid for eight bytes, what a timer writes.
    let read = unsafe { libc::read(timer.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    if read == 8 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Makes closing `socket` send a reset instead of an orderly end.
pub(crate) fn reset_on_close(socket: &impl AsRawFd) -> io::Result<()> {
    let linger = libc::linger { l_onoff: 1, l_linger: 0 };
    let length = libc::socklen_t::try_from(size_of::<libc::linger>()).map_err(io::Error::other)?;
    // SAFETY: the descriptor is open for the call and `linger` is valid for
    // the length that is given.
    let status = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_LINGER,
            (&raw const linger).cast(),
            length,
        )
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Has the kernel kill the child of `command` when the thread that spawns it
/// ends, whatever way it ends.
///
/// The signal belongs to the *thread*: spawn from one that lives as long as the
/// child should.
pub(crate) fn die_with_parent(command: &mut Command) {
    let parent = std::process::id();
    let before_exec = move || {
        // SAFETY: prctl with an integer argument is async-signal-safe and
        // changes only this (child) process.
        let status = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
        if status != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: getppid takes nothing and cannot fail.
        let now = unsafe { libc::getppid() };
        // The parent may have died before the signal was asked for.
        if u32::try_from(now) != Ok(parent) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(())
    };
    // SAFETY: the closure runs between fork and exec and does only
    // async-signal-safe calls: no allocation, no lock.
    unsafe {
        command.pre_exec(before_exec);
    }
}
