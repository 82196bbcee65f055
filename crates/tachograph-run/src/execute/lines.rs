//! What a worker writes: lines in, events or noise out.

use std::io::{self, BufRead, Read};

use tachograph_model::event::{Artifact, Event};

use crate::client::Secret;

/// The longest line that is taken for an event, in bytes.
pub(super) const LINE_BYTES_MAX: u64 = 16 << 20;

/// Bytes of a line that are kept as noise.
const NOISE_BYTES_MAX: usize = 1_000;

/// Bytes of a worker's standard error, or of the output of an agent without the
/// protocol, that are kept.
const OUTPUT_BYTES_MAX: usize = 64 << 10;

/// The longest name of an artifact, in bytes.
const NAME_BYTES_MAX: usize = 100;

/// A line that is not an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Noise {
    pub(super) line: String,
    pub(super) error: String,
}

/// Reads lines without their line feeds until the input ends or breaks. A line
/// that is too long is cut; `each` gets its first bytes and then `true`.
pub(super) fn read_lines(mut input: impl BufRead, mut each: impl FnMut(Vec<u8>, bool)) {
    loop {
        let mut line = Vec::new();
        match (&mut input).take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(n_bytes) if n_bytes > 0 => {}
            // A broken pipe is an end like another.
            _ => return,
        }
        let complete = line.last() == Some(&b'\n');
        let too_long = !complete && line.len() as u64 == LINE_BYTES_MAX;
        if complete {
            line.pop();
        } else if too_long {
            line.truncate(NOISE_BYTES_MAX);
            if input.skip_until(b'\n').is_err() {
                each(line, true);
                return;
            }
        }
        each(line, too_long);
    }
}

/// The shortest key that is struck out, in bytes: placeholders such as `EMPTY`
/// occur in honest text.
const KEY_BYTES_MIN: usize = 8;

/// Strikes every key out that occurs in what a worker wrote. A worker of ours
/// writes none; others might.
pub(super) fn without_keys(bytes: Vec<u8>, keys: &[Secret]) -> Vec<u8> {
    let occurs = |key: &&Secret| {
        let key = key.reveal().as_bytes();
        key.len() >= KEY_BYTES_MIN && memchr::memmem::find(&bytes, key).is_some()
    };
    let found: Vec<&Secret> = keys.iter().filter(occurs).collect();
    if found.is_empty() {
        return bytes;
    }
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    for key in found {
        key.strike_out(&mut text);
    }
    text.into_bytes()
}

/// Takes a line for an event that a worker may say.
pub(super) fn parse(line: &[u8], too_long: bool) -> Result<Event, Noise> {
    let noise = |error: String| {
        let text = String::from_utf8_lossy(line);
        Noise { line: text[..text.floor_char_boundary(NOISE_BYTES_MAX)].to_owned(), error }
    };
    if too_long {
        return Err(noise(format!("longer than {LINE_BYTES_MAX} bytes")));
    }
    let event: Event = serde_json::from_slice(line).map_err(|error| noise(error.to_string()))?;
    match &event {
        Event::RunStarted(_)
        | Event::ServerReset(_)
        | Event::ServerSeen(_)
        | Event::Conditions(_)
        | Event::ProcessSpawned(_)
        | Event::ProcessExited(_)
        | Event::Released(_)
        | Event::WorkerNoise(_)
        | Event::RunFinished(_) => Err(noise("only the harness may say this".to_owned())),
        Event::Artifact(Artifact { name, .. }) if !is_file_name(name) => Err(noise(
            "an artifact's name is letters, digits, `.`, `-` and `_`, and begins with none of \
             these marks"
                .to_owned(),
        )),
        _ => Ok(event),
    }
}

fn is_file_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || ['.', '-', '_'].contains(&c);
    name.len() <= NAME_BYTES_MAX
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(plain)
}

/// Reads what a worker writes that is no event to its end and keeps its start.
pub(super) fn read_output(mut input: impl Read) -> Vec<u8> {
    let mut kept = Vec::new();
    let limit = OUTPUT_BYTES_MAX as u64;
    // What came before a broken pipe is kept.
    drop((&mut input).take(limit).read_to_end(&mut kept));
    if let Ok(n_more @ 1..) = io::copy(&mut input, &mut io::sink()) {
        kept.extend_from_slice(format!("\n[{n_more} bytes more were left out]\n").as_bytes());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(line: &str) -> String {
        parse(line.as_bytes(), false).unwrap_err().error
    }

    #[test]
    fn only_a_worker_s_events_are_events() {
        let line = br#"{"type":"stage_started","stage":"ingest","at_ns":1}"#;
        assert!(matches!(parse(line, false), Ok(Event::StageStarted(_))));
        assert!(noise("Loading…").contains("line 1"));
        assert!(noise("").contains("EOF"));
        let line = r#"{"type":"run_finished","outcome":"completed","at_ns":1}"#;
        assert_eq!(noise(line), "only the harness may say this");
        for name in ["../x", "/etc/passwd", "", ".hidden", "a b", "ä", &"x".repeat(101)] {
            let line = format!(r#"{{"type":"artifact","name":"{name}","content":"","at_ns":1}}"#);
            assert!(noise(&line).starts_with("an artifact's name"), "{name}");
        }
        let long = parse(&[b'x'; 2000], true).unwrap_err();
        assert_eq!(long.line.len(), NOISE_BYTES_MAX);
        let bytes = parse(&[0xff; 2000], false).unwrap_err();
        assert!(bytes.line.len() <= NOISE_BYTES_MAX);
    }

    #[test]
    fn lines_end_with_the_input_and_long_ones_are_passed_over() {
        let mut seen = Vec::new();
        read_lines(&b"one\n\ntwo"[..], |line, long| seen.push((line, long)));
        let expected = [(b"one".to_vec(), false), (Vec::new(), false), (b"two".to_vec(), false)];
        assert_eq!(seen, expected);
        let mut input = vec![b'x'; usize::try_from(LINE_BYTES_MAX).unwrap() + 5];
        input.extend_from_slice(b"\nnext\n");
        seen.clear();
        read_lines(&input[..], |line, long| seen.push((line, long)));
        assert_eq!(seen.len(), 2);
        assert!(seen[0].1 && seen[0].0.len() == NOISE_BYTES_MAX);
        assert_eq!(seen[1], (b"next".to_vec(), false));
    }

    #[test]
    fn keys_are_struck_out() {
        let keys = [Secret::new("sk-hunter2").unwrap(), Secret::new("EMPTY").unwrap()];
        let struck = without_keys(b"key sk-hunter2, EMPTY \xff".to_vec(), &keys);
        assert_eq!(String::from_utf8(struck).unwrap(), "key **********, EMPTY \u{fffd}");
        let other = b"nothing \xff".to_vec();
        assert_eq!(without_keys(other.clone(), &keys), other);
    }

    #[test]
    fn standard_error_is_bounded_and_says_so() {
        assert_eq!(read_output(&b"oops\n"[..]), b"oops\n");
        let kept = read_output(&vec![b'x'; OUTPUT_BYTES_MAX + 7][..]);
        assert!(kept.ends_with(b"x\n[7 bytes more were left out]\n"));
    }
}
