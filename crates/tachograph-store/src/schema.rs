//! Versions of what lies on the disk.
//!
//! Owns: the refusal of files that a newer program wrote, by name.
//!
//! Does not: read an older format; there is none yet.

use serde_json::Value;

/// A file in a format that this program does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// A later version of a known format.
    #[error(
        "written by a newer tacho: schema {found}; this one reads {reads}; use the newer tacho"
    )]
    Newer {
        /// What the file says.
        found: String,
        /// What this program reads.
        reads: &'static str,
    },
    /// Not a known format.
    #[error("schema {found:?} is not known; this tacho reads {reads}")]
    Unknown {
        /// What the file says.
        found: String,
        /// What this program reads.
        reads: &'static str,
    },
}

/// Checks the schema `found` in a file against the one that is read.
pub(crate) fn check(found: &str, reads: &'static str) -> Result<(), SchemaError> {
    if found == reads {
        return Ok(());
    }
    let version = |schema: &str| -> Option<(String, u64)> {
        let (name, version) = schema.split_once('/')?;
        Some((name.to_owned(), version.parse().ok()?))
    };
    let found = found.to_owned();
    match (version(&found), version(reads)) {
        (Some((name, newer)), Some((ours, version))) if name == ours && newer > version => {
            Err(SchemaError::Newer { found, reads })
        }
        _ => Err(SchemaError::Unknown { found, reads }),
    }
}

/// Checks the member `schema` of a JSON document, if it is one and has it.
pub(crate) fn check_document(bytes: &[u8], reads: &'static str) -> Result<(), SchemaError> {
    let Ok(Value::Object(members)) = serde_json::from_slice(bytes) else { return Ok(()) };
    match members.get("schema") {
        Some(Value::String(found)) => check(found, reads),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn newer_versions_are_told_from_foreign_ones() {
        let reads = "tachograph-journal/1";
        assert_eq!(check(reads, reads), Ok(()));
        assert!(matches!(check("tachograph-journal/2", reads), Err(SchemaError::Newer { .. })));
        for foreign in
            ["tachograph-journal/0", "tachograph-plan/2", "journal", "", "tachograph-journal/x"]
        {
            assert!(matches!(check(foreign, reads), Err(SchemaError::Unknown { .. })), "{foreign}");
        }
    }
}
