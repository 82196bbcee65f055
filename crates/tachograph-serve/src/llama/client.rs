//! Requests to the child over its Unix socket.
//!
//! Owns: one connection per request, JSON in, JSON or events out.
//!
//! Does not: know prompts or options.

use std::path::PathBuf;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Method, Request, StatusCode};
use serde_json::Value;
use tokio::net::UnixStream;
use tokio::task::JoinHandle;

use crate::connection::StampedSocket;
use crate::job::ApiError;
use crate::wire::to_json;

/// Where the child listens.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    socket: PathBuf,
}

/// Ends the task of a connection when the answer is no longer wanted; the
/// child then stops generating.
#[derive(Debug)]
struct Connection(JoinHandle<()>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The events of a streamed answer.
#[derive(Debug)]
pub(crate) struct Events {
    body: Incoming,
    buffer: Vec<u8>,
    _connection: Connection,
}

/// What went wrong between us and the child.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// No connection, or it broke.
    #[error("the connection to the llama.cpp server broke: {0}")]
    Broken(String),
    /// The child refused, with its status and its sentence.
    #[error("{1}")]
    Refused(StatusCode, String),
    /// The child said something that is not understood.
    #[error("the llama.cpp server answered with something unknown: {0}")]
    Unknown(String),
}

impl ClientError {
    /// The error as the client of the front sees it.
    pub(crate) fn into_api(self) -> ApiError {
        match self {
            Self::Broken(_) => ApiError::internal(
                "model runner has unexpectedly stopped, this may be due to resource \
                 limitations or an internal error, check ollama server logs for details",
            ),
            Self::Refused(status, message) if status.is_client_error() => {
                ApiError::new(status, message)
            }
            other => ApiError::internal(other.to_string()),
        }
    }
}

fn broken(error: impl std::fmt::Display) -> ClientError {
    ClientError::Broken(error.to_string())
}

impl Client {
    pub(crate) fn new(socket: PathBuf) -> Self {
        Self { socket }
    }

    /// Whether the child is up and has its model.
    pub(crate) async fn is_healthy(&self) -> bool {
        let answer = self.send(Method::GET, "/health", Bytes::new()).await;
        matches!(answer, Ok((StatusCode::OK, _, _)))
    }

    /// Posts `value` and returns the answer.
    pub(crate) async fn post(&self, path: &str, value: &Value) -> Result<Value, ClientError> {
        let (status, body, connection) =
            self.send(Method::POST, path, to_json(value).into()).await?;
        let bytes = body.collect().await.map_err(broken)?.to_bytes();
        drop(connection);
        if status.is_success() {
            serde_json::from_slice(&bytes).map_err(|error| ClientError::Unknown(error.to_string()))
        } else {
            Err(refusal(status, &bytes))
        }
    }

    /// Posts `value` and returns the answer's events.
    pub(crate) async fn events(&self, path: &str, value: &Value) -> Result<Events, ClientError> {
        let (status, body, connection) =
            self.send(Method::POST, path, to_json(value).into()).await?;
        if !status.is_success() {
            let bytes = body.collect().await.map_err(broken)?.to_bytes();
            return Err(refusal(status, &bytes));
        }
        Ok(Events { body, buffer: Vec::new(), _connection: connection })
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, Incoming, Connection), ClientError> {
        let socket = UnixStream::connect(&self.socket).await.map_err(broken)?;
        let (mut sender, connection) =
            http1::handshake(StampedSocket::plain(socket)).await.map_err(broken)?;
        let connection = Connection(tokio::spawn(async move {
            // Its error reaches whoever waits for the answer.
            drop(connection.await);
        }));
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(broken)?;
        let answer = sender.send_request(request).await.map_err(broken)?;
        let (parts, body) = answer.into_parts();
        Ok((parts.status, body, connection))
    }
}

fn refusal(status: StatusCode, bytes: &[u8]) -> ClientError {
    let message = serde_json::from_slice::<Value>(bytes)
        .ok()
        .and_then(|value| value["error"]["message"].as_str().map(str::to_owned))
        .unwrap_or_else(|| String::from_utf8_lossy(bytes).into_owned());
    ClientError::Refused(status, message)
}

impl Events {
    /// Returns the next event; `None` when the answer ended.
    pub(crate) async fn next(&mut self) -> Result<Option<Value>, ClientError> {
        loop {
            if let Some(event) = take_event(&mut self.buffer)? {
                return Ok(Some(event));
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Err(error)) => return Err(broken(error)),
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.buffer.extend_from_slice(data);
                    }
                }
            }
        }
    }
}

/// Takes the first whole `data:` line off the buffer; other lines are skipped.
fn take_event(buffer: &mut Vec<u8>) -> Result<Option<Value>, ClientError> {
    while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
        let line: Vec<u8> = buffer.drain(..=end).collect();
        let Some(data) = line.strip_prefix(b"data:") else {
            continue;
        };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            continue;
        }
        let event: Value = serde_json::from_slice(data)
            .map_err(|error| ClientError::Unknown(error.to_string()))?;
        if let Some(message) = event["error"]["message"].as_str() {
            let code = event["error"]["code"].as_u64().and_then(|code| u16::try_from(code).ok());
            let status = code
                .and_then(|code| StatusCode::from_u16(code).ok())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            return Err(ClientError::Refused(status, message.to_owned()));
        }
        return Ok(Some(event));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_taken_whole_and_in_order() {
        let mut buffer = b": ping\n\ndata: {\"a\":1}\n\ndata:{\"a\":2}\n\nda".to_vec();
        assert_eq!(take_event(&mut buffer).unwrap(), Some(json!({"a": 1})));
        assert_eq!(take_event(&mut buffer).unwrap(), Some(json!({"a": 2})));
        assert_eq!(take_event(&mut buffer).unwrap(), None);
        buffer.extend_from_slice(b"ta: [DONE]\n\n");
        assert_eq!(take_event(&mut buffer).unwrap(), None);
        assert!(buffer.is_empty());
    }

    #[test]
    fn an_error_event_is_an_error_with_its_status() {
        let mut buffer = b"data: {\"error\":{\"code\":400,\"message\":\"too long\"}}\n".to_vec();
        let error = take_event(&mut buffer).unwrap_err().into_api();
        assert_eq!((error.status.as_u16(), error.message.as_str()), (400, "too long"));
    }
}
