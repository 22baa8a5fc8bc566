//! Welch's t, at several crops.

/// What two classes show.
pub(crate) struct Comparison {
    /// The t-value of the crop where it is farthest from zero.
    pub(crate) t: f64,
    /// The share of measurements that this crop keeps.
    pub(crate) kept: f64,
    /// The t-value of all measurements.
    pub(crate) uncropped: f64,
    /// The mean of the left class less that of the right one, in nanoseconds, at the crop of `t`.
    pub(crate) difference: f64,
    /// The mean of both there.
    pub(crate) mean: f64,
    /// Measurements of each, uncropped.
    pub(crate) samples: (usize, usize),
}

/// Crops, as dudect chooses them: 1 - 0.5^(10 i / 20), so dense where the tail begins.
const CROPS: u32 = 20;
/// A crop that leaves less of a class says nothing.
const FEWEST: usize = 500;

/// Compares two classes at every crop. A cut is a time, the same for both: by its own percentiles each would be cut
/// to the same shape.
pub(crate) fn compare(left: &[f64], right: &[f64]) -> Comparison {
    let mut all: Vec<f64> = left.iter().chain(right).copied().collect();
    all.sort_by(f64::total_cmp);
    let whole = (Class::of(left, f64::INFINITY), Class::of(right, f64::INFINITY));
    let uncropped = t(&whole.0, &whole.1);
    let mut found = Comparison {
        t: uncropped,
        kept: 1.0,
        uncropped,
        difference: whole.0.mean - whole.1.mean,
        mean: f64::midpoint(whole.0.mean, whole.1.mean),
        samples: (left.len(), right.len()),
    };
    for crop in 1..=CROPS {
        let kept = 1.0 - 0.5_f64.powf(10.0 * f64::from(crop) / f64::from(CROPS));
        let cut = all[((all.len() - 1) as f64 * kept) as usize];
        let (l, r) = (Class::of(left, cut), Class::of(right, cut));
        let value = t(&l, &r);
        if l.count.min(r.count) >= FEWEST && value.abs() > found.t.abs() {
            found.t = value;
            found.kept = kept;
            found.difference = l.mean - r.mean;
            found.mean = f64::midpoint(l.mean, r.mean);
        }
    }
    found
}

/// The measurements of one class up to a cut.
struct Class {
    count: usize,
    mean: f64,
    variance: f64,
}

impl Class {
    /// In one pass (Welford): sums of squares would lose the digits that matter here.
    fn of(times: &[f64], cut: f64) -> Self {
        let (mut count, mut mean, mut squares) = (0_usize, 0.0, 0.0);
        for time in times.iter().filter(|time| **time <= cut) {
            count += 1;
            let distance = time - mean;
            mean += distance / count as f64;
            squares += distance * (time - mean);
        }
        let variance = squares / count.saturating_sub(1).max(1) as f64;
        Self { count, mean, variance }
    }
}

fn t(left: &Class, right: &Class) -> f64 {
    let spread = left.variance / left.count.max(1) as f64 + right.variance / right.count.max(1) as f64;
    if spread > 0.0 {
        (left.mean - right.mean) / spread.sqrt()
    } else {
        0.0
    }
}
