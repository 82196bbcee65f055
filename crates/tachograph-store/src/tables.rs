//! Derived tables as Parquet files.
//!
//! Owns: the way from a [`Table`] to bytes that `DuckDB`, Polars, pandas and R
//! read; equal tables give equal bytes.
//!
//! Does not: compute anything, or read such files back.

use std::collections::BTreeSet;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::{Type, TypePtr};
use tachograph_model::table::{Column, Table};

/// Fixed, so that equal tables give equal bytes with one version of zstd.
const LEVEL: i32 = 3;
/// Rows that are written together; large enough for a scan, small in memory.
const GROUP_ROWS: usize = 1 << 18;
/// What the file says about its writer: no version, so that bytes stay equal.
const CREATED_BY: &str = "tachograph";

/// Why a table could not be written as Parquet.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A table has no columns.
    #[error("table {table:?} has no columns")]
    Empty {
        /// The table.
        table: String,
    },
    /// Two columns have one name.
    #[error("table {table:?} has two columns named {column:?}")]
    DuplicateColumn {
        /// The table.
        table: String,
        /// The name.
        column: String,
    },
    /// The columns have different lengths.
    #[error("column {column:?} of table {table:?} has {found} rows, the first one has {expected}")]
    Ragged {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// Rows of the first column.
        expected: usize,
        /// Rows of this one.
        found: usize,
    },
    /// The library refused.
    #[error("could not write table {table:?} as Parquet")]
    Parquet {
        /// The table.
        table: String,
        /// Why.
        source: ParquetError,
    },
}

/// Returns `table` as the bytes of a Parquet file: zstd, every column optional,
/// texts as UTF-8, whole numbers as 64 bits, numbers as doubles.
///
/// # Errors
///
/// [`TableError`] if the table is not rectangular, has no columns or names one
/// twice.
pub fn parquet_bytes(table: &Table) -> Result<Vec<u8>, TableError> {
    let n_rows = require_rectangular(table)?;
    write(table, n_rows).map_err(|source| TableError::Parquet { table: table.name.clone(), source })
}

fn require_rectangular(table: &Table) -> Result<usize, TableError> {
    let name = || table.name.clone();
    let Some((_, first)) = table.columns.first() else {
        return Err(TableError::Empty { table: name() });
    };
    let expected = first.n_rows();
    let mut names = BTreeSet::new();
    for (column, values) in &table.columns {
        let column = column.clone();
        let found = values.n_rows();
        if found != expected {
            return Err(TableError::Ragged { table: name(), column, expected, found });
        }
        if !names.insert(column.clone()) {
            return Err(TableError::DuplicateColumn { table: name(), column });
        }
    }
    Ok(expected)
}

fn write(table: &Table, n_rows: usize) -> Result<Vec<u8>, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(CREATED_BY.to_owned())
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema(table)?, Arc::new(properties))?;
    let mut start = 0;
    while start < n_rows {
        let end = n_rows.min(start + GROUP_ROWS);
        let mut group = writer.next_row_group()?;
        for (_, column) in &table.columns {
            write_column(&mut group, column, start, end)?;
        }
        group.close()?;
        start = end;
    }
    writer.into_inner()
}

fn schema(table: &Table) -> Result<TypePtr, ParquetError> {
    let field = |(name, column): &(String, Column)| {
        let (physical, logical) = match column {
            Column::Text(_) => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
            Column::Integer(_) => (PhysicalType::INT64, None),
            Column::Float(_) => (PhysicalType::DOUBLE, None),
            Column::Bool(_) => (PhysicalType::BOOLEAN, None),
        };
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(logical)
            .build()
            .map(Arc::new)
    };
    let fields = table.columns.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Type::group_type_builder(&table.name).with_fields(fields).build()?))
}

fn write_column(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    column: &Column,
    start: usize,
    end: usize,
) -> Result<(), ParquetError> {
    match column {
        Column::Text(values) => {
            write_values::<ByteArrayType, _>(group, &values[start..end], |text: &String| {
                ByteArray::from(text.as_str())
            })
        }
        Column::Integer(values) => {
            write_values::<Int64Type, _>(group, &values[start..end], |value: &i64| *value)
        }
        Column::Float(values) => {
            write_values::<DoubleType, _>(group, &values[start..end], |value: &f64| *value)
        }
        Column::Bool(values) => {
            write_values::<BoolType, _>(group, &values[start..end], |value: &bool| *value)
        }
    }
}

/// Writes the next column; a missing value is a definition level of zero.
fn write_values<T: DataType, V>(
    group: &mut SerializedRowGroupWriter<'_, Vec<u8>>,
    values: &[Option<V>],
    convert: impl Fn(&V) -> T::T,
) -> Result<(), ParquetError> {
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let present: Vec<T::T> = values.iter().flatten().map(convert).collect();
    let mut column = group.next_column()?.ok_or_else(|| {
        ParquetError::General("the schema has fewer columns than the table".to_owned())
    })?;
    column.typed::<T>().write_batch(&present, Some(&levels), None)?;
    column.close()
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::RowAccessor as _;

    use super::*;

    fn table() -> Table {
        Table {
            name: "calls".to_owned(),
            columns: vec![
                (
                    "run".to_owned(),
                    Column::Text(vec![Some("a/run_001".to_owned()), None, Some("ü".to_owned())]),
                ),
                ("tokens".to_owned(), Column::Integer(vec![Some(i64::MAX), Some(-1), None])),
                ("ttft_ms".to_owned(), Column::Float(vec![None, Some(0.1 + 0.2), Some(f64::NAN)])),
                ("cold".to_owned(), Column::Bool(vec![Some(true), None, Some(false)])),
            ],
        }
    }

    #[test]
    fn values_and_gaps_come_back() {
        let bytes = parquet_bytes(&table()).unwrap();
        assert_eq!(bytes, parquet_bytes(&table()).unwrap());
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 3);
        assert_eq!(rows[0].get_string(0).unwrap(), "a/run_001");
        assert!(rows[1].get_string(0).is_err(), "a missing value is not an empty text");
        assert_eq!(rows[2].get_string(0).unwrap(), "ü");
        assert_eq!(rows[0].get_long(1).unwrap(), i64::MAX);
        assert_eq!(rows[1].get_double(2).unwrap().to_bits(), (0.1f64 + 0.2).to_bits());
        assert!(rows[2].get_double(2).unwrap().is_nan());
        assert!(rows[0].get_bool(3).unwrap() && !rows[2].get_bool(3).unwrap());
    }

    #[test]
    fn no_rows_are_a_table_and_crooked_tables_are_not() {
        let no_rows = Table {
            name: "runs".to_owned(),
            columns: vec![("x".to_owned(), Column::Integer(Vec::new()))],
        };
        let bytes = parquet_bytes(&no_rows).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);

        let mut ragged = table();
        ragged.columns[1].1 = Column::Integer(vec![None]);
        assert!(parquet_bytes(&ragged).unwrap_err().to_string().contains("\"tokens\""));
        let mut double = table();
        double.columns[1].0 = "run".to_owned();
        assert!(matches!(parquet_bytes(&double), Err(TableError::DuplicateColumn { .. })));
        let empty = Table { name: "x".to_owned(), columns: Vec::new() };
        assert!(matches!(parquet_bytes(&empty), Err(TableError::Empty { .. })));
    }
}
