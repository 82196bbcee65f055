//! Derived tables as Parquet files.
//!
//! Owns: the way from a [`Table`] to bytes that `DuckDB`, Polars, pandas and R
//! read; equal tables give equal bytes.
//!
//! Does not: compute anything, or read such files back.

use std::borrow::Cow;
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
    /// A part of a table has other columns than its first part.
    #[error("a part of table {table:?} has other columns than the first one")]
    OtherColumns {
        /// The table.
        table: String,
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

/// Returns a table, given part after part, as the bytes of a Parquet file: zstd, every
/// column optional, texts as UTF-8, whole numbers as 64 bits, numbers as doubles.
///
/// Each part becomes a row group, and only one is held at a time.
///
/// # Errors
///
/// [`TableError`] if a part is not rectangular, has no columns, names one twice, or has
/// other columns than the first; or if there is no part.
pub fn parquet_bytes<'a>(
    parts: impl IntoIterator<Item = Table<'a>>,
) -> Result<Vec<u8>, TableError> {
    let mut parts = parts.into_iter();
    let first = parts.next().ok_or_else(|| TableError::Empty { table: String::new() })?;
    let name = first.name.clone();
    let refused = |source| TableError::Parquet { table: name.clone(), source };
    require_rectangular(&first)?;
    let columns = shape(&first);
    let mut writer = writer(&first).map_err(refused)?;
    for part in std::iter::once(first).chain(parts) {
        let n_rows = require_rectangular(&part)?;
        if shape(&part) != columns {
            return Err(TableError::OtherColumns { table: name });
        }
        if n_rows > 0 {
            write_group(&mut writer, &part).map_err(refused)?;
        }
    }
    writer.into_inner().map_err(refused)
}

/// The names and types of a table's columns.
fn shape(table: &Table<'_>) -> Vec<(String, PhysicalType)> {
    table.columns.iter().map(|(name, column)| (name.clone(), physical(column))).collect()
}

fn physical(column: &Column<'_>) -> PhysicalType {
    match column {
        Column::Text(_) => PhysicalType::BYTE_ARRAY,
        Column::Integer(_) => PhysicalType::INT64,
        Column::Float(_) => PhysicalType::DOUBLE,
        Column::Bool(_) => PhysicalType::BOOLEAN,
    }
}

fn require_rectangular(table: &Table<'_>) -> Result<usize, TableError> {
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

fn writer(table: &Table<'_>) -> Result<SerializedFileWriter<Vec<u8>>, ParquetError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_created_by(CREATED_BY.to_owned())
        .build();
    SerializedFileWriter::new(Vec::new(), schema(table)?, Arc::new(properties))
}

fn write_group(
    writer: &mut SerializedFileWriter<Vec<u8>>,
    part: &Table<'_>,
) -> Result<(), ParquetError> {
    let mut group = writer.next_row_group()?;
    for (_, column) in &part.columns {
        write_column(&mut group, column)?;
    }
    group.close()?;
    Ok(())
}

fn schema(table: &Table<'_>) -> Result<TypePtr, ParquetError> {
    let field = |(name, column): &(String, Column<'_>)| {
        let logical = matches!(column, Column::Text(_)).then_some(LogicalType::String);
        Type::primitive_type_builder(name, physical(column))
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
    column: &Column<'_>,
) -> Result<(), ParquetError> {
    match column {
        Column::Text(values) => {
            write_values::<ByteArrayType, _>(group, values, |text: &Cow<'_, str>| {
                ByteArray::from(&**text)
            })
        }
        Column::Integer(values) => {
            write_values::<Int64Type, _>(group, values, |value: &i64| *value)
        }
        Column::Float(values) => write_values::<DoubleType, _>(group, values, |value: &f64| *value),
        Column::Bool(values) => write_values::<BoolType, _>(group, values, |value: &bool| *value),
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

    fn table() -> Table<'static> {
        Table {
            name: "calls".to_owned(),
            columns: vec![
                (
                    "run".to_owned(),
                    Column::Text(vec![Some("a/run_001".into()), None, Some("ü".into())]),
                ),
                ("tokens".to_owned(), Column::Integer(vec![Some(i64::MAX), Some(-1), None])),
                ("ttft_ms".to_owned(), Column::Float(vec![None, Some(0.1 + 0.2), Some(f64::NAN)])),
                ("cold".to_owned(), Column::Bool(vec![Some(true), None, Some(false)])),
            ],
        }
    }

    #[test]
    fn values_and_gaps_come_back() {
        let bytes = parquet_bytes([table(), table()]).unwrap();
        assert_eq!(bytes, parquet_bytes([table(), table()]).unwrap());
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.num_row_groups(), 2);
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(rows.len(), 6);
        for rows in [&rows[..3], &rows[3..]] {
            assert_eq!(rows[0].get_string(0).unwrap(), "a/run_001");
            assert!(rows[1].get_string(0).is_err(), "a missing value is not an empty text");
            assert_eq!(rows[2].get_string(0).unwrap(), "ü");
            assert_eq!(rows[0].get_long(1).unwrap(), i64::MAX);
            assert_eq!(rows[1].get_double(2).unwrap().to_bits(), (0.1f64 + 0.2).to_bits());
            assert!(rows[2].get_double(2).unwrap().is_nan());
            assert!(rows[0].get_bool(3).unwrap() && !rows[2].get_bool(3).unwrap());
        }
    }

    #[test]
    fn no_rows_are_a_table_and_crooked_tables_are_not() {
        let no_rows = Table {
            name: "runs".to_owned(),
            columns: vec![("x".to_owned(), Column::Integer(Vec::new()))],
        };
        let bytes = parquet_bytes([no_rows]).unwrap();
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.metadata().file_metadata().num_rows(), 0);

        let mut ragged = table();
        ragged.columns[1].1 = Column::Integer(vec![None]);
        assert!(parquet_bytes([ragged]).unwrap_err().to_string().contains("\"tokens\""));
        let mut double = table();
        double.columns[1].0 = "run".to_owned();
        assert!(matches!(parquet_bytes([double]), Err(TableError::DuplicateColumn { .. })));
        let empty = Table { name: "x".to_owned(), columns: Vec::new() };
        assert!(matches!(parquet_bytes([empty]), Err(TableError::Empty { .. })));
        assert!(matches!(parquet_bytes([]), Err(TableError::Empty { .. })));
        let mut other = table();
        other.columns.swap(1, 2);
        assert!(matches!(parquet_bytes([table(), other]), Err(TableError::OtherColumns { .. })));
    }
}
