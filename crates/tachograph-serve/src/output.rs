//! The way of an answer from the engine to the socket.
//!
//! Owns: the channel between the task that produces an answer and the
//! connection that writes it, and the rule that each piece is one write.
//!
//! Does not: decide what an answer says.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::mpsc;

use crate::connection::Tags;
use crate::job::{ApiError, Cut, Failure, Generated, Piece, Spans};
use crate::send_log::{SendKind, SendTag};
use crate::wire::{Shape, Words};

/// What travels from the producer to the connection.
#[derive(Debug)]
pub(crate) enum Item {
    Write(Bytes, SendTag),
    /// Only ever first: the answer is an error with its own status.
    Refuse(ApiError),
    Cut(Cut),
}

/// The producer's end.
#[derive(Debug)]
pub(crate) struct Output {
    shape: Shape,
    items: mpsc::Sender<Item>,
    next_index: u32,
    text: String,
    thinking: String,
    whole_tokens: u32,
}

impl Output {
    pub(crate) fn new(shape: Shape, items: mpsc::Sender<Item>) -> Self {
        Self {
            shape,
            items,
            next_index: 0,
            text: String::new(),
            thinking: String::new(),
            whole_tokens: 0,
        }
    }

    /// Resolves when the client is gone.
    pub(crate) fn client_gone(&self) -> impl Future<Output = ()> + use<> {
        let items = self.items.clone();
        async move { items.closed().await }
    }

    /// Sends the chunk that only names the role, where the format has one.
    pub(crate) async fn role(&mut self, deadline_ns: Option<u64>) -> Result<(), Failure> {
        match self.shape.role_chunk() {
            Some(bytes) => self.write(bytes, SendKind::Role, 0, deadline_ns).await,
            None => Ok(()),
        }
    }

    /// Sends one piece, or keeps it for an answer that is not streamed.
    pub(crate) async fn piece(&mut self, piece: Piece) -> Result<(), Failure> {
        let (kind, words) = if piece.thinking {
            (SendKind::Thinking, Words { text: "", thinking: &piece.text })
        } else {
            (SendKind::Token, Words { text: &piece.text, thinking: "" })
        };
        if self.shape.stream {
            let bytes = self.shape.chunk(words);
            return self.write(bytes, kind, piece.tokens, piece.deadline_ns).await;
        }
        self.text.push_str(words.text);
        self.thinking.push_str(words.thinking);
        self.whole_tokens = self.whole_tokens.saturating_add(piece.tokens);
        Ok(())
    }

    /// Sends the final record, or the whole answer.
    pub(crate) async fn finish(
        &mut self,
        spans: Spans,
        generated: &Generated,
    ) -> Result<(), Failure> {
        if !self.shape.stream {
            let words = Words { text: &self.text, thinking: &self.thinking };
            let bytes = self.shape.whole(words, spans, generated);
            let tokens = self.whole_tokens;
            return self.write(bytes, SendKind::Whole, tokens, generated.deadline_ns).await;
        }
        for (kind, bytes) in self.shape.end(spans, generated) {
            self.write(bytes, kind, 0, generated.deadline_ns).await?;
        }
        Ok(())
    }

    /// Sends half a chunk and then whatever follows it, as a broken server might.
    pub(crate) async fn malformed(&mut self, deadline_ns: Option<u64>) -> Result<(), Failure> {
        let chunk = self.shape.chunk(Words { text: "broken", thinking: "" });
        let mut bytes = chunk[..chunk.len() / 2].to_vec();
        bytes.extend_from_slice(if self.shape.route.is_openai() { b"\n\n" } else { b"\n" });
        self.write(Bytes::from(bytes), SendKind::Error, 0, deadline_ns).await
    }

    /// Answers with one object that is not a stream.
    pub(crate) async fn whole(&mut self, bytes: Bytes) -> Result<(), Failure> {
        self.shape.stream = false;
        self.write(bytes, SendKind::Whole, 0, None).await
    }

    /// Tells the client of a failure in the way that is still open.
    pub(crate) async fn fail(&mut self, failure: &Failure) {
        let sent = match failure {
            Failure::Gone => return,
            Failure::Cut(cut) => self.items.send(Item::Cut(*cut)).await,
            Failure::Api(error) if self.next_index == 0 => {
                self.items.send(Item::Refuse(error.clone())).await
            }
            Failure::Api(error) => {
                let bytes = self.shape.error_chunk(error);
                let tag = self.tag(&bytes, SendKind::Error, 0, None);
                self.items.send(Item::Write(bytes, tag)).await
            }
        };
        // A client that has left cannot be told.
        drop(sent);
    }

    pub(crate) fn shape(&self) -> &Shape {
        &self.shape
    }

    async fn write(
        &mut self,
        bytes: Bytes,
        kind: SendKind,
        tokens: u32,
        deadline_ns: Option<u64>,
    ) -> Result<(), Failure> {
        let tag = self.tag(&bytes, kind, tokens, deadline_ns);
        self.items.send(Item::Write(bytes, tag)).await.map_err(|_closed| Failure::Gone)
    }

    fn tag(
        &mut self,
        bytes: &Bytes,
        kind: SendKind,
        tokens: u32,
        deadline_ns: Option<u64>,
    ) -> SendTag {
        let index = self.next_index;
        self.next_index = index.saturating_add(1);
        let bytes = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        SendTag { request: self.shape.ordinal, index, kind, tokens, bytes, deadline_ns }
    }
}

/// A response body: fixed bytes, or pieces as they are produced.
#[derive(Debug)]
pub(crate) enum AnswerBody {
    /// Known from the start.
    Whole { bytes: Bytes, tag: Option<SendTag>, tags: Arc<Tags> },
    /// Produced while it is written.
    Stream(StreamBody),
}

/// The connection's end of a streamed answer.
#[derive(Debug)]
pub(crate) struct StreamBody {
    first: Option<Item>,
    items: mpsc::Receiver<Item>,
    /// Bytes of the whole body, where they are known.
    length: Option<u64>,
    tags: Arc<Tags>,
    /// Whether the piece before, or the head, still has to be flushed.
    flush_first: bool,
}

impl AnswerBody {
    pub(crate) fn whole(bytes: impl Into<Bytes>, tags: Arc<Tags>) -> Self {
        Self::Whole { bytes: bytes.into(), tag: None, tags }
    }

    /// A body that is produced while it is written. Its first piece leaves with the
    /// head; without one the head leaves by itself.
    pub(crate) fn stream(
        first: Option<Item>,
        length: Option<u64>,
        items: mpsc::Receiver<Item>,
        tags: Arc<Tags>,
    ) -> Self {
        let flush_first = first.is_none();
        Self::Stream(StreamBody { first, items, length, tags, flush_first })
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        match &mut *self {
            Self::Whole { bytes, tag, tags } => {
                if bytes.is_empty() {
                    return Poll::Ready(None);
                }
                if let Some(tag) = tag.take() {
                    tags.announce(tag);
                }
                Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes)))))
            }
            Self::Stream(stream) => stream.poll_next(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole { bytes, .. } if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole { bytes, .. } => {
                SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
            }
            Self::Stream(stream) => {
                stream.length.map_or_else(SizeHint::default, SizeHint::with_exact)
            }
        }
    }
}

impl StreamBody {
    fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if std::mem::take(&mut self.flush_first) {
            // Pending makes hyper flush, so that the next piece is a write of
            // its own even when it is ready already.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let item = match self.first.take() {
            Some(item) => Some(item),
            None => match self.items.poll_recv(context) {
                Poll::Ready(item) => item,
                Poll::Pending => return Poll::Pending,
            },
        };
        match item {
            None | Some(Item::Cut(Cut::CleanEnd)) => Poll::Ready(None),
            Some(Item::Write(bytes, tag)) => {
                self.tags.announce(tag);
                self.flush_first = true;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Some(Item::Cut(cut)) => {
                if cut == Cut::Reset {
                    self.tags.reset_connection();
                }
                Poll::Ready(Some(Err(cut_error())))
            }
            Some(Item::Refuse(error)) => Poll::Ready(Some(Err(io::Error::other(error)))),
        }
    }
}

/// The error that makes hyper close a connection without ending the body.
pub(crate) fn cut_error() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "cut by a configured fault, or as recorded")
}
