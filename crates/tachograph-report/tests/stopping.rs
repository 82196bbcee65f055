//! When a study may stop, what its report then says, and looks that are wrong.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "support/fake.rs"]
mod fake;

use fake::{Noise, Shape};
use tachograph_model::digest::Digest;
use tachograph_model::plan::stopping::Stopping;
use tachograph_model::plan::{Plan, expand};
use tachograph_model::run::{ConfigurationId, Run, RunId};
use tachograph_model::study::{
    Completed, JournalEntry, JournalLine, LookDecision, LookVerdict, Looked, StudyHead,
};
use tachograph_report::{
    PrimaryValues, RunFacts, SequentialRule, analyse, check_looks, distil, render, verify,
};

const GROUP: &str = "[stopping]\nrule = \"group-sequential\"\nlooks = [4, 8, 12]\n\
    spending = \"pocock\"\n";
const ALWAYS: &str = "[stopping]\nrule = \"always-valid\"\ntuned_for = 10\n";
const FACTORS: &str = "[baseline]\naa = true\n[factors]\nnum_gpu = [40, 80, 120]\n";
const ARMS: [&str; 3] = ["gpu40", "gpu80", "gpu120"];

fn plan(blocks: u32, stopping: &str, margin_percent: f64) -> Plan {
    let mut plan = fake::plan(blocks, "", &format!("{stopping}{FACTORS}"));
    plan.primary.margin_percent = margin_percent;
    plan
}

/// A value for every run: `ratio` gives each arm's, and spread is `sd` on logs.
fn drawn(
    plan: &Plan,
    sd: f64,
    noise: &mut Noise,
    ratio: impl Fn(&str) -> f64,
) -> Vec<(RunId, f64)> {
    let mut value = |run: Run| {
        // Twelve uniform draws have a variance of four and are near normal.
        let normal: f64 = (0..12).map(|_| noise.next()).sum::<f64>() / 2.0;
        let value = 100.0 * ratio(&run.id.configuration.0) * (sd * normal).exp();
        (run.id, value)
    };
    expand::runs(plan).into_iter().map(&mut value).collect()
}

fn values(plan: &Plan, sd: f64, noise: &mut Noise, ratio: impl Fn(&str) -> f64) -> PrimaryValues {
    let mut values = PrimaryValues::default();
    for (run, value) in drawn(plan, sd, noise, ratio) {
        values.add(&run, Some(value));
    }
    values
}

fn verdicts(looked: &Looked) -> Vec<LookVerdict> {
    let of = |arm: &str| looked.configurations[&ConfigurationId(arm.to_owned())].verdict;
    ARMS.map(of).to_vec()
}

#[test]
fn a_study_stops_when_every_arm_is_decided_and_not_before() {
    let plan = plan(12, GROUP, 5.0);
    let rule = SequentialRule::of(&plan).unwrap();
    assert_eq!(rule.looks().iter().map(|look| look.n_blocks).collect::<Vec<_>>(), [4, 8, 12]);
    let clear = values(&plan, 0.003, &mut Noise(1), |arm| match arm {
        "gpu40" => 2.0,
        "gpu80" => 0.5,
        _ => 1.0,
    });
    let looked = rule.look(&clear, 4);
    assert_eq!(
        verdicts(&looked),
        [LookVerdict::Better, LookVerdict::Worse, LookVerdict::Equivalent]
    );
    assert_eq!(looked.decision, LookDecision::AllDecided);
    assert_eq!(looked.configurations.len(), 3, "neither baseline decides");

    // One arm whose spread hides what it does keeps all of them going.
    let mut open = clear.clone();
    for block in 1..=12 {
        let configuration = ConfigurationId("gpu120".to_owned());
        let value = if block % 2 == 0 { 20.0 } else { 500.0 };
        open.add(&RunId { configuration, block }, Some(value));
    }
    for (n_blocks, decision) in
        [(4, LookDecision::GoOn), (8, LookDecision::GoOn), (12, LookDecision::LastLook)]
    {
        let looked = rule.look(&open, n_blocks);
        assert_eq!(looked.decision, decision, "{n_blocks}");
        assert_eq!(verdicts(&looked)[2], LookVerdict::Inconclusive);
    }
}

#[test]
fn a_look_does_not_see_later_blocks() {
    for stopping in [GROUP, ALWAYS] {
        let plan = plan(12, stopping, 5.0);
        let rule = SequentialRule::of(&plan).unwrap();
        let all = values(&plan, 0.05, &mut Noise(3), |_| 1.02);
        let mut first = PrimaryValues::default();
        for (run, value) in drawn(&plan, 0.05, &mut Noise(3), |_| 1.02) {
            if run.block <= 4 {
                first.add(&run, Some(value));
            }
        }
        assert_ne!(first, all);
        assert_eq!(rule.look(&first, 4), rule.look(&all, 4));
    }
}

/// How often any of three equal arms is called different at any look.
fn false_claims(stopping: &str, blocks: u32, trials: u32) -> f64 {
    let plan = plan(blocks, stopping, 0.001);
    let rule = SequentialRule::of(&plan).unwrap();
    let mut noise = Noise(42);
    let mut n_wrong = 0;
    for _ in 0..trials {
        let values = values(&plan, 0.05, &mut noise, |_| 1.0);
        let wrong = rule.looks().iter().any(|look| {
            let said = verdicts(&rule.look(&values, look.n_blocks));
            said.contains(&LookVerdict::Better) || said.contains(&LookVerdict::Worse)
        });
        n_wrong += u32::from(wrong);
    }
    f64::from(n_wrong) / f64::from(trials)
}

#[test]
fn three_equal_arms_are_rarely_called_different_however_often_one_looks() {
    // Four standard errors above 5 %; without sharing alpha it would be about 12 %.
    let limit = |trials: f64| 0.05 + 4.0 * (0.05 * 0.95 / trials).sqrt();
    let pocock = "[stopping]\nrule = \"group-sequential\"\nn_looks = 4\nspending = \"pocock\"\n";
    let found = false_claims(pocock, 24, 500);
    assert!(found > 0.01 && found <= limit(500.0), "Pocock: {found}");
    let found = false_claims("[stopping]\nrule = \"group-sequential\"\nn_looks = 4\n", 24, 500);
    assert!(found > 0.01 && found <= limit(500.0), "O'Brien-Fleming: {found}");
    let found = false_claims(ALWAYS, 20, 150);
    assert!(found <= limit(150.0), "always-valid: {found}");
}

/// Prints the table of `docs/statistics.md`.
#[test]
#[ignore = "takes minutes; its smaller version is above"]
fn family_wise_error_of_short_plans() {
    let row = |name: &str, stopping: &str, blocks, trials: u32| {
        let found = false_claims(stopping, blocks, trials);
        let error = (found * (1.0 - found) / f64::from(trials)).sqrt();
        println!("| {name} | {:.2} ± {:.2} |", 100.0 * found, 100.0 * error);
    };
    for spending in ["obrien-fleming", "pocock"] {
        for looks in [&[2_u32, 4, 6][..], &[4, 8, 12], &[2, 3, 4, 5, 6, 7, 8]] {
            let stopping = format!(
                "[stopping]\nrule = \"group-sequential\"\nlooks = {looks:?}\n\
                 spending = \"{spending}\"\n"
            );
            let name = format!("{spending}, looks {looks:?}");
            row(&name, &stopping, looks[looks.len() - 1], 20_000);
        }
    }
    row("always-valid, up to 20 blocks, tuned for 10", ALWAYS, 20, 4_000);
}

#[test]
fn failed_runs_leave_fewer_pairs_and_a_wider_interval() {
    for stopping in [GROUP, ALWAYS] {
        let plan = plan(12, stopping, 5.0);
        let rule = SequentialRule::of(&plan).unwrap();
        let all = values(&plan, 0.05, &mut Noise(5), |_| 1.1);
        let mut noise = Noise(77);
        // Each torn pattern of a group-sequential look has boundaries of its own.
        let trials = if stopping == GROUP { 4 } else { 40 };
        for trial in 0..trials {
            let mut some = PrimaryValues::default();
            for (run, value) in drawn(&plan, 0.05, &mut Noise(5), |_| 1.1) {
                some.add(&run, (noise.next() < 0.4).then_some(value));
            }
            for look in rule.looks() {
                let looked = rule.look(&some, look.n_blocks);
                let whole = rule.look(&all, look.n_blocks);
                for (id, found) in &looked.configurations {
                    assert!(found.n_pairs <= whole.configurations[id].n_pairs);
                    let open = found.verdict == LookVerdict::Inconclusive;
                    assert!(found.n_pairs >= 2 || open, "{trial}");
                }
            }
        }
    }
    // The same values in fewer blocks: the early look may spend less.
    let plan = plan(12, GROUP, 5.0);
    let rule = SequentialRule::of(&plan).unwrap();
    let mut whole = PrimaryValues::default();
    let mut torn = PrimaryValues::default();
    for run in expand::runs(&plan) {
        let swing = if run.id.block % 2 == 0 { 1.02 } else { 0.98 };
        let value = if run.id.configuration.0.starts_with("base") { 100.0 } else { 110.0 * swing };
        whole.add(&run.id, Some(value));
        torn.add(&run.id, (run.id.block != 3 && run.id.block != 4).then_some(value));
    }
    let width = |values| {
        let looked = rule.look(values, 4);
        let ends = looked.configurations[&ConfigurationId("gpu40".to_owned())].ratio_low_high;
        ends.map(|[low, high]| high / low)
    };
    assert!(width(&torn).is_none_or(|torn| torn > width(&whole).unwrap()));
}

// Studies with events.

/// A study of `blocks` sealed blocks with the looks that the rule takes, `completed`
/// if the rule ended it.
fn study(plan: &Plan, blocks: u32, completed: bool) -> (StudyHead, Vec<RunFacts>) {
    let mut shape = |run: &Run, noise: &mut Noise| {
        let gain = if run.id.configuration.0 == "gpu80" { 1.5 } else { 1.0 };
        let rate = 100.0 * gain * (1.0 + 0.004 * noise.next());
        (run.id.block <= blocks).then(|| Shape { rate, ..Shape::default() })
    };
    let (mut head, evidence) = fake::study(plan, &mut shape);
    let facts: Vec<RunFacts> = evidence.iter().map(|run| distil(run, plan)).collect();
    let rule = SequentialRule::of(plan).unwrap();
    let mut values = PrimaryValues::default();
    for run in &facts {
        values.add(&run.id, run.metric(rule.metric()));
    }
    head.journal.pop();
    for look in rule.looks().into_iter().filter(|look| look.n_blocks <= blocks) {
        let looked = rule.look(&values, look.n_blocks);
        let goes_on = looked.decision == LookDecision::GoOn;
        push(&mut head, JournalEntry::Looked(looked));
        if !goes_on {
            break;
        }
    }
    if completed {
        let n_runs = u32::try_from(facts.len()).unwrap();
        push(&mut head, JournalEntry::Completed(Completed { n_runs }));
    }
    (head, facts)
}

fn push(head: &mut StudyHead, entry: JournalEntry) {
    let line = head.journal.len() as u64 + 1;
    let at = "2026-03-01T12:00:00Z".to_owned();
    head.journal.push(JournalLine { line, previous_sha256: Digest::ZERO, at, entry });
}

#[test]
fn a_report_of_a_study_that_stopped_says_so_and_prints_the_rules_intervals() {
    for (stopping, formula) in [(GROUP, "repeated-interval"), (ALWAYS, "confidence-sequence")] {
        let plan = plan(12, stopping, 5.0);
        // What would have been measured has no say in where the study stops.
        let at = study(&plan, 12, false).0.looked().last().unwrap().1.n_blocks;
        assert!(at < 12, "{formula}: {at}");
        let (head, facts) = study(&plan, at, true);
        let analysis = analyse(&head, &facts);
        let Some(JournalEntry::Looked(last)) =
            head.journal.iter().rev().nth(1).map(|line| line.entry.clone())
        else {
            panic!("a look")
        };
        assert_eq!(last.decision, LookDecision::AllDecided, "{formula}: {last:?}");
        assert_eq!(analysis.n_runs(), (5 * at as usize, 5 * at as usize), "complete");
        let headlines = analysis.headlines();
        for (id, look) in &last.configurations {
            let line = headlines.iter().find(|line| line.configuration == id.0).unwrap();
            let (_, low, high) = line.ratio.unwrap();
            assert_eq!(look.ratio_low_high, Some([low, high]), "the interval is the rule's");
            let verdict = format!("{:?}", line.verdict.unwrap()).to_lowercase();
            assert_eq!(verdict, look.verdict.name());
        }
        let rendered = render(&analysis);
        let report = &rendered.report_md;
        let words = format!("ended the study at the look after {at} of at most 12 blocks");
        assert!(report.contains(&words), "{words}");
        let words = format!("rule at its look after {at} blocks, which holds at all its looks");
        assert_eq!(report.matches(&words).count(), 2, "the results table and the forest plot");
        let (_, advice) = report.split_once("## Recommendations").unwrap();
        assert!(advice.contains("Every verdict here is that of the stopping rule"));
        assert!(report.contains("None: every planned run is there"), "no run is missing");
        assert!(!report.contains("p (Holm)") && !report.contains("interim"));
        assert!(report.contains(&format!("`{formula}`")) && !report.contains("`holm-difference`"));
        let claims = &rendered.claims_json;
        let ratio = claims.lines().find(|line| line.contains("\"output_throughput/gpu80/ratio\""));
        assert!(ratio.unwrap().contains(formula), "{ratio:?}");
        assert!(!claims.contains("p_holm"), "no naive p-value");
        assert_eq!(verify(&head, &facts, &rendered.files()).differences, []);
        assert_eq!(check_looks(&head, &facts), []);
    }
}

#[test]
fn a_report_before_the_end_says_that_it_is_at_an_interim_look() {
    let plan = plan(12, GROUP, 0.01);
    let (head, facts) = study(&plan, 6, false);
    let analysis = analyse(&head, &facts);
    assert_eq!(analysis.n_runs(), (60, 30), "not complete");
    let report = render(&analysis).report_md;
    assert!(report.contains("it stands at an interim look, after 4 of at most 12"), "{report}");
    assert_eq!(check_looks(&head, &facts), []);
    let judged = analysis.headlines().into_iter().find(|line| line.configuration == "gpu80");
    assert!(judged.unwrap().verdict.is_some(), "the rule's verdict at the interim look");

    let (head, facts) = study(&plan, 3, false);
    let report = render(&analyse(&head, &facts)).report_md;
    assert!(report.contains("no look was taken: the first is after 4"), "{report}");
    assert!(report.contains("none: no look yet"));
    let (head, facts) = study(&plan, 12, true);
    let rendered = render(&analyse(&head, &facts));
    assert!(rendered.report_md.contains("The study ended with its last planned block"));
    assert_eq!(verify(&head, &facts, &rendered.files()).differences, []);
}

#[test]
fn looks_that_do_not_follow_are_named_with_their_line() {
    let plan = plan(12, GROUP, 0.01);
    let (good, facts) = study(&plan, 9, false);
    assert_eq!(check_looks(&good, &facts), []);
    let line = good.looked().next().unwrap().0;
    let check = |change: &dyn Fn(&mut Looked), expected: &str| {
        let mut head = good.clone();
        for entry in head.journal.iter_mut().filter(|it| it.line == line) {
            if let JournalEntry::Looked(looked) = &mut entry.entry {
                change(looked);
            }
        }
        let faults = check_looks(&head, &facts);
        assert!(faults.iter().any(|it| it.line == Some(line)), "{expected}: {faults:?}");
        assert!(faults[0].message.contains(expected), "{expected}: {faults:?}");
    };
    let id = || ConfigurationId("gpu40".to_owned());
    check(&|it| it.decision = LookDecision::AllDecided, "the events give: go on");
    check(
        &|it| it.configurations.get_mut(&id()).unwrap().verdict = LookVerdict::Worse,
        "says of gpu40: worse",
    );
    check(&|it| it.configurations.get_mut(&id()).unwrap().n_pairs = 3, "4 pairs");
    let widen = |it: &mut Looked| {
        let ends = &mut it.configurations.get_mut(&id()).unwrap().ratio_low_high;
        *ends = ends.map(|[low, high]| [low, high * (1.0 + 1e-6)]);
    };
    check(&widen, "ratio");
    let forget = |it: &mut Looked| {
        it.configurations.remove(&id());
    };
    check(&forget, "does not judge");
    check(&|it| it.n_blocks = 5, "have none");

    // A look that was left out, with a later run behind it.
    let mut head = good.clone();
    head.journal.retain(|it| it.line != line);
    push(&mut head, JournalEntry::Completed(Completed { n_runs: 45 }));
    let faults = check_looks(&head, &facts);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].message.contains("without the planned look after 4"), "{faults:?}");

    let fixed = Plan { stopping: Stopping::default(), ..plan };
    let head = StudyHead { plan: fixed, ..good.clone() };
    assert_eq!(check_looks(&head, &facts).len(), 2);
}
