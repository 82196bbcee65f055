//! What the user sees.
//!
//! Owns: every write to standard output and standard error, and the live line
//! that shows a study's progress. A closed pipe is not an error.
//!
//! Does not: compute anything but what is left to do.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::process;

use indicatif::{ProgressBar, ProgressStyle};

/// Writes a line to standard output. Ends the program quietly, as `cat` would,
/// if the reader has gone.
pub(crate) fn out(text: impl Display) {
    if let Err(error) = writeln!(io::stdout(), "{text}")
        && error.kind() == io::ErrorKind::BrokenPipe
    {
        #[expect(clippy::exit, reason = "nobody reads on; there is nothing left to say")]
        process::exit(0);
    }
}

/// Returns how many characters a line of standard output holds: those of the
/// terminal, else what `COLUMNS` says, else 120.
pub(crate) fn width() -> usize {
    const OF_A_FILE: usize = 120;
    let terminal = terminal_size::terminal_size_of(io::stdout());
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal.map(|(width, _)| usize::from(width.0)).or_else(columns).unwrap_or(OF_A_FILE)
}

/// Writes a line to standard error.
pub(crate) fn note(text: impl Display) {
    // Nothing can be told to someone whose standard error is closed.
    drop(writeln!(io::stderr(), "{text}"));
}

/// The live line of a study in progress; silent when not on a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    n_runs: usize,
}

impl Progress {
    /// Starts the line for `n_runs` runs, of which `n_done` are there already.
    pub(crate) fn start(n_runs: usize, n_done: usize) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let style = ProgressStyle::with_template(
                "{bar:24.cyan/dim} {pos}/{len} runs  {elapsed} so far, {eta} left  {wide_msg}",
            )
            .expect("the template is a constant");
            let bar = ProgressBar::new(n_runs as u64).with_style(style);
            bar.set_position(n_done as u64);
            bar.reset_eta();
            bar.enable_steady_tick(std::time::Duration::from_millis(250));
            bar
        });
        Self { bar, n_runs }
    }

    /// Says what runs now.
    pub(crate) fn running(&self, what: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(what.to_owned());
        }
    }

    /// Counts a finished run and leaves a line about it above the bar. Off a
    /// terminal, writes a line for the first, the last and every tenth run.
    pub(crate) fn finished(&self, n_done: usize, line: &str) {
        match &self.bar {
            Some(bar) => {
                bar.println(line);
                bar.inc(1);
            }
            None if n_done == 1 || n_done == self.n_runs || n_done.is_multiple_of(10) => {
                note(format!("[{n_done}/{}] {line}", self.n_runs));
            }
            None => {}
        }
    }

    /// Leaves a line above the bar.
    pub(crate) fn remark(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => note(line),
        }
    }

    /// Removes the line.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// Returns `seconds` as people say it: `8 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn duration(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float-to-integer cast saturates"
    )]
    let whole = seconds.round() as u64;
    match (whole / 3600, whole % 3600 / 60, whole % 60) {
        (0, 0, s) if seconds < 10.0 => {
            if s == 0 {
                format!("{seconds:.2} s")
            } else {
                format!("{seconds:.1} s")
            }
        }
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_well() {
        let cases = [
            (0.25, "0.25 s"),
            (3.21, "3.2 s"),
            (59.0, "59 s"),
            (200.0, "3 min 20 s"),
            (7500.0, "2 h 5 min"),
        ];
        for (seconds, text) in cases {
            assert_eq!(duration(seconds), text);
        }
    }
}
