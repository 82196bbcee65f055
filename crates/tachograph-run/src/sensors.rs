//! What can be read about this machine.
//!
//! Owns: [`Environment`] (once per study) and [`Conditions`] (around each run),
//! read from `/proc` and `/sys`. What cannot be read is absent, never zero.
//!
//! Does not: judge; [`crate::doctor`] and the report do. GPUs are NVIDIA's only:
//! `nvidia-smi` is asked, and where it is missing the driver's files give names.

mod gpu;
mod memory;
mod parse;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use tachograph_model::digest::Digest;
use tachograph_model::environment::{
    Conditions, ENVIRONMENT_SCHEMA, Environment, Gpu, Harness, Host, ServerIdentity,
};
use tachograph_model::event::ConditionsSample;

pub use self::memory::Footprint;
use crate::client::{Client, Stop};
use crate::{clock, process_sys};

/// What only the program itself knows about it.
#[derive(Debug, Clone)]
pub struct Program<'a> {
    /// Its version.
    pub version: &'a str,
    /// The commit it was built from, with `+dirty` if there were changes.
    pub git_commit: Option<&'a str>,
    /// Its file, to be digested.
    pub executable: Option<&'a Path>,
}

/// The files of a Linux system, below some root.
#[derive(Debug, Clone)]
pub struct Sensors {
    root: PathBuf,
    /// NVIDIA's program that tells the state of GPUs.
    nvidia_smi: PathBuf,
}

impl Default for Sensors {
    fn default() -> Self {
        Self::below(Path::new("/"))
    }
}

impl Sensors {
    /// Reads the files below `root` instead of `/`.
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned(), nvidia_smi: PathBuf::from("nvidia-smi") }
    }

    /// Returns what is true now of program, machine and `servers`.
    pub fn environment(
        &self,
        program: &Program<'_>,
        servers: BTreeMap<String, ServerIdentity>,
    ) -> Environment {
        Environment {
            schema: ENVIRONMENT_SCHEMA.to_owned(),
            started_at: clock::rfc3339_now(),
            harness: Harness {
                version: program.version.to_owned(),
                git_commit: program.git_commit.map(str::to_owned),
                profile: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
                executable_sha256: program.executable.and_then(|path| digest_of(path).ok()),
            },
            host: Some(self.host()),
            gpus: self.gpus(),
            servers,
            implementations: BTreeMap::new(),
        }
    }

    /// Returns what is true of the machine.
    pub fn host(&self) -> Host {
        let cpuinfo = self.text("proc/cpuinfo");
        let kernel =
            match (self.line("proc/sys/kernel/ostype"), self.line("proc/sys/kernel/osrelease")) {
                (Some(kind), Some(release)) => format!("{kind} {release}"),
                _ => std::env::consts::OS.to_owned(),
            };
        let distribution = self.text("etc/os-release").and_then(|text| parse::pretty_name(&text));
        Host {
            os: distribution.map_or(kernel.clone(), |name| format!("{kernel} ({name})")),
            arch: std::env::consts::ARCH.to_owned(),
            cpu_model: cpuinfo.as_deref().and_then(parse::cpu_model),
            n_cpus: process_sys::n_cpus(),
            governor: self.line("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
            clocksource: self
                .line("sys/devices/system/clocksource/clocksource0/current_clocksource"),
            memory_bytes: self
                .text("proc/meminfo")
                .and_then(|text| parse::meminfo(&text, "MemTotal")),
            virtualised: cpuinfo.as_deref().and_then(parse::virtualised),
            kernel_stamps: has_kernel_stamps(),
        }
    }

    /// Returns the GPUs that NVIDIA's program or its kernel driver lists.
    pub fn gpus(&self) -> Vec<Gpu> {
        if self.has_nvidia_driver() {
            let listed = gpu::list(&self.nvidia_smi);
            if !listed.is_empty() {
                return listed;
            }
        }
        let driver =
            self.text("proc/driver/nvidia/version").and_then(|text| parse::nvidia_driver(&text));
        let Ok(folders) = fs::read_dir(self.root.join("proc/driver/nvidia/gpus")) else {
            return Vec::new();
        };
        let mut files: Vec<PathBuf> =
            folders.flatten().map(|entry| entry.path().join("information")).collect();
        files.sort();
        files
            .iter()
            .filter_map(|file| fs::read_to_string(file).ok())
            .filter_map(|text| parse::nvidia_model(&text))
            .map(|name| Gpu { name, driver: driver.clone(), memory_bytes: None })
            .collect()
    }

    /// Returns the state of the machine now.
    pub fn conditions(&self) -> Conditions {
        let ticks = process_sys::clock_ticks_per_second();
        let times = self.text("proc/stat").and_then(|text| parse::cpu_times(&text, ticks));
        let frequency = self
            .line("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq")
            .and_then(|text| text.parse::<f64>().ok())
            .map(|khz| khz / 1000.0)
            .or_else(|| self.text("proc/cpuinfo").and_then(|text| parse::cpu_mhz(&text)));
        Conditions {
            load_1min: self.text("proc/loadavg").and_then(|text| parse::load(&text)),
            memory_available_bytes: self
                .text("proc/meminfo")
                .and_then(|text| parse::meminfo(&text, "MemAvailable")),
            cpu_mhz: frequency,
            temperature_celsius: self.temperature(),
            busy_cpu_ns: times.map(|times| times.busy_ns),
            stolen_cpu_ns: times.map(|times| times.stolen_ns),
            gpus: if self.has_nvidia_driver() {
                gpu::conditions(&self.nvidia_smi)
            } else {
                Vec::new()
            },
        }
    }

    fn has_nvidia_driver(&self) -> bool {
        self.root.join("proc/driver/nvidia/version").exists()
    }

    /// Returns the state of the machine with its instant.
    pub fn conditions_sample(&self) -> ConditionsSample {
        let conditions = self.conditions();
        ConditionsSample { conditions, at_ns: clock::now() }
    }

    fn temperature(&self) -> Option<f64> {
        let zones = fs::read_dir(self.root.join("sys/class/thermal")).ok()?;
        zones
            .flatten()
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("thermal_zone"))
            .filter_map(|entry| fs::read_to_string(entry.path().join("temp")).ok())
            .filter_map(|text| parse::millidegrees(&text))
            .max_by(f64::total_cmp)
    }

    fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.root.join(path)).ok()
    }

    fn line(&self, path: &str) -> Option<String> {
        let text = self.text(path)?;
        let line = text.trim();
        (!line.is_empty()).then(|| line.to_owned())
    }
}

/// Returns whether sockets of this machine get receive stamps from the kernel.
pub fn has_kernel_stamps() -> bool {
    let client = Stop::new().ok().and_then(|stop| Client::new(stop).ok());
    client.is_some_and(|client| client.has_kernel_stamps())
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    Ok(Digest::of(&fs::read(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_read_from_its_files() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "proc/cpuinfo",
            "model name\t: Some CPU @ 2GHz\ncpu MHz\t\t: 2000.5\nflags\t: fpu hypervisor\n",
        );
        write("proc/meminfo", "MemTotal:        2048 kB\nMemAvailable:    1024 kB\n");
        write("proc/loadavg", "0.52 0.58 0.59 1/977 12345\n");
        write("proc/stat", "cpu  100 0 50 1000 5 0 2 7 0 0\ncpu0 1 2 3 4\n");
        write("proc/sys/kernel/ostype", "Linux\n");
        write("proc/sys/kernel/osrelease", "6.1.0\n");
        write("etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian 12\"\n");
        write("sys/class/thermal/thermal_zone0/temp", "41000\n");
        write("sys/class/thermal/thermal_zone1/temp", "55500\n");
        write("sys/class/thermal/cooling_device0/temp", "99000\n");
        write("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
        write(
            "proc/driver/nvidia/version",
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue\n",
        );
        write(
            "proc/driver/nvidia/gpus/0000:01:00.0/information",
            "Model: \t\t NVIDIA H200\nIRQ: 1\n",
        );
        let absent = root.path().join("no-nvidia-smi");
        let sensors = Sensors { nvidia_smi: absent, ..Sensors::below(root.path()) };

        let host = sensors.host();
        assert_eq!(host.os, "Linux 6.1.0 (Debian 12)");
        assert_eq!(host.cpu_model.as_deref(), Some("Some CPU @ 2GHz"));
        assert_eq!(host.memory_bytes, Some(2_097_152));
        assert_eq!(host.virtualised, Some(true));
        assert_eq!(host.governor.as_deref(), Some("powersave"));
        assert_eq!(host.clocksource, None);
        let conditions = sensors.conditions();
        assert_eq!(conditions.load_1min, Some(0.52));
        assert_eq!(conditions.memory_available_bytes, Some(1_048_576));
        assert_eq!(conditions.cpu_mhz, Some(2000.5));
        assert_eq!(conditions.temperature_celsius, Some(55.5));
        let tick_ns = 1_000_000_000 / process_sys::clock_ticks_per_second();
        assert_eq!(conditions.busy_cpu_ns, Some(152 * tick_ns));
        assert_eq!(conditions.stolen_cpu_ns, Some(7 * tick_ns));
        let gpus = sensors.gpus();
        assert_eq!(gpus.len(), 1);
        assert_eq!(gpus[0].name, "NVIDIA H200");
        assert_eq!(gpus[0].driver.as_deref(), Some("550.54.15"));
    }

    #[test]
    fn what_cannot_be_read_is_absent() {
        let root = tempfile::tempdir().unwrap();
        let sensors = Sensors::below(root.path());
        assert_eq!(sensors.conditions(), Conditions::default());
        assert_eq!(sensors.gpus(), []);
        let host = sensors.host();
        assert_eq!((host.cpu_model, host.memory_bytes, host.virtualised), (None, None, None));
        assert!(host.n_cpus >= 1);
    }
}
