//! What `tacho analyze` lists: planted effects are found, refusals say what they
//! need, and the three forms of a table agree.

#[path = "support/fake.rs"]
mod fake;

use std::collections::BTreeMap;

use fake::{Noise, Shape};
use serde_json::Value;
use tachograph_model::event::CallStatus;
use tachograph_model::plan::{Engine, Managed, Metric, Plan};
use tachograph_model::run::Run;
use tachograph_model::study::{JournalEntry, Resumed};
use tachograph_report::{Detail, analyse, distil, render, verify};

/// A study's tables and its report.
struct Listed {
    detail: Detail,
    json: Value,
    report: String,
}

impl Listed {
    fn of(plan: &Plan, shape: impl FnMut(&Run, &mut Noise) -> Option<Shape>) -> Self {
        Self::resumed_after(plan, usize::MAX, shape)
    }

    /// A study that was interrupted after so many runs.
    fn resumed_after(
        plan: &Plan,
        n_runs: usize,
        mut shape: impl FnMut(&Run, &mut Noise) -> Option<Shape>,
    ) -> Self {
        let (mut head, evidence) = fake::study(plan, &mut shape);
        if n_runs < evidence.len() {
            let mut line = head.journal[0].clone();
            let harness_version = "0.1.0".to_owned();
            line.entry = JournalEntry::Resumed(Resumed { harness_version, torn_bytes: 0 });
            head.journal.insert(1 + n_runs, line);
        }
        let facts: Vec<_> = evidence.iter().map(|run| distil(run, plan)).collect();
        let analysis = analyse(&head, &facts);
        let rendered = render(&analysis);
        assert_eq!(verify(&head, &facts, &rendered.files()).differences, []);
        let detail = Detail::of(&head, &facts, &analysis, &[plan.primary.metric]);
        let json = detail.json();
        Self { detail, json, report: rendered.report_md }
    }

    fn table(&self, name: &str) -> &Value {
        let tables = self.json["tables"].as_array().expect("a list");
        let found = tables.iter().find(|table| table["name"] == name);
        found.unwrap_or_else(|| panic!("no table {name}"))
    }

    fn rows(&self, name: &str) -> &[Value] {
        self.table(name)["rows"].as_array().expect("a list")
    }

    /// The row whose first column holds `key`.
    fn row(&self, name: &str, key: &str) -> &Value {
        let first = self.table(name)["columns"][0]["name"].as_str().expect("a name").to_owned();
        let found = self.rows(name).iter().find(|row| row[&first] == key);
        found.unwrap_or_else(|| panic!("no row {key} in {name}"))
    }

    fn number(&self, table: &str, key: &str, column: &str) -> f64 {
        let row = self.row(table, key);
        row[column].as_f64().unwrap_or_else(|| panic!("{table}.{column} of {key}: {row}"))
    }

    fn refusal(&self, table: &str, key: &str, column: &str) -> &str {
        let row = self.row(table, key);
        row["refused"][column].as_str().unwrap_or_else(|| panic!("{table}.{column}: {row}"))
    }
}

fn plan(blocks: u32, tables: &str, metric: Metric) -> Plan {
    let mut plan = fake::plan(blocks, "", tables);
    plan.primary.metric = metric;
    plan
}

const FOUR: &str = "[baseline]\naa = true\n[factors]\nnum_gpu = [40, 80]\nnum_ctx = [512, 1024]\n";

fn is(run: &Run, start: &str) -> bool {
    run.id.configuration.0.starts_with(start)
}

/// `gpu40` is 8 % slower; `gpu80_ctx1024` is ten times as noisy.
fn slow_and_noisy() -> Listed {
    let plan = plan(12, FOUR, Metric::ServerDecodeRate);
    Listed::of(&plan, |run, noise| {
        let slow = if is(run, "gpu40") { 0.92 } else { 1.0 };
        let width = if is(run, "gpu80_ctx1024") { 0.05 } else { 0.005 };
        Some(Shape { rate: 100.0 * slow * (1.0 + width * noise.next()), ..Shape::default() })
    })
}

/// Where the study could end by what it had seen, the verdict is the rule's, and
/// p-values that suppose one look are refused.
#[test]
fn p_values_of_one_look_are_refused_under_a_sequential_rule() {
    let tables = format!("[stopping]\nrule = \"always-valid\"\n{FOUR}");
    let plan = plan(12, &tables, Metric::ServerDecodeRate);
    let listed = Listed::of(&plan, |run, noise| {
        let slow = if is(run, "gpu40") { 0.8 } else { 1.0 };
        Some(Shape { rate: 100.0 * slow * (1.0 + 0.005 * noise.next()), ..Shape::default() })
    });
    let slow = "gpu40_ctx512";
    assert_eq!(listed.row("comparisons", slow)["verdict"], "worse");
    for p in ["p_paired_t", "p_holm", "p_dunnett", "p_tost", "p_tost_holm"] {
        let reason = listed.refusal("comparisons", slow, p);
        assert!(reason.contains("more than once"), "{p}: {reason}");
    }
    assert!(!listed.report.contains("signed ranks"), "companions suppose one look too");
}

#[test]
fn a_slower_and_a_noisier_configuration_are_found_by_every_method() {
    let listed = slow_and_noisy();
    let slow = "gpu40_ctx512";
    assert!((listed.number("comparisons", slow, "ratio") - 0.92).abs() < 0.01);
    assert_eq!(listed.row("comparisons", slow)["verdict"], "worse");
    for p in ["p_paired_t", "p_holm", "p_dunnett"] {
        assert!(listed.number("comparisons", slow, p) < 0.001, "{p}");
    }
    assert!(listed.number("comparisons", slow, "p_tost") > 0.5);
    assert!((listed.number("companions", slow, "pseudo_median") - 0.92).abs() < 0.01);
    assert!(listed.number("companions", slow, "p_signed_rank_adjusted") < 0.01);
    assert_eq!(listed.row("companions", slow)["beside_t"], "agree");
    assert_eq!(listed.row("companions", slow)["blocks_for_signs"], 8);
    for p in
        ["p_welch", "p_mann_whitney", "p_brunner_munzel", "p_kolmogorov_smirnov", "p_relabelling"]
    {
        assert!(listed.number("unpaired", slow, p) < 0.001, "{p}");
    }
    assert!(listed.number("unpaired", slow, "superiority") < 1e-9);
    assert!(listed.number("effect_sizes", slow, "hedges_g") < -5.0);
    assert!((listed.number("effect_sizes", slow, "cliffs_delta") + 1.0).abs() < 1e-9);
    assert!((listed.number("effect_sizes", slow, "mean_ratio") - 0.92).abs() < 0.01);

    let noisy = "gpu80_ctx1024";
    assert!(listed.number("spread", noisy, "sd_ratio") > 4.0);
    assert!(listed.number("spread", noisy, "p") < 0.01);
    assert!(listed.number("spread", slow, "sd_ratio") < 3.0);
    assert!(listed.number("spread", "(all alike)", "p") < 0.01);
    assert!(listed.report.contains("The widest is that of `gpu80_ctx1024`"), "{}", listed.report);

    // Twelve runs are enough for the bootstrap and the median, not for p95.
    assert!(listed.number("estimates", slow, "mean_bca_low") < 92.5);
    assert!(listed.number("estimates", slow, "mean_studentised_high") > 91.5);
    assert!(listed.number("robust", slow, "median_interval_low") < 92.5);
    let p95 = listed.rows("calls").iter().find(|row| row["q"] == 0.95).expect("a row");
    assert!(p95["refused"]["value"].as_str().is_some_and(|reason| reason.contains("72")), "{p95}");
    let median = listed.rows("calls").iter().find(|row| row["q"] == 0.5).expect("a row");
    assert!(median["by_runs_low"].as_f64() < median["by_runs_high"].as_f64(), "{median}");

    let factor = listed.row("factors", "num_gpu");
    assert!(factor["p"].as_f64() < Some(0.001) && factor["eta_squared"].as_f64() > Some(0.5));
    assert!(factor["partial_eta_squared_interval_low"].as_f64() > Some(0.3), "{factor}");
    let pair = &listed.rows("level_pairs")[1];
    assert_eq!((&pair["factor"], &pair["verdict"]), (&"num_gpu".into(), &"better".into()));

    // The truly best ones are not ruled out, the slow ones are.
    assert_eq!(listed.row("selection", slow)["may_be_best"], "no");
    assert_eq!(listed.row("selection", "gpu80_ctx512")["may_be_best"], "yes");
    let (raw, shrunk) =
        (listed.number("selection", slow, "lead"), listed.number("selection", slow, "shrunk_lead"));
    assert!(raw < shrunk && shrunk < 1.0, "drawn toward the mean: {raw} {shrunk}");
    assert!(listed.rows("confirmation").iter().all(|row| row["n_blocks"].as_u64() >= Some(2)));
    assert_eq!(listed.row("noise_floor", "baseline_aa")["verdict"], "equivalent");
    assert!(listed.report.contains("## The best of several"));
}

/// Reads a table's CSV back as rows of fields by column name.
fn parse(text: &str) -> (Vec<String>, Vec<BTreeMap<String, String>>) {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let head: Vec<String> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    let name = |head: &String| head.split(" [").next().unwrap_or_default().to_owned();
    let names: Vec<String> = head.iter().map(name).collect();
    let rows = reader.records().map(|record| {
        let record = record.expect("every record has as many fields as the header");
        names.iter().cloned().zip(record.iter().map(str::to_owned)).collect()
    });
    (head, rows.collect())
}

#[test]
fn json_csv_and_documentation_agree_and_the_terminal_keeps_its_width() {
    let listed = slow_and_noisy();
    let files = listed.detail.csv();
    let tables = listed.json["tables"].as_array().expect("a list");
    assert_eq!(files.len(), tables.len());
    let documentation = include_str!("../../../docs/analysis.md");
    for table in tables {
        let name = table["name"].as_str().expect("a name");
        assert!(documentation.contains(&format!("### `{name}`")), "docs lack the table {name}");
        let file = match table["metric"].as_str() {
            Some(metric) => format!("{metric}.{name}.csv"),
            None => format!("{name}.csv"),
        };
        let text = &files[&file];
        assert!(text.ends_with("\r\n") && !text.replace("\r\n", "").contains('\n'), "{file}");
        let (head, rows) = parse(text);
        let columns = table["columns"].as_array().expect("a list");
        for (column, head) in columns.iter().zip(&head) {
            let (column, unit) = (column["name"].as_str(), column["unit"].as_str());
            let (column, unit) = (column.expect("a name"), unit.expect("a unit"));
            let wanted = format!("{column} [{unit}]");
            assert_eq!(head, if unit.is_empty() { column } else { &wanted }, "{file}");
            let stem = column.trim_end_matches("_low").trim_end_matches("_high");
            let is_documented = [column, stem].iter().any(|own| {
                documentation.contains(&format!("`{own}`"))
                    || documentation.contains(&format!("`{own}_low`"))
            });
            assert!(is_documented, "docs lack {name}.{column}");
        }
        let given = table["rows"].as_array().expect("a list");
        assert_eq!(rows.len(), given.len(), "{file}");
        for (row, given) in rows.iter().zip(given) {
            for (column, value) in given.as_object().expect("an object") {
                match value {
                    Value::Object(refused) => {
                        let reasons = &row["refused"];
                        assert_eq!(reasons.is_empty(), refused.is_empty(), "{file}");
                        for (column, reason) in refused {
                            let reason = reason.as_str().expect("words");
                            assert!(reasons.contains(&format!("{column}: {reason}")), "{reasons}");
                        }
                    }
                    Value::Null => assert_eq!(row[column], "", "{file}: {column}"),
                    Value::String(words) => assert_eq!(row[column], *words, "{file}: {column}"),
                    number => {
                        let own: f64 = row[column].parse().expect("a number");
                        let difference = own - number.as_f64().expect("a number");
                        assert!(difference.abs() <= 0.0, "{file}: {column} {own} {number}");
                    }
                }
            }
        }
    }
    let wide = listed.detail.terminal(100);
    let longest = wide.lines().map(|line| line.chars().count()).max();
    assert!(longest <= Some(100), "{longest:?}");
    assert!(!wide.lines().any(|line| line.ends_with(' ')));
    insta::assert_snapshot!("terminal", wide);
}

#[test]
fn a_change_and_a_drift_are_found() {
    let one = "[factors]\nnum_gpu = [40]\n";
    let changing = Listed::of(&plan(12, one, Metric::ServerDecodeRate), |run, noise| {
        let level = if run.index < 10 { 1.0 } else { 0.93 };
        Some(Shape { rate: 100.0 * level * (1.0 + 0.004 * noise.next()), ..Shape::default() })
    });
    let change = &changing.rows("changes")[0];
    assert_eq!((changing.rows("changes").len(), &change["position"]), (1, &11.into()), "{change}");
    assert!(change["before"].as_f64() > Some(1.02) && change["after"].as_f64() < Some(1.0));
    let series = &changing.rows("series")[0];
    assert!(series["lag_one"].as_f64() > Some(0.5), "{series}");
    assert!(series["n_effective"].as_f64() < Some(12.0), "{series}");
    assert_eq!(series["warming"], "higher");
    assert!(changing.report.contains("The level of all runs changed 1 time"));

    let drifting = Listed::of(&plan(12, one, Metric::ServerDecodeRate), |run, noise| {
        let level = 1.0 - 0.002 * f64::from(run.index);
        Some(Shape { rate: 100.0 * level * (1.0 + 0.004 * noise.next()), ..Shape::default() })
    });
    let series = &drifting.rows("series")[0];
    assert!(series["tau"].as_f64() < Some(-0.7) && series["p_trend"].as_f64() < Some(0.001));
    let slope = series["slope_per_run"].as_f64().expect("a slope");
    assert!((slope + 0.002).abs() < 0.0005, "{slope}");
}

#[test]
fn a_verdict_that_hangs_on_a_normal_law_is_said_to() {
    let one = "[factors]\nnum_gpu = [40]\n";
    // Faster in every block but one, in which something went very wrong.
    let listed = Listed::of(&plan(14, one, Metric::ServerDecodeRate), |run, noise| {
        let gain = match (is(run, "gpu40"), run.id.block) {
            (true, 7) => 0.5,
            (true, _) => 1.04,
            (false, _) => 1.0,
        };
        Some(Shape { rate: 100.0 * gain * (1.0 + 0.004 * noise.next()), ..Shape::default() })
    });
    assert!(listed.number("comparisons", "gpu40", "p_holm") > 0.3);
    assert!(listed.number("companions", "gpu40", "p_signed_rank") < 0.05);
    assert_eq!(listed.row("companions", "gpu40")["beside_t"], "disagree");
    assert!(listed.report.contains("They disagree with the t test for `gpu40`"));
    let outliers = listed.row("robust", "gpu40")["outliers"].as_str().expect("names");
    assert!(outliers.contains("gpu40/run_007"), "{outliers}");
    assert!((listed.number("robust", "gpu40", "trimmed_mean") - 104.0).abs() < 0.5);
}

#[test]
fn answers_of_different_length_are_compared_at_equal_length() {
    let one = "[factors]\nnum_gpu = [40]\n";
    let listed = Listed::of(&plan(8, one, Metric::RunWall), |run, noise| {
        let longer = if is(run, "gpu40") { 1.3 } else { 1.0 };
        let tokens = |base: f64, noise: &mut Noise| -> u32 {
            let wanted = base * longer * (1.0 + 0.1 * noise.next());
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small")]
            let whole = wanted.round() as u32;
            whole
        };
        let tokens = [tokens(60.0, noise), tokens(90.0, noise)];
        Some(Shape { rate: 100.0, prompt_ms: 1.0, tokens, ..Shape::default() })
    });
    assert!(listed.number("equal_length", "gpu40", "unadjusted_ratio") > 1.2);
    assert!((listed.number("equal_length", "gpu40", "adjusted_ratio") - 1.0).abs() < 0.02);
    assert!((listed.number("equal_length", "gpu40", "slope") - 1.0).abs() < 0.1);
    assert!(listed.report.contains("at equal length"));
    // The components refuse nothing here, and there is no second server start.
    assert!(listed.number("components", "gpu40", "icc") >= 0.0);
    assert!(listed.refusal("nested", "all", "sd_start").contains("does not manage"));
    assert!(listed.refusal("noise_floor", "(no A/A arm)", "ratio").contains("baseline.aa"));
}

#[test]
fn server_starts_are_told_from_runs_where_a_study_has_several() {
    let mut plan = plan(8, "[factors]\nnum_gpu = [40]\n", Metric::E2e);
    plan.servers[0].url = None;
    plan.servers[0].managed = Some(Managed {
        engine: Engine::Simulated,
        threads: 1,
        parallel: 1,
        port: None,
        keep_alive_s: None,
        set: BTreeMap::new(),
        cassette: None,
        speed: None,
    });
    let listed = Listed::resumed_after(&plan, 8, |run, noise| {
        let start = if run.index < 8 { 1.0 } else { 0.8 };
        Some(Shape { rate: 100.0 * start * (1.0 + 0.01 * noise.next()), ..Shape::default() })
    });
    for method in ["moments", "REML"] {
        let (start, run) = (
            listed.number("nested", method, "sd_start"),
            listed.number("nested", method, "sd_run"),
        );
        assert!(start > 0.1 && run < 0.02, "{method}: {start} {run}");
        assert_eq!(listed.row("nested", method)["n_starts"], 2);
    }
    assert!(listed.report.contains("so that its servers were started 2 times"));
}

#[test]
fn unbalanced_and_small_studies_say_what_is_missing() {
    let unbalanced = Listed::of(&plan(4, FOUR, Metric::ServerDecodeRate), |run, noise| {
        let gone = run.id.to_string() == "gpu40_ctx512/run_002";
        let report = if gone { CallStatus::Timeout } else { CallStatus::Completed };
        Some(Shape { rate: 100.0 + noise.next(), report, ..Shape::default() })
    });
    let notes = unbalanced.table("factors")["notes"].to_string();
    assert!(
        notes.contains("3 complete blocks") && notes.contains("gpu40_ctx512/run_002"),
        "{notes}"
    );
    assert_eq!(unbalanced.row("comparisons", "gpu40_ctx512")["n_blocks"], 3);
    assert!(unbalanced.table("selection")["notes"].to_string().contains("Over 3 blocks"));
    assert_eq!(unbalanced.row("companions", "gpu40_ctx512")["beside_t"], "too few blocks");
    assert!(
        unbalanced.refusal("estimates", "gpu40_ctx512", "mean_bca").contains("at least 10 runs")
    );
    assert!(unbalanced.refusal("robust", "gpu40_ctx512", "outliers").contains("from 8 runs on"));

    let one = Listed::of(&plan(1, FOUR, Metric::ServerDecodeRate), |_, noise| {
        Some(Shape { rate: 100.0 + noise.next(), ..Shape::default() })
    });
    for (table, column) in
        [("comparisons", "ratio"), ("companions", "p_signed_rank"), ("power", "log_sd")]
    {
        let reason = one.refusal(table, "gpu40_ctx512", column);
        assert!(
            reason.contains("2 blocks") || reason.contains("could not be compared"),
            "{reason}"
        );
    }
    assert!(one.refusal("factors", "all factors", "f").contains("at least 2 blocks"));
    assert!(one.refusal("components", "gpu40_ctx512", "icc").contains("at least 2 runs"));

    let failed = Listed::of(&plan(3, FOUR, Metric::ServerDecodeRate), |_, _| {
        Some(Shape { report: CallStatus::HttpError, ..Shape::default() })
    });
    assert!(failed.refusal("estimates", "gpu40_ctx512", "mean").contains("no measured run"));
    assert_eq!(failed.row("failures", "gpu40_ctx512")["n_failed"], 3);
    for table in failed.json["tables"].as_array().expect("a list") {
        assert!(!table["name"].as_str().expect("a name").is_empty());
        for row in table["rows"].as_array().expect("a list") {
            let row = row.as_object().expect("an object");
            let filled = row.iter().any(|(name, value)| name != "refused" && !value.is_null());
            assert!(filled, "a row says what it is about: {row:?}");
        }
    }
}
