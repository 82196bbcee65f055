//! The program as its user sees it: real processes, real studies, exit codes.
//!
//! The server is the simulated one, set so fast that a study takes a second.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod agent_setup;
mod analyze;
mod attested;
mod audit;
mod bad_input;
mod cassette;
mod compared;
mod corrupted;
mod import;
mod interrupted;
mod listening;
mod planted;
mod rendered;
mod stopping;
mod straight_line;
mod tap;
mod together;
mod validated;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A plan with two configurations and `blocks` blocks on a fast simulated server.
fn plan(blocks: u32) -> String {
    format!(
        "schema = 'tachograph-plan/1'\nname = 'fast'\nblocks = {blocks}\nseed = 7\n\
         prompt_cache = 'off'\nserver_policy = 'unload'\ncold_load_threshold_ms = 1\n\
         [[servers]]\nname = 'main'\nmodel = 'sim:1b'\n\
         [servers.managed]\nengine = 'simulated'\n\
         [servers.managed.set]\nload_ns = 2_000_000\nloaded_check_ns = 10_000\n\
         prompt_base_ns = 100_000\nprompt_token_ns = 1_000\noutput_token_ns = 200_000\n\
         [[agents]]\nname = 'analyst'\nserver = 'main'\ninput = 'data'\n\
         [options]\nnum_predict = 24\n\
         [factors]\ntemperature = [0.2]\n"
    )
}

/// A folder with a plan, input data and room for a study.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new(blocks: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("plan.toml"), plan(blocks)).unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        fs::write(folder.path().join("data/runs.csv"), "run,ttft_ms\n1,20\n2,22\n").unwrap();
        fs::write(folder.path().join("data/broken.json"), "{\"a\": [1, 2").unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A command of the program, to be run in this folder.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tacho"));
        command.current_dir(self.folder.path()).args(arguments);
        command.env("TACHO_CACHE", self.path("cache"));
        command
    }

    /// Starts `tacho run plan.toml -o study` and returns once a line of its progress
    /// begins with `announcement`.
    fn run_until(&self, announcement: &str) -> Child {
        let mut child = self
            .command(&["run", "plan.toml", "-o", "study"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let found = lines.find(|line| line.as_ref().unwrap().starts_with(announcement));
        assert!(found.is_some(), "{announcement} is announced");
        // Keep the pipe open, so that later lines have somewhere to go.
        std::thread::spawn(move || lines.for_each(drop));
        child
    }

    /// Runs the program and returns its exit code, standard output and error.
    fn tacho(&self, arguments: &[&str]) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    /// Runs the program, which must end with `code`; returns all that it printed.
    fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let (found, stdout, stderr) = self.tacho(arguments);
        assert_eq!(found, code, "tacho {arguments:?}\n{stdout}\n{stderr}");
        assert!(!stderr.contains("panicked"), "{stderr}");
        stdout + &stderr
    }
}

/// Every file below `folder`, by path relative to it.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}
