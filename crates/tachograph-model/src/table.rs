//! A rectangular table of derived values, on its way to a file.
//!
//! Owns: the column types that `report` fills and `store` writes as Parquet.
//!
//! Does not: know what the columns mean.

/// A table; every column has the same number of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// The table's name, which becomes the file's name: `calls`.
    pub name: String,
    /// The columns, each with its name and values, in order.
    pub columns: Vec<(String, Column)>,
}

/// The values of one column; `None` is a missing value.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Texts.
    Text(Vec<Option<String>>),
    /// Whole numbers.
    Integer(Vec<Option<i64>>),
    /// Numbers.
    Float(Vec<Option<f64>>),
    /// Truth values.
    Bool(Vec<Option<bool>>),
}

impl Column {
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
