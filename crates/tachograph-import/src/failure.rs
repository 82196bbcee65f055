//! Why a request failed, from what a tool writes about it.
//!
//! Owns: the words by which a status is told. A text that none of them fits says that no
//! final record came, which is what every failure has in common.

use tachograph_model::event::CallStatus;

/// Words of errors, and what they say. The first that fits counts.
const WORDS: [(&[&str], CallStatus); 6] = [
    (&["cancel"], CallStatus::Cancelled),
    (
        &[
            "serverdisconnected",
            "server disconnected",
            "incompleteread",
            "incomplete chunked read",
            "incomplete message body",
            "payload is not completed",
            "payloaderror",
            "peer closed",
            "closed connection without",
            "never received a valid chunk",
            "connection reset",
            "connectionreset",
        ],
        CallStatus::Truncated,
    ),
    (&["timeout", "timed out"], CallStatus::Timeout),
    (&["connect", "name or service not known", "getaddrinfo", "refused"], CallStatus::ConnectError),
    (&["jsondecode", "expecting value", "invalid json", "decodeerror"], CallStatus::Malformed),
    (&["statuserror", "internalservererror", "ratelimit"], CallStatus::HttpError),
];

/// Returns the status that an error's text tells, and that of HTTP if it names one.
pub(crate) fn status(text: &str) -> (CallStatus, Option<u16>) {
    if let Some(code) = http_code(text) {
        return (CallStatus::HttpError, Some(code));
    }
    let text = text.to_ascii_lowercase();
    let fits = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let found = WORDS.iter().find(|(words, _)| fits(words));
    (found.map_or(CallStatus::Truncated, |(_, status)| *status), None)
}

/// Returns whether a number is a status of HTTP that means failure.
pub(crate) fn is_http_failure(code: u16) -> bool {
    (400..=599).contains(&code)
}

/// Returns the status in texts such as `Server error '503 Service Unavailable'` and
/// `Error code: 503`.
fn http_code(text: &str) -> Option<u16> {
    const BEFORE: [&str; 5] = ["error '", "code: ", "status code ", "status=", "status: "];
    let after = |before: &str| {
        let rest = text.get(text.find(before)? + before.len()..)?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok().filter(|code| digits.len() == 3 && is_http_failure(*code))
    };
    BEFORE.into_iter().find_map(after)
}

/// Returns the last line of a text that says something: of a traceback, the error.
pub(crate) fn last_line(text: &str) -> &str {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_tell_the_status() {
        for (text, expected) in [
            (
                "HTTPStatusError(\"Server error '503 Service Unavailable' for url 'http://x'\")",
                (CallStatus::HttpError, Some(503)),
            ),
            ("Error code: 429 - {'error': 'busy'}", (CallStatus::HttpError, Some(429))),
            ("Request was cancelled", (CallStatus::Cancelled, None)),
            ("ReadTimeout()", (CallStatus::Timeout, None)),
            (
                "aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected",
                (CallStatus::Truncated, None),
            ),
            ("ConnectError: all connection attempts failed", (CallStatus::ConnectError, None)),
            (
                "ConnectionResetError(104, 'Connection reset by peer')",
                (CallStatus::Truncated, None),
            ),
            ("json.decoder.JSONDecodeError: Expecting value", (CallStatus::Malformed, None)),
            ("something else", (CallStatus::Truncated, None)),
            ("exit code: 1234", (CallStatus::Truncated, None)),
        ] {
            assert_eq!(status(text), expected, "{text}");
        }
    }

    #[test]
    fn a_traceback_ends_with_its_error() {
        assert_eq!(last_line("Traceback:\n  File \"x\"\nValueError: no\n\n"), "ValueError: no");
        assert_eq!(last_line(" \n"), "");
    }
}
