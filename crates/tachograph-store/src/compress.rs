//! Events on their way into and out of their sealed form.
//!
//! Owns: the compression of `events.jsonl.zst`: one zstd frame, a fixed level,
//! with its checksum.
//!
//! Does not: open files by itself.

use std::io::{self, BufRead, BufReader, Read, Write as _};

use sha2::{Digest as _, Sha256};
use tachograph_model::digest::Digest;

/// Fixed, so that equal events give equal bytes with one version of zstd.
const LEVEL: i32 = 3;
/// The longest line that is read back; a request body may be long.
const LINE_BYTES_MAX: u64 = 256 << 20;

/// Events in their sealed form.
#[derive(Debug)]
pub(crate) struct Compressed {
    /// The zstd frame.
    pub(crate) bytes: Vec<u8>,
    /// The digest of what was compressed.
    pub(crate) raw_sha256: Digest,
    /// The number of lines in it.
    pub(crate) n_lines: u64,
}

/// Compresses all of `source`.
pub(crate) fn compress(mut source: impl Read) -> io::Result<Compressed> {
    let mut encoder = zstd::Encoder::new(Vec::new(), LEVEL)?;
    encoder.include_checksum(true)?;
    let mut hasher = Sha256::new();
    let mut n_lines = 0;
    let mut buffer = vec![0; 1 << 18];
    loop {
        let n_read = source.read(&mut buffer)?;
        let piece = &buffer[..n_read];
        if piece.is_empty() {
            break;
        }
        hasher.update(piece);
        n_lines += piece.split(|byte| *byte == b'\n').count() as u64 - 1;
        encoder.write_all(piece)?;
    }
    let raw_sha256 = Digest::from(<[u8; 32]>::from(hasher.finalize()));
    Ok(Compressed { bytes: encoder.finish()?, raw_sha256, n_lines })
}

/// Lines of compressed events, with the digest of what was read so far.
pub(crate) struct Lines<'a> {
    source: BufReader<zstd::Decoder<'static, BufReader<&'a [u8]>>>,
    hasher: Sha256,
    line: Vec<u8>,
}

impl<'a> Lines<'a> {
    /// Begins to read `bytes`.
    pub(crate) fn of(bytes: &'a [u8]) -> io::Result<Self> {
        let source = BufReader::with_capacity(1 << 17, zstd::Decoder::new(bytes)?);
        Ok(Self { source, hasher: Sha256::new(), line: Vec::new() })
    }

    /// Returns the next line without its newline, or `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<&mut [u8]>> {
        self.line.clear();
        (&mut self.source).take(LINE_BYTES_MAX).read_until(b'\n', &mut self.line)?;
        self.hasher.update(&self.line);
        match self.line.last() {
            None => Ok(None),
            Some(b'\n') => {
                self.line.pop();
                Ok(Some(&mut self.line))
            }
            Some(_) => Err(io::Error::other("a line has no end, or is longer than 256 MiB")),
        }
    }

    /// Returns the digest of all that was read.
    pub(crate) fn digest(self) -> Digest {
        Digest::from(<[u8; 32]>::from(self.hasher.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_survive_and_equal_input_gives_equal_bytes() {
        let text: String = "{\"n\":1}\n{\"n\":23456}\n".repeat(2500);
        let compressed = compress(text.as_bytes()).unwrap();
        assert_eq!(compressed.n_lines, 5000);
        assert_eq!(compressed.raw_sha256, Digest::of(text.as_bytes()));
        assert_eq!(compressed.bytes, compress(text.as_bytes()).unwrap().bytes);
        let mut lines = Lines::of(&compressed.bytes).unwrap();
        let mut back = String::new();
        while let Some(line) = lines.next().unwrap() {
            back.push_str(std::str::from_utf8(line).unwrap());
            back.push('\n');
        }
        assert_eq!(back, text);
        assert_eq!(lines.digest(), compressed.raw_sha256);
    }

    #[test]
    fn a_frame_that_is_cut_off_is_an_error_not_an_end() {
        let compressed = compress(&b"{}\n{}\n"[..]).unwrap().bytes;
        let mut lines = Lines::of(&compressed[..compressed.len() - 3]).unwrap();
        let error = loop {
            match lines.next() {
                Ok(Some(_)) => {}
                Ok(None) => panic!("a cut frame read to its end"),
                Err(error) => break error,
            }
        };
        assert!(!error.to_string().is_empty());
    }
}
