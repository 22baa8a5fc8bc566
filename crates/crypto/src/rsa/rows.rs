//! Adding several rows of a long product at once, column by column.
//!
//! One row at a time waits for its own carry at every limb. Up to four rows with separate carries run side by side, and each
//! column of the sum is loaded and stored once for all of them: about twice as fast in plain Rust.

/// How many rows at most.
pub(super) const ROWS: usize = 4;

/// Every limb times every factor.
pub(super) const MULTIPLY: u8 = 0;
/// Only products above the diagonal, where the factors are the first limbs themselves.
pub(super) const SQUARE: u8 = 1;
/// The factors are chosen so that the lowest columns become zero (Montgomery reduction).
pub(super) const REDUCE: u8 = 2;

/// The rows to take at once for a number of this many limbs.
pub(super) const fn rows(limbs: usize) -> usize {
    if limbs.is_multiple_of(ROWS) { ROWS } else { 1 }
}

/// `sum += limbs * factors` for the first `rows` factors. `sum` has `limbs.len() + rows` columns; `carry` comes into the column
/// above the limbs, and the carry out of the top column is returned.
#[inline(always)]
pub(super) fn add_rows<const KIND: u8>(
    sum: &mut [u64],
    limbs: &[u64],
    factors: [u64; ROWS],
    rows: usize,
    inverse: u64,
    carry: bool,
) -> bool {
    let columns = limbs.len();
    let sum = &mut sum[..columns + rows];
    let mut state = State {
        factors,
        carries: [0; ROWS],
        extra: carry,
    };
    // From here on every row takes part, up to the last limb.
    let full = if KIND == SQUARE { 2 * rows - 1 } else { rows }.min(columns);
    for column in 0..full {
        state.edge::<KIND>(sum, limbs, rows, inverse, column);
    }
    for column in full..columns {
        let mut total = sum[column];
        for row in 0..rows {
            (total, state.carries[row]) =
                limbs[column - row].carrying_mul_add(state.factors[row], total, state.carries[row]);
        }
        sum[column] = total;
    }
    for column in columns..columns + rows {
        state.edge::<KIND>(sum, limbs, rows, inverse, column);
    }
    state.extra
}

struct State {
    factors: [u64; ROWS],
    carries: [u64; ROWS],
    extra: bool,
}

impl State {
    /// A column in which some rows have not begun yet or have ended.
    #[inline(always)]
    fn edge<const KIND: u8>(&mut self, sum: &mut [u64], limbs: &[u64], rows: usize, inverse: u64, column: usize) {
        let columns = limbs.len();
        let mut total = sum[column];
        for row in 0..rows {
            let first = match KIND {
                MULTIPLY => row,
                SQUARE => 2 * row + 1,
                _ => row + 1,
            };
            if KIND == REDUCE && column == row {
                self.factors[row] = total.wrapping_mul(inverse);
                (total, self.carries[row]) = limbs[0].carrying_mul_add(self.factors[row], total, 0);
            } else if column >= first && column - row < columns {
                (total, self.carries[row]) =
                    limbs[column - row].carrying_mul_add(self.factors[row], total, self.carries[row]);
            }
        }
        if column >= columns {
            (total, self.extra) = total.carrying_add(self.carries[column - columns], self.extra);
        }
        sum[column] = total;
    }
}
