//! Pure derivation: facts, analysis, report, verification.
//!
//! Owns: the way from a run's events to a published report and back. One line:
//! [`distil`] the events of each run, [`analyse`] the study, [`render`] the
//! report, [`verify`] what was published; or list everything as tables:
//! [`Detail`]. Beside it: [`contrast()`] puts two studies against each other,
//! [`plan_from_pilot`] says how many blocks a question needs, [`ro_crate()`] says
//! in an archive's terms what a study consists of and how it came about.
//!
//! Does not: touch files, clocks or the network, or compute a statistic that
//! `tachograph_stats` does not define. Equal inputs give equal bytes.

mod analysis;
mod citation;
mod claim;
mod concurrency;
mod contrast;
mod cross_language;
mod depth;
mod detail;
mod document;
mod facts;
mod figure;
mod formula;
mod implementations;
mod imported;
mod multi_agent;
mod page;
mod pilot;
mod render;
mod report;
mod ro_crate;
mod sections;
mod sheet;
mod single_agent;
mod summary;
mod svg;
mod tables;
mod template;
mod validation;
mod validity;
mod verify;
mod writer;

pub use analysis::stopping::{PlannedLook, PrimaryValues, SequentialRule};
pub use analysis::{Analysis, Headline, analyse};
pub use citation::{Cited, Citing, CitingKind, cited, evidence_of};
pub use contrast::{
    AgentIdentity, Asked, Aspect, BASELINE_SCHEMA, BaselineError, Cell, Comparability, Contrast,
    ContrastError, Design, Extract, Form, Gate, Gating, Remark, ServerFacts, ServerWord, Setting,
    Side, StudyIdentity, Terms, Unlike, Untold, contrast,
};
pub use detail::Detail;
pub use facts::{
    AgentFacts, CallFacts, Degeneracy, DelayFacts, Gaps, ProcessFacts, ResetFacts, RunFacts, distil,
};
pub use pilot::{PilotError, PilotPlan, PilotTerms, plan_from_pilot};
pub use render::{Rendered, Stated, render};
pub use ro_crate::{
    Author, CrateFile, RO_CRATE_FILE, RoCrateInput, RoCrateStated, RunTimes, journal_times,
    ro_crate, ro_crate_stated,
};
pub use tables::{Parts, tables};
pub use template::{CheckedDocument, Filled, Quoted, TemplateError, check_document, fill};
pub use validation::{Against, AgainstFiles, OwnStudy, VALIDATION, ValidationError, validate};
pub use validity::Status;
pub use verify::{
    Difference, DifferenceKind, LookFault, NOT_CHECKED, Verification, check_looks, compare, verify,
};
pub use writer::metric_id;
