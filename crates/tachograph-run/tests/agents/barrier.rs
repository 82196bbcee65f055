//! The native agent at the barrier.

use std::cell::RefCell;
use std::io::{self, BufRead, Read, Write};
use std::rc::Rc;

use tachograph_model::event::{Event, StageMark};
use tachograph_run::{clock, worker};

use crate::ollama::{Behaviour, Ollama};
use crate::{input, shape, task};

/// Output that its reader can look at.
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Vec<u8>>>);

impl Shared {
    fn events(&self) -> Vec<Event> {
        let text = String::from_utf8(self.0.borrow().clone()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A task, then a start line, and what the worker had said when it asked for that.
struct Input {
    lines: Vec<Vec<u8>>,
    output: Shared,
    said_before: Rc<RefCell<Option<String>>>,
}

impl Read for Input {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        unreachable!("a worker reads lines")
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.lines.len() < 2 && self.said_before.borrow().is_none() {
            *self.said_before.borrow_mut() = Some(shape(&self.output.events()));
        }
        Ok(self.lines.first().map_or(&[], Vec::as_slice))
    }

    fn consume(&mut self, n_bytes: usize) {
        if let Some(line) = self.lines.first_mut() {
            line.drain(..n_bytes);
            if line.is_empty() {
                self.lines.remove(0);
            }
        }
    }
}

/// What a worker did that was sent to the barrier.
struct Seen {
    code: u8,
    events: Vec<Event>,
    said_before: String,
    errors: String,
}

/// Runs a worker with a barrier and gives it `start`, or nothing more.
fn work(start: Option<&str>) -> Seen {
    let server = Ollama::start(Behaviour::default());
    let folder = input();
    let mut task = task(&server.url, folder.path());
    task.barrier = true;
    task.warmup_calls = 1;
    let mut lines = vec![serde_json::to_vec(&task).unwrap()];
    lines[0].push(b'\n');
    lines.extend(start.map(|start| format!("{start}\n").into_bytes()));
    let output = Shared::default();
    let said_before = Rc::new(RefCell::new(None));
    let input = Input { lines, output: output.clone(), said_before: Rc::clone(&said_before) };
    let mut errors = Vec::new();
    let code = worker::main(input, output.clone(), &mut errors, &|_| None);
    Seen {
        code,
        events: output.events(),
        said_before: said_before.take().expect("it asks for the start line"),
        errors: String::from_utf8(errors).unwrap(),
    }
}

const BEFORE: &str = "ready clock <warmup call0 completed warmup> waiting";
const BEYOND: &str = " <ingest +a.csv -b/bad.json +b/notes.md ingest> \
                      <analysis call1 completed analysis> <report call2 completed report> \
                      report.md clock Completed";

#[test]
fn it_waits_after_its_warm_up_and_does_nothing_before_the_start_line() {
    // An instant in the past: it goes on at once, or this test would not end.
    let seen = work(Some(r#"{"start_at_ns": 1}"#));
    assert_eq!((seen.code, &*seen.errors), (0, ""));
    assert_eq!(seen.said_before, BEFORE);
    assert_eq!(shape(&seen.events), [BEFORE, BEYOND].concat());
}

#[test]
fn it_begins_no_earlier_than_it_is_told() {
    let start = clock::now().0 + 50_000_000;
    let seen = work(Some(&format!(r#"{{"start_at_ns": {start}}}"#)));
    assert_eq!(shape(&seen.events), [BEFORE, BEYOND].concat());
    let marks = seen.events.iter().filter_map(|event| match event {
        Event::StageStarted(StageMark { at_ns, .. }) => Some(at_ns.0),
        _ => None,
    });
    let begin = marks.skip(1).min().unwrap();
    assert!(begin >= start, "{begin} is before {start}");
}

#[test]
fn a_start_line_that_is_none_ends_it() {
    for line in ["go", "{}", r#"{"start_at_ns": -1}"#, r#"{"start_at_ns": 1, "more": 2}"#, ""] {
        let seen = work(Some(line));
        assert_eq!(seen.code, 2, "{line}: {}", seen.errors);
        assert_eq!(shape(&seen.events), BEFORE, "{line}");
        assert!(seen.errors.contains("expected a start line as JSON"), "{line}: {}", seen.errors);
        assert!(seen.errors.contains("docs/agents.md") && seen.errors.contains("column"));
    }
}

#[test]
fn an_end_of_input_at_the_barrier_ends_it() {
    let seen = work(None);
    assert_eq!((seen.code, &*shape(&seen.events)), (2, BEFORE));
    assert!(seen.errors.contains("ended before the start line"), "{}", seen.errors);
}
