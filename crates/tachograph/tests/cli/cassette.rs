//! Recording what a server answers and measuring agents on the recording.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use tachograph_model::call;
use tachograph_model::canonical::canonical_digest;
use tachograph_model::cassette::Cassette;
use tachograph_model::digest::Digest;
use tachograph_model::event::Recorded;
use tachograph_store::Study;

use super::listening::{Listening, ask};
use super::{Place, plan};

/// Two implementations of one agent, on the live server and on a recording of it.
fn on_tape(blocks: u32) -> String {
    let agents = "[[agents]]\nname = 'again'\nserver = 'main'\ninput = 'data'\n\
                  [implementations]\nagents = ['analyst', 'again']\nservers = ['main', 'tape']\n\
                  [options]\nseed = 5";
    let tape = "[[servers]]\nname = 'tape'\nmodel = 'sim:1b'\n\
                managed = { engine = 'cassette', cassette = 'tape.cassette' }\n[[agents]]";
    plan(blocks).replacen("[options]", agents, 1).replacen("[[agents]]", tape, 1)
}

fn recorded(place: &Place) -> Cassette {
    Cassette::parse(&fs::read(place.path("tape.cassette")).unwrap()).unwrap()
}

/// The calls of all runs, as the taps saw them.
fn calls(place: &Place) -> Vec<call::CallRecord> {
    let study = Study::open(&place.path("study")).unwrap();
    let of_run = |events: Vec<Recorded>| {
        let taps = events.iter().filter(|event| event.source.starts_with("tap:"));
        call::assemble(taps.map(|event| &event.event)).0
    };
    study.runs().flat_map(|run| of_run(run.unwrap().events)).collect()
}

#[test]
fn a_recording_is_made_and_played_to_any_client() {
    let place = Place::new(1);
    fs::write(place.path("plan.toml"), on_tape(1)).unwrap();
    let told = place.expect(0, &["record", "plan.toml", "-o", "tape.cassette"]);
    let cassette = recorded(&place);
    // Two configurations, two calls each: both agents ask the same.
    assert_eq!(cassette.interactions.len(), 4, "{told}");
    assert!(told.contains(&format!("tape.cassette: 4 exchanges, SHA-256 {}", cassette.sha256)));
    assert_eq!(cassette.header.server.model.as_deref(), Some("sim:1b"));

    let player = Listening::start(
        &place,
        &["serve", "--cassette", "tape.cassette", "--speed", "max", "--port", "0", "--watch-stdin"],
    );
    assert_eq!(player.first["engine"]["kind"], "cassette");
    assert_eq!(player.first["engine"]["digest"], cassette.sha256.to_string());
    let first = &cassette.interactions[0];
    let body = String::from_utf8(first.body.to_vec()).unwrap();
    let answer = ask(&player.url(), &first.path, &body);
    for piece in &first.answer.pieces {
        let piece = String::from_utf8(piece.body.to_vec()).unwrap();
        assert!(answer.contains(&piece), "{piece}: {answer}");
    }
    let answer = ask(&player.url(), &first.path, &body.replacen("\"seed\":5", "\"seed\":6", 1));
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    assert!(answer.contains("line 2; /options/seed is 6, recorded is 5"), "{answer}");
    player.end();
}

#[test]
fn on_a_recording_all_agents_meet_exactly_the_same_server() {
    let place = Place::new(1);
    fs::write(place.path("plan.toml"), on_tape(3)).unwrap();
    place.expect(0, &["record", "plan.toml", "-o", "tape.cassette"]);
    let listed = place.expect(0, &["plan", "plan.toml"]);
    assert!(listed.contains("(cassette engine, tape.cassette)"), "{listed}");
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    let mut on_tape: BTreeMap<Digest, Vec<String>> = BTreeMap::new();
    for call in calls(&place).iter().filter(|call| call.sent.server == "tape") {
        let served = (&call.finished.server, &call.finished.usage, call.text());
        let request = canonical_digest(call.sent.request.as_bytes());
        on_tape.entry(request).or_default().push(format!("{served:?}"));
    }
    assert_eq!(on_tape.len(), 4, "the recorded requests");
    for (request, served) in &on_tape {
        assert_eq!(served.len(), 6, "two implementations in three blocks");
        assert!(served.iter().all(|it| it == &served[0]), "{request}: {served:?}");
    }
    place.expect(0, &["report", "study"]);
    place.expect(0, &["verify", "study"]);
    let claims = fs::read(place.path("study/reports/cross-language/claims.json")).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let ratio = claims["claims"]
        .as_array()
        .unwrap()
        .iter()
        .find(|claim| claim["id"] == "contest/tape/again/server_decode_rate/ratio")
        .unwrap_or_else(|| panic!("{claims:#}"));
    assert_eq!(ratio["value"], 1.0);
}

#[test]
fn what_cannot_be_recorded_is_refused_and_nothing_is_lost() {
    let place = Place::new(1);
    let record = |code: i32, more: &[&str]| {
        place.expect(code, &[&["record", "plan.toml", "-o", "tape.cassette"], more].concat())
    };
    let said = record(2, &[]);
    assert!(said.contains("another seed in each block"), "{said}");
    assert!(said.contains("[options] seed = 1"), "{said}");
    fs::write(place.path("plan.toml"), on_tape(1)).unwrap();
    let said = record(2, &["--from", "tape"]);
    assert!(said.contains("no live server `tape`") && said.contains("main, tape"), "{said}");
    fs::write(place.path("tape.cassette"), "mine").unwrap();
    let said = record(2, &[]);
    assert!(said.contains("tape.cassette exists already") && said.contains("--force"), "{said}");
    // A server that is not there leaves what was there.
    let live = "[servers.managed]\nengine = 'simulated'\n";
    let whole = on_tape(1);
    let (before, settings) = whole.split_once(live).unwrap();
    let (_, after) = settings.split_once("[[servers]]").unwrap();
    let elsewhere = format!("{before}url = 'http://127.0.0.1:9'\n[[servers]]{after}");
    let elsewhere = elsewhere.replacen("prompt_cache = 'off'", "prompt_cache = 'on'", 1);
    fs::write(place.path("elsewhere.toml"), elsewhere).unwrap();
    let said = place.expect(3, &["record", "elsewhere.toml", "-o", "tape.cassette", "--force"]);
    assert!(said.contains("http://127.0.0.1:9"), "{said}");
    assert_eq!(fs::read_to_string(place.path("tape.cassette")).unwrap(), "mine");
    assert!(!place.path("tape.cassette.partial").exists());
    record(0, &["--force"]);
    assert_eq!(recorded(&place).interactions.len(), 4);
}

#[test]
fn a_recording_that_is_none_is_named_with_its_line() {
    let place = Place::new(1);
    fs::write(place.path("plan.toml"), on_tape(1)).unwrap();
    let said = place.expect(2, &["run", "plan.toml", "-o", "study"]);
    assert!(said.contains("could not read the cassette"), "{said}");
    assert!(said.contains("tape.cassette") && said.contains("tacho record PLAN"), "{said}");
    place.expect(0, &["record", "plan.toml", "-o", "tape.cassette"]);
    let whole = fs::read_to_string(place.path("tape.cassette")).unwrap();
    for (text, problem) in [
        (String::new(), "line 1: the file is empty"),
        (whole.replacen("cassette/1", "cassette/9", 1), "line 1: its format is"),
        (whole.replacen("\\\"seed\\\":5", "\\\"seed\\\":6", 1), "line 2: `canonical_sha256`"),
        (whole[..whole.len() - 9].to_owned(), "line 5: the line is cut off"),
    ] {
        fs::write(place.path("tape.cassette"), text).unwrap();
        for arguments in [
            &["run", "plan.toml", "-o", "study"][..],
            &["serve", "--cassette", "tape.cassette", "--port", "0"],
        ] {
            let said = place.expect(2, arguments).replace("\n  │ ", " ");
            assert!(said.contains(problem), "{problem}: {said}");
        }
        assert!(!place.path("study").exists(), "nothing was begun");
    }
    fs::write(place.path("tape.cassette"), whole).unwrap();
    for (arguments, problem) in [
        (&["--speed", "0"][..], "above 0"),
        (&["--repeats", "random"], "first"),
        (&["--engine", "simulated"], "cannot be used with another engine"),
    ] {
        let arguments = [&["serve", "--cassette", "tape.cassette"], arguments].concat();
        let said = place.expect(2, &arguments);
        assert!(said.contains(problem), "{arguments:?}: {said}");
    }
}
