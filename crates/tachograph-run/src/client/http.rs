//! HTTP/1.1 answers, piece by piece.
//!
//! Owns: where a head ends, how a body is framed, and where it ends. Takes bytes
//! as reads return them and gives back slices of the same bytes, so that each part
//! of the body belongs to a known read.
//!
//! Does not: read sockets, know clocks, or decode what a body means.
//!
//! # Source
//!
//! RFC 9112, sections 6 (message body) and 7 (transfer codings).

/// The most that a head or the trailers may take.
const HEAD_BYTES_MAX: usize = 64 * 1_024;

/// The most headers that an answer may have.
const HEADERS_MAX: usize = 128;

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The status: 200, 404, ….
    pub(crate) status: u16,
    /// The media type without parameters, in lower case; empty if not given.
    pub(crate) media_type: String,
    /// Whether the connection may carry another request afterwards.
    pub(crate) keeps_alive: bool,
    /// Names as sent and values, in order.
    pub(crate) headers: Vec<(String, String)>,
}

/// A part of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part<'a> {
    /// The head is complete.
    Head(Head),
    /// Bytes of the body.
    Body(&'a [u8]),
    /// The body is complete.
    End,
}

/// Why bytes are not an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    /// The head is not HTTP.
    #[error("the answer's head is not HTTP/1.1 ({reason}); is this an HTTP server?")]
    Head {
        /// What the parser says.
        reason: String,
    },
    /// The head does not end.
    #[error("the answer's head is longer than {HEAD_BYTES_MAX} bytes")]
    HeadTooLong,
    /// A length that is none.
    #[error("the answer's content-length {found:?} is not one number")]
    ContentLength {
        /// The header's value.
        found: String,
    },
    /// A coding that was not asked for.
    #[error("the answer uses the transfer coding {found:?}, which was not asked for")]
    TransferCoding {
        /// The header's value.
        found: String,
    },
    /// A compressed body.
    #[error("the answer is encoded as {found:?}, which was not asked for")]
    ContentEncoding {
        /// The header's value.
        found: String,
    },
    /// The chunked framing is broken.
    #[error("the body's chunked framing is broken")]
    Chunked,
    /// The connection ended inside the answer.
    #[error("the connection ended inside the answer's {inside}")]
    Cut {
        /// `head` or `body`.
        inside: &'static str,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    Length { left: u64 },
    UntilClose,
    ChunkSize { size: u64, n_digits: u8 },
    ChunkExtension { size: u64, n_bytes: usize },
    ChunkSizeEnd { size: u64 },
    ChunkData { left: u64 },
    ChunkDataEnd { seen_return: bool },
    Trailer { line_is_empty: bool, n_bytes: usize },
    Ending,
    Done,
}

/// Reads one answer.
#[derive(Debug)]
pub(crate) struct Answer {
    state: State,
    head: Vec<u8>,
    bodiless: bool,
}

impl Answer {
    /// Starts an answer; one to `HEAD` has no body.
    pub(crate) fn new(to_head_request: bool) -> Self {
        Self { state: State::Head, head: Vec::new(), bodiless: to_head_request }
    }

    /// Takes the next part from the front of `input`; `None` when it is used up.
    ///
    /// After [`Part::End`], what is left in `input` does not belong to the answer.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Part<'a>>, HttpError> {
        loop {
            match self.state {
                State::Head => match self.take_head(input)? {
                    Some(head) => return Ok(Some(Part::Head(head))),
                    None => return Ok(None),
                },
                State::Length { left: 0 } | State::Ending => {
                    self.state = State::Done;
                    return Ok(Some(Part::End));
                }
                State::Done => return Ok(None),
                _ if input.is_empty() => return Ok(None),
                State::Length { left } => {
                    let body = take(input, left);
                    self.state = State::Length { left: left - body.len() as u64 };
                    return Ok(Some(Part::Body(body)));
                }
                State::UntilClose => return Ok(Some(Part::Body(take(input, u64::MAX)))),
                State::ChunkData { left } => {
                    let body = take(input, left);
                    self.state = match left - body.len() as u64 {
                        0 => State::ChunkDataEnd { seen_return: false },
                        left => State::ChunkData { left },
                    };
                    return Ok(Some(Part::Body(body)));
                }
                state => {
                    let byte = input[0];
                    *input = &input[1..];
                    self.state = frame(state, byte)?;
                }
            }
        }
    }

    /// Says that the connection has ended; an error unless the answer may end here.
    pub(crate) fn connection_ended(&mut self) -> Result<(), HttpError> {
        match self.state {
            State::Done => Ok(()),
            State::UntilClose | State::Length { left: 0 } | State::Ending => {
                self.state = State::Done;
                Ok(())
            }
            State::Head => Err(HttpError::Cut { inside: "head" }),
            _ => Err(HttpError::Cut { inside: "body" }),
        }
    }

    /// Collects the head; skips interim answers such as `100 Continue`.
    fn take_head(&mut self, input: &mut &[u8]) -> Result<Option<Head>, HttpError> {
        while !input.is_empty() {
            let before = self.head.len();
            let room = HEAD_BYTES_MAX - before;
            let taken = &input[..input.len().min(room)];
            self.head.extend_from_slice(taken);
            let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
            let mut response = httparse::Response::new(&mut headers);
            let parsed = response
                .parse(&self.head)
                .map_err(|error| HttpError::Head { reason: error.to_string() })?;
            let httparse::Status::Complete(head_len) = parsed else {
                *input = &input[taken.len()..];
                if self.head.len() == HEAD_BYTES_MAX {
                    return Err(HttpError::HeadTooLong);
                }
                continue;
            };
            let interpreted = interpret(&response, self.bodiless);
            *input = &input[head_len - before..];
            self.head.clear();
            let (head, state) = interpreted?;
            let interim = (100..200).contains(&head.status) && head.status != 101;
            if !interim {
                self.state = state;
                return Ok(Some(head));
            }
        }
        Ok(None)
    }
}

/// Takes at most `limit` bytes from the front of `input`.
fn take<'a>(input: &mut &'a [u8], limit: u64) -> &'a [u8] {
    let n_bytes = usize::try_from(limit).map_or(input.len(), |limit| limit.min(input.len()));
    let (taken, rest) = input.split_at(n_bytes);
    *input = rest;
    taken
}

/// Moves the chunked framing on by one byte.
fn frame(state: State, byte: u8) -> Result<State, HttpError> {
    match (state, byte) {
        (State::ChunkSize { size, n_digits }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                _ => (byte | 0x20) - b'a' + 10,
            };
            // Fifteen hexadecimal digits cannot overflow.
            if n_digits == 15 {
                return Err(HttpError::Chunked);
            }
            let size = size << 4 | u64::from(digit);
            Ok(State::ChunkSize { size, n_digits: n_digits + 1 })
        }
        (State::ChunkSize { n_digits: 0, .. }, _) => Err(HttpError::Chunked),
        (State::ChunkSize { size, .. } | State::ChunkExtension { size, .. }, b'\r') => {
            Ok(State::ChunkSizeEnd { size })
        }
        (
            State::ChunkSize { size, .. }
            | State::ChunkExtension { size, .. }
            | State::ChunkSizeEnd { size },
            b'\n',
        ) => Ok(match size {
            0 => State::Trailer { line_is_empty: true, n_bytes: 0 },
            left => State::ChunkData { left },
        }),
        (State::ChunkSize { size, .. }, b';' | b' ' | b'\t') => {
            Ok(State::ChunkExtension { size, n_bytes: 0 })
        }
        (State::ChunkExtension { size, n_bytes }, _) if n_bytes < HEAD_BYTES_MAX => {
            Ok(State::ChunkExtension { size, n_bytes: n_bytes + 1 })
        }
        (State::ChunkDataEnd { seen_return: false }, b'\r') => {
            Ok(State::ChunkDataEnd { seen_return: true })
        }
        (State::ChunkDataEnd { .. }, b'\n') => Ok(State::ChunkSize { size: 0, n_digits: 0 }),
        (State::Trailer { line_is_empty: true, .. }, b'\n') => Ok(State::Ending),
        (State::Trailer { n_bytes, .. }, b'\n') => {
            Ok(State::Trailer { line_is_empty: true, n_bytes })
        }
        (State::Trailer { line_is_empty, n_bytes }, b'\r') => {
            Ok(State::Trailer { line_is_empty, n_bytes })
        }
        (State::Trailer { n_bytes, .. }, _) if n_bytes < HEAD_BYTES_MAX => {
            Ok(State::Trailer { line_is_empty: false, n_bytes: n_bytes + 1 })
        }
        _ => Err(HttpError::Chunked),
    }
}

/// Reads the meaning of a head, and how the body after it is framed.
fn interpret(
    response: &httparse::Response<'_, '_>,
    bodiless: bool,
) -> Result<(Head, State), HttpError> {
    let status = response.code.unwrap_or(0);
    let mut head = Head {
        status,
        media_type: String::new(),
        // HTTP/1.0 closes unless it says otherwise.
        keeps_alive: response.version == Some(1),
        headers: Vec::with_capacity(response.headers.len()),
    };
    let mut state = State::UntilClose;
    for header in response.headers.iter() {
        let value = String::from_utf8_lossy(header.value).trim().to_owned();
        head.headers.push((header.name.to_owned(), value.clone()));
        let value = value.to_ascii_lowercase();
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("content-type") {
            value.split(';').next().unwrap_or("").trim().clone_into(&mut head.media_type);
        } else if is("connection") {
            for option in value.split(',').map(str::trim) {
                match option {
                    "close" => head.keeps_alive = false,
                    "keep-alive" => head.keeps_alive = true,
                    _ => {}
                }
            }
        } else if is("transfer-encoding") {
            if value != "chunked" {
                return Err(HttpError::TransferCoding { found: value });
            }
            state = State::ChunkSize { size: 0, n_digits: 0 };
        } else if is("content-length") {
            let left = value
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| value.parse().ok())
                .flatten();
            match (left, state) {
                // A transfer coding overrides a length (RFC 9112, section 6.3).
                (Some(_), State::ChunkSize { .. }) => {}
                (Some(left), State::UntilClose) => state = State::Length { left },
                (Some(left), State::Length { left: other }) if left == other => {}
                _ => return Err(HttpError::ContentLength { found: value }),
            }
        } else if is("content-encoding") && value != "identity" && !value.is_empty() {
            return Err(HttpError::ContentEncoding { found: value });
        }
    }
    if bodiless || matches!(status, 100..200 | 204 | 304) {
        state = State::Ending;
    }
    if state == State::UntilClose {
        head.keeps_alive = false;
    }
    Ok((head, state))
}

#[cfg(test)]
mod tests;
