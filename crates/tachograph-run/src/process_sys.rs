//! System calls about processes that the standard library does not offer.
//!
//! Owns: the unsafe code of shim, runs and managed servers: ending a child with
//! its parent, waiting with resource usage, signals, processor affinity.
//!
//! Does not: decide which process is to be ended.
#![expect(unsafe_code, reason = "libc calls; each states why it is sound")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use tachograph_model::event::{ProcessEnd, ProcessResources};
use tachograph_model::units::DurationNs;

/// The descriptor on which a shim reports to whoever started it.
pub(crate) const REPORT_FD: i32 = 3;

/// What a child is given beside its command.
#[derive(Debug, Default)]
pub(crate) struct SpawnOptions {
    /// A descriptor that the child has as [`REPORT_FD`].
    pub(crate) report: Option<OwnedFd>,
    /// Whether the child leads a process group of its own, so that a Ctrl-C at
    /// the terminal does not reach it.
    pub(crate) own_group: bool,
    /// Whether the child starts with no signal blocked.
    pub(crate) unblock_signals: bool,
}

/// A job of the spawning thread.
type Job = (Command, SpawnOptions, Sender<io::Result<Child>>);

/// Starts a child that is killed when this process ends, in whatever way.
///
/// The parent-death signal of Linux fires when the *thread* that made the child
/// ends, so all children are made by one thread that never does.
///
/// # Errors
///
/// What the system says.
pub(crate) fn spawn(command: Command, options: SpawnOptions) -> io::Result<Child> {
    static SPAWNER: OnceLock<Option<Sender<Job>>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        let thread = thread::Builder::new().name("spawner".to_owned()).stack_size(256 << 10);
        let body = move || {
            for (command, options, answer) in jobs {
                // Whoever asked waits for the answer; it cannot be gone.
                drop(answer.send(spawn_here(command, options)));
            }
        };
        thread.spawn(body).ok().map(|_thread| sender)
    });
    let (sender, answer) = mpsc::channel();
    let gone = || io::Error::other("the thread that starts processes could not be started");
    let spawner = spawner.as_ref().ok_or_else(gone)?;
    spawner.send((command, options, sender)).map_err(|_gone| gone())?;
    answer.recv().map_err(|_gone| gone())?
}

/// As [`spawn`], in this thread, which must last as long as the child.
pub(crate) fn spawn_here(mut command: Command, options: SpawnOptions) -> io::Result<Child> {
    let parent = std::process::id();
    let report = options.report.as_ref().map(AsRawFd::as_raw_fd);
    let unblock = options.unblock_signals;
    if options.own_group {
        command.process_group(0);
    }
    let prepare = move || {
        die_with_parent(parent)?;
        if let Some(report) = report {
            // SAFETY: `dup2` and `fcntl` are async-signal-safe and touch no memory.
            let result = if report == REPORT_FD {
                unsafe { libc::fcntl(report, libc::F_SETFD, 0) }
            } else {
                unsafe { libc::dup2(report, REPORT_FD) }
            };
            check(result)?;
        }
        if unblock { set_signal_mask(&empty_signal_set()) } else { Ok(()) }
    };
    // SAFETY: between fork and exec `prepare` makes async-signal-safe calls only
    // and allocates nothing.
    unsafe { command.pre_exec(prepare) };
    let child = command.spawn();
    drop(options.report);
    child
}

/// Lets this process be killed when `parent`, its parent, ends.
///
/// # Errors
///
/// What the system says; `NotConnected` if the parent is gone already.
pub(crate) fn die_with_parent(parent: u32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: PR_SET_PDEATHSIG takes one number and touches no memory.
        check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as libc::c_ulong) })?;
    }
    if parent_id() == parent { Ok(()) } else { Err(io::ErrorKind::NotConnected.into()) }
}

/// Returns the parent of this process.
pub(crate) fn parent_id() -> u32 {
    // SAFETY: `getppid` always succeeds and touches no memory.
    unsafe { libc::getppid() }.cast_unsigned()
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes a pipe whose ends no child inherits: its read and its write end.
///
/// # Errors
///
/// What the system says.
pub(crate) fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    Ok((reader.into(), writer.into()))
}

/// Takes [`REPORT_FD`] over, if this process was started with one, and keeps it
/// from its children.
pub(crate) fn take_report_fd() -> Option<OwnedFd> {
    // SAFETY: `fcntl` with F_SETFD touches no memory; an error means that there
    // is no such descriptor.
    let result = unsafe { libc::fcntl(REPORT_FD, libc::F_SETFD, libc::FD_CLOEXEC) };
    if result < 0 {
        return None;
    }
    // SAFETY: the descriptor is open. The shim calls this once, first thing in
    // its process, before anything of its own is opened.
    Some(unsafe { OwnedFd::from_raw_fd(REPORT_FD) })
}

fn empty_signal_set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` fills the set that it is given.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

fn set_signal_mask(set: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: `set` is a live signal set; no old set is asked for.
    match unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, set, std::ptr::null_mut()) } {
        0 => Ok(()),
        error => Err(io::Error::from_raw_os_error(error)),
    }
}

/// Signals that wait until [`Signals::wait`] takes them, for the whole process
/// as long as it has one thread.
pub(crate) struct Signals {
    set: libc::sigset_t,
}

/// What woke a process up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Woken {
    /// A child ended.
    Child,
    /// Somebody asks this process to end: SIGTERM, SIGINT or SIGHUP.
    Terminate,
    /// Nobody did: the time was up.
    Nobody,
}

impl Signals {
    /// Blocks SIGCHLD, SIGTERM, SIGINT and SIGHUP.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn block() -> io::Result<Self> {
        let mut set = empty_signal_set();
        for signal in [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
            // SAFETY: `set` is a live signal set and `signal` a valid number.
            check(unsafe { libc::sigaddset(&raw mut set, signal) })?;
        }
        set_signal_mask(&set)?;
        Ok(Self { set })
    }

    /// Waits for one of them, and on Linux at most `patience`.
    ///
    /// # Errors
    ///
    /// What the system says.
    #[cfg(target_os = "linux")]
    pub(crate) fn wait(&self, patience: Duration) -> io::Result<Woken> {
        let time = libc::timespec {
            tv_sec: i64::try_from(patience.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: i64::from(patience.subsec_nanos()),
        };
        // SAFETY: both point to live values of the right types; no information about
        // the signal is asked for.
        match unsafe {
            libc::sigtimedwait(&raw const self.set, std::ptr::null_mut(), &raw const time)
        } {
            libc::SIGCHLD => Ok(Woken::Child),
            signal if signal > 0 => Ok(Woken::Terminate),
            _ => match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(Woken::Nobody),
                error if error.kind() == io::ErrorKind::Interrupted => Ok(Woken::Nobody),
                error => Err(error),
            },
        }
    }

    /// Waits for one of them.
    ///
    /// # Errors
    ///
    /// What the system says.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn wait(&self, _patience: Duration) -> io::Result<Woken> {
        let mut signal = 0;
        // SAFETY: both point to live values of the right types.
        match unsafe { libc::sigwait(&raw const self.set, &raw mut signal) } {
            0 if signal == libc::SIGCHLD => Ok(Woken::Child),
            0 => Ok(Woken::Terminate),
            error => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// Reaps `pid`, a child of this process, if it has ended.
///
/// # Errors
///
/// What the system says, such as that it is no child of this process.
pub(crate) fn try_reap(pid: u32) -> io::Result<Option<(ProcessEnd, ProcessResources)>> {
    let mut status = 0;
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both point to live values; the kernel fills them when it reaps.
    let result = unsafe {
        libc::wait4(pid.cast_signed(), &raw mut status, libc::WNOHANG, usage.as_mut_ptr())
    };
    match result {
        0 => Ok(None),
        result if result < 0 => Err(io::Error::last_os_error()),
        _ => {
            // SAFETY: all-zero bytes are a valid rusage, and the kernel filled it.
            let usage = unsafe { usage.assume_init() };
            Ok(Some((process_end(status), resources(&usage))))
        }
    }
}

fn process_end(status: libc::c_int) -> ProcessEnd {
    if libc::WIFSIGNALED(status) {
        ProcessEnd::Signalled(libc::WTERMSIG(status))
    } else {
        ProcessEnd::Exited(libc::WEXITSTATUS(status))
    }
}

fn resources(usage: &libc::rusage) -> ProcessResources {
    let unsigned = |value: i64| u64::try_from(value).unwrap_or(0);
    let time = |time: libc::timeval| {
        let micros: i64 = time.tv_usec;
        DurationNs(unsigned(time.tv_sec) * 1_000_000_000 + unsigned(micros) * 1_000)
    };
    // Linux counts in KiB.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    ProcessResources {
        user_cpu_ns: time(usage.ru_utime),
        system_cpu_ns: time(usage.ru_stime),
        peak_rss_bytes: unsigned(usage.ru_maxrss) * unit,
        voluntary_switches: unsigned(usage.ru_nvcsw),
        involuntary_switches: unsigned(usage.ru_nivcsw),
        threads_seen: None,
    }
}

/// Waits until `pid`, a child of this process, has ended, and leaves it to be
/// reaped, so that its number and its group's cannot be given to others yet.
///
/// # Errors
///
/// What the system says.
pub(crate) fn wait_unreaped(pid: u32) -> io::Result<()> {
    loop {
        let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
        let flags = libc::WEXITED | libc::WNOWAIT;
        // SAFETY: `info` is live and of the right type.
        let result = unsafe { libc::waitid(libc::P_PID, pid, info.as_mut_ptr(), flags) };
        match check(result) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Returns how `pid`, a child of this process that was not reaped, has ended;
/// `None` while it runs. It is left to be reaped.
///
/// # Errors
///
/// What the system says, such as that it is no child of this process.
pub(crate) fn end_unreaped(pid: u32) -> io::Result<Option<ProcessEnd>> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let flags = libc::WEXITED | libc::WNOWAIT | libc::WNOHANG;
    // SAFETY: `info` is live and of the right type.
    check(unsafe { libc::waitid(libc::P_PID, pid, info.as_mut_ptr(), flags) })?;
    // SAFETY: all-zero bytes are a valid siginfo, and the kernel may have filled it.
    let info = unsafe { info.assume_init() };
    // SAFETY: `waitid` fills the fields of a child's state, or leaves them zero.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    Ok(match info.si_code {
        _ if pid == 0 => None,
        libc::CLD_EXITED => Some(ProcessEnd::Exited(status)),
        _ => Some(ProcessEnd::Signalled(status)),
    })
}

/// Asks a process to end (SIGTERM). A process that is gone is no error.
pub(crate) fn terminate(pid: u32) {
    signal(pid.cast_signed(), libc::SIGTERM);
}

/// Kills a process. A process that is gone is no error.
pub(crate) fn kill(pid: u32) {
    signal(pid.cast_signed(), libc::SIGKILL);
}

/// Kills what is left of a process group. An empty one is no error.
pub(crate) fn kill_group(leader: u32) {
    signal(-leader.cast_signed(), libc::SIGKILL);
}

fn signal(target: libc::pid_t, signal: libc::c_int) {
    // 0, 1 and -1 would reach this process's group, init, or everybody.
    if target.abs() > 1 {
        // SAFETY: `kill` touches no memory; callers name children of this
        // process that were not reaped yet.
        let _gone_already = unsafe { libc::kill(target, signal) };
    }
}

/// Returns how many processors this process may use; at least 1.
pub(crate) fn n_cpus() -> u32 {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: all-zero bytes are a valid, empty set.
        let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        // SAFETY: `set` is live and its size is given.
        let result =
            unsafe { libc::sched_getaffinity(0, std::mem::size_of_val(&set), &raw mut set) };
        if result == 0 {
            // SAFETY: `set` was filled above.
            let count = unsafe { libc::CPU_COUNT(&set) };
            return u32::try_from(count).unwrap_or(1).max(1);
        }
    }
    thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX))
}

/// Returns the resolution of the monotonic clock in nanoseconds.
pub(crate) fn clock_resolution_ns() -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is live and of the right type.
    let result = unsafe { libc::clock_getres(libc::CLOCK_MONOTONIC, &raw mut time) };
    let nanoseconds = time.tv_sec.checked_mul(1_000_000_000)?.checked_add(time.tv_nsec)?;
    (result == 0).then(|| u64::try_from(nanoseconds).ok()).flatten()
}

/// Returns how late this thread's waits may end, in nanoseconds.
pub(crate) fn timer_slack_ns() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        // SAFETY: PR_GET_TIMERSLACK takes nothing and touches no memory.
        let slack = unsafe { libc::prctl(libc::PR_GET_TIMERSLACK) };
        u64::try_from(slack).ok()
    }
    #[cfg(not(target_os = "linux"))]
    None
}

/// Returns the unit of `/proc/stat`: ticks per second.
pub(crate) fn clock_ticks_per_second() -> u64 {
    // SAFETY: `sysconf` touches no memory.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    u64::try_from(ticks).ok().filter(|ticks| *ticks > 0).unwrap_or(100)
}
