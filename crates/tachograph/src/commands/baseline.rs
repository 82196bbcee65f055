//! `tacho baseline`: keeps what comparing needs of a study, in one small file.

use tachograph_report::Status;

use crate::args::BaselineArgs;
use crate::derivation::open_failure;
use crate::evidence::{self, Evidence};
use crate::failure::{Exit, Failure};
use crate::terminal::{note, out};

/// Carries the command out.
pub(crate) fn execute(args: &BaselineArgs) -> Result<Exit, Failure> {
    let folder = &args.study;
    let check = tachograph_store::check(folder).map_err(|error| open_failure(&error, folder))?;
    if check.is_damaged() {
        let message = format!("{} is not what was sealed", folder.display());
        return Err(Failure::new(Exit::Failed, message)
            .help(format!("`tacho verify {}` lists everything that changed", folder.display())));
    }
    let Evidence { extract, .. } = Evidence::of_study(folder, check.merkle_root)?;
    if extract.validity == Status::Invalid {
        let message = format!("{} is invalid as a study and makes no baseline", folder.display());
        return Err(
            Failure::new(Exit::Failed, message).help("`tacho report` publishes why; measure again")
        );
    }
    let n_measured: u64 = extract.configurations.values().map(|cell| cell.n_measured).sum();
    if n_measured == 0 {
        let message = format!("{} has no measured run", folder.display());
        return Err(Failure::new(Exit::Failed, message).help("measure again"));
    }
    evidence::write_baseline(&args.output, &extract)?;
    let study = &extract.study;
    out(format!(
        "{}: {n_measured} measured runs of {} configurations of plan {} ({})",
        args.output.display(),
        extract.configurations.len(),
        study.name,
        study.plan_sha256.short()
    ));
    for (id, cell) in &extract.configurations {
        if cell.validity != Status::Valid {
            note(format!("{id} is {}; see `tacho report`", cell.validity.name()));
        }
    }
    if study.n_sealed < study.n_planned {
        note(format!(
            "only {} of {} runs are sealed; the baseline has no more",
            study.n_sealed, study.n_planned
        ));
        return Ok(Exit::Partial);
    }
    Ok(Exit::Done)
}
