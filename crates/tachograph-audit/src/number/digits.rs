//! The digits of a number: separators, decimals, exponents.

/// What separates decimals in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    /// "83.3", and "1,000" is a thousand.
    Point,
    /// "83,3", and "1.000" is a thousand.
    Comma,
}

impl Point {
    /// Returns what a text uses: a comma if numbers such as "83,3" outnumber those
    /// such as "83.3".
    pub(crate) fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        let (mut points, mut commas) = (0, 0);
        for (at, byte) in bytes.iter().enumerate() {
            let is_inside = at > 0 && bytes[at - 1].is_ascii_digit();
            let digits = bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            if is_inside && (1..=2).contains(&digits) {
                points += usize::from(*byte == b'.');
                commas += usize::from(*byte == b',');
            }
        }
        if commas > 2 * points { Self::Comma } else { Self::Point }
    }

    fn decimal(self) -> u8 {
        if self == Self::Point { b'.' } else { b',' }
    }
}

/// The digits of a number.
pub(super) struct Digits {
    /// The value, without sign and multiplier.
    pub(super) value: f64,
    /// How many decimals are printed.
    pub(super) decimals: usize,
    /// Where they end.
    pub(super) end: usize,
    /// Two points and more: a version or an address.
    pub(super) is_version: bool,
}

impl Digits {
    /// Reads the digits that begin at `start`.
    pub(super) fn read(text: &str, start: usize, point: Point) -> Option<Self> {
        let bytes = text.as_bytes();
        let mut end = start;
        let mut plain = String::new();
        let run =
            |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let whole = run(end);
        plain.push_str(&text[end..end + whole]);
        end += whole;
        if (1..=3).contains(&whole) {
            while let Some(width) =
                separator(text, end, point).filter(|width| run(end + width) == 3)
            {
                plain.push_str(&text[end + width..end + width + 3]);
                end += width + 3;
            }
        }
        let mut decimals = 0;
        let mut is_version = false;
        if bytes.get(end) == Some(&point.decimal()) && run(end + 1) > 0 {
            decimals = run(end + 1);
            plain.push('.');
            plain.push_str(&text[end + 1..=end + decimals]);
            end += 1 + decimals;
            while bytes.get(end) == Some(&point.decimal()) && run(end + 1) > 0 {
                is_version = true;
                end += 1 + run(end + 1);
            }
        }
        if plain.is_empty() || plain.len() > 40 {
            return None;
        }
        let mut value: f64 = plain.parse().ok()?;
        if let Some((exponent, length)) = exponent(&text[end..]) {
            value *= 10_f64.powi(exponent);
            decimals =
                usize::try_from(i64::try_from(decimals).ok()? - i64::from(exponent)).unwrap_or(0);
            end += length;
        }
        value.is_finite().then_some(Self { value, decimals, end, is_version })
    }
}

/// Returns the width of a separator of thousands.
fn separator(text: &str, at: usize, point: Point) -> Option<usize> {
    let next = text[at..].chars().next()?;
    let grouping = if point == Point::Point { ',' } else { '.' };
    (next == grouping || matches!(next, '\u{202f}' | '\u{2009}' | '_' | '’'))
        .then(|| next.len_utf8())
}

/// Returns a power of ten that follows, and its length: `e-5`, `×10^-5`.
fn exponent(text: &str) -> Option<(i32, usize)> {
    let body = text.strip_prefix(['e', 'E']).or_else(|| {
        let rest = text.trim_start().strip_prefix(['×', 'x', '·'])?.trim_start();
        rest.strip_prefix("10^")
    })?;
    let sign = usize::from(body.starts_with(['+', '-']));
    let digits = body[sign..].bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 3 {
        return None;
    }
    let follows = body[sign + digits..].chars().next();
    if follows.is_some_and(char::is_alphanumeric) {
        return None;
    }
    let power: i32 = body[..sign + digits].trim_start_matches('+').parse().ok()?;
    Some((power, text.len() - body.len() + sign + digits))
}

/// Returns by how much rounding to tens and more is allowed for a whole number
/// that ends in zeros: all but one of them, from four digits on.
pub(super) fn rounding_of_zeros(digits: &str) -> f64 {
    let plain: String = digits.chars().filter(char::is_ascii_digit).collect();
    let zeros = plain.len() - plain.trim_end_matches('0').len();
    if plain.len() >= 4 && zeros >= 2 {
        10_f64.powi(i32::try_from(zeros - 1).unwrap_or(0))
    } else {
        1.0
    }
}
