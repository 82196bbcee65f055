use std::net::TcpListener;
use std::os::fd::AsFd as _;
use std::thread::{self, JoinHandle};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::*;
use crate::sys::{Interest, Poller};

/// A certificate of localhost and 127.0.0.1 for these tests only, made by
/// `openssl ca -selfsign -startdate 20200101000000Z -enddate 21200101000000Z` from a P-256 key,
/// with subjectAltName=DNS:localhost,IP:127.0.0.1 and basicConstraints=critical,CA:FALSE.
const CERTIFICATE: &[u8] = include_bytes!("localhost.certificate.der");
const KEY: &[u8] = include_bytes!("localhost.key.der");

/// Answers `n_lines` lines, each in a record of its own, to one request of four bytes.
fn serve(n_lines: usize) -> (TcpStream, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    socket.set_nonblocking(true).unwrap();
    let thread = thread::spawn(move || {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(KEY));
        let configuration = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
            .unwrap();
        let connection = ServerConnection::new(Arc::new(configuration)).unwrap();
        let (socket, _) = listener.accept().unwrap();
        let mut stream = StreamOwned::new(connection, socket);
        let mut request = [0; 4];
        if stream.read_exact(&mut request).is_err() {
            return;
        }
        assert_eq!(&request, b"ping");
        for index in 0..n_lines {
            stream.write_all(format!("line {index}\n").as_bytes()).unwrap();
            stream.flush().unwrap();
        }
        stream.conn.send_close_notify();
        stream.flush().unwrap();
    });
    (socket, thread)
}

fn trusting(roots: RootCertStore, socket: TcpStream, host: &str) -> TlsStream {
    TlsStream::over(socket, session(configuration(roots).unwrap(), host).unwrap())
}

fn test_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(CERTIFICATE)).unwrap();
    roots
}

/// Repeats `step` whenever the socket is ready, until it gives a result.
fn drive<T>(
    stream: &mut TlsStream,
    mut step: impl FnMut(&mut TlsStream) -> io::Result<Option<T>>,
) -> io::Result<T> {
    let mut poller = Poller::new()?;
    poller.add(stream.socket.as_fd(), 0, Interest::Read)?;
    let mut ready = Vec::new();
    loop {
        match step(stream) {
            Ok(Some(result)) => return Ok(result),
            Ok(None) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        let writes = if stream.wants_write() { Interest::ReadWrite } else { Interest::Read };
        poller.change(stream.socket.as_fd(), 0, writes)?;
        poller.wait(None, &mut ready)?;
    }
}

#[test]
fn a_request_and_its_answer_pass_and_the_farewell_is_the_end() {
    for host in ["localhost", "127.0.0.1"] {
        let (socket, server) = serve(200);
        let mut stream = trusting(test_roots(), socket, host);
        drive(&mut stream, |stream| Ok(stream.establish()?.then_some(()))).unwrap();
        assert_eq!(stream.send(b"pi", b"ng").unwrap(), 4);
        drive(&mut stream, |stream| Ok(stream.flush()?.then_some(()))).unwrap();
        let mut buffer = vec![0; 64 * 1_024];
        let mut received = Vec::new();
        drive(&mut stream, |stream| {
            loop {
                match stream.receive(&mut buffer)? {
                    Receipt::End => return Ok(Some(())),
                    Receipt::Bytes { n_bytes, .. } => {
                        received.extend_from_slice(&buffer[..n_bytes]);
                    }
                    Receipt::Nothing => {}
                }
            }
        })
        .unwrap();
        server.join().unwrap();
        let expected: Vec<String> = (0..200).map(|index| format!("line {index}\n")).collect();
        assert_eq!(String::from_utf8(received).unwrap(), expected.concat());
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_or_for_another_host_is_refused() {
    let strangers = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for (roots, host, part) in [
        (strangers, "localhost", "UnknownIssuer"),
        (test_roots(), "example.org", "not valid for name"),
    ] {
        let (socket, server) = serve(0);
        let mut stream = trusting(roots, socket, host);
        let refused = drive(&mut stream, |stream| Ok(stream.establish()?.then_some(())));
        let message = refused.unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
        drop(stream);
        server.join().unwrap();
    }
}
