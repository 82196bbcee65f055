//! Small requests that are not measured: versions, model lists, unloading.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use tachograph_model::plan::Timeouts;
use tachograph_model::units::{DurationNs, InstantNs};

use super::driver::Resolver;
use super::endpoint::{Endpoint, Secret};
use super::http::{Answer, HttpError, Part};
use super::transport::{RequestHead, request_head};
use crate::clock;

/// The most that a body may take.
const BODY_BYTES_MAX: usize = 64 * 1_024 * 1_024;

/// An answer in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status; one of an error is an answer too.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The host has no address.
    #[error("no connection to {endpoint}: {reason}")]
    Address {
        /// The server.
        endpoint: Endpoint,
        /// What the system says.
        reason: String,
    },
    /// No connection.
    #[error("no connection to {endpoint}; is the server running?")]
    Connect {
        /// The server.
        endpoint: Endpoint,
        /// What the system says.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection to {endpoint} broke during {method} {path}")]
    Broken {
        /// The server.
        endpoint: Endpoint,
        /// The method.
        method: String,
        /// The route.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// It took too long.
    #[error("{endpoint} did not answer {method} {path} within {timeout_s} s")]
    Timeout {
        /// The server.
        endpoint: Endpoint,
        /// The method.
        method: String,
        /// The route.
        path: String,
        /// How long was waited.
        timeout_s: f64,
    },
    /// The answer is not HTTP, or was cut off.
    #[error("{endpoint} answered {method} {path} with something else: {reason}")]
    Answer {
        /// The server.
        endpoint: Endpoint,
        /// The method.
        method: String,
        /// The route.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Sends one request on a connection of its own and returns the answer in full.
///
/// `body` is JSON; without one the request has no body. Waits `connect_s` for the
/// connection and `first_token_s` for the answer, both in full.
///
/// # Errors
///
/// [`FetchError`] if no complete answer came. An HTTP error is an answer.
pub fn fetch(
    endpoint: &Endpoint,
    (method, path): (&str, &str),
    body: Option<&[u8]>,
    timeouts: &Timeouts,
    secret: Option<&Secret>,
) -> Result<Response, FetchError> {
    let stream = connect(endpoint, Timeouts::duration(timeouts.connect_s))?;
    let until = clock::now().after(Timeouts::duration(timeouts.first_token_s));
    let head = request_head(&RequestHead {
        method,
        path,
        endpoint,
        accept: "application/json",
        n_body_bytes: body.map(<[u8]>::len),
        keepalive: false,
        key: secret.map(Secret::reveal),
    });
    let (owned_method, owned_path) = (method.to_owned(), path.to_owned());
    let answer = open(endpoint, stream)
        .map_err(Failure::Io)
        .and_then(|stream| converse(stream, until, &[&head, body.unwrap_or(b"")], method));
    answer.map_err(|failure| match failure {
        Failure::Io(error) if is_timeout(&error) => FetchError::Timeout {
            endpoint: endpoint.clone(),
            method: owned_method,
            path: owned_path,
            timeout_s: timeouts.first_token_s,
        },
        Failure::Io(source) => FetchError::Broken {
            endpoint: endpoint.clone(),
            method: owned_method,
            path: owned_path,
            source,
        },
        Failure::Answer(reason) => FetchError::Answer {
            endpoint: endpoint.clone(),
            method: owned_method,
            path: owned_path,
            reason,
        },
    })
}

enum Failure {
    Io(io::Error),
    Answer(String),
}

impl From<HttpError> for Failure {
    fn from(error: HttpError) -> Self {
        Self::Answer(error.to_string())
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// A connection that blocks.
trait Stream: Read + Write {
    fn socket(&self) -> &TcpStream;
}

impl Stream for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

#[cfg(feature = "tls")]
impl Stream for rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        self.get_ref()
    }
}

#[cfg_attr(
    not(feature = "tls"),
    expect(clippy::unnecessary_wraps, reason = "a TLS handshake can be refused")
)]
fn open(endpoint: &Endpoint, socket: TcpStream) -> io::Result<Box<dyn Stream>> {
    #[cfg(feature = "tls")]
    if endpoint.is_tls() {
        let connection = super::tls::connection(endpoint.host())?;
        return Ok(Box::new(rustls::StreamOwned::new(connection, socket)));
    }
    debug_assert!(!endpoint.is_tls(), "without TLS no such endpoint can be made");
    Ok(Box::new(socket))
}

/// Connects to the first address that answers.
fn connect(endpoint: &Endpoint, timeout: DurationNs) -> Result<TcpStream, FetchError> {
    let addresses = Resolver::default()
        .addresses(endpoint, timeout)
        .map_err(|reason| FetchError::Address { endpoint: endpoint.clone(), reason })?;
    let mut failed: io::Error = io::ErrorKind::AddrNotAvailable.into();
    for address in addresses.iter().rev() {
        match TcpStream::connect_timeout(address, Duration::from_nanos(timeout.0)) {
            Ok(stream) => return Ok(stream),
            Err(error) => failed = error,
        }
    }
    Err(FetchError::Connect { endpoint: endpoint.clone(), source: failed })
}

/// Writes the request and reads the answer, until the instant `until`.
fn converse(
    mut stream: Box<dyn Stream>,
    until: InstantNs,
    request: &[&[u8]],
    method: &str,
) -> Result<Response, Failure> {
    let limit = |stream: &dyn Stream| {
        let left = until.since(clock::now()).filter(|left| left.0 > 0);
        let left = left.ok_or(io::ErrorKind::TimedOut)?;
        let left = Some(Duration::from_nanos(left.0.max(1_000)));
        stream.socket().set_write_timeout(left)?;
        stream.socket().set_read_timeout(left)
    };
    limit(&*stream).map_err(Failure::Io)?;
    stream.write_all(&request.concat()).map_err(Failure::Io)?;
    stream.flush().map_err(Failure::Io)?;
    let mut answer = Answer::new(method == "HEAD");
    let mut response = Response { status: 0, body: Vec::new() };
    let mut buffer = vec![0; 16 * 1_024];
    loop {
        limit(&*stream).map_err(Failure::Io)?;
        let n_bytes = match stream.read(&mut buffer) {
            Ok(n_bytes) => n_bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // TLS without a farewell; HTTP's own framing says whether it is whole.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => 0,
            Err(error) => return Err(Failure::Io(error)),
        };
        if n_bytes == 0 {
            answer.connection_ended()?;
            return Ok(response);
        }
        let mut input = &buffer[..n_bytes];
        while let Some(part) = answer.next(&mut input)? {
            match part {
                Part::Head(head) => response.status = head.status,
                Part::Body(piece) if response.body.len() + piece.len() > BODY_BYTES_MAX => {
                    return Err(Failure::Answer(format!("more than {BODY_BYTES_MAX} bytes")));
                }
                Part::Body(piece) => response.body.extend_from_slice(piece),
                Part::End => return Ok(response),
            }
        }
    }
}

#[cfg(test)]
mod tests;
