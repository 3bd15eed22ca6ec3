//! Numbers as Sigma compares them: `"42"`, `42` and `42.0` are equal, whoever wrote which. Strict
//! types lose matches, because JSON made from EVTX mixes text and numbers for one field.

use std::cmp::Ordering;

/// A number: whole ones exactly, others as floats.
#[derive(Debug, Clone, Copy)]
pub enum Number {
    /// Whole, of 64 bits with or without sign.
    Whole(i128),
    /// Anything else that is finite.
    Real(f64),
}

impl Number {
    /// A number out of an event's text: decimal, with sign, fraction and exponent. Never hexadecimal:
    /// events spell `0x17` as text, and rules do too.
    pub fn of_text(text: &str) -> Option<Self> {
        const MOST_BYTES: usize = 40;
        let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
        let first = digits.bytes().next()?;
        if text.len() > MOST_BYTES || !(first.is_ascii_digit() || first == b'.') {
            return None;
        }
        if digits.bytes().all(|byte| byte.is_ascii_digit()) {
            if let Ok(whole) = text.parse::<i64>() {
                return Some(Self::Whole(whole.into()));
            }
            if let Ok(whole) = text.parse::<u64>() {
                return Some(Self::Whole(whole.into()));
            }
        }
        let real: f64 = text.parse().ok()?; // ok: because a text that is no number is not one
        Self::of_real(real)
    }

    /// A number out of a rule's plain scalar: as in an event, or whole with `0x` or `0o`.
    pub(crate) fn of_rule(text: &str) -> Option<Self> {
        let radix = |digits: &str, radix| {
            let whole = u64::from_str_radix(digits, radix).ok()?; // ok: because text that is no number stays text
            Some(Self::Whole(whole.into()))
        };
        if let Some(digits) = text.strip_prefix("0x") {
            return radix(digits, 16);
        }
        if let Some(digits) = text.strip_prefix("0o") {
            return radix(digits, 8);
        }
        Self::of_text(text)
    }

    /// A float; whole ones are kept exactly, infinite ones are no number.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is whole and below 2^63"
    )]
    pub fn of_real(real: f64) -> Option<Self> {
        const EXACT: f64 = 9_223_372_036_854_775_808.0;
        if !real.is_finite() {
            return None;
        }
        if real.fract() == 0.0 && real.abs() < EXACT {
            return Some(Self::Whole(real as i128));
        }
        Some(Self::Real(real))
    }

    /// As a float, for sums and averages.
    pub fn real(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Real(real) => real,
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a.cmp(b),
            _ => self.real().total_cmp(&other.real()),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Number {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for (a, b) in [
            ("42", "42.0"),
            ("42", "+42"),
            ("1e3", "1000"),
            ("-0", "0"),
            ("007", "7"),
        ] {
            assert_eq!(Number::of_text(a), Number::of_text(b), "{a} {b}");
        }
        assert_eq!(Number::of_rule("0x17"), Number::of_text("23"));
        for none in ["", "-", "abc", "0x17", "1 2", "inf", "nan", ".", "1_000"] {
            assert_eq!(Number::of_text(none), None, "{none}");
        }
        assert!(Number::of_text("18446744073709551615") > Number::of_text("18446744073709551614"));
    }
}
