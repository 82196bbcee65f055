use proptest::prelude::*;
use tachograph_model::call::CallRecord;
use tachograph_model::digest::Digest;
use tachograph_model::event::{ChunkKind, ServerTimings, Stage, Usage};
use tachograph_model::plan::ConnectionMode;
use tachograph_model::units::DurationNs;

use super::*;

fn sent(api: Api) -> CallSent {
    CallSent {
        call: 3,
        stage: Stage::Analysis,
        server: "main".to_owned(),
        api,
        request: "{}".to_owned(),
        request_sha256: Digest::of(b"{}"),
        parity_sha256: Digest::of(b"{}"),
        nonce: None,
        connection: ConnectionMode::Fresh,
        planned_ns: InstantNs(0),
        connect_ns: None,
        connected_ns: None,
        sent_ns: Some(InstantNs(1)),
    }
}

/// Gives `pieces` to a call, one read each, 100 ns apart, then closes the connection.
fn replay(api: Api, pieces: &[&[u8]]) -> CallRecord {
    let mut exchange = Exchange::new(api);
    let mut now = InstantNs(1_000);
    let mut interruption = None;
    let mut is_over = false;
    for piece in pieces {
        now = now.after(DurationNs(100));
        if exchange.read(piece, now, Some(InstantNs(now.0 - 7))) != Progress::Continues {
            is_over = true;
            break;
        }
    }
    if !is_over && let Err(error) = exchange.connection_ended(now) {
        interruption = Some((CallStatus::Truncated, error.to_string()));
    }
    exchange.finish(sent(api), interruption, now, None).into_record()
}

/// Returns a whole chunked answer.
fn chunked(media_type: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    )
}

fn ollama(body: &str) -> CallRecord {
    replay(Api::OllamaGenerate, &[chunked("application/x-ndjson", body).as_bytes()])
}

fn openai(body: &str) -> CallRecord {
    replay(Api::OpenaiChat, &[chunked("text/event-stream", body).as_bytes()])
}

fn check(record: &CallRecord, status: CallStatus, error: &str) {
    assert_eq!(record.finished.status, status, "{record:#?}");
    let text = record.finished.error.clone().unwrap_or_default();
    assert!(text.contains(error), "{text:?} lacks {error:?}");
    assert_eq!(record.finished.error.is_none(), error.is_empty(), "{text:?}");
}

fn shown(record: &CallRecord) -> Vec<(ChunkKind, &str)> {
    let chunks = record.chunks.iter();
    chunks.map(|chunk| (chunk.kind, chunk.text.as_deref().unwrap_or(""))).collect()
}

use ChunkKind::{Content, Empty, Error, Final, Malformed, Reasoning, ToolCall};

#[test]
fn ollama_generate_with_everything() {
    let record = ollama(concat!(
        "{\"model\":\"m\",\"response\":\"\",\"thinking\":\"h\\u006dm\",\"done\":false}\n",
        "{\"model\":\"m\",\"response\":\"a\\n\",\"done\":false}\n",
        "{\"response\":\"\",\"done\":false}\n",
        "{\"response\":\"\",\"done\":true,\"done_reason\":\"length\",\"context\":[1,2],\"total_duration\":100,",
        "\"load_duration\":20,\"prompt_eval_count\":7,\"prompt_eval_cached_count\":0,",
        "\"prompt_eval_duration\":30,\"eval_count\":2,\"eval_duration\":40}\n",
    ));
    check(&record, CallStatus::Completed, "");
    assert_eq!(shown(&record), [(Reasoning, "hmm"), (Content, "a\n"), (Empty, ""), (Final, "")]);
    assert_eq!(record.finished.finish_reason.as_deref(), Some("length"));
    assert_eq!(record.finished.output_sha256, Digest::of(b"a\n"), "reasoning is left out");
    let usage =
        Usage { prompt_tokens: Some(7), cached_prompt_tokens: Some(0), output_tokens: Some(2) };
    assert_eq!(record.finished.usage, usage);
    let timings = ServerTimings {
        total_ns: Some(DurationNs(100)),
        load_ns: Some(DurationNs(20)),
        prompt_eval_ns: Some(DurationNs(30)),
        eval_ns: Some(DurationNs(40)),
    };
    assert_eq!(record.finished.server, timings);
    assert_eq!((record.finished.n_chunks, record.finished.n_reads), (4, 1));
}

#[test]
fn ollama_leaves_zeros_out_and_they_are_recorded() {
    let record =
        ollama("{\"response\":\"\",\"done\":true,\"done_reason\":\"stop\",\"total_duration\":5}\n");
    check(&record, CallStatus::Completed, "");
    let usage =
        Usage { prompt_tokens: Some(0), cached_prompt_tokens: None, output_tokens: Some(0) };
    assert_eq!(record.finished.usage, usage, "cached is unknown, the others are zero");
    assert_eq!(record.finished.server.load_ns, Some(DurationNs(0)));

    let load = ollama("{\"response\":\"\",\"done\":true,\"done_reason\":\"unload\"}\n");
    check(&load, CallStatus::Completed, "");
    assert_eq!(load.finished.usage, Usage::default(), "nothing was evaluated");
    assert_eq!(load.finished.server, ServerTimings::default());
}

#[test]
fn ollama_chat_has_thinking_text_and_tools_in_its_message() {
    let body = concat!(
        "{\"message\":{\"role\":\"assistant\",\"content\":\"x\",\"thinking\":\"t\",",
        "\"tool_calls\":[{\"function\":{\"name\":\"f\",\"arguments\":{}}}]},\"done\":false}\n",
        "{\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true}\n",
    );
    let record = replay(Api::OllamaChat, &[chunked("application/x-ndjson", body).as_bytes()]);
    check(&record, CallStatus::Completed, "");
    let tool = "[{\"function\":{\"name\":\"f\",\"arguments\":{}}}]";
    let expected = [(Reasoning, "t"), (Content, "x"), (ToolCall, tool), (Final, "")];
    assert_eq!(shown(&record), expected);
    let first_line = body.find('\n').unwrap() + 1;
    assert_eq!(record.chunks[0].bytes as usize, first_line);
    assert_eq!((record.chunks[1].bytes, record.chunks[2].bytes), (0, 0), "counted once");
}

#[test]
fn ollama_answers_that_go_wrong() {
    let piece = "{\"response\":\"a\",\"done\":false}\n";
    let record = ollama(&format!("{piece}{{\"error\":\"out of memory\"}}\n"));
    check(&record, CallStatus::HttpError, "out of memory");
    assert_eq!(shown(&record), [(Content, "a"), (Error, "out of memory")]);
    assert_eq!(record.finished.http_status, Some(200));

    check(&ollama(piece), CallStatus::Truncated, "after 1 chunks, without its final record");
    check(&ollama(""), CallStatus::Truncated, "after 0 chunks");

    let record = ollama(&format!("{piece}{{\"respon\n{piece}{{\"done\":true}}\n"));
    check(&record, CallStatus::Malformed, "chunk 1 is malformed");
    assert_eq!(
        shown(&record),
        [(Content, "a"), (Malformed, "{\"respon"), (Content, "a"), (Final, "")],
        "what follows is kept"
    );
    check(&ollama("<html>\n"), CallStatus::Malformed, "chunk 0");
    check(&ollama("42\n"), CallStatus::Malformed, "chunk 0");
    check(&ollama("{\"id\":1}\n"), CallStatus::Malformed, "neither `response`");
    check(&ollama("{\"response\":7}\n"), CallStatus::Malformed, "invalid type");
    check(&ollama("\n \n"), CallStatus::Malformed, "no JSON lines");
    let record = ollama("{\"error\":\"first\"}\n{\"respon\n");
    check(&record, CallStatus::HttpError, "first");
}

#[test]
fn openai_chat_with_everything() {
    let record = openai(concat!(
        "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
        ": keep-alive\n\n",
        "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"r1\"}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"reasoning\":\"r2\",\"content\":null}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{\"content\":\"h\\\"i\"}}],\"usage\":null}\n\n",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0}]}}]}\n\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":11,\"completion_tokens\":4,\"total_tokens\":15,",
        "\"prompt_tokens_details\":{\"cached_tokens\":8}}}\n\n",
        "data: [DONE]\n\n",
    ));
    check(&record, CallStatus::Completed, "");
    let expected = [
        (Empty, ""),
        (Empty, ""),
        (Reasoning, "r1"),
        (Reasoning, "r2"),
        (Content, "h\"i"),
        (ToolCall, "[{\"index\":0}]"),
        (Final, ""),
        (Final, ""),
        (Final, ""),
    ];
    assert_eq!(shown(&record), expected);
    assert_eq!(record.finished.finish_reason.as_deref(), Some("stop"));
    let usage =
        Usage { prompt_tokens: Some(11), cached_prompt_tokens: Some(8), output_tokens: Some(4) };
    assert_eq!(record.finished.usage, usage);
    assert_eq!(record.finished.server, ServerTimings::default());
}

#[test]
fn openai_completions_and_the_timings_of_llama_cpp() {
    let body = concat!(
        "data: {\"choices\":[{\"text\":\"a\",\"index\":0,\"finish_reason\":null}]}\n\n",
        "data: {\"choices\":[{\"text\":\"\",\"index\":0,\"finish_reason\":\"length\"}],",
        "\"timings\":{\"cache_n\":3,\"prompt_n\":5,\"prompt_ms\":1.5,\"predicted_n\":2,\"predicted_ms\":0.25}}\n\n",
        "data: [DONE]\n\n",
    );
    let record = replay(Api::OpenaiCompletions, &[chunked("text/event-stream", body).as_bytes()]);
    check(&record, CallStatus::Completed, "");
    let usage =
        Usage { prompt_tokens: Some(8), cached_prompt_tokens: Some(3), output_tokens: Some(2) };
    assert_eq!(record.finished.usage, usage, "cached tokens belong to the prompt");
    assert_eq!(record.finished.server.prompt_eval_ns, Some(DurationNs(1_500_000)));
    assert_eq!(record.finished.server.eval_ns, Some(DurationNs(250_000)));
    assert_eq!(record.finished.server.total_ns, None);
}

#[test]
fn openai_answers_that_go_wrong() {
    let piece = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let stop = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    let done = "data: [DONE]\n\n";
    check(&openai(piece), CallStatus::Truncated, "without its final record ([DONE])");
    check(&openai(&format!("{piece}{stop}")), CallStatus::Completed, "without `[DONE]`");
    check(&openai(&format!("{piece}{done}")), CallStatus::Completed, "");
    let error = "data: {\"error\":{\"message\":\"no memory\",\"code\":500}}\n\n";
    let record = openai(&format!("{piece}{error}"));
    check(&record, CallStatus::HttpError, "no memory");
    assert_eq!(shown(&record), [(Content, "a"), (Error, "no memory")]);
    check(&openai("error: {\"message\":\"slot\"}\n\n"), CallStatus::HttpError, "slot");
    let record = openai(&format!("{piece}data: {{\"choices\":[{{\"del\n\n{piece}{done}"));
    check(&record, CallStatus::Malformed, "chunk 1 is malformed");
    assert_eq!(record.chunks.len(), 4);
    check(&openai("data: [1]\n\n"), CallStatus::Malformed, "chunk 0");
    check(&openai("<html>\n\n</html>"), CallStatus::Malformed, "no events");
    check(&openai(""), CallStatus::Truncated, "after 0 chunks");
    check(&openai("{\"error\":{\"message\":\"busy\"}}"), CallStatus::HttpError, "busy");
    let body = format!("{piece}{done}").replace("]}", "],\"error\":null,\"timings\":null}");
    let mislabelled = replay(Api::OpenaiChat, &[chunked("application/json", &body).as_bytes()]);
    check(&mislabelled, CallStatus::Completed, "");
    assert_eq!(mislabelled.text(), "a");
}

#[test]
fn a_broken_connection_is_worse_than_a_missing_done() {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let stop = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    let answer = format!("{head}{:x}\r\n{stop}\r\n", stop.len());
    let record = replay(Api::OpenaiChat, &[answer.as_bytes()]);
    check(&record, CallStatus::Truncated, "inside the answer's body");
    let done = "data: [DONE]\n\n";
    let answer = format!("{head}{:x}\r\n{done}\r\n", done.len());
    check(&replay(Api::OpenaiChat, &[answer.as_bytes()]), CallStatus::Completed, "");
}

#[test]
fn a_body_until_the_connection_ends_may_end_there() {
    let answer = "HTTP/1.0 200 OK\r\n\r\n{\"response\":\"a\",\"done\":true}";
    let record = replay(Api::OllamaGenerate, &[answer.as_bytes()]);
    check(&record, CallStatus::Completed, "");
    assert_eq!(shown(&record), [(Content, "a")], "text goes before the end");
}

#[test]
fn errors_in_place_of_an_answer_say_what_the_server_said() {
    let check_error = |api, status: &str, body: &str, expected: &str| {
        let length = body.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        check(&replay(api, &[answer.as_bytes()]), CallStatus::HttpError, expected);
    };
    let missing = "{\"error\":\"model 'x' not found\"}";
    check_error(Api::OllamaGenerate, "404 Not Found", missing, "HTTP 404: model 'x' not found");
    let busy = "{\"error\":{\"message\":\"try later\",\"type\":\"busy\"}}";
    check_error(Api::OpenaiChat, "503 Busy", busy, "HTTP 503: try later");
    check_error(Api::OpenaiChat, "422 No", "{\"detail\":\"bad field\"}", "HTTP 422: bad field");
    check_error(Api::OpenaiChat, "500 Oh", "<h1>oh</h1>", "HTTP 500: <h1>oh</h1>");
    check_error(Api::OpenaiChat, "500 Oh", "", "HTTP 500: no message");
    check_error(Api::OpenaiChat, "307 Go", "", "redirects are not followed");
    check_error(Api::OpenaiChat, "200 OK", busy, "try later");
    let cut = "HTTP/1.1 500 Oh\r\nContent-Length: 9\r\n\r\n{";
    check(&replay(Api::OpenaiChat, &[cut.as_bytes()]), CallStatus::HttpError, "HTTP 500");
    let whole = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";
    check(&replay(Api::OpenaiChat, &[whole.as_bytes()]), CallStatus::Malformed, "one document");
    let odd = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n";
    check(&replay(Api::OpenaiChat, &[odd.as_bytes()]), CallStatus::Malformed, "gzip");
    check(&replay(Api::OpenaiChat, &[b"nonsense\r\n"]), CallStatus::Malformed, "HTTP server");
}

#[test]
fn what_was_interrupted_keeps_its_chunks_and_its_cause() {
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut exchange = Exchange::new(Api::OllamaGenerate);
    let bytes = format!("{head}1d\r\n{{\"response\":\"a\",\"done\":false}}");
    assert_eq!(exchange.read(bytes.as_bytes(), InstantNs(50), None), Progress::Continues);
    let stalled = Some((CallStatus::Stalled, "nothing came".to_owned()));
    let now = InstantNs(900);
    let record = exchange.finish(sent(Api::OllamaGenerate), stalled, now, None).into_record();
    check(&record, CallStatus::Stalled, "nothing came");
    assert_eq!(record.finished.end_ns, now);
    assert_eq!(record.finished.header_ns, Some(InstantNs(50)));
}

#[test]
fn chunks_of_one_read_share_its_stamps() {
    let line = "{\"response\":\"a\",\"done\":false}\n";
    let head = "HTTP/1.1 200 OK\r\n\r\n";
    let (begin, end) = line.split_at(9);
    let first = format!("{head}{line}{line}{begin}");
    let second = format!("{end}{{\"done\":true}}\n");
    let record = replay(Api::OllamaGenerate, &[first.as_bytes(), second.as_bytes()]);
    let stamps: Vec<_> = record
        .chunks
        .iter()
        .map(|chunk| (chunk.read, chunk.at_ns.0, chunk.kernel_ns.map(|kernel| kernel.0)))
        .collect();
    let (one, two) = ((0, 1_100, Some(1_093)), (1, 1_200, Some(1_193)));
    assert_eq!(stamps, [one, one, two, two], "a cut record belongs to the read that ended it");
    assert_eq!(record.n_coalesced(), 1);
    assert_eq!(record.finished.end_ns, InstantNs(1_193));
}

#[test]
fn a_key_that_a_server_repeats_is_struck_out_even_across_chunks() {
    let secret = Secret::new("sk-hunter2").unwrap();
    let api = Api::OllamaGenerate;
    let mut exchange = Exchange::new(api);
    let body = concat!(
        "{\"response\":\"é sk-hun\",\"done\":false}\n{\"response\":\"ter2!\",\"done\":false}\n",
        "{\"respon sk-hunter2\n{\"error\":\"bad key sk-hunter2\"}\n",
    );
    let answer = chunked("application/x-ndjson", body);
    exchange.read(answer.as_bytes(), InstantNs(5), None);
    let trace = exchange.finish(sent(api), None, InstantNs(6), Some(&secret));
    let shown = format!("{trace:?} {:?}", trace.clone().into_record());
    assert!(!shown.contains("hunter2") && !shown.contains("sk-hun"), "{shown}");
    assert_eq!(trace.into_record().text(), "é **********!");
}

/// A stream with every kind of record, for cutting.
const MIXED: &str = concat!(
    "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\r\n\r\n: hm\n\n",
    "data: {\"choices\":[{\"delta\":{\"content\":\"Grüße \\u00e9\"}}]}\n\ndata: {\"cho\ndata: ices\":[]}\n\n",
    "data: {oops\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"b\"},\"finish_reason\":\"stop\"}]}\n\n",
    "data: {\"choices\":[],\"usage\":{\"completion_tokens\":2}}\n\ndata: [DONE]\n\n",
);

/// Leaves out what belongs to reads and not to the stream.
fn without_reads(mut record: CallRecord) -> CallRecord {
    for chunk in &mut record.chunks {
        (chunk.read, chunk.at_ns, chunk.kernel_ns) = (0, InstantNs(0), None);
    }
    record.finished.n_reads = 0;
    record.finished.end_ns = InstantNs(0);
    record.finished.header_ns = None;
    record
}

proptest! {
    #[test]
    fn cutting_an_answer_changes_no_chunk(
        places in prop::collection::vec(any::<usize>(), 0..60),
        openai in any::<bool>(),
    ) {
        let (api, body) = if openai {
            (Api::OpenaiChat, MIXED.to_owned())
        } else {
            (Api::OllamaChat, "{\"message\":{\"content\":\"ü\"}}\r\n{\"bad\n{\"done\":true}\n".to_owned())
        };
        let answer = chunked("text/event-stream", &body);
        let mut places: Vec<usize> =
            places.iter().map(|place| place % (answer.len() + 1)).collect();
        places.extend([0, answer.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> =
            places.windows(2).map(|pair| &answer.as_bytes()[pair[0]..pair[1]]).collect();
        let cut = replay(api, &pieces);
        prop_assert!(cut.chunks.is_sorted_by_key(|chunk| chunk.read));
        prop_assert_eq!(without_reads(cut), without_reads(replay(api, &[answer.as_bytes()])));
    }

    #[test]
    fn arbitrary_bytes_become_a_record(
        head in prop::sample::select(vec!["", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 500 X\r\n\r\n"]),
        words in prop::collection::vec(prop::sample::select(vec![
            &b"data: "[..], b"{\"choices\":[", b"{\"delta\":{\"content\":\"", b"\"", b"}", b"]", b"\n", b"\n\n",
            b"\xff\xfe", b"\\ud83d", b"{\"response\":\"", b"{\"done\":true}", b"{\"error\":", b"null", b"1e999",
            b"{\"usage\":{\"completion_tokens\":-1}}", b"\0", b"[DONE]", b"event: error\n",
        ]), 0..40),
        api in prop::sample::select(vec![Api::OllamaGenerate, Api::OllamaChat, Api::OpenaiChat, Api::OpenaiCompletions]),
    ) {
        let bytes = [head.as_bytes(), &words.concat()].concat();
        let record = replay(api, &[&bytes]);
        prop_assert_eq!(record.finished.n_chunks as usize, record.chunks.len());
    }
}
