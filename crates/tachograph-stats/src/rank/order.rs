//! Ranks and ties.

/// Returns the rank of each value, from 1; tied values share their mean rank.
pub(crate) fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    let mut start = 0;
    while start < order.len() {
        let mut end = start + 1;
        while end < order.len() && values[order[end]] <= values[order[start]] {
            end += 1;
        }
        for &index in &order[start..end] {
            ranks[index] = (start + 1 + end) as f64 / 2.0;
        }
        start = end;
    }
    ranks
}

/// Returns `sum(t^3 - t)` over the groups of `t` tied values of a sorted slice.
pub(crate) fn tie_sum(sorted: &[f64]) -> f64 {
    tie_groups(sorted).iter().map(|&t| t * t * t - t).sum()
}

/// Returns the sizes of the groups of equal values of a sorted slice.
pub(crate) fn tie_groups(sorted: &[f64]) -> Vec<f64> {
    let mut sizes = Vec::new();
    let mut start = 0;
    while start < sorted.len() {
        let size = sorted[start..].partition_point(|&x| x <= sorted[start]);
        sizes.push(size as f64);
        start += size;
    }
    sizes
}
