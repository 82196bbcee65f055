//! TLS inside a socket that we own.
//!
//! Owns: certificates that are trusted (Mozilla's, and those in the PEM file that
//! `SSL_CERT_FILE` names) and the records of a connection.
//!
//! Does not: skip verification, or send client certificates.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::fd::AsFd as _;
use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use super::transport::Receipt;
use crate::sys;

/// The most that one read takes. With half a record of before it stays below what
/// the driver's buffer holds.
const RAW_BYTES: usize = 32 * 1_024;

/// A TLS connection that does not block.
#[derive(Debug)]
pub(crate) struct TlsStream {
    socket: TcpStream,
    connection: ClientConnection,
    raw: Vec<u8>,
    has_ended: bool,
}

/// Returns a fresh TLS session with `host`.
pub(super) fn connection(host: &str) -> io::Result<ClientConnection> {
    static CONFIGURATION: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    let configuration = if let Some(known) = CONFIGURATION.get() {
        known
    } else {
        let made = configuration(trusted_roots()?)?;
        CONFIGURATION.get_or_init(|| made)
    };
    session(Arc::clone(configuration), host)
}

fn session(configuration: Arc<ClientConfig>, host: &str) -> io::Result<ClientConnection> {
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let mut connection = ClientConnection::new(configuration, name).map_err(io::Error::other)?;
    connection.set_buffer_limit(None);
    Ok(connection)
}

fn configuration(roots: RootCertStore) -> io::Result<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?;
    Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
}

fn trusted_roots() -> io::Result<RootCertStore> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = std::env::var_os("SSL_CERT_FILE") {
        let failed = |error: &dyn std::fmt::Display| {
            io::Error::other(format!("SSL_CERT_FILE={}: {error}", path.display()))
        };
        for certificate in CertificateDer::pem_file_iter(&path).map_err(|error| failed(&error))? {
            let certificate = certificate.map_err(|error| failed(&error))?;
            roots.add(certificate).map_err(|error| failed(&error))?;
        }
    }
    Ok(roots)
}

impl TlsStream {
    /// Starts TLS on a socket that is connecting.
    pub(crate) fn new(socket: TcpStream, host: &str) -> io::Result<Self> {
        Ok(Self::over(socket, connection(host)?))
    }

    fn over(socket: TcpStream, connection: ClientConnection) -> Self {
        Self { socket, connection, raw: vec![0; RAW_BYTES], has_ended: false }
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(crate) fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// Goes on with the handshake; returns whether it is over.
    pub(crate) fn establish(&mut self) -> io::Result<bool> {
        loop {
            if !self.flush()? {
                return Ok(false);
            }
            if !self.connection.is_handshaking() {
                return Ok(true);
            }
            match sys::receive(self.socket.as_fd(), &mut self.raw) {
                Ok(received) if received.n_bytes == 0 => {
                    return Err(io::Error::other("the server ended the TLS handshake"));
                }
                Ok(received) => drop(self.decrypt(received.n_bytes, &mut [])?),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }

    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Receipt> {
        if self.has_ended {
            return Ok(Receipt::End);
        }
        let received = sys::receive(self.socket.as_fd(), &mut self.raw)?;
        if received.n_bytes == 0 {
            return Ok(Receipt::End);
        }
        let n_bytes = self.decrypt(received.n_bytes, buffer)?;
        // Answers to the server's key updates; they can wait if there is no room.
        let _nothing_left = self.flush()?;
        Ok(match (n_bytes, self.has_ended) {
            (0, true) => Receipt::End,
            (0, false) => Receipt::Nothing,
            (n_bytes, has_ended) => Receipt::Bytes {
                n_bytes,
                realtime_ns: received.realtime_ns,
                may_have_more: has_ended || received.n_bytes == self.raw.len(),
            },
        })
    }

    /// Takes `n_raw` received bytes; returns how many bytes they brought.
    fn decrypt(&mut self, n_raw: usize, buffer: &mut [u8]) -> io::Result<usize> {
        let mut input = &self.raw[..n_raw];
        let mut filled = 0;
        while !input.is_empty() {
            self.connection.read_tls(&mut input)?;
            let state = self.connection.process_new_packets().map_err(io::Error::other)?;
            self.has_ended |= state.peer_has_closed();
            while filled < buffer.len() {
                match self.connection.reader().read(&mut buffer[filled..]) {
                    Ok(0) => break,
                    Ok(n_bytes) => filled += n_bytes,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
            if self.has_ended {
                break;
            }
        }
        Ok(filled)
    }

    pub(crate) fn send(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        let mut writer = self.connection.writer();
        writer.write_all(first)?;
        writer.write_all(second)?;
        self.flush()?;
        Ok(first.len() + second.len())
    }

    /// Writes records that are held; returns whether none is left.
    pub(crate) fn flush(&mut self) -> io::Result<bool> {
        while self.connection.wants_write() {
            match self.connection.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
