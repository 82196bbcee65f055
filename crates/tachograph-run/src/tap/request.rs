//! HTTP/1.1 requests, piece by piece.
//!
//! Owns: where a request begins and ends, and the little of its head that the tap needs.
//! Does not: keep headers; a key is kept only to strike it out of what is written down.

use tachograph_model::plan::Api;

use crate::client::Secret;
use crate::client::http::{Framing, HEAD_BYTES_MAX, HEADERS_MAX, HttpError, Piece, with_length};

/// What the tap needs of a request's head.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) method: String,
    /// With its query.
    pub(super) path: String,
    /// The agent that it names.
    pub(super) agent: Option<String>,
    /// The key that it carries.
    pub(super) secret: Option<Secret>,
}

impl Head {
    /// Returns the protocol, if the request asks for text.
    pub(super) fn api(&self) -> Option<Api> {
        let path = self.path.split('?').next().unwrap_or_default();
        let api = match path {
            "/api/generate" => Api::OllamaGenerate,
            "/api/chat" => Api::OllamaChat,
            // Behind a prefix, as gateways have one.
            _ if path.ends_with("/chat/completions") => Api::OpenaiChat,
            _ if path.ends_with("/completions") => Api::OpenaiCompletions,
            _ => return None,
        };
        (self.method == "POST").then_some(api)
    }
}

/// A part of a request.
#[derive(Debug)]
pub(super) enum Part<'a> {
    Head(Head),
    Body(&'a [u8]),
    End,
}

/// Reads requests, one after the other.
#[derive(Debug, Default)]
pub(super) struct RequestReader {
    head: Vec<u8>,
    framing: Option<Framing>,
}

impl RequestReader {
    /// Returns whether the next byte is the first of a request.
    pub(super) fn is_between(&self) -> bool {
        self.head.is_empty() && self.framing.is_none()
    }

    /// Takes the next part from the front of `input`; `None` when it is used up.
    pub(super) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Part<'a>>, HttpError> {
        if let Some(framing) = &mut self.framing {
            let piece = framing.next(input)?;
            return Ok(piece.map(|piece| match piece {
                Piece::Bytes(bytes) => Part::Body(bytes),
                Piece::End => {
                    self.framing = None;
                    Part::End
                }
            }));
        }
        if self.head.is_empty() {
            // Line ends between requests belong to none (RFC 9112, section 2.2).
            while let Some(rest) = input.strip_prefix(b"\r\n").or(input.strip_prefix(b"\n")) {
                *input = rest;
            }
        }
        if input.is_empty() {
            return Ok(None);
        }
        let before = self.head.len();
        let taken = &input[..input.len().min(HEAD_BYTES_MAX - before)];
        self.head.extend_from_slice(taken);
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut headers);
        let parsed = request
            .parse(&self.head)
            .map_err(|error| HttpError::Head { reason: error.to_string() })?;
        let httparse::Status::Complete(n_bytes) = parsed else {
            *input = &input[taken.len()..];
            if self.head.len() == HEAD_BYTES_MAX {
                return Err(HttpError::HeadTooLong);
            }
            return Ok(None);
        };
        let (head, framing) = interpret(&request)?;
        *input = &input[n_bytes - before..];
        self.head.clear();
        self.framing = Some(framing);
        Ok(Some(Part::Head(head)))
    }
}

fn interpret(request: &httparse::Request<'_, '_>) -> Result<(Head, Framing), HttpError> {
    let mut head = Head {
        method: request.method.unwrap_or_default().to_owned(),
        path: request.path.unwrap_or_default().to_owned(),
        agent: None,
        secret: None,
    };
    let mut framing = Framing::NONE;
    for header in request.headers.iter() {
        let value = String::from_utf8_lossy(header.value);
        let value = value.trim();
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("transfer-encoding") {
            if !value.eq_ignore_ascii_case("chunked") {
                return Err(HttpError::TransferCoding { found: value.to_owned() });
            }
            framing = Framing::CHUNKED;
        } else if is("content-length") {
            framing = with_length(framing, value)?;
        } else if is("x-tachograph-agent") {
            head.agent = Some(value.to_owned()).filter(|agent| !agent.is_empty());
        } else if is("authorization") || is("x-api-key") || is("api-key") {
            let key = value.split_once(' ').map_or(value, |(_, key)| key);
            head.secret = Secret::new(key).ok();
        }
    }
    Ok((head, framing))
}
