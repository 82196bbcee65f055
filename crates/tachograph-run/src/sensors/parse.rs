//! The texts of `/proc` and `/sys`.

/// CPU time of all processors since boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CpuTimes {
    pub(super) busy_ns: u64,
    pub(super) stolen_ns: u64,
}

/// Returns the value of the first `key : value` line of `/proc/cpuinfo`.
fn cpuinfo<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == key).then(|| value.trim())
    })
}

/// Returns the processor's name; ARM machines may have none.
pub(super) fn cpu_model(cpuinfo_text: &str) -> Option<String> {
    let name = cpuinfo(cpuinfo_text, "model name").or_else(|| cpuinfo(cpuinfo_text, "Model"))?;
    (!name.is_empty()).then(|| name.to_owned())
}

/// Returns the frequency of the first processor in MHz.
pub(super) fn cpu_mhz(cpuinfo_text: &str) -> Option<f64> {
    cpuinfo(cpuinfo_text, "cpu MHz")?.parse().ok().filter(|mhz: &f64| mhz.is_finite())
}

/// Returns whether the processor says that a hypervisor is below; only x86 does.
pub(super) fn virtualised(cpuinfo_text: &str) -> Option<bool> {
    let flags = cpuinfo(cpuinfo_text, "flags")?;
    Some(flags.split_ascii_whitespace().any(|flag| flag == "hypervisor"))
}

/// Returns a figure of `/proc/meminfo` in bytes.
pub(super) fn meminfo(text: &str, key: &str) -> Option<u64> {
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    let kib: u64 = value.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}

/// Returns the parent in the text of `/proc/PID/stat`. The program's name stands in
/// parentheses and may hold some itself.
pub(super) fn parent(stat: &str) -> Option<u32> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// Returns the load average over one minute.
pub(super) fn load(loadavg: &str) -> Option<f64> {
    loadavg.split_ascii_whitespace().next()?.parse().ok().filter(|load: &f64| load.is_finite())
}

/// Returns busy and stolen time: user, nice, system, irq and softirq; guests are
/// in user already.
pub(super) fn cpu_times(stat: &str, ticks_per_second: u64) -> Option<CpuTimes> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let fields: Vec<u64> =
        line.split_ascii_whitespace().map(str::parse).collect::<Result<_, _>>().ok()?;
    let field = |i: usize| fields.get(i).copied().unwrap_or(0);
    let tick_ns = 1_000_000_000_u64.checked_div(ticks_per_second)?;
    let busy = field(0) + field(1) + field(2) + field(5) + field(6);
    (fields.len() >= 4).then(|| CpuTimes {
        busy_ns: busy.saturating_mul(tick_ns),
        stolen_ns: field(7).saturating_mul(tick_ns),
    })
}

/// Returns a thermal zone's reading in degrees Celsius, if it is a plausible one.
pub(super) fn millidegrees(text: &str) -> Option<f64> {
    let celsius = text.trim().parse::<f64>().ok()? / 1000.0;
    (celsius > 0.0 && celsius < 200.0).then_some(celsius)
}

/// Returns the name of a distribution.
pub(super) fn pretty_name(os_release: &str) -> Option<String> {
    let name = os_release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    let name = name.trim().trim_matches('"');
    (!name.is_empty()).then(|| name.to_owned())
}

/// Returns the version of NVIDIA's kernel driver.
pub(super) fn nvidia_driver(version: &str) -> Option<String> {
    let line = version.lines().find(|line| line.starts_with("NVRM version:"))?;
    let is_version =
        |word: &&str| word.contains('.') && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    line.split_ascii_whitespace().find(is_version).map(str::to_owned)
}

/// Returns the name of a GPU.
pub(super) fn nvidia_model(information: &str) -> Option<String> {
    let name = information.lines().find_map(|line| line.strip_prefix("Model:"))?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_texts_give_nothing() {
        for text in ["", "cpu\n", "cpu  a b c d\n", "cpu  1 2\n", "intr 1 2 3 4 5\n"] {
            assert_eq!(cpu_times(text, 100), None, "{text:?}");
        }
        assert_eq!(cpu_times("cpu  1 2 3 4\n", 0), None);
        for text in ["", "nan", "x 1 2"] {
            assert_eq!(load(text), None, "{text:?}");
        }
        for text in ["", "MemTotal: x kB", "MemTotal: 12", "MemTotalX: 12 kB"] {
            assert_eq!(meminfo(text, "MemTotal"), None, "{text:?}");
        }
        for text in ["", "0", "-5000", "1e9", "warm"] {
            assert_eq!(millidegrees(text), None, "{text:?}");
        }
        assert_eq!(cpu_model("model name :\n"), None);
        assert_eq!(virtualised("flags: fpu sse\n"), Some(false));
        assert_eq!(virtualised("Features: fp asimd\n"), None);
        assert_eq!(pretty_name("PRETTY_NAME=\"\"\n"), None);
        assert_eq!(nvidia_driver("GCC version: 12.2\n"), None);
    }

    #[test]
    fn times_leave_idle_out_and_keep_steal_apart() {
        let times = cpu_times("cpu  10 20 30 4000 500 6 7 8 900 1000\n", 100).unwrap();
        assert_eq!(times, CpuTimes { busy_ns: 730_000_000, stolen_ns: 80_000_000 });
    }
}
