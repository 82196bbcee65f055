use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::Value;
use tachograph_model::event::Stage;
use tachograph_model::study::{Published, Resumed, RunAbandoned};
use tachograph_testkit::study::{FakeStudy, StudyBuilder, chain};

use super::*;

const EVENTS: &str = "runs/baseline_default/run_001/events.jsonl.zst";
const REPORT: &str = "reports/single-agent/report.md";
const ANN: Author<'static> = Author { name: "Ann Ö", uri: Some("https://example.org/ann") };

/// A study of one run with a published report, and its files.
fn tiny() -> (StudyHead, BTreeMap<String, CrateFile>) {
    published(&StudyBuilder::new().no_factors().blocks(1).build())
}

/// Adds a report to a study, and lists files: those of its runs, and some others.
fn published(study: &FakeStudy) -> (StudyHead, BTreeMap<String, CrateFile>) {
    let mut head = study.head();
    let report = BTreeMap::from([(REPORT.to_owned(), Digest::of(b"report"))]);
    let published = Published { kind: "single-agent".to_owned(), files: report.clone() };
    append(&mut head, JournalEntry::Published(published));
    let mut digests = report;
    digests.extend(head.sealed().flat_map(|sealed| sealed.files.clone()));
    for name in ["plan.toml", "plan.lock.json", "journal.jsonl", "manifest.json"] {
        digests.insert(name.to_owned(), Digest::of(name.as_bytes()));
    }
    let files = digests.into_iter().map(|(path, sha256)| (path, CrateFile { bytes: 12, sha256 }));
    (head, files.collect())
}

fn append(head: &mut StudyHead, entry: JournalEntry) {
    let entries = head.journal.drain(..).map(|line| line.entry);
    head.journal = chain(entries.chain([entry]).collect());
}

fn input<'a>(
    (head, files): &'a (StudyHead, BTreeMap<String, CrateFile>),
    times: &'a BTreeMap<RunId, RunTimes>,
) -> RoCrateInput<'a> {
    let (license, author) = (Some("https://example.org/licence"), Some(ANN));
    RoCrateInput { head, files, times, date_published: "2026-01-03", license, author }
}

fn made(input: &RoCrateInput<'_>) -> Value {
    let bytes = ro_crate(input);
    assert_eq!(bytes, ro_crate(input));
    serde_json::from_slice(&bytes).unwrap()
}

fn entities(document: &Value) -> &Vec<Value> {
    document["@graph"].as_array().unwrap()
}

#[track_caller]
fn entity<'a>(document: &'a Value, id: &str) -> &'a Value {
    let found = entities(document).iter().find(|entity| entity["@id"] == id);
    found.unwrap_or_else(|| panic!("no {id} in {document:#}"))
}

/// Every identifier that a property refers to, of one reference or a list.
fn ids(property: &Value) -> Vec<String> {
    let id = |link: &Value| link["@id"].as_str().map(str::to_owned);
    match property {
        Value::Array(links) => links.iter().filter_map(id).collect(),
        link => id(link).into_iter().collect(),
    }
}

/// Checks what holds of every crate.
fn check(input: &RoCrateInput<'_>) {
    let document = made(input);
    let all: Vec<&str> =
        entities(&document).iter().map(|entity| entity["@id"].as_str().unwrap()).collect();
    let known: BTreeSet<&str> = all.iter().copied().collect();
    assert_eq!(known.len(), all.len(), "an identifier stands twice: {all:?}");
    let mut parts: Vec<String> = Vec::new();
    for entity in entities(&document) {
        for (name, property) in entity.as_object().unwrap() {
            if let Value::Array(links) = property {
                assert!(links.len() > 1, "{entity}: {name} is a list of one");
            }
            for id in ids(property) {
                let outside = id == RO_CRATE;
                assert!(outside || known.contains(&*id), "{entity}: nothing is called {id}");
            }
        }
        parts.extend(ids(&entity["hasPart"]));
        assert!(all.iter().all(|id| id.is_ascii() && !id.contains([' ', '"', '\\'])), "{all:?}");
    }
    let of_kind = |kind: &str| -> Vec<&Value> {
        entities(&document).iter().filter(|entity| entity["@type"] == kind).collect()
    };
    let listed: Vec<String> =
        of_kind("File").iter().map(|file| decode(file["@id"].as_str().unwrap())).collect();
    let expected: Vec<String> =
        input.files.keys().filter(|path| *path != RO_CRATE_FILE).cloned().collect();
    assert_eq!(listed, expected);
    parts.sort();
    let mut data: Vec<String> = [of_kind("File"), of_kind("Dataset")]
        .concat()
        .iter()
        .map(|it| it["@id"].as_str().unwrap().to_owned())
        .filter(|id| id != ROOT)
        .collect();
    data.sort();
    assert_eq!(parts, data, "every file and folder is a part once");
    let actions: Vec<&str> =
        of_kind("CreateAction").iter().map(|it| it["@id"].as_str().unwrap()).collect();
    assert_eq!(ids(&entity(&document, ROOT)["mentions"]), actions);
}

fn decode(id: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = id.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(&tail[..2]).unwrap();
            bytes.push(u8::from_str_radix(digits, 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Archives read these bytes: review any change here against the profile, with its
/// validator.
#[test]
#[expect(clippy::too_many_lines, reason = "the snapshot is the whole document")]
fn crate_layout() {
    let (mut head, mut files) = tiny();
    head.environment.servers.clear();
    files.retain(|path, _| [EVENTS, REPORT, "plan.lock.json"].contains(&&**path));
    let study = (head, files);
    let times = journal_times(&study.0);
    let document = String::from_utf8(ro_crate(&input(&study, &times))).unwrap();
    insta::assert_snapshot!(document, @r##"
    {
      "@context": [
        "https://w3id.org/ro/crate/1.1/context",
        "https://w3id.org/ro/terms/workflow-run/context"
      ],
      "@graph": [
        {
          "@id": "ro-crate-metadata.json",
          "@type": "CreativeWork",
          "about": {
            "@id": "./"
          },
          "conformsTo": {
            "@id": "https://w3id.org/ro/crate/1.1"
          }
        },
        {
          "@id": "./",
          "@type": "Dataset",
          "author": {
            "@id": "https://example.org/ann"
          },
          "conformsTo": {
            "@id": "https://w3id.org/ro/wfrun/process/0.5"
          },
          "datePublished": "2026-01-03",
          "description": "What does the testkit make up? A study of language model agents, made with Tachograph: the plan testkit, 1 sealed run, and what follows from them.",
          "hasPart": [
            {
              "@id": "runs/baseline_default/run_001/"
            },
            {
              "@id": "plan.lock.json"
            },
            {
              "@id": "reports/single-agent/report.md"
            }
          ],
          "license": {
            "@id": "https://example.org/licence"
          },
          "mentions": [
            {
              "@id": "#run/baseline_default/run_001"
            },
            {
              "@id": "#report/single-agent"
            }
          ],
          "name": "Tachograph study testkit"
        },
        {
          "@id": "https://w3id.org/ro/wfrun/process/0.5",
          "@type": "CreativeWork",
          "name": "Process Run Crate",
          "version": "0.5"
        },
        {
          "@id": "https://example.org/licence",
          "@type": "CreativeWork",
          "name": "https://example.org/licence"
        },
        {
          "@id": "https://example.org/ann",
          "@type": "Person",
          "name": "Ann Ö"
        },
        {
          "@id": "#tacho-0.0.0-testkit",
          "@type": "SoftwareApplication",
          "description": "Tachograph: executes plans, records events, writes reports. When the study began, a debug build.",
          "name": "tacho",
          "softwareVersion": "0.0.0-testkit"
        },
        {
          "@id": "#agent/analyst",
          "@type": "SoftwareApplication",
          "description": "An agent of the plan, a part of tacho.",
          "name": "agent analyst",
          "softwareVersion": "0.0.0-testkit"
        },
        {
          "@id": "#input/analyst",
          "@type": "PropertyValue",
          "name": "input folder of agent analyst",
          "value": "samples"
        },
        {
          "@id": "#run/baseline_default/run_001",
          "@type": "CreateAction",
          "actionStatus": "http://schema.org/CompletedActionStatus",
          "agent": {
            "@id": "https://example.org/ann"
          },
          "description": "Run 1 of the study: configuration baseline_default in block 1. Agent analyst on server main: seed=2032481855.",
          "endTime": "2026-01-02T03:04:05+00:00",
          "instrument": [
            {
              "@id": "#tacho-0.0.0-testkit"
            },
            {
              "@id": "#agent/analyst"
            }
          ],
          "name": "Run baseline_default/run_001",
          "object": [
            {
              "@id": "plan.lock.json"
            },
            {
              "@id": "#input/analyst"
            }
          ],
          "result": {
            "@id": "runs/baseline_default/run_001/events.jsonl.zst"
          },
          "startTime": "2026-01-02T03:04:05+00:00"
        },
        {
          "@id": "#report/single-agent",
          "@type": "CreateAction",
          "actionStatus": "http://schema.org/CompletedActionStatus",
          "agent": {
            "@id": "https://example.org/ann"
          },
          "description": "Computes the report from the sealed events. The journal does not say by which version: the instrument is the last one that it names before.",
          "endTime": "2026-01-02T03:04:05+00:00",
          "instrument": {
            "@id": "#tacho-0.0.0-testkit"
          },
          "name": "Report single-agent",
          "object": [
            {
              "@id": "plan.lock.json"
            },
            {
              "@id": "runs/baseline_default/run_001/"
            }
          ],
          "result": {
            "@id": "reports/single-agent/report.md"
          }
        },
        {
          "@id": "runs/baseline_default/run_001/",
          "@type": "Dataset",
          "description": "What one execution of a configuration left.",
          "hasPart": {
            "@id": "runs/baseline_default/run_001/events.jsonl.zst"
          },
          "name": "Run baseline_default/run_001"
        },
        {
          "@id": "plan.lock.json",
          "@type": "File",
          "contentSize": "12",
          "description": "The plan with every default made explicit; its digest identifies the plan.",
          "encodingFormat": "application/json",
          "name": "plan.lock.json",
          "sha256": "1c3717c102da7cea8f21b4f7f09747b306432b662fdbe9ecdab8701379a82546"
        },
        {
          "@id": "reports/single-agent/report.md",
          "@type": "File",
          "contentSize": "12",
          "description": "The report that follows from the events.",
          "encodingFormat": "text/markdown",
          "name": "reports/single-agent/report.md",
          "sha256": "845e91831319e89c4d656bdb80c278ac09a7230d61e5dfd2e1b1fbb436ac8917"
        },
        {
          "@id": "runs/baseline_default/run_001/events.jsonl.zst",
          "@type": "File",
          "contentSize": "12",
          "description": "Every event of the run, one JSON object per line.",
          "encodingFormat": "application/zstd",
          "name": "runs/baseline_default/run_001/events.jsonl.zst",
          "sha256": "acb2c722762ebd7daeec41147d945bba0254d9b1a8b50ee1696a35c50b0291e9"
        }
      ]
    }
    "##);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_file_is_listed_once_and_every_reference_leads_somewhere(
        odd in prop::collection::vec((any::<bool>(), "[a-z %üé\"'#?&<>:+\\\\]{1,9}(/[a-z %€.]{1,4}x)?"), 0..12),
        dropped in prop::collection::vec(any::<bool>(), 12),
    ) {
        let (head, mut files) = tiny();
        let mut dropped = dropped.into_iter().chain(std::iter::repeat(false));
        files.retain(|_, _| !dropped.next().unwrap());
        for (in_run, name) in odd {
            let folder = if in_run { "runs/baseline_default/run_001/" } else { "" };
            let sha256 = Digest::of(name.as_bytes());
            files.insert(format!("{folder}{name}"), CrateFile { bytes: 1, sha256 });
        }
        let study = (head, files);
        check(&input(&study, &BTreeMap::new()));
    }
}

#[test]
fn odd_names_are_escaped_and_can_be_read_back() {
    let (head, mut files) = tiny();
    let file = CrateFile { bytes: 1, sha256: Digest::of(b"") };
    let name = "reports/50 % of \"ü\".md";
    files.insert(name.to_owned(), file);
    files.insert(RO_CRATE_FILE.to_owned(), file);
    let study = (head, files);
    let times = BTreeMap::new();
    let input = input(&study, &times);
    check(&input);
    let document = made(&input);
    let id = "reports/50%20%25%20of%20%22%C3%BC%22.md";
    assert_eq!(entity(&document, id)["name"], name);
    assert_eq!(entity(&document, id)["encodingFormat"], "text/markdown");
}

#[test]
fn a_failed_run_is_a_failed_action_and_unknown_times_are_absent() {
    let first = StudyBuilder::new().build().runs[0].run.id.clone();
    let study = published(&StudyBuilder::new().failure(first.clone(), Stage::Analysis).build());
    let ended_at = Some("2026-01-02T04:00:00.500+01:00".to_owned());
    let times = BTreeMap::from([(first.clone(), RunTimes { started_at: None, ended_at })]);
    let input = RoCrateInput { author: None, ..input(&study, &times) };
    check(&input);
    let document = made(&input);
    for sealed in study.0.sealed() {
        let action = entity(&document, &format!("#run/{}", sealed.run));
        let failed = sealed.run == first;
        let status = if failed { "Failed" } else { "Completed" };
        assert_eq!(action["actionStatus"], format!("http://schema.org/{status}ActionStatus"));
        assert_eq!(action.get("error").is_some(), failed);
        assert_eq!(action.get("startTime"), None);
        assert_eq!(action.get("endTime").is_some(), failed);
        assert_eq!(action.get("agent"), None);
    }
    let action = entity(&document, &format!("#run/{first}"));
    assert_eq!(action["endTime"], "2026-01-02T04:00:00.500+01:00");
}

#[test]
fn the_journal_knows_when_a_run_began_for_the_last_time() {
    let (mut head, _) = tiny();
    let run = head.sealed().next().unwrap().run.clone();
    let begun = head.journal[1].entry.clone();
    let abandoned = JournalEntry::RunAbandoned(RunAbandoned {
        run: run.clone(),
        reason: "interrupted".to_owned(),
    });
    let mut entries: Vec<JournalEntry> = head.journal.drain(..).map(|line| line.entry).collect();
    entries.splice(1..1, [begun, abandoned]);
    head.journal = chain(entries);
    for (line, hour) in head.journal.iter_mut().zip(10..) {
        line.at = format!("2026-01-02T{hour}:00:00Z");
    }
    let expected = RunTimes {
        started_at: Some("2026-01-02T13:00:00Z".to_owned()),
        ended_at: Some("2026-01-02T14:00:00Z".to_owned()),
    };
    assert_eq!(journal_times(&head), BTreeMap::from([(run, expected)]));
    head.journal.truncate(4);
    assert_eq!(journal_times(&head), BTreeMap::new(), "a run in progress has no times");
}

#[test]
fn a_report_is_claimed_only_where_its_bytes_are_those_published() {
    let (head, mut files) = tiny();
    files.get_mut(REPORT).unwrap().sha256 = Digest::of(b"another");
    let study = (head, files);
    let times = BTreeMap::new();
    check(&input(&study, &times));
    let document = made(&input(&study, &times));
    assert!(entities(&document).iter().all(|entity| entity["@id"] != "#report/single-agent"));
}

#[test]
fn a_run_is_made_by_the_version_that_executed_it() {
    let study = StudyBuilder::new().no_factors().blocks(2).build();
    let (mut head, files) = published(&study);
    let resumed =
        JournalEntry::Resumed(Resumed { harness_version: "9.9.9".to_owned(), torn_bytes: 0 });
    let mut entries: Vec<JournalEntry> = head.journal.drain(..).map(|line| line.entry).collect();
    entries.insert(3, resumed);
    head.journal = chain(entries);
    let study = (head, files);
    let times = BTreeMap::new();
    check(&input(&study, &times));
    let document = made(&input(&study, &times));
    let first = |id: &str| ids(&entity(&document, id)["instrument"]).remove(0);
    assert_eq!(first("#run/baseline_default/run_001"), "#tacho-0.0.0-testkit");
    assert_eq!(first("#run/baseline_default/run_002"), "#tacho-9.9.9");
    assert_eq!(first("#report/single-agent"), "#tacho-9.9.9");
    let native = entity(&document, "#agent/analyst");
    assert_eq!(native.get("softwareVersion"), None, "it had two versions");
}

#[test]
fn a_server_is_named_where_the_environment_names_it() {
    let mut study = tiny();
    let times = BTreeMap::new();
    let document = made(&input(&study, &times));
    let server = entity(&document, "#server/main");
    assert_eq!((&server["name"], &server["softwareVersion"]), (&"ollama".into(), &"0.30.0".into()));
    assert_eq!(
        server["description"],
        "Server main of the plan, with the model fake:1b, digest sha256:fake, context length 2048."
    );
    let run = entity(&document, "#run/baseline_default/run_001");
    let used = ["#tacho-0.0.0-testkit", "#agent/analyst", "#server/main"];
    assert_eq!(ids(&run["instrument"]), used);
    study.0.environment.servers.get_mut("main").unwrap().product = None;
    check(&input(&study, &times));
}

#[test]
fn a_licence_is_a_uri_or_words_or_said_to_be_missing() {
    let study = tiny();
    let times = BTreeMap::new();
    let cases = [
        (Some("https://example.org/a"), "https://example.org/a", "https://example.org/a"),
        (Some("For reviewers only"), "#license", "Terms of use"),
        (Some("https://example.org/a b"), "#license", "Terms of use"),
        (None, "#license", "No licence stated"),
    ];
    for (license, id, name) in cases {
        let input = RoCrateInput { license, ..input(&study, &times) };
        check(&input);
        let document = made(&input);
        assert_eq!(ids(&entity(&document, ROOT)["license"]), [id]);
        assert_eq!(entity(&document, id)["name"], name);
    }
}

#[test]
fn an_author_is_a_person_who_executed_every_action() {
    let study = tiny();
    let times = BTreeMap::new();
    let cases = [
        (Some("https://example.org/ann"), "https://example.org/ann", None),
        (Some("0000-0001"), "#author", Some("0000-0001")),
        (None, "#author", None),
    ];
    for (uri, id, identifier) in cases {
        let input = RoCrateInput { author: Some(Author { uri, ..ANN }), ..input(&study, &times) };
        check(&input);
        let document = made(&input);
        assert_eq!(ids(&entity(&document, ROOT)["author"]), [id]);
        for action in ["#run/baseline_default/run_001", "#report/single-agent"] {
            assert_eq!(ids(&entity(&document, action)["agent"]), [id]);
        }
        let person = entity(&document, id);
        assert_eq!(person.get("identifier").and_then(Value::as_str), identifier);
    }
}
