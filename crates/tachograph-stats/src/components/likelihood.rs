//! The restricted likelihood of nested normal effects, and its maximum.

/// What the likelihood needs of one run.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunFigures {
    /// How many calls.
    pub(super) n: f64,
    /// Their mean.
    pub(super) mean: f64,
    /// Their squared deviations from it, summed.
    pub(super) squares: f64,
}

/// Minus twice the log restricted likelihood (up to a constant), its gradient in
/// the three variances (start, run, call), and the mean with its standard error.
struct Fit {
    value: f64,
    gradient: [f64; 3],
    mean: f64,
    error: f64,
}

/// One server start, weighted by the inverse variances of its run means.
struct Start {
    weight: f64,
    mean: f64,
    precision: f64,
}

/// # Source
///
/// The run means of a start are independent given the start, so the determinant
/// and the quadratic form of its covariance come from the matrix determinant
/// lemma: Searle, Casella and `McCulloch` (1992), section 6.6 and appendix M.
fn evaluate(groups: &[Vec<RunFigures>], variances: [f64; 3]) -> Fit {
    let [start, run, call] = variances;
    let inverse = |figures: &RunFigures| 1.0 / (run + call / figures.n);
    let (mut value, mut from_calls) = (0.0, 0.0);
    let mut starts = Vec::with_capacity(groups.len());
    for group in groups {
        let weight: f64 = group.iter().map(inverse).sum();
        let mean = group.iter().map(|r| inverse(r) * r.mean).sum::<f64>() / weight;
        for figures in group {
            let freedom = figures.n - 1.0;
            value += freedom * call.ln() + figures.squares / call;
            from_calls += freedom / call - figures.squares / (call * call);
            value -= inverse(figures).ln();
            value += inverse(figures) * (figures.mean - mean).powi(2);
        }
        let precision = 1.0 / (start + 1.0 / weight);
        value += weight.ln() - precision.ln();
        starts.push(Start { weight, mean, precision });
    }
    let total: f64 = starts.iter().map(|s| s.precision).sum();
    let mean = starts.iter().map(|s| s.precision * s.mean).sum::<f64>() / total;
    value += starts.iter().map(|s| s.precision * (s.mean - mean).powi(2)).sum::<f64>();
    value += total.ln();
    // Each variance moves the variances of run means by 0, 1 or 1 / n.
    let slope = |of_start: f64, of_run: f64, of_call: f64| {
        let (mut sum, mut total_change) = (0.0, 0.0);
        for (group, s) in groups.iter().zip(&starts) {
            let (mut weight_change, mut mean_change) = (0.0, 0.0);
            for figures in group {
                let w = inverse(figures);
                let change = of_run + of_call / figures.n;
                let gap = figures.mean - s.mean;
                sum += w * change - w * w * change * gap * gap;
                weight_change -= w * w * change;
                mean_change -= w * w * change * gap / s.weight;
            }
            let spread_change = of_start - weight_change / (s.weight * s.weight);
            let precision_change = -s.precision * s.precision * spread_change;
            let gap = s.mean - mean;
            sum += weight_change / s.weight + s.precision * spread_change;
            sum += precision_change * gap * gap + 2.0 * s.precision * gap * mean_change;
            total_change += precision_change;
        }
        sum + total_change / total
    };
    let gradient = [slope(1.0, 0.0, 0.0), slope(0.0, 1.0, 0.0), slope(0.0, 0.0, 1.0) + from_calls];
    Fit { value, gradient, mean, error: (1.0 / total).sqrt() }
}

/// The components of the highest restricted likelihood, the mean and its error.
///
/// Each choice of components at 0 is a smooth problem in the logarithms of the
/// others; the best of the four is the answer.
pub(super) fn maximise(groups: &[Vec<RunFigures>], near: [f64; 3]) -> ([f64; 3], f64, f64) {
    let floor = near[2] * 1e-3;
    let mut best: Option<([f64; 3], Fit)> = None;
    for free in [[true, true, true], [true, false, true], [false, true, true], [false, false, true]]
    {
        let mut start = [0.0; 3];
        for (index, value) in start.iter_mut().enumerate() {
            if free[index] {
                *value = near[index].max(floor);
            }
        }
        let variances = descend(groups, start, free);
        let fit = evaluate(groups, variances);
        // A component that fades away belongs to the choice without it.
        if best.as_ref().is_none_or(|(_, b)| fit.value <= b.value + 1e-12 * b.value.abs()) {
            best = Some((variances, fit));
        }
    }
    let (variances, fit) = best.expect("four choices were tried");
    (variances, fit.mean, fit.error)
}

/// Newton's method in the logarithms of the free components, damped.
fn descend(groups: &[Vec<RunFigures>], start: [f64; 3], free: [bool; 3]) -> [f64; 3] {
    let moved = |from: [f64; 3], step: [f64; 3]| {
        let mut to = from;
        for index in 0..3 {
            if free[index] {
                to[index] = from[index] * step[index].exp();
            }
        }
        to
    };
    let slopes = |at: [f64; 3]| {
        let fit = evaluate(groups, at);
        let mut slopes = [0.0; 3];
        for index in 0..3 {
            slopes[index] = if free[index] { fit.gradient[index] * at[index] } else { 0.0 };
        }
        (fit.value, slopes)
    };
    let mut at = start;
    let mut damping = 1e-6;
    for _ in 0..200 {
        let (value, gradient) = slopes(at);
        let mut curvature = [[0.0; 3]; 3];
        for index in 0..3 {
            let mut step = [0.0; 3];
            step[index] = 1e-4;
            let ahead = slopes(moved(at, step)).1;
            step[index] = -1e-4;
            let behind = slopes(moved(at, step)).1;
            for (row, entry) in curvature.iter_mut().enumerate() {
                entry[index] = (ahead[row] - behind[row]) / 2e-4;
            }
        }
        let mut accepted = [0.0; 3];
        for _ in 0..60 {
            let step = solve(&curvature, &gradient, free, damping).map(|s| -s.clamp(-3.0, 3.0));
            let downhill: f64 = step.iter().zip(&gradient).map(|(s, g)| s * g).sum();
            // Near the bottom values tie to rounding; there the slope decides.
            let next = slopes(moved(at, step));
            let flat = 1e-11 * (1.0 + value.abs());
            let shrinks = next.1.iter().map(|g| g * g).sum::<f64>()
                < gradient.iter().map(|g| g * g).sum::<f64>();
            if downhill < 0.0 && (next.0 < value - flat || (next.0 <= value + flat && shrinks)) {
                accepted = step;
                damping = (damping / 10.0).max(1e-12);
                break;
            }
            damping = damping * 10.0 + 1e-12;
            if damping > 1e12 {
                break;
            }
        }
        at = moved(at, accepted);
        if accepted.iter().all(|step| step.abs() < 1e-14) {
            break;
        }
        // Faded to nothing beside the calls: the choice without it will win.
        for index in 0..2 {
            if free[index] && at[index] < 1e-14 * at[2] {
                return at;
            }
        }
    }
    at
}

/// Solves `(curvature + damping) x = gradient` in the free components, by Gaussian
/// elimination with the larger pivots first.
fn solve(
    curvature: &[[f64; 3]; 3],
    gradient: &[f64; 3],
    free: [bool; 3],
    damping: f64,
) -> [f64; 3] {
    let mut rows = [[0.0; 4]; 3];
    for (index, row) in rows.iter_mut().enumerate() {
        if free[index] {
            row[..3].copy_from_slice(&curvature[index]);
            row[index] += damping * (1.0 + curvature[index][index].abs());
            row[3] = gradient[index];
        } else {
            row[index] = 1.0;
        }
    }
    for column in 0..3 {
        let pivot = (column..3)
            .max_by(|&a, &b| rows[a][column].abs().total_cmp(&rows[b][column].abs()))
            .unwrap_or(column);
        rows.swap(column, pivot);
        let lead = rows[column];
        if lead[column] == 0.0 {
            return [0.0; 3];
        }
        for (index, row) in rows.iter_mut().enumerate() {
            if index != column {
                let factor = row[column] / lead[column];
                for (entry, other) in row.iter_mut().zip(lead) {
                    *entry -= factor * other;
                }
            }
        }
    }
    [0, 1, 2].map(|index| rows[index][3] / rows[index][index])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups() -> Vec<Vec<RunFigures>> {
        let run = |n: f64, mean: f64, squares: f64| RunFigures { n, mean, squares };
        vec![
            vec![run(3.0, 0.2, 0.5), run(5.0, -0.1, 1.2)],
            vec![run(2.0, 0.9, 0.1), run(4.0, 0.6, 0.8), run(1.0, 1.1, 0.0)],
            vec![run(6.0, -0.8, 1.0)],
        ]
    }

    #[test]
    fn the_gradient_is_that_of_the_value() {
        let at = [0.4, 0.09, 0.21];
        let gradient = evaluate(&groups(), at).gradient;
        for index in 0..3 {
            let (mut up, mut down) = (at, at);
            up[index] += 1e-6;
            down[index] -= 1e-6;
            let slope = (evaluate(&groups(), up).value - evaluate(&groups(), down).value) / 2e-6;
            assert!((slope - gradient[index]).abs() < 1e-7, "{index}: {slope}");
        }
    }
}
