//! From a study on the disk to everything that is derived from it.
//!
//! Owns: reading each sealed run once, the list of derived files, and which reports a
//! study has: the one that its plan asks for, and those that somebody asked for beside it.
//!
//! Does not: publish or judge.

use std::collections::BTreeMap;
use std::path::Path;

use tachograph_model::study::StudyHead;
use tachograph_report::{
    Against, Analysis, Extract, OwnStudy, Rendered, RunFacts, VALIDATION, ValidationError,
};
use tachograph_store::{OpenError, OpenStudy, Study};

use crate::failure::{Exit, Failure};

/// A study and what follows from it.
#[derive(Debug)]
pub(crate) struct Derivation {
    /// The study.
    pub(crate) study: OpenStudy,
    /// What each run says.
    pub(crate) facts: Vec<RunFacts>,
    /// What all of them say.
    pub(crate) analysis: Analysis,
    /// The report that the plan asks for.
    pub(crate) rendered: Rendered,
}

/// A report beside the one that the plan asks for.
#[derive(Debug)]
pub(crate) struct Beside {
    /// The report.
    pub(crate) rendered: Rendered,
    /// What recomputing it cannot tell, a sentence each.
    pub(crate) not_checked: Vec<String>,
}

/// Reads the study in `folder`, every digest checked, and derives its report.
///
/// # Errors
///
/// A failure that names the file and line that is not what was sealed.
pub(crate) fn derive(folder: &Path) -> Result<Derivation, Failure> {
    let (study, facts, analysis) = analyse(folder)?;
    let rendered = tachograph_report::render(&analysis);
    Ok(Derivation { study, facts, analysis, rendered })
}

/// Reads the study in `folder`, every digest checked, and analyses it.
///
/// # Errors
///
/// As [`derive()`].
pub(crate) fn analyse(folder: &Path) -> Result<(OpenStudy, Vec<RunFacts>, Analysis), Failure> {
    let study = Study::open(folder).map_err(|error| open_failure(&error, folder))?;
    let facts = facts(&study).map_err(|error| open_failure(&error, folder))?;
    let analysis = tachograph_report::analyse(study.head(), &facts);
    Ok((study, facts, analysis))
}

/// Reads the study in `folder` and returns what its runs say, without a report.
///
/// # Errors
///
/// As [`derive()`].
pub(crate) fn facts_of(folder: &Path) -> Result<(StudyHead, Vec<RunFacts>), Failure> {
    let study = Study::open(folder).map_err(|error| open_failure(&error, folder))?;
    let facts = facts(&study).map_err(|error| open_failure(&error, folder))?;
    Ok((study.head().clone(), facts))
}

/// Returns the facts of every sealed run; one run's events are in memory at a time.
fn facts(study: &OpenStudy) -> Result<Vec<RunFacts>, OpenError> {
    let plan = &study.head().plan;
    study.runs().map(|run| Ok(tachograph_report::distil(run?, plan))).collect()
}

/// Returns the failure for a study that could not be opened.
pub(crate) fn open_failure(error: &OpenError, folder: &Path) -> Failure {
    match error {
        OpenError::NotAStudy { .. } => Failure::usage(error),
        OpenError::DigestMismatch { .. } | OpenError::Content { .. } => Failure::failed(error)
            .help(format!("`tacho verify {}` lists everything that changed", folder.display())),
        _ => Failure::failed(error),
    }
}

impl Derivation {
    /// Holds the study against files of its `reports/validation/against/`, by path
    /// relative to the study.
    ///
    /// # Errors
    ///
    /// [`ValidationError`], which names one of the files.
    pub(crate) fn validation(
        &self,
        files: BTreeMap<String, Vec<u8>>,
    ) -> Result<Beside, ValidationError> {
        let against = Against::read(files)?;
        let head = self.study.head();
        let own = OwnStudy {
            analysis: &self.analysis,
            extract: &Extract::of(head, &self.facts, &self.analysis, None),
            rendered: &self.rendered,
            superseded: head.superseded().collect(),
        };
        let rendered = tachograph_report::validate(&own, &against)?;
        Ok(Beside { rendered, not_checked: against.not_checked() })
    }

    /// Reads what the published report `validation` was held against; none if there is
    /// no such report.
    ///
    /// # Errors
    ///
    /// A failure that names the file that is not what was published.
    pub(crate) fn held_against(&self) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
        let folder = format!("reports/{VALIDATION}/against/");
        let paths = self.study.published_paths(VALIDATION);
        let read = paths.filter(|path| path.starts_with(&folder)).map(|path| {
            let bytes = self.study.read_file(path);
            Ok((path.to_owned(), bytes.map_err(|error| open_failure(&error, self.study.folder()))?))
        });
        read.collect()
    }

    /// Returns every derived file, by path relative to the study.
    ///
    /// # Errors
    ///
    /// A failure if a table cannot be written as Parquet.
    pub(crate) fn files(&self) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
        let mut files = self.rendered.files();
        files.extend(tables(&self.facts)?);
        if self.facts.is_empty() {
            return Err(Failure::new(Exit::Failed, "the study has no sealed run")
                .help("tacho run --resume -o STUDY goes on with it"));
        }
        Ok(files)
    }
}

/// Rows of a table that are held and written together: large enough for a scan, small
/// in memory.
#[cfg(feature = "parquet")]
const PART_ROWS: usize = 1 << 16;

/// Returns the tables as Parquet, by path relative to the study.
#[cfg(feature = "parquet")]
fn tables(facts: &[RunFacts]) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let written = tachograph_report::tables(facts, PART_ROWS).into_iter().map(|table| {
        let bytes = tachograph_store::parquet_bytes(table.parts)
            .map_err(|error| Failure::failed(&error))?;
        Ok((format!("tables/{}.parquet", table.name), bytes))
    });
    written.collect()
}

/// Returns no table: this program was built without the feature `parquet`.
#[cfg(not(feature = "parquet"))]
fn tables(_facts: &[RunFacts]) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    Ok(BTreeMap::new())
}
