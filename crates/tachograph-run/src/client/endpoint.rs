//! Where a server is, and the key that it wants.

use std::fmt;
use std::sync::Arc;

/// The scheme, host and port of a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    tls: bool,
    host: Arc<str>,
    port: u16,
}

/// Why a text is not an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// No scheme, or another one.
    #[error("a server's URL starts with http:// or https://, not {url:?}")]
    Scheme {
        /// The text.
        url: String,
    },
    /// More than a host and a port.
    #[error("expected only a host and a port, as in http://127.0.0.1:11434, not {url:?}")]
    Shape {
        /// The text.
        url: String,
    },
    /// A name and password in the URL, which is not repeated here.
    #[error("a server's URL holds no user or password; name the key by `api_key_env`")]
    Credentials,
    /// The port is not a number from 1 to 65535.
    #[error("the port of {url:?} is not a number from 1 to 65535")]
    Port {
        /// The text.
        url: String,
    },
    /// HTTPS without the feature.
    #[error("{url:?} needs HTTPS; build with `--features tls`, or use http://")]
    TlsMissing {
        /// The text.
        url: String,
    },
}

impl Endpoint {
    /// Parses `http://HOST[:PORT]` or `https://HOST[:PORT]`; a closing `/` may follow.
    ///
    /// Ports default to 80 and 443. An IPv6 address stands in brackets.
    ///
    /// # Errors
    ///
    /// [`EndpointError`] says what is wrong and what is expected.
    pub fn parse(url: &str) -> Result<Self, EndpointError> {
        let owned = || url.to_owned();
        let (tls, rest) = if let Some(rest) = url.strip_prefix("http://") {
            (false, rest)
        } else if let Some(rest) = url.strip_prefix("https://") {
            (true, rest)
        } else if url.contains('@') {
            return Err(EndpointError::Credentials);
        } else {
            return Err(EndpointError::Scheme { url: owned() });
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains('@') {
            return Err(EndpointError::Credentials);
        }
        let odd = |c: char| c.is_ascii_control() || c.is_whitespace() || "/?#\\\"<>".contains(c);
        let (host, port) = match authority.strip_prefix('[') {
            Some(bracketed) => {
                let (host, port) = bracketed
                    .split_once(']')
                    .ok_or_else(|| EndpointError::Shape { url: owned() })?;
                if host.parse::<std::net::Ipv6Addr>().is_err() {
                    return Err(EndpointError::Shape { url: owned() });
                }
                (host, port.strip_prefix(':').or(port.is_empty().then_some("")))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, Some("")),
            },
        };
        let port = port.ok_or_else(|| EndpointError::Shape { url: owned() })?;
        if host.is_empty() || host.contains(odd) || port.contains(odd) {
            return Err(EndpointError::Shape { url: owned() });
        }
        let explicit = authority.ends_with(':') || !port.is_empty();
        let port = match (explicit, tls) {
            (true, _) => port
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| port.parse().ok().filter(|port| *port != 0))
                .flatten()
                .ok_or_else(|| EndpointError::Port { url: owned() })?,
            (false, true) => 443,
            (false, false) => 80,
        };
        if tls && !cfg!(feature = "tls") {
            return Err(EndpointError::TlsMissing { url: owned() });
        }
        Ok(Self { tls, host: host.into(), port })
    }

    /// Returns whether the connection is encrypted.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// Returns the host: a name or an address, IPv6 without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the value of the `Host` header.
    pub(crate) fn host_header(&self) -> String {
        let default = if self.tls { 443 } else { 80 };
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.to_string()
        };
        if self.port == default { host } else { format!("{host}:{}", self.port) }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host_header())
    }
}

/// A key. It is sent to the server that it is for and shown to nobody: neither
/// `Debug` nor `Display` prints it, and records have it struck out.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

/// Why a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The environment variable is not set, or empty.
    #[error("the environment variable {name} is not set; export the server's key in it")]
    Missing {
        /// Its name.
        name: String,
    },
    /// The key has characters that no header may carry.
    #[error("the key has characters other than visible ASCII; copy it again without line breaks")]
    NotVisibleAscii,
}

impl Secret {
    /// Takes a key; white space around it is dropped.
    ///
    /// # Errors
    ///
    /// [`SecretError::NotVisibleAscii`] if it is empty or could not be a header.
    pub fn new(key: &str) -> Result<Self, SecretError> {
        let key = key.trim();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SecretError::NotVisibleAscii);
        }
        Ok(Self(key.into()))
    }

    /// Takes the key in the environment variable `name`.
    ///
    /// # Errors
    ///
    /// [`SecretError::Missing`] if the variable is unset or empty;
    /// [`SecretError::NotVisibleAscii`] if its value could not be a header.
    pub fn from_env(name: &str) -> Result<Self, SecretError> {
        match std::env::var(name) {
            Ok(key) if !key.trim().is_empty() => Self::new(&key),
            Err(std::env::VarError::NotUnicode(_)) => Err(SecretError::NotVisibleAscii),
            _ => Err(SecretError::Missing { name: name.to_owned() }),
        }
    }

    /// Returns the key itself, for the `Authorization` header only.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Overwrites each occurrence of the key in `text` by as many asterisks.
    pub(crate) fn strike_out(&self, text: &mut String) {
        if text.contains(self.reveal()) {
            *text = text.replace(self.reveal(), &"*".repeat(self.0.len()));
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_ports_and_addresses_are_understood() {
        for (url, host, port, shown) in [
            ("http://127.0.0.1:11434", "127.0.0.1", 11434, "http://127.0.0.1:11434"),
            ("http://localhost:8000/", "localhost", 8000, "http://localhost:8000"),
            ("http://gpu-box", "gpu-box", 80, "http://gpu-box"),
            ("http://[::1]:80/", "::1", 80, "http://[::1]"),
            ("http://[fe80::1]:9", "fe80::1", 9, "http://[fe80::1]:9"),
        ] {
            let endpoint = Endpoint::parse(url).unwrap();
            assert_eq!((endpoint.host(), endpoint.port()), (host, port), "{url}");
            assert_eq!(endpoint.to_string(), shown);
            assert!(!endpoint.is_tls());
        }
    }

    #[test]
    fn other_texts_are_refused_with_the_reason() {
        for (url, part) in [
            ("", "http://"),
            ("localhost:11434", "starts with"),
            ("ftp://a", "starts with"),
            ("http://", "host and a port"),
            ("http://:80", "host and a port"),
            ("http://a/v1", "host and a port"),
            ("http://a?b", "host and a port"),
            ("http://a\r\nX: y", "host and a port"),
            ("http://[::1", "host and a port"),
            ("http://[zz]:1", "host and a port"),
            ("http://[::1]80", "host and a port"),
            ("http://a:", "port"),
            ("http://a:0", "port"),
            ("http://a:+80", "port"),
            ("http://a:65536", "port"),
            ("http://::1:80", "port"),
            ("http://user:hunter2@a", "api_key_env"),
            ("user:hunter2@a", "api_key_env"),
        ] {
            let message = Endpoint::parse(url).unwrap_err().to_string();
            assert!(message.contains(part), "{url}: {message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
    }

    #[test]
    fn https_follows_the_feature() {
        let parsed = Endpoint::parse("https://example.org");
        if cfg!(feature = "tls") {
            let endpoint = parsed.unwrap();
            assert!(endpoint.is_tls());
            assert_eq!(endpoint.to_string(), "https://example.org");
        } else {
            assert!(parsed.unwrap_err().to_string().contains("--features tls"));
        }
    }

    #[test]
    fn a_secret_is_not_shown_and_bad_ones_are_refused() {
        let secret = Secret::new(" sk-hunter2\n").unwrap();
        let shown = format!("{secret:?} {secret}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(secret.reveal(), "sk-hunter2");
        for bad in ["", "  ", "a b", "a\r\nX-Evil: 1", "schlüssel"] {
            assert_eq!(Secret::new(bad), Err(SecretError::NotVisibleAscii));
        }
        let missing = Secret::from_env("TACHOGRAPH_NO_SUCH_VARIABLE").unwrap_err();
        assert!(missing.to_string().contains("TACHOGRAPH_NO_SUCH_VARIABLE"));
    }

    #[test]
    fn striking_out_keeps_the_length() {
        let secret = Secret::new("key").unwrap();
        let mut text = "a keykey ké".to_owned();
        secret.strike_out(&mut text);
        assert_eq!(text, "a ****** ké");
    }
}
