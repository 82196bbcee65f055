//! A connection: plain, or inside TLS.
//!
//! Owns: turning what a socket returns into the bytes that the server meant, read
//! by read, so that a stamp stays with its bytes. Inside TLS a byte counts as
//! arrived with the read that completed its record.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsFd as _, BorrowedFd};

use super::endpoint::Endpoint;
use crate::sys;

/// What one read returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receipt {
    /// Bytes, now in the buffer.
    Bytes {
        /// How many.
        n_bytes: usize,
        /// When the kernel had received the last one, on the real-time clock.
        realtime_ns: Option<u64>,
        /// Whether the socket may hold more.
        may_have_more: bool,
    },
    /// Nothing for us yet, such as half a TLS record.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only TLS reads without result"))]
    Nothing,
    /// The peer will send no more.
    End,
}

/// A connection that does not block.
#[derive(Debug)]
pub(crate) enum Transport {
    /// TCP.
    Plain(TcpStream),
    /// TLS over TCP.
    #[cfg(feature = "tls")]
    Tls(Box<super::tls::TlsStream>),
}

impl Transport {
    /// Takes a socket that is connecting to `endpoint`.
    #[cfg_attr(
        not(feature = "tls"),
        expect(clippy::unnecessary_wraps, reason = "a TLS handshake can be refused")
    )]
    pub(crate) fn new(socket: TcpStream, endpoint: &Endpoint) -> io::Result<Self> {
        #[cfg(feature = "tls")]
        if endpoint.is_tls() {
            let stream = super::tls::TlsStream::new(socket, endpoint.host())?;
            return Ok(Self::Tls(Box::new(stream)));
        }
        debug_assert!(!endpoint.is_tls(), "without TLS no such endpoint can be made");
        Ok(Self::Plain(socket))
    }

    /// Returns the socket.
    pub(crate) fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.socket(),
        }
    }

    /// Returns the socket's descriptor.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }

    /// Goes on with what stands between TCP and the first request.
    ///
    /// Returns whether that is over; an error ends the connection.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unnecessary_wraps, reason = "TLS can fail"))]
    pub(crate) fn establish(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.establish(),
        }
    }

    /// Returns whether [`Self::establish`] waits for room to write.
    pub(crate) fn wants_write(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.wants_write(),
        }
    }

    /// Reads once.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Receipt> {
        match self {
            Self::Plain(socket) => {
                let received = sys::receive(socket.as_fd(), buffer)?;
                Ok(match received.n_bytes {
                    0 => Receipt::End,
                    n_bytes => Receipt::Bytes {
                        n_bytes,
                        realtime_ns: received.realtime_ns,
                        may_have_more: n_bytes == buffer.len(),
                    },
                })
            }
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.receive(buffer),
        }
    }

    /// Writes two pieces as far as they are taken; returns how many bytes were.
    pub(crate) fn send(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => sys::send(socket.as_fd(), first, second),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.send(first, second),
        }
    }

    /// Writes what was taken and is still held; returns whether nothing is left.
    #[cfg_attr(not(feature = "tls"), expect(clippy::unnecessary_wraps, reason = "TLS can fail"))]
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// Returns the head of a request with a JSON body, or without a body.
pub(crate) fn request_head(request: &RequestHead<'_>) -> Vec<u8> {
    let RequestHead { method, path, endpoint, accept, n_body_bytes, keepalive, key } = request;
    let mut head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: tachograph/{}\r\nAccept: {accept}\r\n",
        endpoint.host_header(),
        env!("CARGO_PKG_VERSION"),
    );
    if let Some(n_bytes) = n_body_bytes {
        head.extend(["Content-Type: application/json\r\nContent-Length: ", &n_bytes.to_string()]);
        head += "\r\n";
    }
    if let Some(key) = key {
        head.extend(["Authorization: Bearer ", key, "\r\n"]);
    }
    head += if *keepalive { "Connection: keep-alive\r\n\r\n" } else { "Connection: close\r\n\r\n" };
    head.into_bytes()
}

/// What stands in the head of a request.
pub(crate) struct RequestHead<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) accept: &'a str,
    pub(crate) n_body_bytes: Option<usize>,
    pub(crate) keepalive: bool,
    pub(crate) key: Option<&'a str>,
}
