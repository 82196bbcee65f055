//! GPUs, as NVIDIA's own `nvidia-smi` reports them.
//!
//! Owns: one question to that program, its patience, and the reading of its
//! answer. It is asked only where NVIDIA's kernel driver is loaded.
//!
//! Does not: judge, or guess: a figure that the program does not have (`[N/A]`)
//! is absent.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tachograph_model::environment::{Gpu, GpuConditions};

/// A broken driver can hang the program; a run does not wait for it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns the GPUs; empty if the program is absent, fails or hangs.
pub(super) fn list(program: &Path) -> Vec<Gpu> {
    let rows = ask(program, "name,driver_version,memory.total");
    let gpu = |row: Vec<String>| {
        let [name, driver, memory] = <[String; 3]>::try_from(row).ok()?;
        let memory_bytes = number(&memory).and_then(mebibytes);
        Some(Gpu { name, driver: known(driver), memory_bytes })
    };
    rows.into_iter().filter_map(gpu).collect()
}

/// Returns the state of each GPU now, in the order of [`list`].
pub(super) fn conditions(program: &Path) -> Vec<GpuConditions> {
    let rows = ask(program, "clocks.sm,power.draw,temperature.gpu,memory.used");
    let reading = |row: Vec<String>| {
        let [clock, power, temperature, memory] = <[String; 4]>::try_from(row).ok()?;
        Some(GpuConditions {
            clock_mhz: number(&clock),
            power_watts: number(&power),
            temperature_celsius: number(&temperature),
            memory_used_bytes: number(&memory).and_then(mebibytes),
        })
    };
    rows.into_iter().filter_map(reading).collect()
}

/// Returns one row of texts per GPU.
fn ask(program: &Path, fields: &str) -> Vec<Vec<String>> {
    let spawned = Command::new(program)
        .arg(format!("--query-gpu={fields}"))
        .arg("--format=csv,noheader,nounits")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let Ok(mut child) = spawned else { return Vec::new() };
    let mut output = child.stdout.take().expect("its output is piped");
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut text = String::new();
        let is_read = output.read_to_string(&mut text).is_ok();
        // Nobody listens any more if the program took too long.
        drop(sender.send(is_read.then_some(text)));
    });
    let answer = receiver.recv_timeout(PATIENCE).ok().flatten();
    if answer.is_none() {
        // It may have ended by itself in this instant.
        drop(child.kill());
    }
    let is_good = child.wait().is_ok_and(|status| status.success());
    answer.filter(|_| is_good).map_or_else(Vec::new, |text| rows(&text))
}

fn rows(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| line.split(',').map(|field| field.trim().to_owned()).collect()).collect()
}

fn known(text: String) -> Option<String> {
    (!text.is_empty() && !text.starts_with('[')).then_some(text)
}

fn number(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0)
}

fn mebibytes(number: f64) -> Option<u64> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a whole number of a size that exists"
    )]
    (number.fract() == 0.0 && number < 1e9).then(|| number as u64 * 1_048_576)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::*;

    /// A program that answers like `nvidia-smi` on a machine with two GPUs.
    fn program(folder: &Path, script: &str) -> PathBuf {
        let path = folder.join("nvidia-smi");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn gpus_and_their_state_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let script = "case \"$1 $2\" in\n\
            '--query-gpu=name,driver_version,memory.total --format=csv,noheader,nounits')\n\
            echo 'NVIDIA H100 80GB HBM3, 550.54.15, 81559'; echo 'Odd GPU, [N/A], [N/A]';;\n\
            '--query-gpu=clocks.sm,power.draw,temperature.gpu,memory.used '*)\n\
            echo '1980, 71.28, 32, 4'; echo '[N/A], [N/A], 40, [N/A]';;\n\
            *) exit 2;; esac";
        let program = program(folder.path(), script);
        let gpus = list(&program);
        assert_eq!(gpus.len(), 2);
        assert_eq!(gpus[0].name, "NVIDIA H100 80GB HBM3");
        assert_eq!(gpus[0].driver.as_deref(), Some("550.54.15"));
        assert_eq!(gpus[0].memory_bytes, Some(81_559 * 1_048_576));
        assert_eq!((gpus[1].driver.as_deref(), gpus[1].memory_bytes), (None, None));
        let states = conditions(&program);
        assert_eq!(states[0].clock_mhz, Some(1980.0));
        assert_eq!(states[0].power_watts, Some(71.28));
        assert_eq!(states[0].memory_used_bytes, Some(4_194_304));
        assert_eq!(states[1].power_watts, None);
        assert_eq!(states[1].temperature_celsius, Some(40.0));
    }

    #[test]
    fn a_program_that_fails_or_is_not_there_tells_nothing() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(list(&folder.path().join("none")), []);
        let failing = program(folder.path(), "echo 'a, b, 1'; exit 9");
        assert_eq!(list(&failing), []);
        assert_eq!(rows("a, b\n\nc\n"), [vec!["a", "b"], vec!["c"]]);
    }
}
