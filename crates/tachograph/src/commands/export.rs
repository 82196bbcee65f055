//! `tacho export`: a study described for archives and registries.

use tachograph_report::RoCrateStated;
use tachograph_run::clock;
use tachograph_store::Companion;

use crate::args::ExportArgs;
use crate::commands::verify;
use crate::derivation::open_failure;
use crate::failure::{Exit, Failure};
use crate::ro_crate;
use crate::terminal::{note, out};

/// Carries the command out.
pub(crate) fn execute(args: &ExportArgs) -> Result<Exit, Failure> {
    let study = match verify::sound(&args.study)? {
        Ok(study) => study,
        Err(exit) => {
            note("not exported: what does not verify is not described");
            return Ok(exit);
        }
    };
    let author = args.author.clone();
    let stated = RoCrateStated {
        date_published: clock::rfc3339_now(),
        license: args.license.clone(),
        author: author.map(|name| (name, args.author_uri.clone())),
    };
    let bytes = ro_crate::metadata(&study, &stated)?;
    study
        .write_companion(Companion::RoCrate, &bytes)
        .map_err(|error| open_failure(&error, &args.study))?;
    out(args.study.join(Companion::RoCrate.file_name()).display());
    if args.license.is_none() {
        note(
            "no licence is stated: whoever finds the study may not use it; name one with --license",
        );
    }
    Ok(Exit::Done)
}
