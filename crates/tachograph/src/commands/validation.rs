//! `tacho report --kind validation`: a study held against what was said before it.

use std::collections::BTreeMap;
use std::path::Path;

use tachograph_model::digest::Digest;
use tachograph_model::study::Superseded;
use tachograph_report::{AgainstFiles, Extract, ValidationError};
use tachograph_run::clock;
use tachograph_store::{OpenStudy, Study};

use crate::args::ReportArgs;
use crate::commands::report::{announce, exit, publish_main};
use crate::commands::run::write_failure;
use crate::derivation::{self, Beside, Derivation, open_failure};
use crate::failure::{Exit, Failure};
use crate::session::VERSION;
use crate::terminal::note;

/// What stands in the journal where the user gives no reason.
const REASON: &str = "the validation report of this study holds it against the earlier one";

/// Carries the command out.
pub(crate) fn execute(args: &ReportArgs) -> Result<Exit, Failure> {
    let folder = &args.study;
    let mut derivation = derivation::derive(folder)?;
    let held = held(args, &derivation)?;
    // What cannot be held against the study is found before anything is written.
    validated(&derivation, &held)?;
    let at = clock::rfc3339_now();
    let mut study = Study::reopen(folder, VERSION, &at).map_err(|error| write_failure(&error))?;
    publish_main(&derivation, &mut study, &at)?;
    for superseded in &held.superseded {
        study.supersede(superseded.clone(), &at).map_err(|error| write_failure(&error))?;
    }
    // The report says what the journal says of superseded studies.
    derivation.study = Study::open(folder).map_err(|error| open_failure(&error, folder))?;
    let Beside { rendered, .. } = validated(&derivation, &held)?;
    study
        .publish(rendered.kind(), &rendered.files(), &at)
        .map_err(|error| write_failure(&error))?;
    for superseded in &held.superseded {
        note(format!(
            "{} supersedes study {} (plan {}); `tacho status` lists what is stale",
            folder.display(),
            superseded.study,
            superseded.plan_sha256.short()
        ));
    }
    announce(folder, &rendered, &rendered.answer());
    Ok(exit(&derivation))
}

/// What a study is held against, as it was given.
struct Held {
    /// The files, by path relative to the study.
    files: BTreeMap<String, Vec<u8>>,
    /// What the user calls a file, by its path.
    names: BTreeMap<String, String>,
    /// The earlier studies that are superseded.
    superseded: Vec<Superseded>,
}

/// Reads what the command line names; without any, what the last report was held
/// against.
fn held(args: &ReportArgs, derivation: &Derivation) -> Result<Held, Failure> {
    if args.against.is_empty() {
        let files = derivation.held_against()?;
        if files.is_empty() {
            let message = "a validation report is held against something";
            return Err(Failure::new(Exit::Usage, message)
                .help("name an earlier study or a claims.toml with --against"));
        }
        return Ok(Held { files, names: BTreeMap::new(), superseded: Vec::new() });
    }
    let mut files = AgainstFiles::default();
    let mut names = BTreeMap::new();
    let mut superseded = Vec::new();
    for path in &args.against {
        let added = if path.is_dir() {
            let earlier = Earlier::read(path)?;
            if args.supersedes {
                superseded.push(earlier.superseded(args.reason.as_deref()));
            }
            files.add_study(&earlier.extract, &earlier.derivation.rendered)
        } else {
            files.add_claims(&list(path)?)
        };
        names.insert(added, path.display().to_string());
    }
    if args.supersedes && superseded.is_empty() {
        let message = "a list of claims is no study, and cannot be superseded";
        return Err(Failure::new(Exit::Usage, message)
            .help("name the folder of the earlier study with --against"));
    }
    Ok(Held { files: files.into_files(), names, superseded })
}

/// Reads a list of claims, and shows the place where it is none.
fn list(path: &Path) -> Result<Vec<u8>, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(Exit::Usage, format!("could not read {}: {error}", path.display()))
            .help("--against takes the folder of a study, or a claims.toml")
    })?;
    let name = path.display().to_string();
    let text = std::str::from_utf8(&bytes).map_err(|error| {
        Failure::new(Exit::Usage, format!("{name}: it is not a text in UTF-8: {error}"))
    })?;
    tachograph_model::claimed::ClaimsList::parse(text).map_err(|error| {
        Failure::new(Exit::Usage, format!("{name}: {error}")).at(&name, text, error.span)
    })?;
    Ok(bytes)
}

fn validated(derivation: &Derivation, held: &Held) -> Result<Beside, Failure> {
    derivation.validation(held.files.clone()).map_err(|error| refused(&error, held))
}

/// Returns the failure for what a study cannot be held against, in the words of the
/// command line.
fn refused(error: &ValidationError, held: &Held) -> Failure {
    let name = held.names.get(&error.path).unwrap_or(&error.path);
    let failure = Failure::new(Exit::Usage, format!("{name}: {}", error.message));
    let failure = match &error.help {
        Some(hint) => failure.help(hint.clone()),
        None => failure,
    };
    let text = held.files.get(&error.path).and_then(|bytes| std::str::from_utf8(bytes).ok());
    match (text, error.span.clone()) {
        (Some(text), Some(span)) => failure.at(name, text, span),
        _ => failure,
    }
}

/// An earlier study, whole.
struct Earlier {
    derivation: Derivation,
    extract: Extract,
    merkle_root: Option<Digest>,
}

impl Earlier {
    fn read(folder: &Path) -> Result<Self, Failure> {
        let check =
            tachograph_store::check(folder).map_err(|error| open_failure(&error, folder))?;
        if check.is_damaged() {
            let message = format!("{} is not what was sealed", folder.display());
            return Err(Failure::new(Exit::Failed, message).help(format!(
                "`tacho verify {}` lists everything that changed",
                folder.display()
            )));
        }
        let derivation = derivation::derive(folder)?;
        let Derivation { study, facts, analysis, .. } = &derivation;
        let extract = Extract::of(study.head(), facts, analysis, check.merkle_root);
        Ok(Self { derivation, extract, merkle_root: check.merkle_root })
    }

    fn superseded(&self, reason: Option<&str>) -> Superseded {
        let study: &OpenStudy = &self.derivation.study;
        let reports = study.head().published().into_iter().map(|(kind, (_, published))| {
            let folder = format!("reports/{kind}/");
            let files = published.files.iter().filter(|(path, _)| path.starts_with(&folder));
            (kind.to_owned(), files.map(|(path, digest)| (path.clone(), *digest)).collect())
        });
        let identity = &self.extract.study;
        Superseded {
            study: identity.name.clone(),
            plan_sha256: identity.plan_sha256,
            evidence_sha256: identity.evidence_sha256,
            journal_head: study.journal_head(),
            merkle_root: self.merkle_root,
            reports: reports.collect(),
            reason: reason.unwrap_or(REASON).to_owned(),
        }
    }
}
