//! Studies that end when their plan's stopping rule says so.

use std::fs;

use tachograph_model::digest::Digest;
use tachograph_model::study::{JournalEntry, JournalLine, LookDecision, LookVerdict, Looked};

use super::Place;

/// Looks after two and four blocks of at most six, at the fast simulated server.
/// `extra` may add a configuration.
fn plan(metric: &str, margin_percent: f64, extra: &str) -> String {
    let head = format!(
        "[stopping]\nrule = 'group-sequential'\nlooks = [2, 4, 6]\nspending = 'pocock'\n\
         [primary]\nmetric = '{metric}'\nmargin_percent = {margin_percent}\n[[servers]]"
    );
    let text = super::plan(6).replacen("[[servers]]", &head, 1);
    text.replacen("[factors]\ntemperature = [0.2]\n", extra, 1)
}

/// The server's own decode rate is stated by the simulated engine, so two arms that
/// send alike are exactly equal.
fn equal_arms() -> String {
    plan("server_decode_rate", 50.0, "[factors]\ntemperature = [0.2]\n")
}

/// The whole lines of the journal; a killed writer may leave a torn one.
fn journal(place: &Place) -> Vec<JournalLine> {
    let text = fs::read_to_string(place.path("study/journal.jsonl")).unwrap();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn looks(place: &Place) -> Vec<Looked> {
    let entries = journal(place).into_iter().map(|line| line.entry);
    let looked = entries.filter_map(|entry| match entry {
        JournalEntry::Looked(looked) => Some(looked),
        _ => None,
    });
    looked.collect()
}

fn n_sealed(place: &Place) -> usize {
    let sealed = |line: &JournalLine| matches!(line.entry, JournalEntry::RunSealed(_));
    journal(place).iter().filter(|line| sealed(line)).count()
}

#[test]
fn equal_arms_stop_as_equivalent_at_the_first_look_and_the_study_is_complete() {
    let place = Place::new(1);
    fs::write(place.path("plan.toml"), equal_arms()).unwrap();
    let shown = place.expect(0, &["plan", "plan.toml"]);
    assert!(shown.contains("after   2 blocks  p <= 0.0"), "{shown}");
    assert!(shown.contains("3 look(s), group-sequential, Pocock"), "{shown}");
    let said = place.expect(0, &["run", "plan.toml", "-o", "study"]);
    assert!(said.contains("look after 2 blocks: temp0p2 is equivalent"), "{said}");
    assert!(said.contains("all decided, the study ends"), "{said}");
    assert!(said.contains("4 of at most 12 runs are sealed"), "{said}");
    let looks = looks(&place);
    assert_eq!(looks.len(), 1);
    assert_eq!(looks[0].decision, LookDecision::AllDecided);
    assert_eq!(n_sealed(&place), 4);
    let said = place.expect(0, &["run", "--resume", "-o", "study"]);
    assert!(said.contains("the stopping rule ended the study after 2 blocks"), "{said}");
    place.expect(0, &["report", "study"]);
    let said = place.expect(0, &["verify", "study"]);
    assert!(said.starts_with("verified: "), "{said}");
    let report = fs::read_to_string(place.path("study/reports/single-agent/report.md")).unwrap();
    assert!(report.contains("the look after 2 of at most 6 blocks"), "{report}");
}

/// As [`plan`], where `temperature = 0.2` doubles the rate that the server states and
/// every request has its own seeded noise.
fn faster(margin_percent: f64, extra: &str) -> String {
    let set = "request_noise_fraction = 0.02\n\
               effects = '[{\"option\":\"temperature\",\"level\":0.2,\"output_scale\":0.5}]'\n\
               load_ns";
    plan("server_decode_rate", margin_percent, extra).replacen("load_ns", set, 1)
}

#[test]
fn a_planted_difference_stops_at_the_first_look() {
    let place = Place::new(1);
    fs::write(place.path("plan.toml"), faster(5.0, "[factors]\ntemperature = [0.2]\n")).unwrap();
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    let looks = looks(&place);
    let verdicts: Vec<_> = looks[0].configurations.values().map(|look| look.verdict).collect();
    assert_eq!(verdicts, [LookVerdict::Better]);
    assert_eq!((looks.len(), n_sealed(&place)), (1, 4));
    place.expect(0, &["report", "study"]);
    place.expect(0, &["verify", "study"]);
}

#[test]
fn an_arm_that_stays_open_keeps_the_study_going_to_its_last_block() {
    let place = Place::new(1);
    // Nothing tells equal arms from a hundredth of a percent.
    let text = faster(0.01, "[factors]\ntemperature = [0.2, 0.5]\n");
    fs::write(place.path("plan.toml"), text).unwrap();
    let said = place.expect(0, &["run", "plan.toml", "-o", "study"]);
    assert!(said.contains("temp0p5 stays open") && said.contains("the next look is after 4"));
    let decisions: Vec<_> = looks(&place).iter().map(|look| look.decision).collect();
    assert_eq!(decisions, [LookDecision::GoOn, LookDecision::GoOn, LookDecision::LastLook]);
    assert_eq!(n_sealed(&place), 18);
    place.expect(0, &["report", "study"]);
    place.expect(0, &["verify", "study"]);
}

#[test]
fn a_report_before_the_last_look_says_so_and_is_partial() {
    let place = Place::new(1);
    let text = faster(0.01, "[factors]\ntemperature = [0.2, 0.5]\n");
    fs::write(place.path("plan.toml"), text).unwrap();
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    let text = fs::read_to_string(place.path("study/journal.jsonl")).unwrap();
    let second = text.lines().position(|line| line.contains("\"looked\",\"n_blocks\":4"));
    cut(&place, &text, second.unwrap() + 1);
    place.expect(4, &["report", "study"]);
    let report = fs::read_to_string(place.path("study/reports/single-agent/report.md")).unwrap();
    assert!(report.contains("at an interim look, after 4 of at most 6 blocks"), "{report}");
    place.expect(0, &["run", "plan.toml", "--resume", "-o", "study"]);
    assert_eq!((looks(&place).len(), n_sealed(&place)), (3, 18));
    place.expect(0, &["report", "study"]);
    place.expect(0, &["verify", "study"]);
}

/// Leaves the first `n_lines` lines of `journal`, as if the writer had died there.
fn cut(place: &Place, journal: &str, n_lines: usize) {
    let kept: String = journal.split_inclusive('\n').take(n_lines).collect();
    fs::write(place.path("study/journal.jsonl"), kept).unwrap();
    fs::remove_file(place.path("study/manifest.json")).unwrap();
}

#[test]
fn a_study_ended_beside_its_look_is_resumed_to_the_same_decision() {
    let place = Place::new(1);
    fs::write(place.path("plan.toml"), equal_arms()).unwrap();
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    let before = journal(&place);
    let text = fs::read_to_string(place.path("study/journal.jsonl")).unwrap();
    let look = before.iter().position(|it| matches!(it.entry, JournalEntry::Looked(_))).unwrap();
    let resume = ["run", "plan.toml", "--resume", "-o", "study"];
    // The last run of the block is sealed, the look not taken; then taken, and not
    // acted on.
    for n_lines in [look, look + 1] {
        cut(&place, &text, n_lines);
        assert_eq!(n_sealed(&place), 4);
        place.expect(4, &["verify", "study"]);
        let said = place.expect(0, &resume);
        assert!(said.contains("study"), "{said}");
        let after = journal(&place);
        let looked = |lines: &[JournalLine]| {
            let found = lines.iter().find(|it| matches!(it.entry, JournalEntry::Looked(_)));
            found.unwrap().entry.clone()
        };
        assert_eq!(looked(&after), looked(&before), "cut after line {n_lines}");
        assert!(matches!(after.last().unwrap().entry, JournalEntry::Completed(_)));
        assert_eq!((looks(&place).len(), n_sealed(&place)), (1, 4));
    }
    place.expect(0, &["report", "study"]);
    place.expect(0, &["verify", "study"]);
}

#[test]
fn a_killed_study_is_resumed_and_takes_every_look_once() {
    let place = Place::new(1);
    let open = faster(0.01, "[factors]\ntemperature = [0.5]\n");
    let text = open.replacen("blocks = 6", "blocks = 12", 1).replacen(
        "rule = 'group-sequential'\nlooks = [2, 4, 6]\nspending = 'pocock'",
        "rule = 'always-valid'",
        1,
    );
    fs::write(place.path("plan.toml"), text).unwrap();
    let mut child = place.run_until("look after 2 blocks");
    child.kill().unwrap();
    child.wait().unwrap();
    let before = looks(&place);
    assert!(!before.is_empty(), "the first look is in the journal");
    place.expect(0, &["run", "plan.toml", "--resume", "-o", "study"]);
    let after = looks(&place);
    assert_eq!(after[..before.len()], before[..]);
    assert!(after.iter().map(|look| look.n_blocks).eq(2..=12), "each look once");
    place.expect(0, &["report", "study"]);
    place.expect(0, &["verify", "study"]);
}

#[test]
fn a_changed_look_breaks_the_chain_and_a_wrong_one_is_asked_again() {
    let place = Place::new(1);
    fs::write(place.path("plan.toml"), equal_arms()).unwrap();
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    let path = place.path("study/journal.jsonl");
    let good = fs::read_to_string(&path).unwrap();
    let number = 1 + good.lines().position(|line| line.contains("\"looked\"")).unwrap();
    fs::write(&path, good.replacen("\"equivalent\"", "\"better\"", 1)).unwrap();
    let said = place.expect(1, &["verify", "study"]);
    assert!(said.contains(&format!("journal.jsonl, line {number}: it changed")), "{said}");

    // The same lie with a whole chain and a manifest that seals it.
    let mut previous = Digest::ZERO;
    let mut forged = String::new();
    for line in good.replacen("\"equivalent\"", "\"better\"", 1).lines() {
        let mut line: JournalLine = serde_json::from_str(line).unwrap();
        line.previous_sha256 = previous;
        let text = serde_json::to_string(&line).unwrap();
        previous = Digest::of(text.as_bytes());
        forged.push_str(&text);
        forged.push('\n');
    }
    fs::write(&path, forged).unwrap();
    fs::remove_file(place.path("study/manifest.json")).unwrap();
    place.expect(0, &["report", "study"]);
    let said = place.expect(1, &["verify", "study"]);
    assert!(
        said.contains(&format!("journal.jsonl, line {number}: the look after 2 blocks says of")),
        "{said}"
    );
    assert!(said.contains("the events give: equivalent"), "{said}");
    assert!(said.contains("NOT verified: 1 deviation"), "{said}");
}

#[test]
fn a_contradictory_rule_is_shown_with_its_place() {
    let place = Place::new(1);
    let text = equal_arms().replace("[2, 4, 6]", "[2, 4]");
    fs::write(place.path("plan.toml"), text).unwrap();
    let said = place.expect(2, &["plan", "plan.toml"]).replace("\n  │ ", " ");
    assert!(said.contains("the last look ends the study"), "{said}");
    // Fewer blocks on the command line contradict the looks as well.
    fs::write(place.path("plan.toml"), equal_arms()).unwrap();
    let said = place.expect(2, &["plan", "plan.toml", "--blocks", "4"]).replace("\n  │ ", " ");
    assert!(said.contains("n_looks follows"), "{said}");
}
