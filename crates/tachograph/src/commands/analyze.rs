//! `tacho analyze`: lists everything that follows from a study, as tables.

use std::fs;
use std::path::Path;

use tachograph_model::plan::Metric;
use tachograph_report::Detail;

use crate::args::{AnalyzeArgs, Metrics};
use crate::derivation;
use crate::failure::{Exit, Failure};
use crate::terminal::{self, note, out};

/// Carries the command out.
pub(crate) fn execute(args: &AnalyzeArgs) -> Result<Exit, Failure> {
    if let Some(folder) = &args.csv {
        outside(folder, &args.study)?;
    }
    let (study, facts, analysis) = derivation::analyse(&args.study)?;
    let metrics = chosen(&args.metrics, study.head().plan.primary.metric);
    let detail = Detail::of(study.head(), &facts, &analysis, &metrics);
    if let Some(folder) = &args.csv {
        write(&detail, folder)?;
    }
    if args.json {
        out(format!("{:#}", detail.json()));
    } else if args.csv.is_none() {
        out(detail.terminal(terminal::width()).trim_end());
    }
    let (n_planned, n_sealed) = analysis.n_runs();
    if n_sealed < n_planned {
        note(format!("only {n_sealed} of {n_planned} runs are sealed; the tables are of those"));
        return Ok(Exit::Partial);
    }
    Ok(Exit::Done)
}

/// Returns the metrics asked for, each once, in the order of reports.
fn chosen(asked: &[Metrics], primary: Metric) -> Vec<Metric> {
    let is_asked = |metric: Metric| {
        asked.contains(&Metrics::All)
            || asked.contains(&Metrics::One(metric))
            || (asked.is_empty() && metric == primary)
    };
    Metric::ALL.into_iter().filter(|metric| is_asked(*metric)).collect()
}

/// Refuses a folder inside the study: a file there would be a change to it.
fn outside(folder: &Path, study: &Path) -> Result<(), Failure> {
    let absolute = |path: &Path| std::path::absolute(path).map_err(|error| Failure::failed(&error));
    let real = |path: &Path| fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let (folder, study) = (absolute(folder)?, absolute(study)?);
    if real(&folder).starts_with(real(&study)) || folder.starts_with(&study) {
        let message = format!("{} is inside of the study", folder.display());
        return Err(Failure::new(Exit::Usage, message)
            .help("a study holds sealed evidence and what is published; choose another folder"));
    }
    Ok(())
}

fn write(detail: &Detail, folder: &Path) -> Result<(), Failure> {
    let written = fs::create_dir_all(folder).and_then(|()| {
        let files = detail.csv();
        for (name, text) in &files {
            fs::write(folder.join(name), text)?;
        }
        Ok(files.len())
    });
    let n_files = written.map_err(|error| {
        let message = format!("could not write into {}: {error}", folder.display());
        Failure::new(Exit::Failed, message)
    })?;
    note(format!("{n_files} tables written into {}", folder.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_primary_metric_is_shown_unless_others_are_asked_for() {
        let primary = Metric::RunWall;
        assert_eq!(chosen(&[], primary), [primary]);
        let asked = [Metrics::One(Metric::Tpot), Metrics::One(Metric::E2e)];
        assert_eq!(chosen(&asked, primary), [Metric::E2e, Metric::Tpot]);
        assert_eq!(chosen(&[Metrics::All], primary), Metric::ALL);
    }
}
