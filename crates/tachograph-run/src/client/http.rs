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
pub(crate) const HEAD_BYTES_MAX: usize = 64 * 1_024;

/// The most headers that an answer may have.
pub(crate) const HEADERS_MAX: usize = 128;

/// The head of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    /// The status: 200, 404, ….
    pub(crate) status: u16,
    /// The media type without parameters, in lower case; empty if not given.
    pub(crate) media_type: String,
    /// Whether the connection may carry another request afterwards.
    pub(crate) keeps_alive: bool,
    /// How the body is compressed, if it is.
    pub(crate) encoding: Option<String>,
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

/// A part of a body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// Some of its bytes.
    Bytes(&'a [u8]),
    /// It is complete.
    End,
}

/// Finds a body's bytes, and its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Framing(State);

impl Framing {
    /// There is no body.
    pub(crate) const NONE: Self = Self(State::Ending);
    /// The body comes in chunks.
    pub(crate) const CHUNKED: Self = Self(State::ChunkSize { size: 0, n_digits: 0 });
    /// The body ends with the connection.
    const UNTIL_CLOSE: Self = Self(State::UntilClose);

    /// The body has so many bytes.
    pub(crate) const fn length(left: u64) -> Self {
        Self(State::Length { left })
    }

    /// Takes the next part from the front of `input`; `None` when it is used up.
    ///
    /// After [`Piece::End`], what is left in `input` does not belong to the body.
    pub(crate) fn next<'a>(
        &mut self,
        input: &mut &'a [u8],
    ) -> Result<Option<Piece<'a>>, HttpError> {
        loop {
            match self.0 {
                State::Length { left: 0 } | State::Ending => {
                    self.0 = State::Done;
                    return Ok(Some(Piece::End));
                }
                State::Done => return Ok(None),
                _ if input.is_empty() => return Ok(None),
                State::Length { left } => {
                    let body = take(input, left);
                    self.0 = State::Length { left: left - body.len() as u64 };
                    return Ok(Some(Piece::Bytes(body)));
                }
                State::UntilClose => return Ok(Some(Piece::Bytes(take(input, u64::MAX)))),
                State::ChunkData { left } => {
                    let body = take(input, left);
                    self.0 = match left - body.len() as u64 {
                        0 => State::ChunkDataEnd { seen_return: false },
                        left => State::ChunkData { left },
                    };
                    return Ok(Some(Piece::Bytes(body)));
                }
                state => {
                    let byte = input[0];
                    *input = &input[1..];
                    self.0 = frame(state, byte)?;
                }
            }
        }
    }

    /// Says that the connection has ended; an error unless the body may end here.
    fn connection_ended(&mut self) -> Result<(), HttpError> {
        match self.0 {
            State::Done => Ok(()),
            State::UntilClose | State::Length { left: 0 } | State::Ending => {
                self.0 = State::Done;
                Ok(())
            }
            _ => Err(HttpError::Cut { inside: "body" }),
        }
    }
}

/// Reads one answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Absent until the head is complete.
    framing: Option<Framing>,
    head: Vec<u8>,
    bodiless: bool,
    any_encoding: bool,
}

impl Answer {
    /// Starts an answer; one to `HEAD` has no body.
    pub(crate) fn new(to_head_request: bool) -> Self {
        Self { framing: None, head: Vec::new(), bodiless: to_head_request, any_encoding: false }
    }

    /// Takes bodies in whatever encoding they have: somebody else asked for it.
    pub(crate) fn in_any_encoding(self) -> Self {
        Self { any_encoding: true, ..self }
    }

    /// Takes the next part from the front of `input`; `None` when it is used up.
    ///
    /// After [`Part::End`], what is left in `input` does not belong to the answer.
    pub(crate) fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Part<'a>>, HttpError> {
        match &mut self.framing {
            None => Ok(self.take_head(input)?.map(Part::Head)),
            Some(framing) => Ok(framing.next(input)?.map(|piece| match piece {
                Piece::Bytes(bytes) => Part::Body(bytes),
                Piece::End => Part::End,
            })),
        }
    }

    /// Says that the connection has ended; an error unless the answer may end here.
    pub(crate) fn connection_ended(&mut self) -> Result<(), HttpError> {
        match &mut self.framing {
            None => Err(HttpError::Cut { inside: "head" }),
            Some(framing) => framing.connection_ended(),
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
            let (head, framing) = interpreted?;
            if let Some(found) = head.encoding.clone().filter(|_| !self.any_encoding) {
                return Err(HttpError::ContentEncoding { found });
            }
            let interim = (100..200).contains(&head.status) && head.status != 101;
            if !interim {
                self.framing = Some(framing);
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
) -> Result<(Head, Framing), HttpError> {
    let status = response.code.unwrap_or(0);
    let mut head = Head {
        status,
        media_type: String::new(),
        // HTTP/1.0 closes unless it says otherwise.
        keeps_alive: response.version == Some(1),
        encoding: None,
        headers: Vec::with_capacity(response.headers.len()),
    };
    let mut framing = Framing::UNTIL_CLOSE;
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
            framing = Framing::CHUNKED;
        } else if is("content-length") {
            framing = with_length(framing, &value)?;
        } else if is("content-encoding") && value != "identity" && !value.is_empty() {
            head.encoding = Some(value);
        }
    }
    if bodiless || matches!(status, 100..200 | 204 | 304) {
        framing = Framing::NONE;
    }
    if framing == Framing::UNTIL_CLOSE {
        head.keeps_alive = false;
    }
    Ok((head, framing))
}

/// Takes a `Content-Length` beside what is known of the framing.
pub(crate) fn with_length(framing: Framing, value: &str) -> Result<Framing, HttpError> {
    let is_number = value.bytes().all(|byte| byte.is_ascii_digit());
    let left = is_number.then(|| value.parse().ok()).flatten();
    match (left, framing.0) {
        // A transfer coding overrides a length (RFC 9112, section 6.3).
        (Some(_), State::ChunkSize { .. }) => Ok(framing),
        (Some(left), State::UntilClose | State::Ending) => Ok(Framing::length(left)),
        (Some(left), State::Length { left: other }) if left == other => Ok(framing),
        _ => Err(HttpError::ContentLength { found: value.to_owned() }),
    }
}

#[cfg(test)]
mod tests;
