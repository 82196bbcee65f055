//! The machine.

use std::cmp::Ordering;

use tachograph_model::environment::{Conditions, Host};

use super::Check;
use crate::client::{Client, Stop};
use crate::sensors::Sensors;
use crate::{clock, process_sys};

/// What is judged beside host and conditions. Absent means that it could not be
/// read.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_field_names, reason = "units end names")]
struct Clocks {
    /// The smallest step between two different readings, in nanoseconds.
    step_ns: Option<u64>,
    /// What the system promises, in nanoseconds.
    resolution_ns: Option<u64>,
    /// How late a wait may end once a client was made, in nanoseconds.
    slack_ns: Option<u64>,
}

/// Readings by which the clock's step is found.
const READINGS: usize = 1_000;

/// Looks at this machine. `server_threads` are the threads of the servers on it,
/// if there are any.
pub fn machine(sensors: &Sensors, server_threads: Option<u32>) -> Vec<Check> {
    // The client tightens the slack of its thread; this is that thread.
    let client = Stop::new().ok().and_then(|stop| Client::new(stop).ok());
    let clocks = Clocks {
        step_ns: clock_step_ns(),
        resolution_ns: process_sys::clock_resolution_ns(),
        slack_ns: client.as_ref().and_then(|_client| process_sys::timer_slack_ns()),
    };
    judge(&sensors.host(), &sensors.conditions(), clocks, server_threads)
}

fn clock_step_ns() -> Option<u64> {
    let mut before = clock::now();
    let mut steps = (0..READINGS).filter_map(|_| {
        let now = clock::now();
        let step = now.since(before)?.0;
        before = now;
        (step > 0).then_some(step)
    });
    let first = steps.next()?;
    Some(steps.fold(first, u64::min))
}

fn judge(
    host: &Host,
    conditions: &Conditions,
    clocks: Clocks,
    server_threads: Option<u32>,
) -> Vec<Check> {
    let mut checks = vec![
        clock_source(host),
        clock_step(clocks),
        kernel_stamps(host),
        timer_slack(clocks),
        load(host, conditions),
        governor(host),
        memory(conditions),
        stolen(host, conditions),
    ];
    checks.extend(server_threads.map(|threads| processors(host, threads)));
    checks
}

fn clock_source(host: &Host) -> Check {
    let check = Check::of(
        "clock source",
        "each instant is a reading of this clock; a slow one delays the client and blurs chunks",
    );
    match host.clocksource.as_deref() {
        None => check.unknown("the kernel does not say"),
        Some(
            source @ ("tsc" | "kvm-clock" | "arch_sys_counter" | "hyperv_clocksource_tsc_page"),
        ) => check.good(source),
        Some(source @ ("hpet" | "acpi_pm" | "jiffies" | "pit" | "refined-jiffies")) => check.bad(
            source,
            "boot with `clocksource=tsc`; a reading of this one takes a microsecond or more",
        ),
        Some(source) => check.warn(source, "prefer `tsc`, if the machine offers it"),
    }
}

fn clock_step(clocks: Clocks) -> Check {
    let check =
        Check::of("clock step", "no difference smaller than this between two instants is real");
    let promised = clocks
        .resolution_ns
        .map_or(String::new(), |resolution| format!(" (the system promises {resolution} ns)"));
    match clocks.step_ns {
        None => check.bad("the clock stands still", "use another machine"),
        Some(step @ ..=2_000) => check.good(format!("{step} ns{promised}")),
        Some(step @ ..=100_000) => {
            check.warn(format!("{step} ns{promised}"), "look at the clock source")
        }
        Some(step) => check.bad(format!("{step} ns{promised}"), "look at the clock source"),
    }
}

fn kernel_stamps(host: &Host) -> Check {
    let check = Check::of(
        "kernel receive stamps",
        "without them a chunk's instant is when the client woke up, which load delays",
    );
    if host.kernel_stamps {
        check.good("available")
    } else {
        check.warn("not available", "measure on Linux; user stamps are used here")
    }
}

fn timer_slack(clocks: Clocks) -> Check {
    let check = Check::of("timer slack", "how much later than asked a wait may end");
    match clocks.slack_ns {
        None => check.unknown("the system does not say"),
        Some(slack @ ..=1_000) => check.good(format!("{slack} ns")),
        Some(slack) => check.warn(
            format!("{slack} ns"),
            "something forbids `prctl(PR_SET_TIMERSLACK)`, perhaps a container's profile",
        ),
    }
}

fn load(host: &Host, conditions: &Conditions) -> Check {
    let check = Check::of("load", "other programs take time that the server would have used");
    let Some(load) = conditions.load_1min else { return check.unknown("the system does not say") };
    let found = format!("{load:.2} on {} processors", host.n_cpus);
    let fix = "stop what else runs here, or measure later (`top` shows it)";
    let per_processor = load / f64::from(host.n_cpus.max(1));
    if per_processor < 0.3 {
        check.good(found)
    } else if per_processor < 0.8 {
        check.warn(found, fix)
    } else {
        check.bad(found, fix)
    }
}

fn governor(host: &Host) -> Check {
    let check =
        Check::of("frequency governor", "a processor that changes its speed changes the figures");
    match host.governor.as_deref() {
        None => check.unknown("not visible, as usual in virtual machines"),
        Some("performance") => check.good("performance"),
        Some(other) => check.warn(other, "`cpupower frequency-set -g performance`, as root"),
    }
}

fn memory(conditions: &Conditions) -> Check {
    const GIB: u64 = 1 << 30;
    let check = Check::of("free memory", "a model that does not fit is read again and again");
    let Some(bytes) = conditions.memory_available_bytes else {
        return check.unknown("the system does not say");
    };
    let found = format!("{:.1} GiB", bytes as f64 / GIB as f64);
    if bytes >= 2 * GIB {
        check.good(found)
    } else if bytes >= GIB / 2 {
        check.warn(found, "close what else needs memory, or use a small model")
    } else {
        check.bad(found, "close what else needs memory")
    }
}

fn stolen(host: &Host, conditions: &Conditions) -> Check {
    let check =
        Check::of("stolen CPU time", "a hypervisor that runs others meanwhile stops every clock");
    let (Some(busy), Some(stolen)) = (conditions.busy_cpu_ns, conditions.stolen_cpu_ns) else {
        return check.unknown("the system does not say");
    };
    let fraction = stolen as f64 / (busy + stolen).max(1) as f64;
    let found = format!("{:.2} % of the busy time since boot", fraction * 100.0);
    if fraction < 0.01 {
        check.good(found)
    } else {
        let kind = if host.virtualised == Some(true) { "this virtual machine" } else { "this" };
        check.warn(found, &format!("use a machine of your own; {kind} shares its processors"))
    }
}

fn processors(host: &Host, server_threads: u32) -> Check {
    let check = Check::of(
        "processors for the servers",
        "threads that wait for each other while sharing processors slow a model down many times",
    );
    let found = format!("{server_threads} server threads on {} processors", host.n_cpus);
    match server_threads.cmp(&host.n_cpus) {
        Ordering::Less => check.good(found),
        Ordering::Equal => {
            check.warn(found, "leave one processor to the client: fewer `threads` or servers")
        }
        Ordering::Greater => {
            check.bad(found, "give the servers fewer `threads`, or use fewer servers")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn host() -> Host {
        Host {
            os: "Linux".to_owned(),
            arch: "x86_64".to_owned(),
            cpu_model: None,
            n_cpus: 2,
            governor: Some("performance".to_owned()),
            clocksource: Some("tsc".to_owned()),
            memory_bytes: None,
            virtualised: Some(true),
            kernel_stamps: true,
        }
    }

    fn conditions() -> Conditions {
        Conditions {
            load_1min: Some(0.1),
            memory_available_bytes: Some(8 << 30),
            busy_cpu_ns: Some(1_000),
            stolen_cpu_ns: Some(0),
            ..Conditions::default()
        }
    }

    const CLOCKS: Clocks = Clocks { step_ns: Some(20), resolution_ns: Some(1), slack_ns: Some(1) };

    fn check(name: &str, state: State, checks: &[Check]) {
        let found: Vec<&Check> = checks.iter().filter(|check| check.name == name).collect();
        assert_eq!(found.len(), 1, "{name}");
        assert_eq!(found[0].state, state, "{:?}", found[0]);
        assert_eq!(found[0].fix.is_some(), state >= State::Warn, "{:?}", found[0]);
        let others = checks.iter().filter(|check| check.name != name);
        for other in others {
            assert_eq!(other.state, State::Good, "{other:?}");
        }
    }

    #[test]
    fn each_check_has_its_bounds() {
        check("load", State::Good, &judge(&host(), &conditions(), CLOCKS, Some(1)));
        for (clocksource, state) in [
            (None, State::Unknown),
            (Some("hpet"), State::Bad),
            (Some("something-new"), State::Warn),
        ] {
            let host = Host { clocksource: clocksource.map(str::to_owned), ..host() };
            check("clock source", state, &judge(&host, &conditions(), CLOCKS, None));
        }
        for (step_ns, state) in
            [(None, State::Bad), (Some(5_000), State::Warn), (Some(4_000_000), State::Bad)]
        {
            let clocks = Clocks { step_ns, ..CLOCKS };
            check("clock step", state, &judge(&host(), &conditions(), clocks, None));
        }
        for (load, state) in [(0.59, State::Good), (0.61, State::Warn), (1.7, State::Bad)] {
            let conditions = Conditions { load_1min: Some(load), ..conditions() };
            check("load", state, &judge(&host(), &conditions, CLOCKS, None));
        }
        for (bytes, state) in [(3 << 30, State::Good), (1 << 30, State::Warn), (9, State::Bad)] {
            let conditions = Conditions { memory_available_bytes: Some(bytes), ..conditions() };
            check("free memory", state, &judge(&host(), &conditions, CLOCKS, None));
        }
        for (threads, state) in [(1, State::Good), (2, State::Warn), (3, State::Bad)] {
            let checks = judge(&host(), &conditions(), CLOCKS, Some(threads));
            check("processors for the servers", state, &checks);
        }
        let shared = Conditions { stolen_cpu_ns: Some(50), ..conditions() };
        check("stolen CPU time", State::Warn, &judge(&host(), &shared, CLOCKS, None));
        let slow = Clocks { slack_ns: Some(50_000), ..CLOCKS };
        check("timer slack", State::Warn, &judge(&host(), &conditions(), slow, None));
        let saving = Host { governor: Some("powersave".to_owned()), ..host() };
        check("frequency governor", State::Warn, &judge(&saving, &conditions(), CLOCKS, None));
        let bare = Host { kernel_stamps: false, ..host() };
        check("kernel receive stamps", State::Warn, &judge(&bare, &conditions(), CLOCKS, None));
    }

    #[test]
    fn this_machine_can_be_looked_at() {
        let checks = machine(&Sensors::default(), None);
        let step = checks.iter().find(|check| check.name == "clock step").unwrap();
        assert!(step.found.contains("ns"), "{step:?}");
        let slack = checks.iter().find(|check| check.name == "timer slack").unwrap();
        if cfg!(target_os = "linux") {
            assert_eq!(slack.found, "1 ns", "the client tightened it");
        }
    }
}
