//! A server on loopback that does what a test says, and remembers what it was sent.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tachograph_run::client::Endpoint;

/// For how long a script waits for its client before it fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// One connection, as the script sees it.
pub(crate) struct Connection {
    pub(crate) stream: TcpStream,
    pending: Vec<u8>,
    /// Why nothing more can be sent, if that is so.
    pub(crate) is_gone: Option<std::io::Error>,
}

impl Connection {
    /// Reads one request; `None` when the client has closed the connection.
    pub(crate) fn request(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.request_end() {
                let rest = self.pending.split_off(end);
                let request = std::mem::replace(&mut self.pending, rest);
                return Some(String::from_utf8(request).unwrap());
            }
            let mut buffer = vec![0; 65_536];
            match self.read(&mut buffer) {
                Some(0) | None => return None,
                Some(n_bytes) => self.pending.extend_from_slice(&buffer[..n_bytes]),
            }
        }
    }

    fn request_end(&self) -> Option<usize> {
        let head = self.pending.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let text = String::from_utf8_lossy(&self.pending[..head]);
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: "))
            .map_or(0, |length| length.parse().unwrap());
        (self.pending.len() >= head + length).then_some(head + length)
    }

    /// Sends bytes, unless the client is gone already.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        if let Err(error) = self.stream.write_all(bytes.as_ref()) {
            self.is_gone = Some(error);
        }
    }

    /// Reads some bytes of a request.
    pub(crate) fn some(&mut self) -> Vec<u8> {
        let mut buffer = [0; 16];
        let n_bytes = self.stream.read(&mut buffer).unwrap();
        buffer[..n_bytes].to_vec()
    }

    /// Reads and drops everything until the client has closed the connection.
    pub(crate) fn await_silence(&mut self) {
        let mut buffer = vec![0; 65_536];
        while self.read(&mut buffer).is_some_and(|n_bytes| n_bytes > 0) {}
    }

    /// Reads some bytes; `None` when the connection was reset.
    ///
    /// # Panics
    ///
    /// If nothing comes for so long that the client must have forgotten the connection.
    fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        self.stream.set_read_timeout(Some(PATIENCE)).unwrap();
        match self.stream.read(buffer) {
            Ok(n_bytes) => Some(n_bytes),
            Err(error) => {
                let is_late = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(!is_late, "the client neither wrote nor closed within {PATIENCE:?}");
                None
            }
        }
    }

    /// Ends the connection, with everything that was sent delivered.
    pub(crate) fn close(&mut self) {
        self.stream.shutdown(std::net::Shutdown::Both).unwrap();
    }

    /// Waits until the client closes the connection.
    pub(crate) fn await_close(&mut self) {
        while self.request().is_some() {}
    }
}

/// A running script.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) endpoint: Endpoint,
    thread: JoinHandle<()>,
}

impl Server {
    /// Runs `script` for each of the first `n_connections`, one after the other.
    pub(crate) fn start(
        n_connections: usize,
        mut script: impl FnMut(usize, &mut Connection) + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let endpoint = Endpoint::parse(&format!("http://{address}")).unwrap();
        let thread = thread::spawn(move || {
            for index in 0..n_connections {
                let (stream, _) = listener.accept().unwrap();
                stream.set_nodelay(true).unwrap();
                script(index, &mut Connection { stream, pending: Vec::new(), is_gone: None });
            }
        });
        Self { endpoint, thread }
    }

    /// Runs `script` for `n_connections` at once.
    pub(crate) fn start_concurrent(
        n_connections: usize,
        script: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) -> Self {
        let script = std::sync::Arc::new(script);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let endpoint = Endpoint::parse(&format!("http://{address}")).unwrap();
        let thread = thread::spawn(move || {
            let threads: Vec<_> = (0..n_connections)
                .map(|_| {
                    let (stream, _) = listener.accept().unwrap();
                    let script = std::sync::Arc::clone(&script);
                    let mut connection = Connection { stream, pending: Vec::new(), is_gone: None };
                    thread::spawn(move || script(&mut connection))
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
        });
        Self { endpoint, thread }
    }

    /// Waits for the end of the script; fails if it failed.
    pub(crate) fn join(self) {
        self.thread.join().unwrap();
    }
}

/// Returns an answer with a body of known length.
pub(crate) fn answer(status: &str, content_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Returns the head of a chunked answer.
pub(crate) fn chunked_head(content_type: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n")
}

/// Returns `body` as one chunk.
pub(crate) fn chunk(body: &str) -> String {
    format!("{:x}\r\n{body}\r\n", body.len())
}

/// Ends a chunked body.
pub(crate) const LAST_CHUNK: &str = "0\r\n\r\n";
