//! The claims of a report, by name.

use std::collections::BTreeMap;

use serde_json::Value;
use tachograph_report::Rendered;

/// Tolerance of a ratio: instants are whole nanoseconds of seconds.
pub(crate) const TOLERANCE: f64 = 1e-8;

/// The claims of a report, by name.
pub(crate) struct Claims(pub(crate) BTreeMap<String, Value>);

impl Claims {
    pub(crate) fn of(rendered: &Rendered) -> Self {
        let document: Value = serde_json::from_str(&rendered.claims_json).unwrap();
        let claims = document["claims"].as_array().unwrap().iter();
        Self(
            claims.map(|claim| (claim["id"].as_str().unwrap().to_owned(), claim.clone())).collect(),
        )
    }

    pub(crate) fn value(&self, id: &str) -> f64 {
        let claim = self.0.get(id).unwrap_or_else(|| panic!("no claim {id}"));
        let value = &claim["value"];
        value.as_f64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("{claim}"))
    }

    #[track_caller]
    pub(crate) fn assert(&self, id: &str, expected: f64) {
        let found = self.value(id);
        assert!(
            (found - expected).abs() < TOLERANCE * expected.abs().max(1.0),
            "{id}: {found}, not {expected}"
        );
    }
}
