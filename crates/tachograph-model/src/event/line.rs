//! A line of `events.jsonl`, parsed without detours.
//!
//! Owns: [`Recorded::from_line`].
//!
//! Does not: accept or refuse anything that `serde_json` would not.

use serde::de::DeserializeOwned;

use super::{Event, Recorded};

impl Recorded {
    /// Parses a line, without its newline, exactly as [`serde_json::from_slice`] does.
    ///
    /// Calls and their chunks are nearly all of a study. An enum whose tag is one of
    /// its keys makes `serde` collect the other keys before it knows what they are; a
    /// line that is laid out as this program writes it is parsed straight away
    /// instead. The line is as before when this returns.
    ///
    /// # Errors
    ///
    /// As [`serde_json::from_slice`], with the place in the line.
    pub fn from_line(line: &mut [u8]) -> Result<Self, serde_json::Error> {
        match straight(line) {
            Some(recorded) => Ok(recorded),
            None => serde_json::from_slice(line),
        }
    }
}

/// Parses `{"source":"NAME","event":{"type":"KIND",…}}` for the kinds that come by
/// the million; `None` for anything else, and for whatever is wrong.
fn straight(line: &mut [u8]) -> Option<Recorded> {
    let head = b"{\"source\":\"";
    let source = text_at(line, head)?;
    let kind_at = head.len() + source.len();
    let middle = b"\",\"event\":{\"type\":\"";
    let kind = text_at(&line[kind_at..], middle)?;
    let source = source.to_owned();
    // The quote after the kind, and the comma that the fields follow.
    let comma = kind_at + middle.len() + kind.len() + 1;
    let parse: fn(&str) -> Option<Event> = match kind {
        "chunk" => |fields| fields_of(fields).map(Event::Chunk),
        "call_sent" => |fields| fields_of(fields).map(Event::CallSent),
        "call_finished" => |fields| fields_of(fields).map(Event::CallFinished),
        _ => return None,
    };
    if line.get(comma) != Some(&b',') || !line.ends_with(b"}}") {
        return None;
    }
    // With a brace in place of the comma, the fields are an object of their own.
    line[comma] = b'{';
    // One look at the whole, instead of one at each text.
    let event = std::str::from_utf8(&line[comma..line.len() - 1]).ok().and_then(parse);
    line[comma] = b',';
    Some(Recorded { source, event: event? })
}

fn fields_of<T: DeserializeOwned>(fields: &str) -> Option<T> {
    serde_json::from_str(fields).ok()
}

/// Returns what stands between `prefix` and the next quote, if `bytes` begin so and
/// it is plain text: without escapes, which mean something else than they are.
fn text_at<'a>(bytes: &'a [u8], prefix: &[u8]) -> Option<&'a str> {
    let rest = bytes.strip_prefix(prefix)?;
    let end = rest.iter().position(|&byte| byte == b'"' || byte == b'\\' || byte < b' ')?;
    if rest[end] == b'"' { std::str::from_utf8(&rest[..end]).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str) -> bool {
        let mut bytes = line.as_bytes().to_vec();
        let (found, expected) = (Recorded::from_line(&mut bytes), serde_json::from_str(line));
        assert_eq!(bytes, line.as_bytes(), "the line is as before");
        let (found, expected): (Result<_, _>, Result<Recorded, _>) =
            (found.map_err(|error| error.to_string()), expected.map_err(|error| error.to_string()));
        assert_eq!(found, expected, "{line}");
        found.is_ok()
    }

    const CHUNK: &str = r#"{"source":"analyst","event":{"type":"chunk","call":1,"index":0,"at_ns":9007199254740993,"read":0,"bytes":98,"kind":"content","text":"H\"i}}"}}"#;
    const SENT: &str = r#"{"source":"a","event":{"type":"call_sent","call":0,"stage":"analysis","server":"main","api":"ollama-generate","request":"{\"p\":\"ü\\n\"}","request_sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","parity_sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","connection":"fresh","planned_ns":3}}"#;
    const FINISHED: &str = r#"{"source":"a","event":{"type":"call_finished","call":0,"status":"completed","end_ns":9,"usage":{"output_tokens":4},"server":{},"output_sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad","n_chunks":1,"n_reads":1}}"#;

    #[test]
    fn lines_of_calls_are_read_straight_and_alike() {
        for line in [CHUNK, SENT, FINISHED] {
            assert!(check(line));
            assert!(straight(&mut line.as_bytes().to_vec()).is_some(), "{line}");
        }
    }

    /// Every layout that is not the usual one, and every fault, is left to `serde`.
    #[test]
    fn other_layouts_and_faults_are_read_as_ever() {
        let spaced = CHUNK.replace("\":", "\": ");
        let turned =
            r#"{"event":{"call":1,"type":"done","at_ns":1,"outcome":"completed"},"source":"b"}"#;
        for line in [spaced.as_str(), turned, &CHUNK.replace("analyst", r"an\u0061lyst")] {
            let accepted = check(line);
            assert_eq!(accepted, !line.contains("\"call\":1,\"type\":\"done\""), "{line}");
        }
        for broken in [
            CHUNK.replace("\"read\":0,", ""),
            CHUNK.replace("\"read\":0", "\"read\":-1"),
            CHUNK.replace("\"read\":0", "\"read\":0,\"read\":1"),
            CHUNK.replace("\"read\":0", "\"read\":0,\"type\":\"done\""),
            CHUNK.replace("\"read\":0", "\"read\":0,\"extra\":1"),
            CHUNK.replace("}}\"}}", "}}\"},\"source\":\"b\"}"),
            CHUNK.replace("}}\"}}", "}}\"}}}}"),
            CHUNK.replace("chunk", "chunky"),
            CHUNK.replace("\"chunk\",", "\"chunk\""),
            SENT.replace("ba78", "BA78"),
            FINISHED[..FINISHED.len() - 1].to_owned(),
        ] {
            assert!(!check(&broken), "{broken}");
        }
        // A cut at any place.
        for end in 0..CHUNK.len() {
            assert!(!check(&CHUNK[..end]));
        }
    }
}
