//! A sheet as JSON.
//!
//! Owns: the shape of a table in `tachograph-analysis/1`; see `docs/analysis.md`.

use serde_json::{Map, Value, json};

use super::{Cell, Sheet};

/// Returns the sheet as JSON, numbers at full precision.
pub(crate) fn json(sheet: &Sheet) -> Value {
    let columns: Vec<Value> = sheet
        .columns
        .iter()
        .flat_map(|column| {
            column.file_names().into_iter().map(|name| {
                json!({
                    "name": name,
                    "unit": column.unit,
                    "formula": column.formula.map(crate::formula::Formula::name),
                })
            })
        })
        .collect();
    let rows: Vec<Value> = sheet.rows.iter().map(|cells| row(sheet, cells)).collect();
    json!({
        "name": sheet.name,
        "title": sheet.title,
        "columns": columns,
        "rows": rows,
        "notes": sheet.notes,
    })
}

fn row(sheet: &Sheet, cells: &[Cell]) -> Value {
    let mut fields = Map::new();
    let mut refused = Map::new();
    for (column, cell) in sheet.columns.iter().zip(cells) {
        let values: Vec<Value> = match cell {
            Cell::Words(words) => vec![json!(words)],
            Cell::Count(count) => vec![json!(count)],
            Cell::Number(number) => vec![json!(number)],
            Cell::Interval(low, high) => vec![json!(low), json!(high)],
            Cell::Absent | Cell::Refused(_) => Vec::new(),
        };
        if let Cell::Refused(reason) = cell {
            refused.insert(column.name.to_owned(), json!(reason));
        }
        let mut values = values.into_iter();
        for name in column.file_names() {
            fields.insert(name, values.next().unwrap_or(Value::Null));
        }
    }
    fields.insert("refused".to_owned(), Value::Object(refused));
    Value::Object(fields)
}
