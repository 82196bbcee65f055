//! Two studies against each other: verdicts on planted truths, refusals, forms.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/fake.rs"]
mod fake;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use fake::{Noise, Shape};
use tachograph_model::digest::Digest;
use tachograph_model::event::CallStatus;
use tachograph_model::plan::stopping::Rule;
use tachograph_model::plan::{Metric, Plan};
use tachograph_model::run::Run;
use tachograph_report::{
    Aspect, BaselineError, Contrast, ContrastError, Extract, Form, Gate, Gating, ServerWord, Side,
    Terms, analyse, contrast, distil,
};
use tachograph_stats::Verdict;

const TABLES: &str = "[baseline]\naa = true\n[factors]\nnum_gpu = [40, 80]\n";

/// A study of `plan` whose runs have the rate `rate`, with noise from `seed`.
fn extract_of(plan: &Plan, seed: u64, rate: f64, change: impl Fn(&Run, &mut Shape)) -> Extract {
    let mut own = Noise(seed.wrapping_mul(0x1234_5678_9abc_def1));
    let mut shape = |run: &Run, _: &mut Noise| {
        // Near-normal noise of about one percent.
        let noise: f64 = (0..4).map(|_| own.next()).sum::<f64>() * 0.009;
        let mut shape = Shape { rate: rate * (1.0 + noise), ..Shape::default() };
        change(run, &mut shape);
        Some(shape)
    };
    let (mut head, mut evidence) = fake::study(plan, &mut shape);
    // The fake's digests follow from its events' times, not from the seed.
    for run in &mut evidence {
        let bytes = format!("{seed} {}", run.sealed.events_sha256);
        run.sealed.events_sha256 = Digest::of(bytes.as_bytes());
    }
    head.environment.started_at = format!("2026-03-{:02}T12:00:00Z", 1 + seed % 28);
    let facts: Vec<_> = evidence.iter().map(|run| distil(run, plan)).collect();
    Extract::of(&head, &facts, &analyse(&head, &facts), None)
}

/// One study, made from events.
fn made() -> &'static Extract {
    static MADE: OnceLock<Extract> = OnceLock::new();
    MADE.get_or_init(|| extract_of(&fake::plan(6, "", TABLES), 1, 100.0, |_, _| ()))
}

/// That study with other values: those of a machine with `percent` of its speed, with
/// near-normal noise of about one percent from `seed`.
fn plain(seed: u64, percent: f64) -> Extract {
    let mut study = made().clone();
    let mut own = Noise(seed.wrapping_mul(0x1234_5678_9abc_def1));
    study.study.evidence_sha256 = Digest::of(&seed.to_le_bytes());
    study.study.started_at = format!("2026-04-01T12:00:{seed:02}Z");
    for cell in study.configurations.values_mut() {
        for (metric, of_blocks) in &mut cell.values {
            for value in of_blocks.values_mut() {
                let noise: f64 = (0..4).map(|_| own.next()).sum::<f64>() * 0.009;
                let pace = percent / 100.0 * (1.0 + noise);
                *value = if metric.higher_is_better() { 120.0 * pace } else { 80.0 / pace };
            }
        }
    }
    study
}

fn side<'a>(name: &'a str, extract: &'a Extract) -> Side<'a> {
    Side { name, extract, configuration: None }
}

fn between(reference: &Extract, candidate: &Extract, terms: &Terms) -> Contrast {
    contrast(side("old", reference), side("new", candidate), terms).unwrap()
}

/// A study that could end by what it had seen says so beside every verdict on it.
#[test]
fn looks_of_a_stopping_rule_are_said() {
    let (reference, mut candidate) = (plain(1, 100.0), plain(2, 100.0));
    let said = |candidate: &Extract| {
        between(&reference, candidate, &Terms::default()).print(Form::Text, None)
    };
    assert!(!said(&candidate).contains("sequential stopping rule"));
    candidate.setting.stopping = Rule::AlwaysValid;
    let text = said(&candidate);
    assert!(text.contains("sequential stopping rule"), "{text}");
    assert!(text.contains("stopping rule: reference fixed; candidate always-valid"), "{text}");
}

fn verdicts(contrast: &Contrast) -> Vec<Option<Verdict>> {
    contrast.verdicts().map(|(_, verdict)| verdict).collect()
}

#[test]
fn equal_studies_are_hardly_ever_called_better_or_worse() {
    let terms = Terms { margin: Some(0.03), ..Terms::default() };
    let (mut claims, mut equivalent, mut covered, mut n) = (0, 0, 0, 0);
    for seed in 0..25 {
        let found = between(&plain(2 * seed + 1, 100.0), &plain(2 * seed + 2, 100.0), &terms);
        assert_eq!(found.verdicts().count(), 3, "the A/A arm is no comparison");
        let all = verdicts(&found);
        claims += usize::from(
            all.iter()
                .any(|verdict| matches!(verdict, Some(Verdict::Better | Verdict::Worse) | None)),
        );
        equivalent += all.iter().filter(|verdict| **verdict == Some(Verdict::Equivalent)).count();
        for (id, _) in found.verdicts() {
            let (low, high) = found.interval(id).unwrap();
            covered += usize::from(low <= 1.0 && 1.0 <= high);
            n += 1;
        }
    }
    // Of 25 families at 5 %, more than 5 claims have a probability below 0.2 %.
    assert!(claims <= 5, "{claims} of 25 families of equal studies claim a difference");
    assert!(equivalent >= n / 3, "{equivalent} of {n} are shown to be equivalent");
    // 95 % of 75 is 71; 63 or fewer have a probability below 0.1 %.
    assert!(covered > 63, "{covered} of {n} intervals cover 1");
}

#[test]
fn a_planted_slow_down_of_five_percent_is_worse_with_an_interval_that_covers_it() {
    let (mut covered, mut n) = (0, 0);
    let terms = Terms { margin: Some(0.02), ..Terms::default() };
    for seed in 0..25 {
        // Throughput of the whole run: tokens over their time and all else.
        let reference = plain(2 * seed + 1, 100.0);
        let candidate = plain(2 * seed + 2, 95.0);
        let rate = Terms { metric: Some(Metric::ClientDecodeRate), ..terms.clone() };
        let found = between(&reference, &candidate, &rate);
        assert_eq!(verdicts(&found), [Some(Verdict::Worse); 3], "seed {seed}");
        assert_eq!(found.gate(), Gate::Worse);
        for (id, _) in found.verdicts() {
            let (low, high) = found.interval(id).unwrap();
            assert!(low < high && high < 1.0, "[{low}, {high}]");
            covered += usize::from(low <= 0.95 && 0.95 <= high);
            n += 1;
        }
        // Less time per token is better, so the same slow-down is worse there too.
        let tpot = Terms { metric: Some(Metric::Tpot), ..terms.clone() };
        assert_eq!(between(&reference, &candidate, &tpot).gate(), Gate::Worse);
        // The other way round it is a gain.
        let back = between(&candidate, &reference, &rate);
        assert_eq!(verdicts(&back), [Some(Verdict::Better); 3]);
        assert_eq!(back.gate(), Gate::Passed);
    }
    assert!(covered > n * 63 / 75, "{covered} of {n} intervals cover 0.95");
}

/// From events to the verdict, once in each direction.
#[test]
fn verdicts_follow_from_the_events() {
    let plan = fake::plan(4, "", "[factors]\nnum_gpu = [80]\n");
    let reference = extract_of(&plan, 1, 100.0, |_, _| ());
    let slower = extract_of(&plan, 2, 90.0, |_, _| ());
    let terms = Terms { metric: Some(Metric::ClientDecodeRate), ..Terms::default() };
    assert_eq!(verdicts(&between(&reference, &slower, &terms)), [Some(Verdict::Worse); 2]);
    assert_eq!(verdicts(&between(&slower, &reference, &terms)), [Some(Verdict::Better); 2]);
    let same = extract_of(&plan, 3, 100.0, |_, _| ());
    let found = between(&reference, &same, &terms);
    let is_no_claim = |verdict: &Option<Verdict>| {
        matches!(verdict, Some(Verdict::Equivalent | Verdict::Inconclusive))
    };
    assert!(verdicts(&found).iter().all(is_no_claim), "{:?}", verdicts(&found));
}

#[test]
fn two_configurations_of_a_study_are_compared_within_blocks() {
    // What a block does to both arms is far larger than their difference.
    let plan = fake::plan(4, "", "[factors]\nnum_gpu = [40, 80]\n");
    let study = extract_of(&plan, 3, 100.0, |run, shape| {
        let block = f64::from(run.id.block);
        let gain = if run.id.configuration.0 == "gpu80" { 1.05 } else { 1.0 };
        shape.rate = 60.0 * block * gain;
    });
    let one = |configuration| Side { configuration: Some(configuration), ..side("it", &study) };
    let terms = Terms { metric: Some(Metric::ServerDecodeRate), ..Terms::default() };
    let found = contrast(one("gpu40"), one("gpu80"), &terms).unwrap();
    assert_eq!(verdicts(&found), [Some(Verdict::Better)]);
    let (low, high) = found.interval("gpu80 / gpu40").unwrap();
    assert!(low > 1.049 && high < 1.051, "[{low}, {high}]");
    let text = found.print(Form::Text, None);
    assert!(text.contains("ratios within blocks") && !text.contains("Two studies were made"));
    assert!(!found.is_refused(), "options differ, since that is the question");
}

#[test]
fn blocks_that_only_one_configuration_has_are_left_out_and_said() {
    let mut study = plain(1, 100.0);
    let values = study.configurations.get_mut("gpu80").unwrap();
    for of_blocks in values.values.values_mut() {
        of_blocks.remove(&2);
        of_blocks.remove(&5);
    }
    let one = |configuration| Side { configuration: Some(configuration), ..side("it", &study) };
    let found = contrast(one("gpu40"), one("gpu80"), &Terms::default()).unwrap();
    let text = found.print(Form::Text, None);
    assert!(text.contains("4, 4"), "{text}");
    for of_blocks in study.configurations.get_mut("gpu80").unwrap().values.values_mut() {
        of_blocks.retain(|block, _| *block == 1);
    }
    let one = |configuration| Side { configuration: Some(configuration), ..side("it", &study) };
    let found = contrast(one("gpu40"), one("gpu80"), &Terms::default()).unwrap();
    assert_eq!((verdicts(&found), found.gate()), (vec![None], Gate::NotJudged));
    let text = found.print(Form::Text, None);
    assert!(text.contains("at least 2 blocks must hold a measured run of both, 1 do"), "{text}");
}

#[test]
fn nothing_is_compared_with_itself() {
    let study = plain(1, 100.0);
    let error = contrast(side("a", &study), side("a", &study), &Terms::default()).unwrap_err();
    assert!(error.to_string().contains("a#baseline_aa a#baseline_default"), "{error}");
    let one = |id| Side { configuration: Some(id), ..side("a", &study) };
    let error = contrast(one("gpu40"), one("gpu40"), &Terms::default()).unwrap_err();
    assert!(matches!(error, ContrastError::SameConfiguration { .. }), "{error}");
    let error = contrast(one("gpu41"), one("gpu40"), &Terms::default()).unwrap_err();
    assert!(error.to_string().contains("it has baseline_aa, baseline_default, gpu40, gpu80"));
    // A baseline file of the same study is the same study.
    let again = Extract::from_baseline(&study.to_baseline()).unwrap();
    let error = contrast(side("a", &study), side("b", &again), &Terms::default()).unwrap_err();
    assert!(matches!(error, ContrastError::SameStudy { .. }), "{error}");
    // So is one that was taken before the study was finished.
    let mut earlier = again.clone();
    earlier.study.evidence_sha256 = Digest::of(b"fewer runs");
    let error = contrast(side("a", &study), side("b", &earlier), &Terms::default()).unwrap_err();
    assert!(matches!(error, ContrastError::SameStudy { .. }), "{error}");
    // Values that another program computed may not meet, even of one study.
    let mut older = again;
    older.metric_definitions -= 1;
    let other = Side { configuration: Some("gpu80"), ..side("b", &older) };
    assert!(contrast(one("gpu40"), other, &Terms::default()).unwrap().is_refused());
}

#[test]
fn one_side_only_is_named_and_nothing_in_common_is_refused() {
    let wide = plain(1, 100.0);
    let narrow =
        extract_of(&fake::plan(6, "", "[factors]\nnum_gpu = [80, 120]\n"), 2, 100.0, |_, _| ());
    let text = between(&wide, &narrow, &Terms::default()).print(Form::Text, None);
    assert!(
        text.contains("Only the reference has, so not compared: baseline_aa, gpu40."),
        "{text}"
    );
    assert!(text.contains("Only the candidate has, so not compared: gpu120."), "{text}");
    let mut bare = narrow.clone();
    bare.configurations.retain(|id, _| id == "gpu120");
    let error = contrast(side("a", &wide), side("b", &bare), &Terms::default()).unwrap_err();
    assert!(matches!(error, ContrastError::NothingMatches { .. }), "{error}");
    let mut without = narrow;
    without.configurations.remove("baseline_default");
    let text = between(&wide, &without, &Terms::default()).print(Form::Text, None);
    assert!(text.contains("The baseline is not on both sides"), "{text}");
}

/// Changes a study in every respect that matters, with the aspect that must name it.
type Change = (Aspect, fn(&mut Extract));

const CHANGES: [Change; 20] = [
    (Aspect::MetricDefinitions, |it| it.metric_definitions += 1),
    (Aspect::ModelDigest, |it| said(it, ServerWord::ModelDigest)),
    (Aspect::Model, |it| said(it, ServerWord::Model)),
    (Aspect::Quantization, |it| said(it, ServerWord::Quantization)),
    (Aspect::ServerProduct, |it| said(it, ServerWord::Product)),
    (Aspect::ServerVersion, |it| said(it, ServerWord::Version)),
    (Aspect::ServerSettings, |it| {
        it.servers.get_mut("main").unwrap().managed = Some(BTreeMap::new());
    }),
    (Aspect::Requests, |it| {
        for cell in it.configurations.values_mut() {
            let stages = cell.requests.get_mut("analyst").unwrap();
            let analysis = stages.values_mut().next().unwrap();
            let asked = analysis.values_mut().next().unwrap();
            asked.requests = Digest::of(b"another prompt");
        }
    }),
    (Aspect::Options, |it| {
        let value = tachograph_model::options::OptionValue::Integer(7);
        let cell = it.configurations.get_mut("gpu80").unwrap();
        cell.options.insert("num_predict".to_owned(), value);
    }),
    (Aspect::ContextLength, |it| {
        it.configurations.get_mut("gpu80").unwrap().context_lengths = [2048].into();
    }),
    (Aspect::InputFiles, |it| {
        let inputs = &mut it.agents.get_mut("analyst").unwrap().inputs;
        inputs.insert("more.csv".to_owned(), Digest::of(b"more"));
    }),
    (Aspect::PromptCache, |it| {
        it.setting.prompt_cache = tachograph_model::plan::PromptCache::On;
    }),
    (Aspect::Connection, |it| {
        it.setting.connection = tachograph_model::plan::ConnectionMode::Keepalive;
    }),
    (Aspect::ServerPolicy, |it| {
        it.setting.server_policy = tachograph_model::plan::ServerPolicy::Unload;
    }),
    (Aspect::WarmupCalls, |it| it.setting.warmup_calls = 2),
    (Aspect::ColdThreshold, |it| it.setting.cold_load_threshold_ms = 5),
    (Aspect::Agents, |it| it.agents.get_mut("analyst").unwrap().is_native = false),
    (Aspect::Cpu, |it| it.host.as_mut().unwrap().cpu_model = Some("Other CPU".to_owned())),
    (Aspect::CpuCount, |it| it.host.as_mut().unwrap().n_cpus = 64),
    (Aspect::ReceiveStamps, |it| it.host.as_mut().unwrap().kernel_stamps = false),
];

fn said(it: &mut Extract, word: ServerWord) {
    let server = it.servers.get_mut("main").unwrap();
    server.said.insert(word, BTreeSet::from(["something else".to_owned()]));
}

#[test]
fn each_kind_of_difference_is_found_and_refused_and_force_lists_it() {
    let reference = plain(1, 100.0);
    let alike = between(&reference, &plain(2, 100.0), &Terms::default());
    assert_eq!(alike.comparability().unlike, [], "two studies of one plan are alike");
    let same = plain(2, 100.0);
    for (aspect, change) in CHANGES {
        let mut candidate = same.clone();
        change(&mut candidate);
        let refused = between(&reference, &candidate, &Terms::default());
        let found: Vec<Aspect> =
            refused.comparability().unlike.iter().map(|unlike| unlike.aspect).collect();
        assert_eq!(found, [aspect], "only that");
        assert!(refused.is_refused() && refused.verdicts().count() == 0, "{aspect:?}");
        let text = refused.print(Form::Text, None);
        assert!(text.contains(aspect.name()) && text.contains("Not comparable"), "{text}");

        let accepted = Terms { accept: [aspect].into(), ..Terms::default() };
        let forced = Terms { force: true, ..Terms::default() };
        let other = Terms { accept: [Aspect::Gpus].into(), ..Terms::default() };
        for (terms, goes_on) in [(accepted, true), (forced, true), (other, false)] {
            let found = between(&reference, &candidate, &terms);
            assert_eq!(!found.is_refused(), goes_on, "{aspect:?} {terms:?}");
            for form in [Form::Text, Form::Markdown, Form::Json, Form::Junit] {
                let text = found.print(form, None);
                assert!(text.contains(aspect.name()), "{aspect:?} in {form:?}:\n{text}");
            }
        }
    }
    let mut all = same;
    for (_, change) in CHANGES {
        change(&mut all);
    }
    let found = between(&reference, &all, &Terms::default());
    let listed: BTreeSet<Aspect> =
        found.comparability().unlike.iter().map(|unlike| unlike.aspect).collect();
    assert_eq!(listed.len(), CHANGES.len(), "the list is full");
}

#[test]
fn what_nobody_tells_is_unknown_and_not_equal() {
    let silent = |seed| {
        let mut it = plain(seed, 100.0);
        it.servers.get_mut("main").unwrap().said.clear();
        it.host.as_mut().unwrap().cpu_model = None;
        it
    };
    let found = between(&silent(1), &silent(2), &Terms::default());
    assert!(!found.is_refused());
    let untold: BTreeSet<Aspect> =
        found.comparability().untold.iter().map(|untold| untold.aspect).collect();
    for aspect in [Aspect::ModelDigest, Aspect::ServerVersion, Aspect::Cpu] {
        assert!(untold.contains(&aspect), "{aspect:?} in {untold:?}");
    }
    let half = between(&plain(1, 100.0), &silent(2), &Terms::default());
    let digest = half.comparability().untold.iter().find(|it| it.aspect == Aspect::ModelDigest);
    assert!(digest.unwrap().reason.contains("only the reference tells"));
    let text = half.print(Form::Text, None);
    assert!(text.contains("Not known to be alike"), "{text}");
}

#[test]
fn requests_after_unlike_answers_are_unknown() {
    let plan = fake::plan(2, "", "");
    let with = |seed, answer: &'static str| {
        extract_of(&plan, seed, 100.0, move |_, shape| shape.answer = answer.to_owned())
    };
    let (one, mut other) = (with(1, "this"), with(2, "that"));
    for cell in other.configurations.values_mut() {
        for stages in cell.requests.values_mut() {
            let report = stages.values_mut().last().unwrap();
            for asked in report.values_mut() {
                asked.requests = Digest::of(b"it quotes the answer");
            }
        }
    }
    let found = between(&one, &other, &Terms::default());
    assert_eq!(found.comparability().unlike, [], "no difference");
    let untold = &found.comparability().untold;
    let report = untold.iter().find(|it| it.aspect == Aspect::Requests).unwrap();
    assert!(report.subject.contains("stage report"), "{report:?}");
    assert!(report.reason.contains("unlike answers"), "{report:?}");
}

#[test]
fn too_few_failed_zero_and_invalid_runs_carry_no_verdict() {
    let plan = fake::plan(4, "", "[factors]\nnum_gpu = [40, 80]\n");
    let reference = extract_of(&plan, 1, 100.0, |_, _| ());
    let spoil = |spoiled: fn(&Run, &mut Shape)| {
        extract_of(&plan, 2, 100.0, move |run, shape| {
            if run.id.configuration.0 == "gpu80" {
                spoiled(run, shape);
            }
        })
    };
    let failing = spoil(|run, shape| {
        if run.id.block > 1 {
            shape.report = CallStatus::Truncated;
        }
    });
    let found = between(&reference, &failing, &Terms::default());
    let of = |found: &Contrast, id: &str| found.verdicts().find(|(own, _)| *own == id).unwrap().1;
    assert_eq!(of(&found, "gpu80"), None);
    assert!(of(&found, "gpu40").is_some(), "the others are judged");
    assert_eq!(found.gate(), Gate::NotJudged);
    let text = found.print(Form::Text, None);
    let wanted = "at least 2 measured runs are needed on each side: the reference has 4 of 4 \
                  sealed runs, the candidate 1 of 4";
    assert!(text.contains(wanted), "{text}");
    assert!(text.contains("3 of 4 in the candidate"), "failures are counted: {text}");

    let cached = spoil(|_, shape| shape.cached = 400);
    let found = between(&reference, &cached, &Terms::default());
    assert_eq!((of(&found, "gpu80"), found.gate()), (None, Gate::NotJudged));
    let text = found.print(Form::Text, None);
    assert!(text.contains("the candidate is invalid, see `tacho report`"), "{text}");

    let mut zero = reference.clone();
    zero.study.evidence_sha256 = Digest::of(b"zero");
    zero.study.started_at.push('0');
    let values = &mut zero.configurations.get_mut("gpu80").unwrap().values;
    values.get_mut(&Metric::OutputThroughput).unwrap().insert(1, 0.0);
    let found = between(&reference, &zero, &Terms::default());
    assert_eq!(of(&found, "gpu80"), None);
    assert!(found.print(Form::Text, None).contains("has the value 0 or less"));
}

#[test]
fn an_undecided_gate_says_how_many_blocks_would_decide() {
    let noisy = |seed| {
        let mut study = plain(seed, 100.0);
        let mut wobble = Noise(seed);
        study.configurations.retain(|id, _| id == "gpu80");
        for of_blocks in study.configurations.get_mut("gpu80").unwrap().values.values_mut() {
            of_blocks.retain(|block, _| *block <= 3);
            for value in of_blocks.values_mut() {
                *value *= 1.0 + 0.2 * wobble.next();
            }
        }
        study
    };
    let terms = Terms { margin: Some(0.02), ..Terms::default() };
    let found = between(&noisy(11), &noisy(12), &terms);
    assert_eq!(found.gate(), Gate::Inconclusive, "{}", found.print(Form::Text, None));
    let needed = found.blocks_needed().unwrap();
    assert!(needed > 20, "{needed}");
    let strict = Some(Gating { allow_inconclusive: false });
    let text = found.print(Form::Text, strict);
    let more = format!("About {needed} blocks in each of the two studies ({} more", needed - 3);
    assert!(text.contains(&more), "{text}");
    assert!(text.contains("gate: undecided"), "{text}");
    let lax = Some(Gating { allow_inconclusive: true });
    assert!(found.print(Form::Text, lax).contains("only because --allow-inconclusive was given"));
    let junit = found.print(Form::Junit, strict);
    assert!(junit.contains("<error message=") && junit.contains("would decide"), "{junit}");
    assert!(found.print(Form::Junit, lax).contains("<skipped message="));
}

#[test]
fn drift_of_the_baseline_is_told_apart_from_a_change_of_one_configuration() {
    let reference = plain(1, 100.0);
    // The machine is slower by a tenth, and nothing else changed.
    let candidate = plain(2, 90.0);
    let terms = Terms { metric: Some(Metric::ServerDecodeRate), ..Terms::default() };
    let found = between(&reference, &candidate, &terms);
    assert_eq!(verdicts(&found), [Some(Verdict::Worse); 3]);
    let json: serde_json::Value =
        serde_json::from_str(&found.print(Form::Json, None)).expect("the JSON form is JSON");
    assert_eq!(json["schema"], "tachograph-comparison/1");
    let drift = json["drift"]["estimate"]["ratio"].as_f64().unwrap();
    assert!((0.87..0.93).contains(&drift), "{drift}");
    for row in json["relative_to_baseline"].as_array().unwrap() {
        assert_eq!(row["verdict"], "equivalent", "what moved both cancels: {row}");
    }
    assert_eq!(json["noise"].as_array().unwrap().len(), 2, "both have an A/A arm");
    assert_eq!(json["comparisons"][0]["reference"]["n"], 6);
    assert!(json["warning"].as_str().unwrap().contains("different times"));
    let text = found.print(Form::Text, None);
    assert!(
        text.contains("The baseline itself moved: -10.") || text.contains("moved: -9."),
        "{text}"
    );
}

#[test]
fn terms_replace_the_plan_and_are_printed() {
    let (one, other) = (plain(1, 100.0), plain(2, 100.0));
    let planned = between(&one, &other, &Terms::default()).print(Form::Text, None);
    assert!(planned.contains("margin: 5 %, as the reference's plan says"), "{planned}");
    let terms = Terms {
        metric: Some(Metric::Tpot),
        margin: Some(0.02),
        alpha: Some(0.01),
        ..Terms::default()
    };
    let text = between(&one, &other, &terms).print(Form::Text, None);
    assert!(text.contains("metric: TPOT (less is better), from the command line"), "{text}");
    assert!(text.contains("margin: 2 %, from the command line; the reference's plan says 5 %"));
    assert!(text.contains("alpha: 1 %, from the command line; the reference's plan says 0.05"));
    for bad in [
        Terms { margin: Some(0.0), ..Terms::default() },
        Terms { margin: Some(f64::NAN), ..Terms::default() },
        Terms { alpha: Some(0.0), ..Terms::default() },
        Terms { alpha: Some(0.7), ..Terms::default() },
    ] {
        assert!(contrast(side("a", &one), side("b", &other), &bad).is_err(), "{bad:?}");
    }
}

#[test]
fn a_baseline_file_round_trips_and_a_changed_or_newer_one_is_refused() {
    let (study, other) = (plain(1, 100.0), plain(2, 97.0));
    let bytes = study.to_baseline();
    let kept = Extract::from_baseline(&bytes).unwrap();
    assert_eq!(kept, study);
    assert_eq!(kept.to_baseline(), bytes);
    let terms = Terms::default();
    let from_file = between(&kept, &other, &terms).print(Form::Json, None);
    assert_eq!(from_file, between(&study, &other, &terms).print(Form::Json, None));

    let text = String::from_utf8(bytes).unwrap();
    let value = study.configurations["gpu40"].values[&Metric::OutputThroughput][&1].to_string();
    let changed = text.replacen(&value, "1", 1);
    assert_ne!(changed, text);
    let error = Extract::from_baseline(changed.as_bytes()).unwrap_err();
    assert!(matches!(error, BaselineError::Changed { .. }), "{error}");
    let newer = text.replacen("tachograph-baseline/1", "tachograph-baseline/2", 1);
    let error = Extract::from_baseline(newer.as_bytes()).unwrap_err();
    assert!(error.to_string().contains("a newer tacho wrote it: schema tachograph-baseline/2"));
    let more = text.replacen("\"content\":{", "\"content\":{\"surprise\":1,", 1);
    let error = Extract::from_baseline(more.as_bytes()).unwrap_err();
    assert!(matches!(error, BaselineError::Content { .. }), "{error}");
    for foreign in ["", "{}", "[1]", "{\"schema\":\"tachograph-plan/1\"}", "\u{0}"] {
        let error = Extract::from_baseline(foreign.as_bytes()).unwrap_err();
        assert!(matches!(error, BaselineError::Foreign), "{foreign}: {error}");
    }
}

#[test]
fn words_of_the_evidence_stay_words_in_every_form() {
    let reference = plain(1, 100.0);
    let mut candidate = plain(2, 100.0);
    candidate.host.as_mut().unwrap().cpu_model = Some("<b>&\"'|`x`\u{1}\n# CPU".to_owned());
    let found = between(&reference, &candidate, &Terms { force: true, ..Terms::default() });
    let junit = found.print(Form::Junit, None);
    assert!(!junit.contains("<b>") && !junit.contains('\u{1}'), "{junit}");
    let markdown = found.print(Form::Markdown, None);
    assert!(!markdown.contains("<b>") && !markdown.contains("\n# CPU"), "{markdown}");
    assert!(!found.print(Form::Text, None).contains('\u{1}'));
}

/// The page is what users read: review any change here as theirs.
#[test]
fn page_of_a_comparison() {
    let plan = fake::plan(4, "", "[factors]\nnum_gpu = [80]\n");
    let reference = extract_of(&plan, 5, 100.0, |_, _| ());
    let candidate = extract_of(&plan, 6, 94.0, |_, _| ());
    let found = between(&reference, &candidate, &Terms { margin: Some(0.02), ..Terms::default() });
    let gating = Some(Gating { allow_inconclusive: false });
    insta::assert_snapshot!("comparison_text", found.print(Form::Text, gating));
    insta::assert_snapshot!("comparison_junit", found.print(Form::Junit, gating));
}
