//! Whether machine and server are fit to measure.
//!
//! Owns: what is looked at, what counts as good, and what to do about the rest.
//! [`machine`] reads; [`server`] also makes a handful of short calls.
//!
//! Does not: change a setting, print, or decide an exit code.

mod host;
mod served;

use serde::Serialize;

pub use self::host::machine;
pub use self::served::server;

/// How something looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Nothing to do.
    Good,
    /// It could not be told.
    Unknown,
    /// Measuring is possible, with the effect that is named.
    Warn,
    /// What is measured here would be wrong, or nothing can be measured.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What: `clock source`.
    pub name: &'static str,
    /// How it looks.
    pub state: State,
    /// What was found, with its unit.
    pub found: String,
    /// What it spoils if it is not good.
    pub why_it_matters: &'static str,
    /// What to do; absent if there is nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

impl Check {
    fn of(name: &'static str, why_it_matters: &'static str) -> Unjudged {
        Unjudged { name, why_it_matters }
    }
}

/// A check whose result is still to come.
#[derive(Debug, Clone, Copy)]
struct Unjudged {
    name: &'static str,
    why_it_matters: &'static str,
}

impl Unjudged {
    fn good(self, found: impl Into<String>) -> Check {
        self.judge(State::Good, found.into(), None)
    }

    fn unknown(self, found: impl Into<String>) -> Check {
        self.judge(State::Unknown, found.into(), None)
    }

    fn warn(self, found: impl Into<String>, fix: &str) -> Check {
        self.judge(State::Warn, found.into(), Some(fix.to_owned()))
    }

    fn bad(self, found: impl Into<String>, fix: &str) -> Check {
        self.judge(State::Bad, found.into(), Some(fix.to_owned()))
    }

    fn judge(self, state: State, found: String, fix: Option<String>) -> Check {
        Check { name: self.name, state, found, why_it_matters: self.why_it_matters, fix }
    }
}
