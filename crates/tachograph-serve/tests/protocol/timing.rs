//! The send log: deadlines are exact, no piece leaves early.

use serde_json::{Value, json};
use tachograph_serve::{SendKind, SendRecord, SimulatedConfig, monotonic_ns};

use crate::http::{connect, get, post, quick, read_all, send, serve};

const MODEL: &str = "tachograph-sim:1b";

#[test]
fn pieces_are_due_at_absolute_instants_and_never_leave_early() {
    let server = serve(SimulatedConfig { fill_num_predict: true, ..quick() });
    let before_ns = monotonic_ns();
    let body = json!({"model": MODEL, "prompt": "x", "options": {"num_predict": 20}});
    post(&server, "/api/generate", &body);
    let after_ns = monotonic_ns();
    let sends = server.sends();
    assert_eq!(sends.len(), 21);
    for (index, pair) in sends.windows(2).take(19).enumerate() {
        let gap = pair[1].deadline_ns.unwrap() - pair[0].deadline_ns.unwrap();
        assert_eq!(gap, 50_000, "between {index} and the next");
    }
    for (index, send) in sends.iter().enumerate() {
        assert_eq!(send.index, u32::try_from(index).unwrap());
        assert!(send.sent_ns >= send.deadline_ns.unwrap(), "{send:?} left early");
        assert!((before_ns..after_ns).contains(&send.sent_ns));
    }
    assert_eq!(sends[20].kind, SendKind::Final);
    let record = &server.requests()[0];
    let begin = record.received_ns + record.load_ns + record.prompt_ns;
    assert_eq!(sends[0].deadline_ns, Some(begin + 50_000), "the first token");
    assert_eq!(sends[20].deadline_ns, Some(begin + record.eval_ns), "the numbers");
}

#[test]
fn jitter_is_seeded_and_does_not_accumulate() {
    let gaps = |seed: u64| {
        let server =
            serve(SimulatedConfig { seed, jitter_ns: 40_000, fill_num_predict: true, ..quick() });
        let body = json!({"model": MODEL, "prompt": "x", "options": {"num_predict": 50}});
        post(&server, "/api/generate", &body);
        let record = server.requests()[0].clone();
        let begin = record.received_ns + record.load_ns + record.prompt_ns;
        let offsets: Vec<u64> = server
            .sends()
            .iter()
            .filter(|send| send.kind == SendKind::Token)
            .zip(1..)
            .map(|(send, n): (&SendRecord, u64)| send.deadline_ns.unwrap() - begin - n * 50_000)
            .collect();
        assert!(offsets.iter().all(|offset| *offset <= 40_000), "{offsets:?}");
        offsets
    };
    let first = gaps(1);
    assert_eq!(first, gaps(1));
    assert_ne!(first, gaps(2));
    assert!(first.iter().any(|offset| *offset > 0));
}

#[test]
fn the_log_is_the_same_over_http_and_in_process() {
    let server = serve(quick());
    post(&server, "/api/generate", &json!({"model": MODEL, "prompt": "x"}));
    let over_http = get(&server, "/tachograph/sends").lines();
    let in_process: Vec<Value> =
        server.sends().iter().map(|send| serde_json::to_value(send).unwrap()).collect();
    assert_eq!(over_http, in_process);
    let requests = get(&server, "/tachograph/requests").lines();
    assert_eq!(requests[0]["outcome"], "completed");
    assert_eq!(requests[0]["route"], "/api/generate");
}

#[test]
fn many_streams_run_at_once() {
    let server = serve(SimulatedConfig {
        num_parallel: 512,
        output_token_ns: 2_000_000,
        fill_num_predict: true,
        ..quick()
    });
    let body = json!({"model": MODEL, "prompt": "x", "options": {"num_predict": 5}}).to_string();
    let mut sockets: Vec<_> = (0..512).map(|_| connect(&server)).collect();
    for socket in &mut sockets {
        send(socket, "POST", "/api/generate", body.as_bytes());
    }
    for socket in &mut sockets {
        let answer = crate::http::parse(&read_all(socket));
        assert_eq!(answer.lines().len(), 6);
    }
    assert_eq!(server.sends().len(), 512 * 6);
    assert!(server.requests().iter().all(|record| record.queue_ns == 0));
}
