//! Medians and percentiles of few values.

use serde::Serialize;

/// How values spread.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    /// The value that 95 % of the values stay within (nearest rank).
    pub(crate) p95: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// Of no values: NaN throughout, which meets no gate.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let rank = (values.len() * 95).div_ceil(100).max(1) - 1;
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        Self {
            min: at(0),
            p95: at(rank),
            max: values.last().copied().unwrap_or(f64::NAN),
            median: median(values),
        }
    }
}

/// The middle value, or the mean of the middle two.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_twenty_values() {
        let spread = Spread::of((1..=20).rev().map(f64::from).collect());
        assert_eq!(
            spread,
            Spread {
                min: 1.0,
                median: 10.5,
                p95: 19.0,
                max: 20.0
            }
        );
    }

    #[test]
    fn of_one_and_of_none() {
        assert_eq!(
            Spread::of(vec![3.0]),
            Spread {
                min: 3.0,
                median: 3.0,
                p95: 3.0,
                max: 3.0
            }
        );
        assert!(median(Vec::new()).is_nan());
        assert!(Spread::of(Vec::new()).p95.is_nan());
    }
}
