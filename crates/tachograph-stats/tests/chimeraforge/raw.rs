//! The raw data of the historical studies.
//!
//! `pack.tar.gz` lies beside `golden.json`; the system's `tar` unpacks it once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;

use crate::{folder, number, sample};
use tachograph_stats::Sample;

/// Returns the folder with the raw files; `None` (said once) where there is none.
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
pub(crate) fn unpacked() -> Option<&'static Path> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let unpack = || {
        let pack = folder().join("pack.tar.gz");
        let into = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chimeraforge");
        std::fs::create_dir_all(&into).ok()?;
        let done = Command::new("tar").arg("-xzf").arg(&pack).arg("-C").arg(&into).status();
        if pack.is_file() && done.is_ok_and(|status| status.success()) {
            return Some(into);
        }
        eprintln!("SKIPPED: no ../shared/data/chimeraforge/pack.tar.gz, or no tar to unpack it");
        None
    };
    FOLDER.get_or_init(unpack).as_deref()
}

pub(crate) fn read(path: &Path) -> Value {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// One request to the model, as it was recorded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub(crate) run: u64,
    pub(crate) is_report: bool,
    pub(crate) throughput: f64,
    pub(crate) ttft_ms: f64,
    load_ms: f64,
}

impl Call {
    pub(crate) fn of(value: &Value) -> Self {
        let metrics = &value["metrics"];
        Self {
            run: value["run_number"].as_u64().unwrap_or_default(),
            is_report: value["stage"] == "report",
            throughput: number(&metrics["throughput_tokens_per_sec"]),
            ttft_ms: number(&metrics["ttft_ms"]),
            load_ms: number(&metrics["load_duration_ms"]),
        }
    }

    /// The final record never came; recorded as zero tokens per second.
    pub(crate) fn is_valid(&self) -> bool {
        self.throughput >= 1.0
    }

    pub(crate) fn is_warm(&self) -> bool {
        self.load_ms <= 1000.0
    }
}

pub(crate) fn calls(value: &Value) -> Vec<Call> {
    value.as_array().unwrap().iter().map(Call::of).collect()
}

/// The chosen figure of the chosen calls.
pub(crate) fn of_calls(
    calls: &[Call],
    keep: impl Fn(&Call) -> bool,
    figure: impl Fn(&Call) -> f64,
) -> Sample {
    sample(calls.iter().filter(|call| keep(call)).map(figure))
}

/// The mean over the chosen calls of each run that has one.
pub(crate) fn run_means(
    calls: &[Call],
    keep: impl Fn(&Call) -> bool,
    figure: impl Fn(&Call) -> f64,
) -> Sample {
    let last = calls.iter().map(|call| call.run).max().unwrap();
    sample((1..=last).filter_map(|run| {
        let of_run = calls.iter().filter(|call| call.run == run && keep(call));
        let values: Vec<f64> = of_run.map(&figure).collect();
        Sample::new(&values).ok().map(|values| values.mean())
    }))
}
