//! Records of a streamed body: lines of NDJSON, events of SSE.
//!
//! Owns: where a record begins and ends, wherever the stream was cut into pieces.
//! A record that lies inside one piece is not copied.
//!
//! Does not: look into records.
//!
//! # Source
//!
//! *NDJSON - Newline Delimited JSON*, version 1.0.0; *HTML Living Standard*,
//! section 9.2.6 (interpreting an event stream).

use memchr::{memchr, memchr2};

/// The most that one record may take.
pub(crate) const FRAME_BYTES_MAX: usize = 16 * 1_024 * 1_024;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameKind {
    /// A JSON line, or the data of an event.
    Data,
    /// The data of an event that the server marks as an error.
    Error,
    /// An event without data: a comment that keeps the connection alive.
    Comment,
    /// A record that is longer than [`FRAME_BYTES_MAX`], cut off there.
    TooLong,
}

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// What it is.
    pub(crate) kind: FrameKind,
    /// Its data, without framing.
    pub(crate) data: &'a [u8],
    /// Its size in the body, framing included.
    pub(crate) n_bytes: usize,
}

/// Splits a body into records.
#[derive(Debug)]
pub(crate) enum Splitter {
    /// One record per line.
    Ndjson(Lines),
    /// Server-sent events.
    Sse(Events),
}

impl Splitter {
    /// Returns a splitter of lines.
    pub(crate) fn ndjson() -> Self {
        Self::Ndjson(Lines::default())
    }

    /// Returns a splitter of events.
    pub(crate) fn sse() -> Self {
        Self::Sse(Events::default())
    }

    /// Takes the next piece of the body; `sink` gets each record that it completes.
    pub(crate) fn push(&mut self, piece: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        match self {
            Self::Ndjson(lines) => lines.push(piece, sink),
            Self::Sse(events) => events.push(piece, sink),
        }
    }

    /// Ends a body that ended as it must: a last record without its final line
    /// break is complete as well.
    pub(crate) fn finish(&mut self, sink: &mut impl FnMut(Frame<'_>)) {
        match self {
            Self::Ndjson(lines) => lines.finish(sink),
            Self::Sse(events) => events.finish(sink),
        }
    }
}

/// Splits NDJSON. Lines end in LF or CR LF; blank ones are skipped.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    /// Bytes of the record so far that are not in `partial`.
    n_dropped: usize,
}

impl Lines {
    fn push(&mut self, mut piece: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        while let Some(end) = memchr(b'\n', piece) {
            let (line, rest) = (&piece[..end], &piece[end + 1..]);
            if self.partial.is_empty() {
                emit_line(line, line.len() + 1, 0, sink);
            } else {
                self.keep(line);
                emit_line(&self.partial, self.partial.len() + 1, self.n_dropped, sink);
                self.partial.clear();
                self.n_dropped = 0;
            }
            piece = rest;
        }
        self.keep(piece);
    }

    fn finish(&mut self, sink: &mut impl FnMut(Frame<'_>)) {
        emit_line(&self.partial, self.partial.len(), self.n_dropped, sink);
        self.partial.clear();
        self.n_dropped = 0;
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.n_dropped += keep(&mut self.partial, bytes);
    }
}

/// Appends to an incomplete record up to its limit; returns how much was dropped.
fn keep(partial: &mut Vec<u8>, bytes: &[u8]) -> usize {
    let kept = bytes.len().min(FRAME_BYTES_MAX - partial.len());
    partial.extend_from_slice(&bytes[..kept]);
    bytes.len() - kept
}

fn emit_line(line: &[u8], n_bytes: usize, n_dropped: usize, sink: &mut impl FnMut(Frame<'_>)) {
    let data = line.strip_suffix(b"\r").unwrap_or(line);
    if !data.iter().all(u8::is_ascii_whitespace) {
        let kind = if n_dropped > 0 { FrameKind::TooLong } else { FrameKind::Data };
        sink(Frame { kind, data, n_bytes: n_bytes + n_dropped });
    }
}

/// Splits server-sent events. Lines end in LF, CR LF or CR; a blank one ends an event.
#[derive(Debug, Default)]
pub(crate) struct Events {
    /// The line so far, if it began in an earlier piece.
    partial: Vec<u8>,
    /// The last byte was CR, so that LF would still belong to that line's end.
    after_return: bool,
    /// The data of the event so far, its lines joined by LF.
    data: Vec<u8>,
    /// What the lines of the event so far make of it.
    seen: Seen,
    /// Whether the event is marked as an error.
    is_error: bool,
    n_dropped: usize,
    n_bytes: usize,
}

/// What an event has had so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Seen {
    /// No line.
    #[default]
    Nothing,
    /// Comments, or fields other than data.
    Others,
    /// Data.
    Data,
}

impl Events {
    fn push(&mut self, mut piece: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        while !piece.is_empty() {
            if self.after_return {
                self.after_return = false;
                if piece[0] == b'\n' {
                    // It counts with the record that follows.
                    self.n_bytes += 1;
                    piece = &piece[1..];
                    continue;
                }
            }
            if self.is_fresh()
                && let Some((data, n_bytes)) = whole_event(piece)
            {
                sink(Frame { kind: FrameKind::Data, data, n_bytes: n_bytes + self.n_bytes });
                self.n_bytes = 0;
                piece = &piece[n_bytes..];
                continue;
            }
            let Some(end) = memchr2(b'\n', b'\r', piece) else {
                self.n_bytes += piece.len();
                self.n_dropped += keep(&mut self.partial, piece);
                return;
            };
            self.n_bytes += end + 1;
            self.after_return = piece[end] == b'\r';
            if self.partial.is_empty() {
                self.line(&piece[..end], sink);
            } else {
                self.n_dropped += keep(&mut self.partial, &piece[..end]);
                let mut line = std::mem::take(&mut self.partial);
                self.line(&line, sink);
                line.clear();
                self.partial = line;
            }
            piece = &piece[end + 1..];
        }
    }

    fn finish(&mut self, sink: &mut impl FnMut(Frame<'_>)) {
        let line = std::mem::take(&mut self.partial);
        if !line.is_empty() {
            self.line(&line, sink);
        }
        self.line(&[], sink);
    }

    /// Returns whether the next byte begins an event.
    fn is_fresh(&self) -> bool {
        self.partial.is_empty() && self.seen == Seen::Nothing && self.n_dropped == 0
    }

    fn line(&mut self, line: &[u8], sink: &mut impl FnMut(Frame<'_>)) {
        if line.is_empty() {
            return self.dispatch(sink);
        }
        let (field, value) = match memchr(b':', line) {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match field {
            b"data" => self.keep_data(value),
            // llama.cpp before b6000 sends errors as a field of that name.
            b"error" => {
                self.is_error = true;
                self.keep_data(value);
            }
            b"event" => {
                self.is_error |= value == b"error";
                self.keep_other();
            }
            b"" | b"id" | b"retry" => self.keep_other(),
            // The standard ignores what it does not know; so a web page has no event.
            _ => {}
        }
    }

    fn keep_other(&mut self) {
        if self.seen == Seen::Nothing {
            self.seen = Seen::Others;
        }
    }

    fn keep_data(&mut self, value: &[u8]) {
        if self.seen == Seen::Data {
            self.n_dropped += keep(&mut self.data, b"\n");
        }
        self.seen = Seen::Data;
        self.n_dropped += keep(&mut self.data, value);
    }

    fn dispatch(&mut self, sink: &mut impl FnMut(Frame<'_>)) {
        let kind = match self.seen {
            _ if self.n_dropped > 0 => Some(FrameKind::TooLong),
            Seen::Nothing => None,
            Seen::Others => Some(FrameKind::Comment),
            Seen::Data if self.is_error => Some(FrameKind::Error),
            Seen::Data => Some(FrameKind::Data),
        };
        if let Some(kind) = kind {
            sink(Frame { kind, data: &self.data, n_bytes: self.n_bytes });
            self.n_bytes = 0;
        }
        self.data.clear();
        (self.seen, self.is_error) = (Seen::Nothing, false);
        self.n_dropped = 0;
    }
}

/// Returns the data and size of an event at the front of `piece`, if it is whole and
/// of the plain form `data: …` LF LF. Whatever else it is, the slow way finds out.
fn whole_event(piece: &[u8]) -> Option<(&[u8], usize)> {
    let rest = piece.strip_prefix(b"data: ")?;
    let end = memchr2(b'\n', b'\r', rest)?;
    (rest.get(end..end + 2) == Some(b"\n\n")).then(|| (&rest[..end], end + 8))
}

#[cfg(test)]
mod tests;
