//! Agents behind taps, and agents that do not speak the protocol.

use std::io;
use std::process::ExitCode;

use tachograph_model::event::{Event, RunOutcome};
use tachograph_model::plan::implementations::{Instrument, Protocol};

use crate::ollama::{Behaviour, Ollama};
use crate::{Bench, myself, remarks};

/// A tap that sees nothing: it says that it listens where its upstream does, and at its
/// end the lines of its last argument.
pub(crate) fn scripted(arguments: &[String]) -> ExitCode {
    let value = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name).unwrap();
        &arguments[at + 1]
    };
    let (agent, listen) = value("--listen").split_once('=').unwrap();
    assert_eq!(listen, "127.0.0.1:0");
    assert_eq!(value("--server"), "main");
    assert!(value("--nonce").starts_with("salt/"));
    assert!(arguments.iter().any(|argument| argument == "--until-stdin-closes"));
    println!(r#"{{"type":"tap","listen":{{"{agent}":"{}/"}}}}"#, value("--upstream"));
    io::copy(&mut io::stdin(), &mut io::sink()).unwrap();
    let clock = r#"{"type":"clock","at_ns":5,"realtime_ns":"6","uncertainty_ns":1}"#;
    println!(r#"{{"source":"harness","event":{clock}}}"#);
    let source = if arguments.iter().any(|word| word == "nonsense") { "nobody" } else { agent };
    let chunk =
        r#"{"type":"chunk","call":0,"index":0,"at_ns":7,"read":0,"bytes":1,"kind":"empty"}"#;
    println!(r#"{{"source":"{source}","event":{chunk}}}"#);
    ExitCode::SUCCESS
}

fn behind_a_tap(url: &str) -> Bench {
    let mut bench = Bench::new(url);
    bench.plan.instrument = Instrument::Tap;
    bench
}

pub(crate) fn beside() {
    let server = Ollama::start(Behaviour::default());
    let (executed, events) = behind_a_tap(&server.url).record();
    assert_eq!(executed.outcome, RunOutcome::Completed, "{:?}", remarks(&events));
    let at = |wanted: &dyn Fn(&str, &Event) -> bool| {
        events.iter().position(|it| wanted(&it.source, &it.event)).unwrap()
    };
    let exited = at(&|_, event| matches!(event, Event::ProcessExited(_)));
    let clock = at(&|source, event| source == "tap:analyst" && matches!(event, Event::Clock(_)));
    let chunk = at(&|source, event| source == "tap:analyst" && matches!(event, Event::Chunk(_)));
    assert!(exited < clock && clock < chunk, "{exited} {clock} {chunk}");
    assert!(events.iter().any(|it| it.source == "analyst" && matches!(it.event, Event::Chunk(_))));
}

pub(crate) fn missing() {
    let server = Ollama::start(Behaviour::default());
    for (tap, why) in [
        (vec!["/nonexistent".to_owned()], "could not start /nonexistent"),
        (["sh", "-c", "exit 1"].map(str::to_owned).to_vec(), "it ended before it listened"),
        (["echo", "hello"].map(str::to_owned).to_vec(), "its first line is not a tap's"),
    ] {
        let mut bench = behind_a_tap(&server.url);
        bench.tap = Some(tap);
        let (executed, events) = bench.record();
        assert_eq!(executed.outcome, RunOutcome::Failed);
        let remark = &remarks(&events)["analyst"];
        assert!(remark.starts_with("its tap is missing: ") && remark.contains(why), "{remark}");
        assert!(!events.iter().any(|it| matches!(it.event, Event::ProcessSpawned(_))));
    }
    assert!(server.bodies().is_empty(), "nothing was asked");
}

pub(crate) fn nonsense() {
    let server = Ollama::start(Behaviour::default());
    let mut bench = behind_a_tap(&server.url);
    bench.tap = Some(vec![myself(), "tap".to_owned(), "nonsense".to_owned()]);
    let (executed, events) = bench.record();
    assert_eq!(executed.outcome, RunOutcome::Failed);
    assert_eq!(remarks(&events)["analyst"], "its tap speaks of another agent, \"nobody\"");
    assert!(!events.iter().any(|it| it.source == "nobody"));
}

fn silent(url: &str, script: &str) -> Bench {
    let mut bench = behind_a_tap(url);
    let words = ["sh", "-c", script, "x", "{url}", "{model}", "{input}"];
    bench.plan.agents[0].command = Some(words.map(str::to_owned).to_vec());
    bench.plan.agents[0].protocol = Protocol::None;
    bench
}

pub(crate) fn no_protocol() {
    let server = Ollama::start(Behaviour::default());
    let script = "cat; echo \"$1|$2|$3\"; \
                  echo \"$OLLAMA_HOST|$OPENAI_BASE_URL|$TACHOGRAPH_MODEL|$TACHOGRAPH_INPUT\"";
    let mut bench = silent(&server.url, script);
    let input = bench.inputs["analyst"].display().to_string();
    let (executed, events) = bench.record();
    assert_eq!(executed.outcome, RunOutcome::Completed, "{:?}", remarks(&events));
    assert_eq!(executed.artifacts.len(), 1);
    assert_eq!(executed.artifacts[0].name, "stdout.txt");
    // The scripted tap gives its upstream's address with a slash.
    let url = &server.url;
    let expected = format!("{url}|tiny|{input}\n{url}|{url}/v1|tiny|{input}\n");
    assert_eq!(String::from_utf8_lossy(&executed.artifacts[0].content), expected);
    assert!(!events.iter().any(|it| matches!(it.event, Event::WorkerNoise(_))));
}

pub(crate) fn no_protocol_failed() {
    let server = Ollama::start(Behaviour::default());
    let (executed, events) = silent(&server.url, "exit 4").record();
    assert_eq!(executed.outcome, RunOutcome::Failed);
    assert_eq!(remarks(&events)["analyst"], "it ended with exit code 4 before `done`");
}
