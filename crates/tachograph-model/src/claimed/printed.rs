//! Numbers as they are printed.
//!
//! Owns: the one rule for what a printed number stands for: every value within half a
//! unit of its last place.

/// The most digits of a printed number: as many as a double keeps apart.
const DIGITS_MAX: usize = 15;

/// A number as a document prints it. Its last place says how precise it is: `114.54`
/// stands for every value from 114.535 to 114.545, and `1200` for 1199.5 to 1200.5.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PrintedNumber {
    /// The digits without the point, with the sign.
    digits: i64,
    /// How many of them stand behind the point, at most 15.
    decimals: u8,
}

impl PrintedNumber {
    /// Reads a number: an optional sign, digits, with commas or underscores only
    /// between them, and a point with digits behind it. A minus may be the true one.
    ///
    /// # Errors
    ///
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let refused = || {
            format!(
                "`{text}` is not a number as it is printed: digits with an optional sign and \
                 point, such as \"114.54\", \"-3.2\" or \"1,200\"; its unit goes into `unit`"
            )
        };
        let trimmed = text.trim();
        let (negative, rest) = match trimmed.strip_prefix(['-', '−']) {
            Some(rest) => (true, rest),
            None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
        };
        let (whole, fraction) = match rest.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(refused()),
            None => (rest, ""),
        };
        let is_group = |group: &str| !group.is_empty() && is_digits(group);
        if !whole.split([',', '_']).all(is_group) || !is_digits(fraction) {
            return Err(refused());
        }
        let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
        let digits = format!("{digits}{fraction}");
        let significant = digits.trim_start_matches('0');
        if significant.len() > DIGITS_MAX || fraction.len() > DIGITS_MAX {
            return Err(format!("`{text}` has more than {DIGITS_MAX} digits"));
        }
        let magnitude: i64 = digits.parse().map_err(|_too_large| refused())?;
        Ok(Self {
            digits: if negative { -magnitude } else { magnitude },
            decimals: u8::try_from(fraction.len()).map_err(|_too_long| refused())?,
        })
    }

    /// Returns the value that is printed.
    pub fn value(self) -> f64 {
        self.digits as f64 / self.scale()
    }

    /// Returns how many digits stand behind the point.
    pub fn decimals(self) -> u8 {
        self.decimals
    }

    /// Returns the smallest value that the number stands for.
    pub fn low(self) -> f64 {
        (2 * self.digits - 1) as f64 / (2.0 * self.scale())
    }

    /// Returns the largest value that the number stands for.
    pub fn high(self) -> f64 {
        (2 * self.digits + 1) as f64 / (2.0 * self.scale())
    }

    /// Returns whether `value` rounds to the number: it lies within half a unit of the
    /// last place, both ends included, since a tie may be rounded either way. A
    /// relative error of 1e-12 is allowed for what converting a unit costs.
    pub fn covers(self, value: f64) -> bool {
        let slack = 1e-12 * value.abs().max(self.value().abs());
        self.low() - slack <= value && value <= self.high() + slack
    }

    fn scale(self) -> f64 {
        10_f64.powi(i32::from(self.decimals))
    }
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(text: &str) -> PrintedNumber {
        PrintedNumber::parse(text).unwrap()
    }

    #[test]
    fn a_number_stands_for_half_a_unit_of_its_last_place() {
        for (text, value, low, high) in [
            ("114.54", 114.54, 114.535, 114.545),
            ("0.74", 0.74, 0.735, 0.745),
            ("-3.2", -3.2, -3.25, -3.15),
            ("−3.20", -3.2, -3.205, -3.195),
            ("1,200", 1200.0, 1199.5, 1200.5),
            ("+7", 7.0, 6.5, 7.5),
            ("0.0", 0.0, -0.05, 0.05),
        ] {
            let number = printed(text);
            assert_eq!(
                [number.value(), number.low(), number.high()].map(f64::to_bits),
                [value, low, high].map(|it: f64| it.to_bits()),
                "{text}"
            );
        }
    }

    #[test]
    fn both_ends_round_to_it_and_nothing_beyond_does() {
        let number = printed("114.54");
        for inside in [114.535, 114.54, 114.545] {
            assert!(number.covers(inside), "{inside}");
        }
        for outside in [114.534_999, 114.545_001, -114.54, f64::NAN] {
            assert!(!number.covers(outside), "{outside}");
        }
        // 0.286 as percent is 28.599999999999998.
        assert!(printed("28.6").covers(0.286 * 100.0));
        assert!(printed("28.65").covers(0.286_45 * 100.0));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in
            ["", "-", ".5", "5.", "1e3", "12 ms", "1,,000", ",5", "0x10", "1.2.3", "nan", "12_"]
        {
            assert!(PrintedNumber::parse(text).is_err(), "{text}");
        }
        assert!(PrintedNumber::parse("1234567890.1234567").unwrap_err().contains("15 digits"));
        assert_eq!(printed("000000000000000000001.5"), printed("1.5"));
    }
}
