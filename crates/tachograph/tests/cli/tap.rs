//! `tacho tap` as its user has it: clients that know nothing of it, and studies that time
//! two implementations with it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tachograph_model::call;
use tachograph_model::event::Recorded;

use super::listening::{Listening, ask};
use super::{Place, plan};

fn calls(text: &str) -> Vec<call::CallRecord> {
    let events: Vec<Recorded> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let own = events.iter().filter(|recorded| recorded.source == "mine");
    call::assemble(own.map(|recorded| &recorded.event)).0
}

#[test]
fn events_go_to_standard_output_or_to_a_file_with_a_summary() {
    let place = Place::new(1);
    let server = Listening::server(&place);
    let body = r#"{"model":"sim:1b","prompt":"Hello","options":{"num_predict":5,"seed":1}}"#;
    let tap = Listening::tap(&place, &server.url(), &["--server", "sim"]);
    assert_eq!(tap.first["type"], "tap");
    assert!(ask(&tap.url(), "/api/generate", body).contains("\"done\":true"));
    let seen = calls(&tap.end().0).remove(0);
    assert!(seen.is_completed());
    assert_eq!((seen.sent.server.as_str(), seen.sent.request.as_str()), ("sim", body));

    let tap = Listening::tap(&place, &server.url(), &["--events", "calls.jsonl"]);
    ask(&tap.url(), "/api/generate", body);
    ask(&tap.url(), "/api/generate", r#"{"model":"other"}"#);
    let (out, told) = tap.end();
    assert_eq!(out, "");
    for part in
        ["in front of", "mine: 2 calls, 1 completed, 1 http_error; 5 output tokens", "in the tap"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
    let written = fs::read_to_string(place.path("calls.jsonl")).unwrap();
    assert_eq!(calls(&written).len(), 2);
    server.end();
}

#[test]
fn wrong_usage_is_refused() {
    let place = Place::new(1);
    let upstream = ["--upstream", "http://127.0.0.1:9"];
    for (rest, code, said) in [
        (&["--listen", "0.0.0.0:0"][..], 2, "--allow-remote"),
        (&["--listen", "nowhere"], 2, "127.0.0.1:11435"),
        (&["--listen", "a=0", "--listen", "a=0"], 2, "two addresses are for agent"),
        (&["--events", "no/such/folder/x"], 2, "no/such/folder/x"),
        (&["--record", "plan.toml", "--listen", "0"], 2, "is not a cassette"),
    ] {
        let arguments = [&["tap"], &upstream[..], rest].concat();
        let told = place.expect(code, &arguments);
        assert!(told.contains(said), "{rest:?}: {told}");
    }
    for (url, said) in [("https://127.0.0.1:9", "HTTPS"), ("127.0.0.1:9", "http://")] {
        let told = place.expect(2, &["tap", "--listen", "0", "--upstream", url]);
        assert!(told.contains(said), "{told}");
    }
    assert_eq!(fs::read_to_string(place.path("plan.toml")).unwrap(), plan(1), "it is left alone");
}

fn python() -> Option<PathBuf> {
    let python = std::env::var_os("TACHO_TEST_PYTHON").map(PathBuf::from);
    if python.is_none() {
        #[expect(clippy::print_stderr, reason = "says that nothing was tested")]
        {
            eprintln!("skipped: TACHO_TEST_PYTHON is not set to a Python with ollama and openai");
        }
    }
    python
}

#[test]
fn real_clients_go_through_unchanged() {
    let Some(python) = python() else { return };
    let place = Place::new(1);
    let server = Listening::start(
        &place,
        &["serve", "--engine", "simulated", "--port", "0", "--model", "sim:1b", "--watch-stdin"],
    );
    let tap = Listening::tap(&place, &server.url(), &[]);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tachograph-serve/tests/clients.py");
    let output = Command::new(python).arg(script).arg(tap.url()).arg("sim:1b").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen = calls(&tap.end().0);
    assert!(seen.len() > 10, "{}", seen.len());
    assert!(seen.iter().any(|call| call.is_completed() && !call.text().is_empty()));
    server.end();
}

/// Two copies of one agent, timed by the tap.
fn two_copies(blocks: u32) -> String {
    let two = "[[agents]]\nname = 'again'\nserver = 'main'\ninput = 'data'\n\
               [implementations]\nagents = ['analyst', 'again']\n[options]";
    plan(blocks).replacen("[options]", two, 1)
}

#[test]
fn two_copies_of_one_agent_are_timed_reported_and_verified() {
    let place = Place::new(1);
    fs::write(place.path("plan.toml"), two_copies(3)).unwrap();
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    let told = place.expect(0, &["report", "study"]);
    assert!(told.contains("reports/cross-language/report.html"), "{told}");
    place.expect(0, &["verify", "study"]);
    let report = fs::read_to_string(place.path("study/reports/cross-language/report.md")).unwrap();
    for part in ["| `again` | `main` | 6 | 12 | 0 |", "What only the server decides", "the same |"]
    {
        assert!(report.contains(part), "{part}");
    }
    let claims =
        fs::read_to_string(place.path("study/reports/cross-language/claims.json")).unwrap();
    assert!(claims.contains("contest/main/again/run_wall/difference"));
    // One digit of the report is changed.
    let path = place.path("study/reports/cross-language/report.md");
    fs::write(&path, report.replacen("| 6 | 12 | 0 |", "| 6 | 13 | 0 |", 1)).unwrap();
    let told = place.expect(1, &["verify", "study"]);
    assert!(told.contains("claim contest/main/again/parity/requests"), "{told}");
}

#[test]
fn a_program_of_anybody_s_is_measured_by_what_can_be_seen_of_it() {
    let place = Place::new(1);
    let agents = format!(
        "[[agents]]\nname = 'other'\nserver = 'main'\ninput = 'data'\nprotocol = 'none'\n\
         command = ['{}', 'worker', '--help', '{{url}}']\n\
         [implementations]\nagents = ['analyst', 'other']\n[options]",
        env!("CARGO_BIN_EXE_tacho")
    );
    fs::write(place.path("plan.toml"), plan(2).replacen("[options]", &agents, 1)).unwrap();
    // It makes no call: it is another number of calls, and nothing is claimed.
    let (_, _, _) = place.tacho(&["run", "plan.toml", "-o", "study"]);
    place.expect(0, &["report", "study"]);
    let report = fs::read_to_string(place.path("study/reports/cross-language/report.md")).unwrap();
    assert!(report.contains("another number of calls"), "{report}");
    assert!(report.contains("nothing is claimed"));
}
