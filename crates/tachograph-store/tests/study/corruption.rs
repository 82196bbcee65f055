//! Every kind of damage, planted, and named by `check`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tachograph_model::digest::Digest;
use tachograph_model::study::{JournalEntry, JournalLine};
use tachograph_store::{
    Check, Finding, OpenError, SchemaError, Severity, Study, WriteError, check,
};
use tachograph_testkit::corrupt::{Random, files, flip_bit, offsets};
use tachograph_testkit::study::{AT, HARNESS_VERSION, StudyBuilder, chain};

use super::written;

struct Planted {
    _root: tempfile::TempDir,
    folder: PathBuf,
}

fn study() -> Planted {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("study");
    written(&folder, &StudyBuilder::new().no_factors().blocks(2).build());
    assert!(check(&folder).unwrap().is_clean());
    Planted { _root: root, folder }
}

fn damaged(check: &Check) -> BTreeSet<&str> {
    let damaged = |finding: &&Finding| finding.severity == Severity::Damaged;
    check.findings.iter().filter(damaged).map(|finding| finding.path.as_str()).collect()
}

/// Flips one bit at a time at `offsets` of the file `name`, and asserts that
/// the file is named, and, unless it is the journal, no other one.
fn assert_flips_are_named(folder: &Path, name: &str, offsets: &[usize]) {
    let path = folder.join(name);
    for (number, offset) in offsets.iter().enumerate() {
        let bit = u8::try_from(number % 8).unwrap();
        flip_bit(&path, *offset, bit).unwrap();
        let check = check(folder).unwrap_or_else(|error| panic!("{name}, byte {offset}: {error}"));
        let named = damaged(&check);
        assert!(named.contains(name), "{name}, byte {offset}, bit {bit}: {:?}", check.findings);
        assert!(
            named.len() == 1 || name == "journal.jsonl",
            "{name}, byte {offset}, bit {bit}: also blames {:?}",
            check.findings
        );
        flip_bit(&path, *offset, bit).unwrap();
    }
}

#[test]
fn one_flipped_bit_in_any_file_is_named() {
    let planted = study();
    let mut n_flips = 0;
    for (file, seed) in files(&planted.folder).unwrap().iter().zip(1..) {
        let length =
            usize::try_from(fs::metadata(planted.folder.join(file)).unwrap().len()).unwrap();
        let offsets = offsets(length, 20, seed);
        n_flips += offsets.len();
        assert_flips_are_named(&planted.folder, file.to_str().unwrap(), &offsets);
    }
    assert!(n_flips > 200, "{n_flips}");
    assert!(check(&planted.folder).unwrap().is_clean(), "the flips were taken back");
}

#[test]
#[ignore = "takes a minute: every byte of the journal and of the manifest"]
fn one_flipped_bit_in_any_byte_of_journal_and_manifest_is_named() {
    let planted = study();
    for name in ["journal.jsonl", "manifest.json"] {
        let length = fs::read(planted.folder.join(name)).unwrap().len();
        assert_flips_are_named(&planted.folder, name, &(0..length).collect::<Vec<_>>());
    }
}

#[test]
fn the_line_of_the_journal_that_changed_is_named() {
    let planted = study();
    let path = planted.folder.join("journal.jsonl");
    let text = fs::read(&path).unwrap();
    let ends: Vec<usize> = (0..text.len()).filter(|at| text[*at] == b'\n').collect();
    let mut start = 0;
    let mut random = Random(5);
    for (end, line) in ends.iter().zip(1u64..) {
        for _ in 0..8 {
            let offset = start + random.below(end - start);
            flip_bit(&path, offset, 1).unwrap();
            let check = check(&planted.folder).unwrap();
            let named: BTreeSet<Option<u64>> = check
                .findings
                .iter()
                .filter(|finding| finding.path == "journal.jsonl")
                .map(|finding| finding.line)
                .collect();
            assert!(
                named.contains(&Some(line)),
                "line {line}, byte {offset}: {:?}",
                check.findings
            );
            flip_bit(&path, offset, 1).unwrap();
        }
        start = end + 1;
    }
}

#[test]
fn a_byte_more_or_less_in_any_file_is_named() {
    let planted = study();
    for file in files(&planted.folder).unwrap() {
        let (path, name) = (planted.folder.join(&file), file.to_str().unwrap());
        let bytes = fs::read(&path).unwrap();
        let mut longer = bytes.clone();
        longer.push(b'x');
        let shorter = bytes.get(..bytes.len().saturating_sub(1)).unwrap_or_default().to_vec();
        for changed in [longer, shorter] {
            if changed == bytes {
                continue;
            }
            fs::write(&path, &changed).unwrap();
            let check = check(&planted.folder).unwrap();
            let named = check.findings.iter().any(|finding| finding.path == name);
            assert!(named, "{name}: {:?}", check.findings);
        }
        fs::write(&path, &bytes).unwrap();
    }
}

#[test]
fn missing_extra_and_linked_files_are_named() {
    let planted = study();
    for file in files(&planted.folder).unwrap() {
        let (path, name) = (planted.folder.join(&file), file.to_str().unwrap());
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        match check(&planted.folder) {
            Ok(check) => {
                assert_eq!(damaged(&check), BTreeSet::from([name]), "{:?}", check.findings);
            }
            Err(OpenError::NotAStudy { .. }) => assert_eq!(name, "journal.jsonl"),
            Err(error) => panic!("{name}: {error}"),
        }
        fs::write(&path, bytes).unwrap();
    }
    for extra in ["notes.txt", "runs/baseline_default/run_003/stderr.txt", "reports/x", ".hidden"] {
        let path = planted.folder.join(extra);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "x").unwrap();
        let check = check(&planted.folder).unwrap();
        assert_eq!(damaged(&check), BTreeSet::from([extra]));
        fs::remove_file(&path).unwrap();
    }
    let plan = planted.folder.join("plan.toml");
    let elsewhere = planted.folder.parent().unwrap().join("plan.toml");
    fs::rename(&plan, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &plan).unwrap();
    assert_eq!(damaged(&check(&planted.folder).unwrap()), BTreeSet::from(["plan.toml"]));
}

#[test]
fn a_lost_last_line_is_told_from_an_older_manifest() {
    let planted = study();
    let (journal, manifest) =
        (planted.folder.join("journal.jsonl"), planted.folder.join("manifest.json"));
    let (lines, sealed) = (fs::read_to_string(&journal).unwrap(), fs::read(&manifest).unwrap());
    let shorter = &lines[..=lines.trim_end().rfind('\n').unwrap()];
    fs::write(&journal, shorter).unwrap();
    assert!(damaged(&check(&planted.folder).unwrap()).contains("journal.jsonl"));
    fs::write(&journal, &lines).unwrap();

    // A manifest from before the last entry: a writer was interrupted.
    let mut study = Study::reopen(&planted.folder, HARNESS_VERSION, AT).unwrap();
    study.publish("other", &[("reports/other/a".to_owned(), vec![1])].into(), AT).unwrap();
    drop(study);
    fs::write(&manifest, &sealed).unwrap();
    let check = check(&planted.folder).unwrap();
    assert_eq!(damaged(&check), BTreeSet::new(), "{:?}", check.findings);
    assert!(check.findings[0].message.contains("up to line"), "{:?}", check.findings);
}

#[test]
fn a_damaged_journal_is_not_sealed_again() {
    let planted = study();
    let journal = planted.folder.join("journal.jsonl");
    let lines = fs::read_to_string(&journal).unwrap();
    let last = lines.trim_end().rfind('\n').unwrap() + 1;
    for changed in [
        lines[..last].to_owned(),
        format!("{}{}", &lines[..last], lines[last..].replace(AT, "2026-01-02T03:04:06Z")),
        format!("{}\u{b}", lines.trim_end()),
    ] {
        fs::write(&journal, changed).unwrap();
        let error = Study::reopen(&planted.folder, HARNESS_VERSION, AT).unwrap_err();
        assert!(error.to_string().contains("does not have"), "{error}");
        assert!(check(&planted.folder).unwrap().is_damaged());
    }
    // Nothing but its newline is lost: the line is whole.
    fs::write(&journal, lines.trim_end()).unwrap();
    drop(Study::reopen(&planted.folder, HARNESS_VERSION, AT).unwrap());
    assert_eq!(fs::read_to_string(&journal).unwrap(), lines);
    assert!(check(&planted.folder).unwrap().is_clean());
}

/// Rewrites the journal with a right chain, as an attacker would, and takes the
/// manifest away.
fn forge(folder: &Path, change: impl Fn(&mut JournalEntry)) {
    let path = folder.join("journal.jsonl");
    let lines = fs::read_to_string(&path).unwrap();
    let entries = lines.lines().map(|line| {
        let mut line: JournalLine = serde_json::from_str(line).unwrap();
        change(&mut line.entry);
        line.entry
    });
    let forged: Vec<String> = chain(entries.collect())
        .iter()
        .map(|line| serde_json::to_string(line).unwrap() + "\n")
        .collect();
    fs::write(&path, forged.concat()).unwrap();
    fs::remove_file(folder.join("manifest.json")).unwrap();
}

#[test]
fn events_that_contradict_the_journal_are_named() {
    for (what, reason) in [("count", "events"), ("digest", "uncompressed digest")] {
        let planted = study();
        forge(&planted.folder, |entry| {
            if let JournalEntry::RunSealed(sealed) = entry {
                match what {
                    "count" => sealed.n_events -= 1,
                    _ => sealed.events_sha256 = Digest::ZERO,
                }
            }
        });
        let check = check(&planted.folder).unwrap();
        let finding = check
            .findings
            .iter()
            .find(|finding| finding.path.ends_with("events.jsonl.zst"))
            .unwrap();
        assert!(finding.message.contains(reason), "{finding}");
        let study = Study::open(&planted.folder).unwrap();
        assert!(study.runs().next().unwrap().is_err());
    }
}

#[test]
fn an_event_that_is_none_is_named_with_its_line() {
    let planted = study();
    let run = planted.folder.join("runs/baseline_default/run_001/events.jsonl.zst");
    let text = zstd::decode_all(&fs::read(&run).unwrap()[..]).unwrap();
    let text = String::from_utf8(text).unwrap().replace("\"ready\"", "\"steady\"");
    let bytes = zstd::encode_all(text.as_bytes(), 1).unwrap();
    fs::write(&run, &bytes).unwrap();
    forge(&planted.folder, |entry| {
        if let JournalEntry::RunSealed(sealed) = entry {
            let path = "runs/baseline_default/run_001/events.jsonl.zst";
            if let Some(digest) = sealed.files.get_mut(path) {
                *digest = Digest::of(&bytes);
                sealed.events_sha256 = Digest::of(text.as_bytes());
            }
        }
    });
    let check = check(&planted.folder).unwrap();
    let finding =
        check.findings.iter().find(|finding| finding.path.ends_with("events.jsonl.zst")).unwrap();
    assert!(finding.line.is_some() && finding.message.contains("steady"), "{finding}");
}

#[test]
fn paths_that_leave_the_study_are_refused() {
    let planted = study();
    forge(&planted.folder, |entry| {
        if let JournalEntry::RunSealed(sealed) = entry {
            let path = format!("runs/{}/../../../secret", sealed.run);
            sealed.files.insert(path, Digest::ZERO);
        }
    });
    assert!(damaged(&check(&planted.folder).unwrap()).contains("journal.jsonl"));
    let error = Study::open(&planted.folder).unwrap_err();
    assert!(matches!(error, OpenError::Journal { line: 3, .. }), "{error}");
}

#[test]
fn a_study_of_a_newer_program_is_refused_by_name() {
    let planted = study();
    forge(&planted.folder, |entry| {
        if let JournalEntry::StudyCreated(created) = entry {
            created.schema = "tachograph-journal/2".to_owned();
        }
    });
    let newer = |error: &OpenError| {
        matches!(error, OpenError::Schema { source: SchemaError::Newer { .. }, .. })
    };
    assert!(newer(&Study::open(&planted.folder).unwrap_err()));
    assert!(newer(&check(&planted.folder).unwrap_err()));
    let error = Study::resume(&planted.folder, None, HARNESS_VERSION, AT).unwrap_err();
    let WriteError::Open(error) = error else { panic!("{error}") };
    assert!(newer(&error), "{error}");
}

#[test]
fn bytes_that_are_no_study_never_panic() {
    let root = tempfile::tempdir().unwrap();
    let journal = root.path().join("journal.jsonl");
    let mut random = Random(9);
    for length in 0..200 {
        let bytes: Vec<u8> = (0..length).map(|_| random.number().to_le_bytes()[0]).collect();
        fs::write(&journal, &bytes).unwrap();
        fs::write(root.path().join("manifest.json"), &bytes).unwrap();
        assert!(Study::open(root.path()).is_err());
        assert!(check(root.path()).is_err() || check(root.path()).unwrap().is_damaged());
        assert!(Study::resume(root.path(), None, HARNESS_VERSION, AT).is_err());
    }
}
