//! Errors that say what to do, with documented exit codes.

use std::fs;
use std::net::TcpListener;

use super::{Place, plan};

#[test]
fn mistakes_in_plans_are_shown_with_their_place() {
    let place = Place::new(1);
    for (from, to, expected) in [
        ("blocks", "blokcs", "did you mean"),
        ("temperature = [0.2]", "temperature = []", "factor `temperature` has no levels"),
        ("input = 'data'", "input = 'no-such-folder'", "no-such-folder"),
        ("'simulated'", "'simulate'", "did you mean `simulated`?"),
        ("load_ns", "lod_ns", "lod_ns"),
        ("blocks", "agent_limit_s = 0.0\nblocks", "agent_limit_s must be more than 0"),
    ] {
        let text = plan(1);
        assert!(text.contains(from), "{from}");
        fs::write(place.path("bad.toml"), text.replacen(from, to, 1)).unwrap();
        let (code, stdout, stderr) = place.tacho(&["run", "bad.toml", "-o", "bad-study"]);
        // A wrong setting of a managed server is found by that server.
        assert!(code == 2 || (from == "load_ns" && code == 3), "{code}: {stdout}{stderr}");
        let unwrapped = stderr.replace("\n  │ ", " ");
        assert!(unwrapped.contains(expected), "{to}: {stderr}");
        assert!(!place.path("bad-study").exists(), "{to}: nothing was begun");
    }
}

#[test]
fn servers_that_are_not_there_are_named() {
    let place = Place::new(1);
    // A port that was free a moment ago, with nobody behind it.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let server = format!("main={url}");
    let edited = plan(1).replace("prompt_cache = 'off'\n", "");
    fs::write(place.path("url.toml"), edited).unwrap();
    let said = place.expect(3, &["run", "url.toml", "-o", "study", "--server", &server]);
    assert!(said.contains(&url), "{said}");
    let said = place.expect(3, &["init", "--server", &url]);
    assert!(said.contains("help:"), "{said}");
    let said = place.expect(1, &["doctor", "--server", &url]);
    assert!(said.contains("BAD   server"), "{said}");
}

#[test]
fn a_port_in_use_is_named() {
    let place = Place::new(1);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let said = place.expect(3, &["serve", "--engine", "simulated", "--port", &port]);
    assert!(said.contains(&format!("port {port}")) && said.contains("in use"), "{said}");
}

#[test]
fn what_is_not_a_study_or_too_new_is_refused() {
    let place = Place::new(1);
    let said = place.expect(2, &["verify", "data"]);
    assert!(said.contains("is not a study"), "{said}");
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    let path = place.path("study/journal.jsonl");
    let journal = fs::read_to_string(&path).unwrap();
    fs::write(&path, journal.replace("tachograph-journal/1", "tachograph-journal/9")).unwrap();
    let said = place.expect(3, &["report", "study"]);
    assert!(said.contains("newer"), "{said}");
}

#[test]
fn usage_errors_have_their_code() {
    let place = Place::new(1);
    place.expect(2, &["run"]);
    place.expect(2, &["no-such-command"]);
    place.expect(2, &["plan", "plan.toml", "--set", "num_predict"]);
    place.expect(2, &["plan", "plan.toml", "--set", "temperature=1"]);
    let (code, stdout, _) = place.tacho(&["--version"]);
    assert_eq!((code, stdout.trim()), (0, concat!("tacho ", env!("CARGO_PKG_VERSION"))));
}
