//! A sheet as CSV (RFC 4180).
//!
//! Owns: the header with units, the quoting, and the last column `refused`, which
//! says for each place without a number why there is none.

use super::{Cell, Kind, Sheet};

/// Returns the sheet as CSV, numbers at full precision.
pub(crate) fn csv(sheet: &Sheet) -> String {
    let mut head = Vec::new();
    for column in &sheet.columns {
        for name in column.file_names() {
            head.push(if column.unit.is_empty() {
                name
            } else {
                format!("{name} [{}]", column.unit)
            });
        }
    }
    head.push("refused".to_owned());
    let mut out = record(&head);
    for row in &sheet.rows {
        let mut fields = Vec::new();
        let mut refused = Vec::new();
        for (column, cell) in sheet.columns.iter().zip(row) {
            match cell {
                Cell::Words(words) => fields.push(words.clone()),
                Cell::Count(count) => fields.push(count.to_string()),
                Cell::Number(number) => fields.push(number.to_string()),
                Cell::Interval(low, high) => fields.extend([low.to_string(), high.to_string()]),
                Cell::Absent | Cell::Refused(_) => {
                    let width = if matches!(column.kind, Kind::Interval(_)) { 2 } else { 1 };
                    fields.extend(std::iter::repeat_n(String::new(), width));
                }
            }
            if let Cell::Refused(reason) = cell {
                refused.push(format!("{}: {reason}", column.name));
            }
        }
        fields.push(refused.join("; "));
        out.push_str(&record(&fields));
    }
    out
}

fn record(fields: &[String]) -> String {
    let quoted: Vec<String> = fields.iter().map(|field| quote(field)).collect();
    format!("{}\r\n", quoted.join(","))
}

fn quote(field: &str) -> String {
    if field.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", field.replace('"', "\"\""))
    } else {
        field.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn fields_with_separators_are_quoted() {
        assert_eq!(quote("plain text"), "plain text");
        assert_eq!(quote("a, \"b\""), "\"a, \"\"b\"\"\"");
        assert_eq!(quote("two\nlines"), "\"two\nlines\"");
    }
}
