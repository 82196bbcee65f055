//! What the report says, for whole and for broken studies.

#[path = "support/fake.rs"]
mod fake;

use fake::{Noise, Shape};
use tachograph_model::event::{CallStatus, Event, Recorded};
use tachograph_model::plan::Plan;
use tachograph_model::run::{Arm, Run};
use tachograph_model::study::{JournalEntry, StudyHead};
use tachograph_model::table::{Column, Table};
use tachograph_report::{Rendered, RunFacts, Status, analyse, distil, render, tables, verify};
use tachograph_stats::Verdict;

const FACTORS: &str = "[factors]\nnum_gpu = [40, 80]\ntemperature = [0.2, 0.9]\n";

fn facts_of(
    plan: &Plan,
    mut shape: impl FnMut(&Run, &mut Noise) -> Option<Shape>,
) -> (StudyHead, Vec<RunFacts>) {
    let (head, evidence) = fake::study(plan, &mut shape);
    let facts = evidence.iter().map(|run| distil(run, plan)).collect();
    (head, facts)
}

fn rendered(plan: &Plan, shape: impl FnMut(&Run, &mut Noise) -> Option<Shape>) -> Rendered {
    let (head, facts) = facts_of(plan, shape);
    let rendered = render(&analyse(&head, &facts));
    let verification = verify(&head, &facts, &rendered.files());
    assert_eq!(verification.differences, [], "a report verifies against itself");
    rendered
}

/// A configuration with `num_gpu = 80` is faster by a fifth.
#[expect(clippy::unnecessary_wraps, reason = "the shape of every run of a fake study")]
fn faster_gpu(run: &Run, noise: &mut Noise) -> Option<Shape> {
    let gain = if run.id.configuration.0.starts_with("gpu80") { 1.2 } else { 1.0 };
    let hot = run.id.configuration.0.ends_with("0p9");
    Some(Shape {
        rate: 100.0 * gain * (1.0 + 0.004 * noise.next()),
        answer: if hot { "hot".to_owned() } else { "cool".to_owned() },
        ..Shape::default()
    })
}

#[test]
fn report_of_a_small_study() {
    let plan = fake::plan(3, "", &format!("[baseline]\naa = true\n{FACTORS}"));
    let rendered = rendered(&plan, |run, noise| {
        let failed = run.id.block == 2 && run.id.configuration.0 == "gpu40_temp0p9";
        let shape = faster_gpu(run, noise)?;
        Some(if failed { Shape { report: CallStatus::Truncated, ..shape } } else { shape })
    });
    insta::assert_snapshot!("report_md", rendered.report_md);
    insta::assert_snapshot!("summary_md", rendered.summaries["gpu80_temp0p2"]);
}

#[test]
fn a_gain_is_found_and_equal_things_are_not_called_better() {
    let plan = fake::plan(4, "", FACTORS);
    let (head, facts) = facts_of(&plan, faster_gpu);
    for headline in analyse(&head, &facts).headlines() {
        let expected = match headline.arm {
            Arm::Baseline | Arm::BaselineAa => None,
            Arm::Chimera if headline.configuration.starts_with("gpu80") => Some(Verdict::Better),
            Arm::Chimera => Some(Verdict::Equivalent),
            Arm::Solo | Arm::Concurrent | Arm::Implementation => unreachable!("one agent"),
        };
        assert_eq!(headline.verdict, expected, "{}", headline.configuration);
        assert_eq!(headline.n_runs, 4);
    }
}

#[test]
fn an_outlier_is_named_and_kept_and_many_runs_get_a_bootstrap_interval() {
    let plan = fake::plan(10, "", FACTORS);
    let (head, facts) = facts_of(&plan, |run, noise| {
        let shape = faster_gpu(run, noise)?;
        let slow = run.id.to_string() == "gpu40_temp0p2/run_007";
        Some(if slow { Shape { rate: 60.0, ..shape } } else { shape })
    });
    let report = render(&analyse(&head, &facts)).report_md;
    let row = report.lines().find(|line| line.starts_with("| `gpu40_temp0p2/run_007` |"));
    let cells: Vec<f64> =
        row.unwrap().split('|').filter_map(|cell| cell.trim().parse().ok()).collect();
    assert!(cells[0] + 2.0 < cells[1], "the mean rises without it: {cells:?}");
    assert!(report.contains("mean, bootstrap (BCa)"));
    assert!(report.contains("`mean-bca`"));
}

#[test]
fn an_inconclusive_study_says_how_many_blocks_would_settle_it() {
    let plan = fake::plan(3, "", FACTORS);
    let report = rendered(&plan, |_, noise| {
        Some(Shape { rate: 100.0 * (1.0 + 0.2 * noise.next()), ..Shape::default() })
    });
    assert!(report.answer().contains("All comparisons are inconclusive"), "{}", report.answer());
    let line = report.report_md.lines().find(|line| line.contains("would settle each of them"));
    assert!(line.is_some_and(|line| line.starts_with("- Run more blocks")), "{line:?}");
    assert!(report.report_md.contains("do not support preferring any"));
}

#[test]
fn bytes_do_not_depend_on_the_order_of_the_runs() {
    let plan = fake::plan(3, "", FACTORS);
    let (head, mut facts) = facts_of(&plan, faster_gpu);
    let once = render(&analyse(&head, &facts)).files();
    facts.reverse();
    assert_eq!(once, render(&analyse(&head, &facts)).files());
}

#[test]
fn studies_with_little_or_nothing_in_them_still_have_a_report() {
    let plan = fake::plan(2, "", FACTORS);
    let empty = rendered(&plan, |_, _| None);
    assert!(empty.answer().starts_with("The data do not answer the question"));
    assert!(empty.report_md.contains("No run is sealed."));
    assert!(empty.report_md.contains("do not support"));

    let one_run =
        rendered(&plan, |run, noise| (run.index == 0).then(|| faster_gpu(run, noise)).flatten());
    assert!(one_run.report_md.contains("no tuned configuration could be compared"));

    let one_block = fake::plan(1, "", FACTORS);
    let one_block = rendered(&one_block, faster_gpu);
    assert!(one_block.report_md.contains("at least two blocks"));

    let all_failed =
        rendered(&plan, |_, _| Some(Shape { report: CallStatus::HttpError, ..Shape::default() }));
    assert!(all_failed.report_md.contains("The baseline has no measured run"));

    let no_baseline = rendered(&plan, |run, noise| {
        (run.arm != Arm::Baseline).then(|| faster_gpu(run, noise)).flatten()
    });
    assert!(no_baseline.report_md.contains("no tuned configuration could be compared"));

    let only_baseline = rendered(&fake::plan(2, "", ""), faster_gpu);
    assert!(only_baseline.report_md.contains("The plan has no tuned configuration"));
}

#[test]
fn runs_of_other_plans_and_events_of_no_agent_do_no_harm() {
    let plan = fake::plan(2, "", FACTORS);
    let (head, mut evidence) = fake::study(&plan, &mut faster_gpu);
    evidence[0].sealed.run.configuration.0 = "not_in_the_plan".to_owned();
    evidence[1].events.clear();
    let is_end = |recorded: &Recorded| matches!(recorded.event, Event::CallFinished(_));
    let end = evidence[2].events.iter().position(is_end).unwrap();
    evidence[2].events.truncate(end);
    let facts: Vec<RunFacts> = evidence.iter().map(|run| distil(run, &plan)).collect();
    let rendered = render(&analyse(&head, &facts));
    assert!(rendered.report_md.contains("is not part of the plan"));
    assert!(rendered.report_md.contains("never ended"), "a call without an end is counted");
}

#[test]
fn words_of_the_evidence_cannot_become_markup() {
    let mut plan = fake::plan(2, "", FACTORS);
    plan.question = "Is <script>alert(1)</script> | `x` *y* 42 faster?".to_owned();
    let (head, mut evidence) = fake::study(&plan, &mut |_, _| {
        Some(Shape { report: CallStatus::Malformed, ..Shape::default() })
    });
    for run in &mut evidence {
        for recorded in &mut run.events {
            if let Event::CallFinished(finished) = &mut recorded.event
                && finished.error.is_some()
            {
                finished.error = Some("</script><b>7</b> | pipe ``tick`` \n\n# heading".to_owned());
            }
        }
    }
    let facts: Vec<RunFacts> = evidence.iter().map(|run| distil(run, &plan)).collect();
    let rendered = render(&analyse(&head, &facts));
    assert!(!rendered.report_html.contains("<script>alert"));
    assert!(!rendered.report_html.contains("<b>7"));
    assert!(rendered.report_md.contains(r"\<script\>alert(1)\</script\> \| \`x\` \*y\* 42"));
    assert_eq!(rendered.report_html.matches("</script>").count(), 2, "ours and no other");
    assert_eq!(verify(&head, &facts, &rendered.files()).differences, []);
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let page = rendered(&fake::plan(2, "", FACTORS), faster_gpu).report_html;
    for wanted in ["src=", "@import", "url(", "<link", "fetch(", "XMLHttpRequest"] {
        assert!(!page.contains(wanted), "{wanted}");
    }
    for address in page.match_indices("http").map(|(at, _)| &page[at..page.len().min(at + 30)]) {
        let is_name = address.starts_with("http://www.w3.org/2000/svg")
            || address.starts_with("http-equiv")
            || address.starts_with("http_");
        assert!(is_name, "{address}");
    }
    assert!(page.contains("<data value=") && page.contains("data-claim="));
    assert_eq!(page.matches("role=\"img\"").count(), page.matches("<desc ").count());
}

#[test]
fn deviations_are_told() {
    let plan = fake::plan(2, "", FACTORS);
    let (mut head, facts) = facts_of(&plan, |run, noise| {
        (run.id.to_string() != "gpu40_temp0p2/run_002").then(|| faster_gpu(run, noise)).flatten()
    });
    if let JournalEntry::StudyCreated(created) = &mut head.journal[0].entry {
        created.overrides.push("blocks = 2".to_owned());
    }
    let analysis = analyse(&head, &facts);
    let report = render(&analysis).report_md;
    assert!(report.contains("The command line changed the plan: `blocks = 2`."));
    assert!(report.contains("planned run is missing: `gpu40_temp0p2/run_002`."));
    assert_eq!(analysis.n_runs(), (10, 9));

    head.plan_sha256 = tachograph_model::digest::Digest::ZERO;
    let analysis = analyse(&head, &facts);
    assert_eq!(analysis.validity(), Status::Invalid);
    assert!(render(&analysis).report_md.contains("Do not decide anything from this study"));
}

#[test]
fn tables_have_a_row_per_call_agent_and_run() {
    let plan = fake::plan(2, "", FACTORS);
    let (_, facts) = facts_of(&plan, faster_gpu);
    let whole = tables(&facts, usize::MAX).map(|table| (table.name, table.parts.collect()));
    let whole: Vec<(&str, Vec<Table<'_>>)> = whole.into_iter().collect();
    let expected = [("calls", 20), ("agents", 10), ("runs", 10)];
    for ((name, parts), (expected, n_rows)) in whole.iter().zip(expected) {
        assert_eq!((*name, parts.len()), (expected, 1));
        assert_eq!(parts[0].name, expected);
        let columns = &parts[0].columns;
        assert!(columns.iter().all(|(_, column)| column.n_rows() == n_rows), "{name}");
    }
    // In parts, the same rows in the same order.
    let [calls, ..] = tables(&facts, 7);
    let sizes: Vec<usize> = calls.parts.map(|part| part.columns[0].1.n_rows()).collect();
    assert_eq!(sizes, [7, 7, 6]);
    let digests = |parts: Vec<Table<'_>>| -> Vec<String> {
        let column = |part: &Table<'_>| match part.columns.last() {
            Some((_, Column::Integer(lines))) => format!("{lines:?}"),
            other => panic!("{other:?}"),
        };
        parts.iter().map(column).collect()
    };
    let [calls, ..] = tables(&facts, 7);
    let joined = digests(calls.parts.collect()).join("").replace("][", ", ");
    let [calls, ..] = tables(&facts, usize::MAX);
    assert_eq!(joined, digests(calls.parts.collect())[0]);
    // A study without runs has its columns, and no rows.
    let [calls, agents, runs] = tables(&[], 7);
    assert_eq!(agents.parts.count(), 1);
    assert_eq!(calls.parts.map(|part| part.columns[0].1.n_rows()).collect::<Vec<_>>(), [0]);
    assert_eq!(runs.parts.count(), 1);
}
