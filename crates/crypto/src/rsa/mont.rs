//! Montgomery arithmetic on a fixed number of limbs: the kernel of the prime search. Variable time (see the module docs).
//!
//! Base 2 makes the first strong test cheap: a squaring and at most one doubling per bit, no window table. Values are kept below
//! `R = 2^(64 L)`, not below `n`: only a carry out of the top limb forces a subtraction, and [`Modulus::leave`] reduces at the end.

use zeroize::Zeroize;

use super::numbers::{bit, bit_length};
use super::rows::{MULTIPLY, REDUCE, ROWS, SQUARE, add_rows, rows};

/// The widest double-length product: two times 64 limbs, for the primes of an 8192-bit key.
const WIDEST: usize = 128;

/// An odd modulus of at least two limbs whose top limb is not zero.
pub(super) struct Modulus<const L: usize> {
    n: [u64; L],
    /// `-n⁻¹ mod 2^64`
    inverse: u64,
}

impl<const L: usize> Modulus<L> {
    /// `None` unless `n` is odd and has exactly `L` limbs.
    pub(super) fn new(n: &[u64]) -> Option<Self> {
        let n: [u64; L] = n.try_into().ok()?;
        let usable = L >= 2 && 2 * L <= WIDEST && n[0] & 1 == 1 && n[L - 1] != 0;
        usable.then(|| Self {
            n,
            inverse: negative_inverse(n[0]),
        })
    }

    /// Whether `n` divides `x`, where `x` is a product of two numbers of the bit length of `n`.
    ///
    /// `x / R mod n` is zero exactly when `x mod n` is. The reduced value lies below `R` and is either zero or `n` itself
    /// then: for a full top limb with its two top bits set `2 n > R`; for a shorter one `x / R < n`.
    pub(super) fn divides(&self, x: &[u64]) -> bool {
        let (mut wide, mut reduced) = ([0; WIDEST], [0; L]);
        wide[..x.len()].copy_from_slice(x);
        self.reduce(&mut wide, &mut reduced);
        reduced == self.n || reduced == [0; L]
    }

    /// The strong probable-prime test to base 2 (Miller-Rabin with the base fixed).
    pub(super) fn strong_base_two(&self) -> bool {
        let (exponent, twos) = self.odd_part();
        let (mut x, mut wide) = (self.one(), [0; WIDEST]);
        for index in (0..bit_length(&exponent)).rev() {
            self.square(&mut x, &mut wide);
            if bit(&exponent, index) {
                self.double(&mut x);
            }
        }
        let verdict = self.ends_strongly(&mut x, twos);
        x.zeroize();
        verdict
    }

    /// The strong test to the base whose Montgomery form is `base`. A uniformly drawn Montgomery form is a uniformly drawn
    /// base, so no conversion is needed.
    pub(super) fn strong(&self, base: &[u64; L]) -> bool {
        let (exponent, twos) = self.odd_part();
        let mut wide = [0; WIDEST];
        let mut powers = [self.one(); 16];
        for index in 1..16 {
            let mut next = powers[index - 1];
            self.multiply(&mut next, base, &mut wide);
            powers[index] = next;
        }
        let mut x = powers[0];
        for limb in exponent.iter().rev() {
            for window in (0..16).rev() {
                for _ in 0..4 {
                    self.square(&mut x, &mut wide);
                }
                let digit = (limb >> (4 * window) & 15) as usize;
                if digit != 0 {
                    self.multiply(&mut x, &powers[digit], &mut wide);
                }
            }
        }
        let verdict = self.ends_strongly(&mut x, twos);
        x.zeroize();
        verdict
    }

    /// The bit length of the modulus.
    pub(super) fn bits(&self) -> u32 {
        bit_length(&self.n)
    }

    /// `n - 1 = d * 2^s` with `d` odd: `(d, s)`.
    fn odd_part(&self) -> ([u64; L], u32) {
        let mut d = self.n;
        d[0] -= 1;
        let mut twos = 0;
        while d[0] & 1 == 0 {
            for index in 0..L {
                let above = d.get(index + 1).copied().unwrap_or(0);
                d[index] = d[index] >> 1 | above << 63;
            }
            twos += 1;
        }
        (d, twos)
    }

    /// Whether `x` is 1 or becomes -1 within `twos - 1` squarings.
    fn ends_strongly(&self, x: &mut [u64; L], twos: u32) -> bool {
        let mut plain_one = [0; L];
        plain_one[0] = 1;
        let mut minus_one = self.n;
        minus_one[0] -= 1;
        let first = self.leave(x);
        if first == plain_one || first == minus_one {
            return true;
        }
        for _ in 1..twos {
            self.square(x, &mut [0; WIDEST]);
            if self.leave(x) == minus_one {
                return true;
            }
        }
        false
    }

    /// `R mod n` (below `R`): the Montgomery form of 1.
    fn one(&self) -> [u64; L] {
        // 2^(bits - 1) is below n; double it up to 2^(64 L).
        let bits = self.bits();
        let mut one = [0; L];
        one[(bits as usize - 1) / 64] = 1 << ((bits - 1) % 64);
        for _ in 0..(64 * L as u32 - (bits - 1)) {
            self.double(&mut one);
            if !less(&one, &self.n) {
                subtract(&mut one, &self.n);
            }
        }
        one
    }

    /// Leaves Montgomery form: the value itself, below `n`, or `n` for zero.
    fn leave(&self, x: &[u64; L]) -> [u64; L] {
        let (mut wide, mut plain) = ([0; WIDEST], [0; L]);
        wide[..L].copy_from_slice(x);
        self.reduce(&mut wide, &mut plain);
        plain
    }

    #[inline(always)]
    fn double(&self, x: &mut [u64; L]) {
        let mut carry = 0;
        for limb in x.iter_mut() {
            let next = *limb >> 63;
            *limb = *limb << 1 | carry;
            carry = next;
        }
        // Twice a value below R, less n, may still be R or more: the borrow pays the carry back.
        while carry == 1 {
            carry -= u64::from(subtract(x, &self.n));
        }
    }

    /// `x = x² / R mod n`: the products of different limbs once, doubled, and the squares.
    #[inline(always)]
    fn square(&self, x: &mut [u64; L], wide: &mut Wide) {
        let t = &mut wide[..2 * L];
        t.fill(0);
        let rows = rows(L);
        for base in (0..L).step_by(rows) {
            let mut factors = [0; ROWS];
            factors[..rows].copy_from_slice(&x[base..base + rows]);
            add_rows::<SQUARE>(&mut t[2 * base..base + L + rows], &x[base..], factors, rows, 0, false);
        }
        let (mut shifted, mut carry) = (0, false);
        for index in 0..L {
            let (low, high) = x[index].carrying_mul(x[index], 0);
            let (a, b) = (t[2 * index], t[2 * index + 1]);
            (t[2 * index], carry) = (a << 1 | shifted).carrying_add(low, carry);
            (t[2 * index + 1], carry) = (b << 1 | a >> 63).carrying_add(high, carry);
            shifted = b >> 63;
        }
        self.reduce(wide, x);
    }

    /// `x = x y / R mod n`
    #[inline(always)]
    fn multiply(&self, x: &mut [u64; L], y: &[u64; L], wide: &mut Wide) {
        let t = &mut wide[..2 * L];
        t.fill(0);
        let rows = rows(L);
        for base in (0..L).step_by(rows) {
            let mut factors = [0; ROWS];
            factors[..rows].copy_from_slice(&y[base..base + rows]);
            add_rows::<MULTIPLY>(&mut t[base..base + L + rows], x, factors, rows, 0, false);
        }
        self.reduce(wide, x);
    }

    /// `out = wide / R mod n`, below `R`, for `wide` below `R²`.
    #[inline(always)]
    fn reduce(&self, wide: &mut Wide, out: &mut [u64; L]) {
        let t = &mut wide[..2 * L];
        let rows = rows(L);
        let mut carry = false;
        for base in (0..L).step_by(rows) {
            carry = add_rows::<REDUCE>(
                &mut t[base..base + L + rows],
                &self.n,
                [0; ROWS],
                rows,
                self.inverse,
                carry,
            );
        }
        out.copy_from_slice(&t[L..]);
        if carry {
            subtract(out, &self.n);
        }
    }
}

/// The buffer of a double-length product, kept by the caller so that it is cleared only as far as it is used.
type Wide = [u64; WIDEST];

impl<const L: usize> Drop for Modulus<L> {
    fn drop(&mut self) {
        self.n.zeroize();
    }
}

/// `x -= y`, returning the borrow.
#[inline(always)]
fn subtract<const L: usize>(x: &mut [u64; L], y: &[u64; L]) -> bool {
    let mut borrow = false;
    for (a, &b) in x.iter_mut().zip(y) {
        (*a, borrow) = a.borrowing_sub(b, borrow);
    }
    borrow
}

fn less<const L: usize>(x: &[u64; L], y: &[u64; L]) -> bool {
    x.iter().rev().lt(y.iter().rev())
}

/// `-n⁻¹ mod 2^64` for odd `n`, by Newton's iteration (each step doubles the correct bits, five to start with).
pub(super) fn negative_inverse(n: u64) -> u64 {
    let mut inverse = n.wrapping_mul(3) ^ 2;
    for _ in 0..4 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(n.wrapping_mul(inverse)));
    }
    inverse.wrapping_neg()
}
