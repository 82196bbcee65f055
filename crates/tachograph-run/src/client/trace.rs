//! A finished call as it was recorded, before it becomes a [`CallRecord`].
//!
//! Owns: the compact store of chunks: one fixed-size mark per chunk, and one text
//! per call. A million chunks take some 40 MB; as [`Chunk`]s they take 150.

use std::num::NonZeroU64;

use tachograph_model::call::CallRecord;
use tachograph_model::digest::Digest;
use tachograph_model::event::{CallFinished, CallSent, Chunk, ChunkKind};
use tachograph_model::units::InstantNs;

/// The instants of one read from a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The read's number within its call.
    pub(crate) read: u32,
    /// When the read had returned.
    pub(crate) user: InstantNs,
    /// When the kernel had received its last byte.
    pub(crate) kernel: Option<InstantNs>,
}

impl Stamp {
    /// Returns the better of the two.
    pub(crate) fn best(self) -> InstantNs {
        self.kernel.unwrap_or(self.user)
    }
}

/// One chunk, without its text.
#[derive(Debug, Clone, Copy)]
struct Mark {
    user_ns: u64,
    kernel_ns: Option<NonZeroU64>,
    text_end: u32,
    read: u32,
    bytes: u32,
    kind: ChunkKind,
}

/// The chunks of one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunks {
    marks: Vec<Mark>,
    text: String,
}

impl Chunks {
    /// Adds a chunk. Text beyond 4 GiB in one call is dropped.
    pub(crate) fn push(&mut self, stamp: Stamp, bytes: usize, kind: ChunkKind, text: &str) {
        let mut end = self.text.len();
        if let Some(sum) = end.checked_add(text.len())
            && u32::try_from(sum).is_ok()
        {
            self.text.push_str(text);
            end = sum;
        }
        self.marks.push(Mark {
            user_ns: stamp.user.0,
            kernel_ns: stamp.kernel.and_then(|kernel| NonZeroU64::new(kernel.0)),
            text_end: u32::try_from(end).expect("the text is kept below 4 GiB"),
            read: stamp.read,
            bytes: u32::try_from(bytes).unwrap_or(u32::MAX),
            kind,
        });
    }

    /// Returns the number of chunks.
    pub(crate) fn n_chunks(&self) -> u32 {
        u32::try_from(self.marks.len()).unwrap_or(u32::MAX)
    }

    /// Returns each mark with its text.
    fn with_text(&self) -> impl DoubleEndedIterator<Item = (&Mark, &str)> {
        (0..self.marks.len()).map(|index| {
            let start = index.checked_sub(1).map_or(0, |before| self.marks[before].text_end);
            let mark = &self.marks[index];
            (mark, &self.text[start as usize..mark.text_end as usize])
        })
    }

    /// Returns the digest of the answer's text, reasoning excluded.
    pub(crate) fn output_digest(&self) -> Digest {
        Digest::of_parts(
            self.with_text()
                .filter(|(mark, _)| mark.kind == ChunkKind::Content)
                .map(|(_, text)| text.as_bytes()),
        )
    }

    /// Returns the whole text, to strike a secret out; its length must not change.
    pub(crate) fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    /// Gives back the room that was kept for growth.
    pub(crate) fn shrink(&mut self) {
        self.marks.shrink_to_fit();
        self.text.shrink_to_fit();
    }
}

/// A call that has ended: what was sent, what arrived, how it ended.
#[derive(Debug, Clone)]
pub struct CallTrace {
    /// The request.
    pub sent: CallSent,
    /// The end.
    pub finished: CallFinished,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) chunks: Chunks,
}

impl CallTrace {
    /// Returns the value of the answer's header `name`, in any case, if it has one.
    pub fn header(&self, name: &str) -> Option<&str> {
        let is_it = |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
        self.headers.iter().find(is_it).map(|(_, value)| &**value)
    }

    /// Returns the pieces of the answer, in order of arrival.
    pub fn chunks(&self) -> impl Iterator<Item = Chunk> {
        let call = self.finished.call;
        (0_u32..).zip(self.chunks.with_text()).map(move |(index, (mark, text))| Chunk {
            call,
            index,
            at_ns: InstantNs(mark.user_ns),
            kernel_ns: mark.kernel_ns.map(|kernel| InstantNs(kernel.get())),
            read: mark.read,
            bytes: mark.bytes,
            kind: mark.kind,
            text: (!text.is_empty()).then(|| text.to_owned()),
        })
    }

    /// Returns the call with every chunk spelt out.
    pub fn into_record(self) -> CallRecord {
        let chunks = self.chunks().collect();
        CallRecord { sent: self.sent, chunks, finished: self.finished }
    }
}
