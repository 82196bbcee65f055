use proptest::prelude::*;

use super::*;

/// What an answer came to, with neighbouring pieces of its body put together.
#[derive(Debug, PartialEq)]
struct Outcome {
    heads: Vec<Head>,
    body: Vec<u8>,
    ended: bool,
    n_left: usize,
    error: Option<HttpError>,
}

fn read(answer: &mut Answer, pieces: &[&[u8]]) -> Outcome {
    let mut outcome =
        Outcome { heads: Vec::new(), body: Vec::new(), ended: false, n_left: 0, error: None };
    for piece in pieces {
        let mut input = *piece;
        loop {
            match answer.next(&mut input) {
                Ok(None) => break,
                Ok(Some(Part::Head(head))) => outcome.heads.push(head),
                Ok(Some(Part::Body(bytes))) => outcome.body.extend_from_slice(bytes),
                Ok(Some(Part::End)) => outcome.ended = true,
                Err(error) => {
                    outcome.error = Some(error);
                    return outcome;
                }
            }
        }
        outcome.n_left += input.len();
    }
    outcome
}

fn whole(bytes: &[u8]) -> Outcome {
    read(&mut Answer::new(false), &[bytes])
}

const CHUNKED: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\
    Content-Type: Text/Event-Stream; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n\
    5\r\nhello\r\n00a;name=\"value\"\r\n, world!!\n\r\n0\r\nX-Trailer: 1\r\n\r\n";

#[test]
fn a_chunked_answer_with_everything_is_read() {
    let outcome = whole(CHUNKED);
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let head = Head {
        status: 200,
        media_type: "text/event-stream".to_owned(),
        keeps_alive: true,
        encoding: None,
        headers: vec![
            header("Content-Type", "Text/Event-Stream; charset=utf-8"),
            header("Transfer-Encoding", "chunked"),
        ],
    };
    assert_eq!(outcome.heads, [head], "the interim answer is skipped");
    assert_eq!(outcome.body, b"hello, world!!\n");
    assert!(outcome.ended);
    assert_eq!(outcome.n_left, 0);
}

#[test]
fn bodies_end_where_their_framing_says() {
    for (text, body, ended, n_left) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcX", "abc", true, 1),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", true, 0),
        ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", "abc", false, 0),
        ("HTTP/1.1 204 No Content\r\n\r\n", "", true, 0),
        ("HTTP/1.1 200 OK\r\n\r\nabc", "abc", false, 0),
        ("HTTP/1.1 200 OK\nContent-Length: 1\n\na", "a", true, 0),
        // A transfer coding overrides a length.
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
            "a",
            true,
            0,
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", "ab", true, 0),
    ] {
        let outcome = whole(text.as_bytes());
        assert_eq!(outcome.error, None, "{text}");
        assert_eq!(outcome.body, body.as_bytes(), "{text}");
        assert_eq!((outcome.ended, outcome.n_left), (ended, n_left), "{text}");
    }
}

#[test]
fn connections_are_kept_only_where_that_is_sure() {
    for (text, keeps) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: Close\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\n\r\n", false),
    ] {
        assert_eq!(whole(text.as_bytes()).heads[0].keeps_alive, keeps, "{text}");
    }
}

#[test]
fn what_is_not_an_answer_is_named() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}", "y".repeat(HEAD_BYTES_MAX));
    for (text, part) in [
        ("SSH-2.0-OpenSSH\r\n", "is this an HTTP server?"),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "\"-1\""),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", "\"2\""),
        ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", "999"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "gzip"),
        ("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n", "br"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz", "chunked framing"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n", "chunked framing"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n", "chunked framing"),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
            "chunked framing",
        ),
        (&long, "longer than"),
    ] {
        let message = whole(text.as_bytes()).error.expect(text).to_string();
        assert!(message.contains(part), "{text:.80}: {message}");
    }
}

#[test]
fn the_end_of_a_connection_is_an_end_only_where_it_may_be() {
    for (text, expected) in [
        ("HTTP/1.1 200 OK\r\n\r\nabc", Ok(())),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", Ok(())),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", Err(HttpError::Cut { inside: "body" })),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
            Err(HttpError::Cut { inside: "body" }),
        ),
        ("HTTP/1.1 200", Err(HttpError::Cut { inside: "head" })),
        ("", Err(HttpError::Cut { inside: "head" })),
    ] {
        let mut answer = Answer::new(false);
        read(&mut answer, &[text.as_bytes()]);
        assert_eq!(answer.connection_ended(), expected, "{text}");
    }
}

#[test]
fn an_answer_to_head_has_no_body() {
    let text = b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n";
    assert!(read(&mut Answer::new(true), &[text]).ended);
}

/// Cuts `bytes` at the given places.
fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn cutting_the_stream_changes_nothing(places in prop::collection::vec(any::<usize>(), 0..40)) {
        let outcome = read(&mut Answer::new(false), &cut(CHUNKED, &places));
        prop_assert_eq!(outcome, whole(CHUNKED));
    }

    #[test]
    fn arbitrary_bytes_do_no_harm_and_are_cut_alike(
        head in prop::sample::select(vec![
            "", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n",
        ]),
        tail in prop::collection::vec(
            prop::sample::select(b"0123aF;\r\n\r\n :x".to_vec()), 0..60),
        places in prop::collection::vec(any::<usize>(), 0..8),
    ) {
        let bytes = [head.as_bytes(), &tail].concat();
        let outcome = read(&mut Answer::new(false), &cut(&bytes, &places));
        prop_assert_eq!(outcome, whole(&bytes));
    }
}
