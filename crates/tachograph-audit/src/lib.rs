//! Numbers in prose: extracted, related, judged.
//!
//! Owns: the audit of anyone's report. One line: a [`Document`] is parsed, its
//! numbers are read, rules relate them, and what cannot be true is a finding:
//! [`audit()`]. Beside it, [`mutate()`] proves that the audit can fail.
//!
//! Does not: touch files or the network, or know what a study is; whoever holds a
//! report against a study passes what the study says as [`Known`].

mod audit;
mod claims;
mod document;
mod known;
mod mutate;
mod number;
mod output;
mod reading;
mod relation;
mod rules;
mod span;
mod words;

pub use audit::{Audit, AuditError, Coverage, Finding, Place, Source, audit};
pub use claims::ClaimsError;
pub use document::{Document, DocumentError, Markup};
pub use known::{Known, Standing, Support};
pub use mutate::{Missed, Mutations, mutate};
pub use output::{html, sarif, text};
pub use relation::{Rule, Severity};
