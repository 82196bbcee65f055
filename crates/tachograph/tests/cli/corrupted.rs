//! A table of planted corruptions: each is named by `tacho verify`, or needs a
//! signature.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tachograph_model::digest::Digest;

use super::Place;

const REPORT: &str = "reports/single-agent/report.md";
const CLAIMS: &str = "reports/single-agent/claims.json";

/// What is done to a study, what it is called, and what the verdict must name.
type Corruption = (&'static str, fn(&Path), &'static str);

const CORRUPTIONS: [Corruption; 27] = [
    ("a byte of the plan", |study| flip(&study.join("plan.toml")), "plan.toml"),
    ("a byte of the locked plan", |study| flip(&study.join("plan.lock.json")), "plan.lock.json"),
    (
        "a byte of the environment",
        |study| flip(&study.join("environment.json")),
        "environment.json",
    ),
    ("a byte of the journal", |study| flip(&study.join("journal.jsonl")), "journal.jsonl, line"),
    ("a byte of the manifest", |study| flip(&study.join("manifest.json")), "manifest.json"),
    ("a byte of events", |study| flip(&events(study, 0)), "events.jsonl.zst"),
    ("a byte of an agent's report", |study| flip(&artifact(study)), "analyst_report.md"),
    ("a byte of a report", |study| flip(&study.join(REPORT)), "report.md"),
    (
        "a byte of the page",
        |study| flip(&study.join("reports/single-agent/report.html")),
        "report.html",
    ),
    ("a byte of the claims", |study| flip(&study.join(CLAIMS)), "claims.json"),
    (
        "a byte of a figure",
        |study| flip(&first(&study.join("reports/single-agent/figures"))),
        ".svg",
    ),
    ("a byte of a table", |study| flip(&first(&study.join("tables"))), ".parquet"),
    (
        "a line of the journal removed",
        |study| lines(study, |lines| drop(lines.remove(3))),
        "journal.jsonl, line",
    ),
    (
        "the last line of the journal removed",
        |study| lines(study, |lines| drop(lines.pop())),
        "manifest.json",
    ),
    (
        "two lines of the journal swapped",
        |study| lines(study, |lines| lines.swap(2, 4)),
        "journal.jsonl, line",
    ),
    (
        "a line of the journal twice",
        |study| lines(study, |lines| lines.insert(3, lines[3].clone())),
        "journal.jsonl, line",
    ),
    ("the journal cut in a line", |study| cut(&study.join("journal.jsonl"), 40), "journal.jsonl"),
    ("events cut", |study| cut(&events(study, 0), 20), "events.jsonl.zst"),
    ("events of two runs swapped", swap_events, "events.jsonl.zst"),
    (
        "an event removed and compressed again",
        |study| repack(study, |lines| drop(lines.remove(5))),
        "events.jsonl.zst",
    ),
    (
        "two events swapped and compressed again",
        |study| repack(study, |lines| lines.swap(5, 6)),
        "events.jsonl.zst",
    ),
    (
        "a file removed",
        |study| fs::remove_file(artifact(study)).unwrap(),
        "analyst_report.md: it is missing",
    ),
    (
        "a file added",
        |study| fs::write(study.join("tables/more.parquet"), "x").unwrap(),
        "more.parquet",
    ),
    ("a file replaced by a link", link, "a link"),
    ("a manifest that names a file outside", outside, "manifest.json"),
    ("a number edited with its claim", edit_with_claim, "report.md"),
    (
        "a number edited with its claim, in a chain computed anew",
        |study| {
            edit_with_claim(study);
            rehash(study, &[REPORT, CLAIMS]);
        },
        "claims.json",
    ),
];

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn cut(path: &Path, n_bytes: usize) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() - n_bytes]).unwrap();
}

/// Returns the first file of a folder.
fn first(folder: &Path) -> PathBuf {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.remove(0)
}

fn run(study: &Path, index: usize) -> PathBuf {
    let folder = study.join("runs/baseline_default");
    folder.join(format!("run_{:03}", index + 1))
}

fn events(study: &Path, index: usize) -> PathBuf {
    run(study, index).join("events.jsonl.zst")
}

fn artifact(study: &Path) -> PathBuf {
    run(study, 0).join("analyst_report.md")
}

/// Changes the lines of the journal.
fn lines(study: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let path = study.join("journal.jsonl");
    let mut lines: Vec<String> =
        fs::read_to_string(&path).unwrap().lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(path, lines.join("\n") + "\n").unwrap();
}

fn swap_events(study: &Path) {
    let (one, other) = (events(study, 0), events(study, 1));
    let kept = fs::read(&one).unwrap();
    fs::copy(&other, one).unwrap();
    fs::write(other, kept).unwrap();
}

/// Changes the events of a run, and compresses them as they were.
fn repack(study: &Path, change: impl FnOnce(&mut Vec<String>)) {
    let path = events(study, 0);
    let text = String::from_utf8(zstd::decode_all(&*fs::read(&path).unwrap()).unwrap()).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    let text = lines.join("\n") + "\n";
    fs::write(path, zstd::encode_all(text.as_bytes(), 3).unwrap()).unwrap();
}

fn link(study: &Path) {
    let path = artifact(study);
    fs::rename(&path, study.join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(study.join("elsewhere"), path).unwrap();
}

fn outside(study: &Path) {
    let path = study.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    manifest["files"]["../outside"] = Value::String(Digest::of(b"x").to_string());
    fs::write(&path, serde_json::to_string_pretty(&manifest).unwrap() + "\n").unwrap();
    fs::write(study.parent().unwrap().join("outside"), "x").unwrap();
}

/// Puts another number into the report, and into the claim and the places that print it.
fn edit_with_claim(study: &Path) {
    let claims = fs::read_to_string(study.join(CLAIMS)).unwrap();
    let parsed: Value = serde_json::from_str(&claims).unwrap();
    let all = parsed["claims"].as_array().unwrap();
    let id = "output_throughput/baseline_default/mean";
    let text = all.iter().find(|claim| claim["id"] == id).unwrap()["text"].as_str().unwrap();
    let mut other = text.to_owned();
    let digit = if text.ends_with('9') { "8" } else { "9" };
    other.replace_range(text.len() - 1.., digit);
    for path in [REPORT, CLAIMS] {
        let content = fs::read_to_string(study.join(path)).unwrap();
        fs::write(study.join(path), content.replace(text, &other)).unwrap();
    }
}

/// Makes journal and manifest say that files are what they are now, the chain included.
pub(super) fn rehash(study: &Path, paths: &[&str]) {
    lines(study, |lines| {
        let mut previous = Digest::ZERO.to_string();
        for line in lines.iter_mut() {
            let mut entry: Value = serde_json::from_str(line).unwrap();
            entry["previous_sha256"] = Value::String(previous);
            for path in paths {
                if let Some(digest) =
                    entry.pointer_mut("/entry/files").and_then(|files| files.get_mut(*path))
                {
                    *digest =
                        Value::String(Digest::of(&fs::read(study.join(path)).unwrap()).to_string());
                }
            }
            *line = entry.to_string();
            previous = Digest::of(line.as_bytes()).to_string();
        }
    });
    fs::remove_file(study.join("manifest.json")).unwrap();
}

/// Makes the events of a run say something else, and everything that vouches for them.
fn forge(study: &Path) {
    let path = events(study, 0);
    repack(study, |lines| {
        // The first run's answers came a millisecond later.
        let mut n_chunks = 0;
        for line in lines.iter_mut() {
            let mut event: Value = serde_json::from_str(line).unwrap();
            if event["event"]["type"] == "chunk" {
                n_chunks += 1;
                for stamp in ["at_ns", "kernel_ns"] {
                    if let Some(at) = event["event"].get_mut(stamp) {
                        *at = Value::from(at.as_u64().unwrap() + 1_000);
                    }
                }
                *line = event.to_string();
            }
        }
        assert!(n_chunks > 10);
    });
    let compressed = fs::read(&path).unwrap();
    let plain = Digest::of(&zstd::decode_all(&*compressed).unwrap()).to_string();
    let relative = path.strip_prefix(study).unwrap().to_str().unwrap().to_owned();
    lines(study, |lines| {
        for line in
            lines.iter_mut().filter(|line| line.contains("run_sealed") && line.contains(&relative))
        {
            let mut entry: Value = serde_json::from_str(line).unwrap();
            entry["entry"]["events_sha256"] = Value::String(plain.clone());
            *line = entry.to_string();
        }
    });
    rehash(study, &[&relative]);
}

/// A published and signed study.
fn signed() -> Place {
    let place = Place::new(2);
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    place.expect(0, &["report", "study"]);
    place.expect(0, &["keygen", "-o", "key"]);
    place
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn every_corruption_is_named() {
    let place = signed();
    place.expect(0, &["verify", "study"]);
    for (what, corrupt, named) in CORRUPTIONS {
        copy(&place.path("study"), &place.path("copy"));
        corrupt(&place.path("copy"));
        let (code, said, error) = place.tacho(&["verify", "copy"]);
        assert!(matches!(code, 1 | 4) && said.contains(named), "{what}: {code}\n{said}\n{error}");
        // Only what looks like a writer at work is less than a no.
        assert!(code == 1 || what.contains("cut in a line"), "{what}: {code}\n{said}");
        fs::remove_dir_all(place.path("copy")).unwrap();
    }
}

/// Whoever computes everything anew leaves no trace in digests; a signature tells.
#[test]
fn a_forged_study_needs_a_signature() {
    let place = signed();
    place.expect(0, &["attest", "study", "--key", "key"]);
    forge(&place.path("study"));
    place.expect(0, &["report", "study"]);
    let said = place.expect(1, &["verify", "study"]);
    assert!(said.contains("it speaks of another Merkle root"), "{said}");
    let said = place.expect(1, &["verify", "study", "--key", "key.pub"]);
    assert!(said.contains("it speaks of another Merkle root"), "{said}");
    // Without the attestation nothing is wrong, and the verdict says what it could not see.
    fs::remove_file(place.path("study/attestation.dsse.json")).unwrap();
    let said = place.expect(0, &["verify", "study"]);
    assert!(
        said.contains("whether somebody rewrote files, journal and manifest together"),
        "{said}"
    );
    let said = place.expect(1, &["verify", "study", "--key", "key.pub"]);
    assert!(said.contains("nobody signed this study"), "{said}");
}
