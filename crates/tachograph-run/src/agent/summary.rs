//! The data summary: what the prompts say about the ingested files.
//!
//! Owns: its text and its bound. The first line counts:
//!
//! ```text
//! Files: 3 (1 csv, 1 json, 1 markdown), 2048 bytes; 1 skipped.
//! ```
//!
//! Then lines about files, `- PATH (EXTENT):` and the file's details with
//! `"; "` between them, as many as fit. With `bytes_max` bytes for these lines
//! there are at most `bytes_max / `[`LINE_BYTES`] of them (at least one); of
//! `n` files with `k` lines, line `i` (from 0) is about file `i * n / k`, whole
//! numbers, so that they are spread over the folders. A line may take the bytes
//! that are left over the number of lines that are left, so what a short line
//! saves goes to those after it; a detail that does not fit ends its line. A
//! file whose path and extent alone do not fit gets no line. The last line
//! counts the files without one: `- and 2 more files`.
//!
//! Does not: parse; see [`super::outline`].

use std::fmt::Write as _;

use tachograph_model::event::FileKind;

use super::ingest::Ingested;

/// Returns the bytes of the lines about files in the prompt for a report, where
/// the prompt for an analysis has `summary_bytes`.
///
/// Numbers cost a token per digit with most small models, and the analysis has
/// said what matters: three eighths are enough.
pub const fn head_bytes(summary_bytes: usize) -> usize {
    summary_bytes * 3 / 8
}

/// Bytes that a line about a file has on average.
pub const LINE_BYTES: usize = 100;

/// Returns the summary with `bytes_max` bytes for the lines about files.
pub fn summary(files: &[Ingested], n_skipped: usize, bytes_max: usize) -> String {
    let mut text = head_line(files, n_skipped);
    let n_lines = (bytes_max / LINE_BYTES).clamp(1, files.len().max(1)).min(files.len());
    let mut left = bytes_max;
    let mut n_described = 0;
    for i in 0..n_lines {
        let file = &files[i * files.len() / n_lines];
        if let Some(line) = file_line(file, left / (n_lines - i)) {
            left -= line.len();
            n_described += 1;
            text.push_str(&line);
        }
    }
    match files.len() - n_described {
        0 => {}
        1 => text.push_str("- and 1 more file\n"),
        n => writeln!(text, "- and {n} more files").expect("a String takes any text"),
    }
    text
}

fn head_line(files: &[Ingested], n_skipped: usize) -> String {
    let count = |kind| files.iter().filter(|file| file.kind == kind).count();
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    format!(
        "Files: {} ({} csv, {} json, {} markdown), {bytes} bytes; {n_skipped} skipped.\n",
        files.len(),
        count(FileKind::Csv),
        count(FileKind::Json),
        count(FileKind::Markdown),
    )
}

/// Returns a line of at most `allowance` bytes, its line feed included.
fn file_line(file: &Ingested, allowance: usize) -> Option<String> {
    let mut line = format!("- {} ({})", file.path, file.outline.extent);
    if line.len() + 1 > allowance {
        return None;
    }
    for (i, detail) in file.outline.details.iter().enumerate() {
        let separator = if i == 0 { ": " } else { "; " };
        if line.len() + separator.len() + detail.len() + 1 > allowance {
            break;
        }
        line.push_str(separator);
        line.push_str(detail);
    }
    line.push('\n');
    Some(line)
}

#[cfg(test)]
mod tests {
    use tachograph_model::digest::Digest;

    use super::*;
    use crate::agent::outline::Outline;

    fn file(path: &str, details: &[&str]) -> Ingested {
        Ingested {
            path: path.to_owned(),
            kind: FileKind::Csv,
            bytes: 10,
            sha256: Digest::ZERO,
            outline: Outline {
                extent: "3 rows".to_owned(),
                details: details.iter().map(|&detail| detail.to_owned()).collect(),
            },
        }
    }

    #[test]
    fn what_one_line_saves_the_next_one_uses() {
        let fits = "x".repeat(150);
        let files = [file("a.csv", &[]), file("b.csv", &["one 1", "two 2", &fits])];
        let all = format!(
            "Files: 2 (2 csv, 0 json, 0 markdown), 20 bytes; 1 skipped.\n\
             - a.csv (3 rows)\n\
             - b.csv (3 rows): one 1; two 2; {fits}\n"
        );
        assert_eq!(summary(&files, 1, 200), all);
        let files = [file("a.csv", &[]), file("b.csv", &["one 1", "two 2", &(fits + "x")])];
        assert!(
            summary(&files, 1, 200).ends_with("- b.csv (3 rows): one 1; two 2\n"),
            "the first line leaves 183 bytes, and the second would be 184 long"
        );
        assert!(summary(&files, 1, 40).ends_with("- a.csv (3 rows)\n- and 1 more file\n"));
        assert!(summary(&files, 1, 9).ends_with("1 skipped.\n- and 2 more files\n"));
        assert_eq!(
            summary(&[], 0, 9),
            "Files: 0 (0 csv, 0 json, 0 markdown), 0 bytes; 0 skipped.\n"
        );
    }

    #[test]
    fn many_files_are_sampled_evenly_within_the_bound() {
        let files: Vec<Ingested> =
            (0..480).map(|i| file(&format!("folder/file_{i:03}.csv"), &["n 1"])).collect();
        let text = summary(&files, 0, 800);
        assert!(text.len() < 900, "{}", text.len());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 10);
        assert_eq!(lines[1], "- folder/file_000.csv (3 rows): n 1");
        assert_eq!(lines[2], "- folder/file_060.csv (3 rows): n 1");
        assert_eq!(lines[9], "- and 472 more files");
    }
}
