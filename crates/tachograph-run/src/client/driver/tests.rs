use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use tachograph_model::event::Stage;
use tachograph_model::plan::{Api, Timeouts};

use super::*;

fn spec(endpoint: &Endpoint, body: String) -> CallSpec {
    CallSpec {
        call: 0,
        stage: Stage::Analysis,
        server: "main".to_owned(),
        endpoint: endpoint.clone(),
        api: Api::OllamaGenerate,
        body,
        nonce: None,
        connection: ConnectionMode::Keepalive,
        timeouts: Timeouts::default(),
        secret: None,
        planned: None,
    }
}

fn call(driver: &mut Driver, spec: CallSpec) -> CallTrace {
    driver.submit(spec);
    let mut finished = driver.wait(None, &mut |_| {});
    assert_eq!(finished.len(), 1);
    finished.remove(0)
}

#[test]
fn the_next_address_is_tried_when_one_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let good = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.0 200 OK\r\n\r\n{\"response\":\"a\",\"done\":true}\n").unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    let endpoint = Endpoint::parse(&format!("http://two-homes.invalid:{}", good.port())).unwrap();
    // Nobody listens at that port of the second address.
    let bad = SocketAddr::new([127, 0, 0, 2].into(), good.port());
    let mut driver = Driver::new(Stop::new().unwrap()).unwrap();
    driver.resolver.known.insert(endpoint.clone(), vec![good, bad]);
    let trace = call(&mut driver, spec(&endpoint, "{}".to_owned()));
    assert_eq!(trace.finished.status, CallStatus::Completed, "{:?}", trace.finished);
    server.join().unwrap();

    let trace = call(&mut driver, spec(&endpoint, "{}".to_owned()));
    let message = trace.finished.error.unwrap();
    assert_eq!(trace.finished.status, CallStatus::ConnectError, "{message}");
}

#[test]
fn many_calls_leave_no_timers_and_no_sockets_behind() {
    let endpoint = Endpoint::parse("http://127.0.0.1:9").unwrap();
    let mut driver = Driver::new(Stop::new().unwrap()).unwrap();
    for _ in 0..500 {
        let trace = call(&mut driver, spec(&endpoint, "{}".to_owned()));
        assert_eq!(trace.finished.status, CallStatus::ConnectError);
    }
    assert!(driver.timers.len() <= 64, "{}", driver.timers.len());
    assert_eq!(driver.slots.len(), 1);
    assert_eq!(driver.n_pending(), 0);
}
