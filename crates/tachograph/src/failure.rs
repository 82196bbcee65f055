//! How a command ends when it does not succeed.
//!
//! Owns: exit codes, and the one shape in which an error reaches the user:
//! what happened, its causes, the place in the file, what to do.
//!
//! Does not: print; `main` does.

use std::error::Error;
use std::fmt;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceSpan};

/// The exit codes of `tacho`; see `docs/exit-codes.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done.
    Done = 0,
    /// Done, and the answer is no.
    AnswerIsNo = 1,
    /// Wrong usage or plan.
    Usage = 2,
    /// Could not be carried out.
    Failed = 3,
    /// Partly done; what is there is kept.
    Partial = 4,
}

/// Why a command did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub(crate) exit: Exit,
    message: String,
    help: Option<String>,
    place: Option<Box<Place>>,
}

/// A place in a text.
#[derive(Debug)]
struct Place {
    source_code: NamedSource<String>,
    span: SourceSpan,
}

impl Failure {
    /// Makes a failure from its message.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None, place: None }
    }

    /// Makes a failure that could not be carried out, from an error and its causes.
    pub(crate) fn failed(error: &(dyn Error + 'static)) -> Self {
        Self::new(Exit::Failed, chain(error))
    }

    /// Makes a usage failure from an error and its causes.
    pub(crate) fn usage(error: &(dyn Error + 'static)) -> Self {
        Self::new(Exit::Usage, chain(error))
    }

    /// Adds what to do.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Adds the place in a text.
    pub(crate) fn at(mut self, name: &str, text: &str, span: std::ops::Range<usize>) -> Self {
        let source_code = NamedSource::new(name, text.to_owned());
        self.place = Some(Box::new(Place { source_code, span: span.into() }));
        self
    }
}

/// Returns an error's message with those of its causes.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.ends_with(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Failure {}

impl Diagnostic for Failure {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.place.as_ref().map(|place| &place.source_code as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.place.as_ref()?.span;
        Some(Box::new(std::iter::once(LabeledSpan::new_with_span(Some("here".to_owned()), span))))
    }
}
