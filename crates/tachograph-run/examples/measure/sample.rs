//! What the benchmarks need beside the client: quantiles, and what a process used.

use std::fs;

/// Values of one quantity.
#[derive(Default)]
pub(crate) struct Sample(Vec<f64>);

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

    /// Returns the mean; `None` of no values.
    pub(crate) fn mean(&self) -> Option<f64> {
        (!self.0.is_empty()).then(|| self.0.iter().sum::<f64>() / self.0.len() as f64)
    }

    /// Returns mean and quantiles, or null of no values.
    pub(crate) fn to_json(&mut self, kind: &str) -> serde_json::Value {
        let (Some(mean), Some(p50), Some(p99)) =
            (self.mean(), self.quantile(0.5), self.quantile(0.99))
        else {
            return serde_json::Value::Null;
        };
        let (min, max) = (self.0[0], self.0[self.0.len() - 1]);
        serde_json::json!({
            "mean": mean, "p50": p50, "p99": p99, "min": min, "max": max,
            "count": self.0.len(), "kind": kind,
        })
    }
}

/// Processor time of this process so far.
#[derive(Clone, Copy)]
pub(crate) struct CpuSeconds {
    pub(crate) user: f64,
    pub(crate) system: f64,
}

impl CpuSeconds {
    /// Reads `/proc/self/stat`, whose ticks are hundredths of a second.
    pub(crate) fn now() -> Self {
        let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
        let fields: Vec<f64> = text
            .rsplit(')')
            .next()
            .unwrap_or("")
            .split_ascii_whitespace()
            .map(|field| field.parse().unwrap_or(0.0))
            .collect();
        let ticks = |index: usize| fields.get(index).copied().unwrap_or(0.0) / 100.0;
        Self { user: ticks(11), system: ticks(12) }
    }
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
