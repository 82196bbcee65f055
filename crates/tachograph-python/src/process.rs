//! Programs that are run to their end.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;

use crate::PythonError;

/// The last lines that are kept of what a program writes.
const LINES_KEPT: usize = 8;

/// How a program ended and the last lines that it wrote.
#[derive(Debug)]
pub struct Ran {
    /// How it ended.
    pub status: ExitStatus,
    /// The last lines of both its streams.
    pub output: String,
}

/// Runs a program to its end; `on_line` sees each line of both its streams.
///
/// # Errors
///
/// [`PythonError::Run`] if it could not be started; how it ended is no error.
pub(crate) fn run(mut command: Command, on_line: &mut dyn FnMut(&str)) -> Result<Ran, PythonError> {
    let program = PathBuf::from(command.get_program());
    let failed = |source| PythonError::Run { program: program.clone(), source };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let (sender, lines) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        read_lines(stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        read_lines(stderr, sender.clone());
    }
    drop(sender);
    let mut last: Vec<String> = Vec::new();
    for line in lines {
        on_line(line.trim());
        if last.len() == LINES_KEPT {
            last.remove(0);
        }
        last.push(line);
    }
    let status = child.wait().map_err(failed)?;
    Ok(Ran { status, output: last.join("\n") })
}

fn read_lines(stream: impl Read + Send + 'static, sender: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).into_owned();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
}
