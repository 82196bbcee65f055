//! A rectangular table of derived values, on its way to a file.
//!
//! Owns: the column types that `report` fills and `store` writes as Parquet.
//!
//! Does not: know what the columns mean.

use std::borrow::Cow;

/// A table, or some rows of one; every column has the same number of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Table<'a> {
    /// The table's name, which becomes the file's name: `calls`.
    pub name: String,
    /// The columns, each with its name and values, in order.
    pub columns: Vec<(String, Column<'a>)>,
}

/// The values of one column; `None` is a missing value.
#[derive(Debug, Clone, PartialEq)]
pub enum Column<'a> {
    /// Texts.
    Text(Vec<Option<Cow<'a, str>>>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// Numbers.
    Float(Vec<Option<f64>>),
    /// Truth values.
    Bool(Vec<Option<bool>>),
}

impl Column<'_> {
    /// Returns the number of rows.
    pub fn n_rows(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Float(values) => values.len(),
            Self::Bool(values) => values.len(),
        }
    }
}
