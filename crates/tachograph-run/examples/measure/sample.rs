//! What the benchmarks need beside the client: quantiles, and what a process used.

use std::fs;

/// Values of one quantity.
#[derive(Default)]
pub(crate) struct Sample(pub(crate) Vec<f64>);

impl Extend<f64> for Sample {
    fn extend<T: IntoIterator<Item = f64>>(&mut self, values: T) {
        self.0.extend(values);
    }
}

impl Sample {
    /// Returns the `q`-quantile, type 7; `None` of no values.
    pub(crate) fn quantile(&mut self, q: f64) -> Option<f64> {
        self.0.sort_by(f64::total_cmp);
        let last = self.0.len().checked_sub(1)?;
        let position = q * last as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a position lies between 0 and the last index"
        )]
        let low = position as usize;
        let high = (low + 1).min(last);
        Some(self.0[low] + (self.0[high] - self.0[low]) * (position - low as f64))
    }
}

/// Returns the processor time of this process's main thread in nanoseconds.
pub(crate) fn cpu_ns() -> u64 {
    fs::read_to_string("/proc/self/schedstat")
        .unwrap_or_default()
        .split_ascii_whitespace()
        .next()
        .and_then(|field| field.parse().ok())
        .unwrap_or(0)
}

/// Returns the peak resident memory of this process in KiB.
pub(crate) fn peak_rss_kb() -> u64 {
    fs::read_to_string("/proc/self/status")
        .unwrap_or_default()
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok()
        })
        .unwrap_or(0)
}
