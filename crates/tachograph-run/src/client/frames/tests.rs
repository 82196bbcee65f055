use proptest::prelude::*;

use super::*;

type Owned = (FrameKind, String, usize);

fn split(mut splitter: Splitter, pieces: &[&[u8]]) -> Vec<Owned> {
    let mut frames = Vec::new();
    let mut sink = |frame: Frame<'_>| {
        let data = String::from_utf8_lossy(frame.data).into_owned();
        frames.push((frame.kind, data, frame.n_bytes));
    };
    for piece in pieces {
        splitter.push(piece, &mut sink);
    }
    splitter.finish(&mut sink);
    frames
}

fn sse(text: &str) -> Vec<(FrameKind, String)> {
    split(Splitter::sse(), &[text.as_bytes()])
        .into_iter()
        .map(|(kind, data, _)| (kind, data))
        .collect()
}

fn data(text: &str) -> (FrameKind, String) {
    (FrameKind::Data, text.to_owned())
}

#[test]
fn lines_are_records_and_blank_ones_are_not() {
    let frames = split(Splitter::ndjson(), &[b"{\"a\":1}\n\n \r\n{\"b\":2}\r\n{\"c\":3}"]);
    let expected = [("{\"a\":1}", 8), ("{\"b\":2}", 9), ("{\"c\":3}", 7)]
        .map(|(text, n_bytes)| (FrameKind::Data, text.to_owned(), n_bytes));
    assert_eq!(frames, expected);
}

#[test]
fn events_follow_the_standard() {
    assert_eq!(sse("data: a\n\ndata: b\n\n"), [data("a"), data("b")]);
    assert_eq!(sse("data:a\r\n\r\ndata: b\r\rdata:  c\n\n"), [data("a"), data("b"), data(" c")]);
    assert_eq!(sse("data: a\ndata: b\ndata\ndata:\n\n"), [data("a\nb\n\n")]);
    assert_eq!(sse("data: a\r\ndata: b\r\n\r\n"), [data("a\nb")], "CR LF is one line break");
    assert_eq!(sse("data: a\rdata: b\r\r"), [data("a\nb")]);
    assert_eq!(sse("event: token\nid: 7\ndata: a\nretry: 3\n\n"), [data("a")]);
    assert_eq!(sse("\n\n\n"), []);
    assert_eq!(sse("<html>\n\n</html>\n\n"), []);
    assert_eq!(sse(": waiting\n\ndata: a\n\n"), [(FrameKind::Comment, String::new()), data("a")]);
    assert_eq!(sse(": inside\ndata: a\n\n"), [data("a")]);
    assert_eq!(sse("data: unended"), [data("unended")], "a clean end completes the last event");
}

#[test]
fn errors_are_marked_by_field_or_by_event() {
    let error = (FrameKind::Error, "{\"code\":500}".to_owned());
    assert_eq!(sse("error: {\"code\":500}\n\n"), std::slice::from_ref(&error));
    assert_eq!(sse("event: error\ndata: {\"code\":500}\n\n"), [error]);
    assert_eq!(sse("event: error\ndata: x\n\ndata: a\n\n")[1], data("a"), "the mark does not stay");
}

#[test]
fn sizes_add_up_to_the_body() {
    let text = "data: a\n\n: x\n\ndata: b\r\n\r\ndata: c\ndata: d\n\n";
    let frames = split(Splitter::sse(), &[text.as_bytes()]);
    let total: usize = frames.iter().map(|(_, _, n_bytes)| n_bytes).sum();
    assert_eq!(total, text.len());
}

#[test]
fn a_record_without_end_is_cut_off_and_memory_stays_bounded() {
    let piece = vec![b'x'; FRAME_BYTES_MAX / 2];
    for (splitter, start) in
        [(Splitter::ndjson(), &b""[..]), (Splitter::sse(), b"data: "), (Splitter::sse(), b"")]
    {
        let end = b"\n\ndata: after\n\n";
        let frames = split(splitter, &[start, &piece, &piece, &piece, end]);
        assert_eq!(frames[0].0, FrameKind::TooLong, "{start:?}");
        assert!(frames[0].1.len() <= FRAME_BYTES_MAX);
        assert!(frames[0].2 >= 3 * piece.len());
        assert!(frames[1].1.ends_with("after"), "what follows is read");
    }
}

fn cut<'a>(bytes: &'a [u8], places: &[usize]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = places.iter().map(|place| place % (bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect()
}

/// Texts made of what matters to a splitter.
fn stream() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "data: ",
        "data:",
        "data",
        "error: ",
        "event: error",
        ": ",
        "{\"a\":1}",
        "ü",
        "\n",
        "\n\n",
        "\r\n",
        "\r",
        "\r\n\r\n",
        " ",
        "x",
        "data: {}\n\n",
        "[DONE]",
    ]);
    prop::collection::vec(words, 0..30).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn cutting_a_stream_changes_nothing(
        text in stream(),
        places in prop::collection::vec(any::<usize>(), 0..30),
    ) {
        let pieces = cut(text.as_bytes(), &places);
        for make in [Splitter::ndjson, Splitter::sse] {
            prop_assert_eq!(split(make(), &pieces), split(make(), &[text.as_bytes()]));
        }
    }

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for make in [Splitter::ndjson, Splitter::sse] {
            let n_bytes: usize =
                split(make(), &[&bytes]).iter().map(|(_, _, n_bytes)| n_bytes).sum();
            prop_assert!(n_bytes <= bytes.len());
        }
    }
}
