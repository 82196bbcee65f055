"""Goldens of resampling, rank tests, effect sizes, drift, components and power.

Called by make_goldens.py, which passes the function that records a case.
"""

import math
from itertools import combinations, product

import mpmath
import numpy as np
import pandas as pd
import scipy.optimize as so
import scipy.stats as st
import statsmodels.api as sm
from statsmodels.formula.api import ols
from statsmodels.stats.power import TTestPower

RNG = np.random.default_rng(20260102)


def rounded(array, digits=6):
    return [round(float(x), digits) for x in array]


PLAIN = {
    "six and six": (rounded(RNG.normal(10, 1, 6)), rounded(RNG.normal(11, 2, 6))),
    "five and nine": (rounded(RNG.lognormal(1, 0.5, 5)), rounded(RNG.lognormal(1.4, 0.5, 9))),
    "three and three": ([1.5, 2.25, 3.0], [4.0, 5.5, 7.25]),
    "one reversal": ([1.0, 2.0, 3.0, 5.0, 2.5], [4.0, 6.0, 7.0, 8.0, 9.0]),
    "ties": ([1.0, 2.0, 2.0, 3.0, 5.0, 5.0], [2.0, 4.0, 5.0, 6.0, 6.0, 7.0, 8.0]),
    "sixty and seventy": (rounded(RNG.normal(0, 1, 60)), rounded(RNG.normal(0.4, 1.3, 70))),
}
BLOCKS = {
    "six": (rounded(RNG.normal(10, 1, 6)), rounded(RNG.normal(9.5, 1, 6))),
    "twelve": (rounded(RNG.lognormal(2, 0.3, 12)), rounded(RNG.lognormal(1.9, 0.3, 12))),
    "four": ([10.0, 12.5, 11.25, 13.0], [9.0, 12.0, 11.0, 11.0]),
    "seventy": (rounded(RNG.normal(10, 1, 70)), rounded(RNG.normal(9.8, 1, 70))),
    "zeros and ties": ([5.0, 6.0, 7.0, 8.0, 9.0, 4.0, 6.0, 2.0], [5.0, 5.0, 6.0, 9.0, 7.0, 4.0, 3.0, 6.0]),
}


def shift_interval(values, law_below, level=0.95):
    """Ends of an interval from the symmetric ranks that a null law allows."""
    values = sorted(values)
    half = (1 - level) / 2
    rank = 0
    while law_below(rank + 1) <= half:
        rank += 1
    return None if rank == 0 else [values[rank - 1], values[len(values) - rank]]


def u_law(m, n):
    """Exact P(U < k) by listing every assignment of ranks."""
    counts = {}
    for chosen in combinations(range(1, m + n + 1), m):
        u = sum(chosen) - m * (m + 1) // 2
        counts[u] = counts.get(u, 0) + 1
    total = math.comb(m + n, m)
    return lambda k: sum(c for u, c in counts.items() if u < k) / total


def w_law(n):
    counts = {}
    for signs in product((0, 1), repeat=n):
        w = sum(rank for rank, sign in enumerate(signs, 1) if sign)
        counts[w] = counts.get(w, 0) + 1
    return lambda k: sum(c for w, c in counts.items() if w < k) / 2**n


def ranks(case):
    for name, (a, b) in PLAIN.items():
        exact = name not in ("ties", "sixty and seventy")
        test = st.mannwhitneyu(a, b, method="exact" if exact else "asymptotic")
        differences = [x - y for x in a for y in b]
        expected = {
            "u": float(test.statistic), "p_value": float(test.pvalue), "exact": exact,
            "shift": float(np.median(differences)),
        }
        if exact:
            expected["interval"] = shift_interval(differences, u_law(len(a), len(b)))
        case("mann_whitney", name, "scipy.stats.mannwhitneyu; interval from all assignments",
             {"a": a, "b": b}, expected)
    for name, (treatment, baseline) in BLOCKS.items():
        exact = name not in ("zeros and ties", "seventy")
        differences = np.subtract(treatment, baseline)
        test = st.wilcoxon(
            differences, method="exact" if exact else "asymptotic", correction=not exact,
        )
        n = len(differences)
        averages = [(differences[i] + differences[j]) / 2 for i in range(n) for j in range(i, n)]
        expected = {
            "w": float(test.statistic), "p_value": float(test.pvalue), "exact": exact,
            "shift": float(np.median(averages)),
        }
        if exact:
            expected["interval"] = shift_interval([float(x) for x in averages], w_law(n))
        case("signed_rank", name, "scipy.stats.wilcoxon; interval from all sign patterns",
             {"treatment": treatment, "baseline": baseline}, expected)


def permutations(case):
    def size(x, y, axis):
        return np.abs(np.mean(x, axis=axis) - np.mean(y, axis=axis))

    for name in ("six and six", "five and nine", "three and three", "ties"):
        a, b = PLAIN[name]
        test = st.permutation_test(
            (a, b), size, n_resamples=np.inf, vectorized=True, alternative="greater",
        )
        case("relabelling", name, "scipy.stats.permutation_test of |difference|, n_resamples=inf",
             {"a": a, "b": b},
             {"size": float(test.statistic), "p_value": float(test.pvalue)})
    for name in ("six", "twelve", "four", "zeros and ties"):
        treatment, baseline = BLOCKS[name]
        test = st.permutation_test(
            (treatment, baseline), size, permutation_type="samples",
            n_resamples=np.inf, vectorized=True, alternative="greater",
        )
        case("sign_flip", name, "scipy.stats.permutation_test of |difference|, permutation_type='samples'",
             {"treatment": treatment, "baseline": baseline},
             {"size": float(test.statistic), "p_value": float(test.pvalue)})


def spreads_and_effects(case):
    for name, groups in {
        "two": PLAIN["six and six"], "three": (*PLAIN["five and nine"], PLAIN["ties"][1]),
        "large": PLAIN["sixty and seventy"],
    }.items():
        test = st.levene(*groups, center="median")
        case("brown_forsythe", name, "scipy.stats.levene(center='median')",
             {"groups": [list(g) for g in groups]},
             {"f": float(test.statistic), "p_value": float(test.pvalue)})
    for name, (a, b) in PLAIN.items():
        n_a, n_b = len(a), len(b)
        df = n_a + n_b - 2
        pooled = math.sqrt(((n_a - 1) * np.var(a, ddof=1) + (n_b - 1) * np.var(b, ddof=1)) / df)
        d = float((np.mean(a) - np.mean(b)) / pooled)
        j = mpmath.gamma(df / 2) / (mpmath.sqrt(mpmath.mpf(df) / 2) * mpmath.gamma((df - 1) / 2))
        root = math.sqrt(n_a * n_b / (n_a + n_b))
        t = d * root
        reach = 2.5 * math.sqrt(1 + t * t / (2 * df)) + 0.5
        ends = [
            so.brentq(lambda delta: st.nct.cdf(t, df, delta) - tail, t - reach, t + reach,
                      xtol=1e-13, rtol=1e-14) / root
            for tail in (0.975, 0.025)
        ]
        case("hedges_g", name, "mpmath.gamma; scipy.stats.nct.cdf inverted by brentq",
             {"a": a, "b": b},
             {"d": d, "g": float(d * j), "g_approximate": d * (1 - 3 / (4 * df - 1)),
              "interval": ends})
        wins = np.sign(np.subtract.outer(a, b))
        delta = wins.mean()
        rows, columns = wins.mean(axis=1), wins.mean(axis=0)
        z = st.norm.ppf(0.975)
        if abs(delta) == 1:
            bound = (min(n_a, n_b) - z * z) / (min(n_a, n_b) + z * z)
            interval = [bound, 1.0] if delta > 0 else [-1.0, -bound]
        else:
            variance = (
                n_b**2 * ((rows - delta) ** 2).sum() + n_a**2 * ((columns - delta) ** 2).sum()
                - ((wins - delta) ** 2).sum()
            ) / (n_a * n_b * (n_a - 1) * (n_b - 1))
            variance = max(variance, (1 - delta**2) / (n_a * n_b - 1))
            half = z * math.sqrt(variance * ((1 - delta**2) ** 2 + z * z * variance))
            scale = 1 - delta**2 + z * z * variance
            interval = [max(-1, (delta - delta**3 - half) / scale), min(1, (delta - delta**3 + half) / scale)]
        case("cliffs_delta", name, "numpy over all pairs; the published formulas",
             {"a": a, "b": b}, {"delta": float(delta), "interval": [float(x) for x in interval]})


def noncentral_tail(t, df, delta):
    """P(T > t) of the noncentral t law by its definition, in 30 digits."""
    with mpmath.workdps(30):
        t, df, delta = mpmath.mpf(t), mpmath.mpf(df), mpmath.mpf(delta)
        norm = 2 * (df / 2) ** (df / 2) / mpmath.gamma(df / 2)

        def integrand(s):
            return norm * s ** (df - 1) * mpmath.exp(-df * s * s / 2) * mpmath.ncdf(delta - t * s)

        knots = sorted({mpmath.mpf(0), mpmath.mpf(1), abs(delta / t) if t else mpmath.mpf(2)})
        return mpmath.quad(integrand, [*knots, 2 + knots[-1], mpmath.inf], maxdegree=10)


def far_effects(case):
    """Effects so large that the noncentral law is needed far from its centre."""
    for name, a, b in [
        ("far apart", [10.1, 10.3, 9.9, 10.2, 10.0], [7.2, 7.0, 7.1, 6.9, 7.3, 7.1]),
        ("two and two", [5.0, 5.5], [1.0, 1.25]),
    ]:
        n_a, n_b = len(a), len(b)
        df = n_a + n_b - 2
        pooled = math.sqrt(((n_a - 1) * np.var(a, ddof=1) + (n_b - 1) * np.var(b, ddof=1)) / df)
        d = float((np.mean(a) - np.mean(b)) / pooled)
        j = mpmath.gamma(mpmath.mpf(df) / 2) / (
            mpmath.sqrt(mpmath.mpf(df) / 2) * mpmath.gamma(mpmath.mpf(df - 1) / 2))
        root = math.sqrt(n_a * n_b / (n_a + n_b))
        t = d * root
        ends = []
        for tail, factor in ((0.025, 0.4), (0.975, 1.6)):
            start = t * factor
            ends.append(float(mpmath.findroot(
                lambda delta: noncentral_tail(t, df, delta) - tail, (start, start * 1.1),
                tol=1e-22)) / root)
        case("hedges_g", name, "mpmath: the noncentral t law integrated, root by secants",
             {"a": a, "b": b},
             {"d": d, "g": float(d * j), "g_approximate": d * (1 - 3 / (4 * df - 1)),
              "interval": ends})


def drift(case):
    for name, values in {
        "seven": rounded(RNG.normal(0, 1, 7) + np.arange(7) * 0.4),
        "thirty": rounded(RNG.normal(0, 1, 30)),
        "ties": [1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 2.0, 4.0, 4.0, 5.0],
        "eighty": rounded(np.cumsum(RNG.normal(0, 1, 80))),
    }.items():
        order = np.arange(len(values))
        exact = len(values) <= 50 and name != "ties"
        kendall = st.kendalltau(order, values, method="exact" if exact else "asymptotic")
        s = int(sum(np.sign(values[j] - values[i]) for i, j in combinations(range(len(values)), 2)))
        p_value = float(kendall.pvalue)
        if not exact:
            # SciPy has no continuity correction: move the same normal score by one step.
            z = st.norm.isf(p_value / 2)
            p_value = float(2 * st.norm.sf(z * (abs(s) - 1) / abs(s)))
        slope = st.theilslopes(values, order).slope
        case("mann_kendall", name, "scipy.stats.kendalltau and theilslopes", {"values": values},
             {"s": float(s), "tau": float(kendall.statistic), "p_value": p_value, "exact": exact,
              "slope": float(slope)})
        x = np.array(values) - np.mean(values)
        r = float((x[:-1] * x[1:]).sum() / (x**2).sum())
        case("autocorrelation", name, "numpy, the published formula", {"values": values},
             {"lag_one": r, "n_effective": len(values) * (1 - max(r, 0)) / (1 + max(r, 0))})


def ratios_and_components(case):
    for name in ("six", "twelve", "four"):
        treatment, baseline = (np.array(x) for x in BLOCKS[name])
        ratio = treatment.mean() / baseline.mean()

        def excess(r):
            return st.ttest_1samp(treatment - r * baseline, 0).pvalue - 0.05

        ends = [
            so.brentq(excess, low, high, xtol=1e-14, rtol=1e-14)
            for low, high in ((ratio * 0.3, ratio), (ratio, ratio * 3))
        ]
        case("fieller", name, "scipy.stats.ttest_1samp inverted by brentq",
             {"treatment": list(treatment), "baseline": list(baseline)},
             {"ratio": float(ratio), "interval": ends})
    for name, sizes in {"balanced": [8] * 5, "pairs": [2] * 9, "unbalanced": [3, 9, 5, 5]}.items():
        runs = [rounded(RNG.normal(RNG.normal(100, 3), 2, size)) for size in sizes]
        test = st.f_oneway(*runs)
        n, k = sum(sizes), len(sizes)
        pooled = np.concatenate(runs)
        between = sum(len(r) * (np.mean(r) - pooled.mean()) ** 2 for r in runs) / (k - 1)
        within = sum((len(r) - 1) * np.var(r, ddof=1) for r in runs) / (n - k)
        n_0 = (n - sum(s * s for s in sizes) / n) / (k - 1)
        variance = max(0.0, (between - within) / n_0)
        expected = {
            "sd_between": math.sqrt(variance), "sd_within": math.sqrt(within),
            "icc": variance / (variance + within), "p_value": float(test.pvalue),
        }
        if len(set(sizes)) == 1:
            f = test.statistic
            low = f / st.f.isf(0.025, k - 1, n - k)
            high = f * st.f.isf(0.025, n - k, k - 1)
            expected["interval"] = [
                float(min(1, max(0, (x - 1) / (x + n_0 - 1)))) for x in (low, high)
            ]
        case("variance_components", name, "scipy.stats.f_oneway, scipy.stats.f.isf",
             {"runs": runs}, expected)


def block_components(case):
    """Places of a run differ by design: method of moments for random blocks, ICC(3, 1)."""
    rng = np.random.default_rng(20260107)
    for name, (n, k, between, within) in {
        "analysis and report": (9, 2, 3.0, 2.0), "four places": (6, 4, 1.0, 1.5),
        "runs alike": (5, 3, 0.0, 2.0), "runs apart": (30, 2, 40.0, 0.5),
    }.items():
        places = rng.normal(100, 20, k)
        values = places + rng.normal(0, between, (n, 1)) + rng.normal(0, within, (n, k))
        runs = [rounded(row) for row in values]
        table = np.array(runs)
        frame = pd.DataFrame([
            {"run": run, "place": place, "value": table[run, place]} for run in range(n) for place in range(k)
        ])
        anova = sm.stats.anova_lm(ols("value ~ C(run) + C(place)", frame).fit())
        mean_square = anova["sum_sq"] / anova["df"]
        ms_runs, ms_rest = float(mean_square["C(run)"]), float(mean_square["Residual"])
        variance = max(0.0, (ms_runs - ms_rest) / k)
        f, df, df_rest = ms_runs / ms_rest, n - 1, (n - 1) * (k - 1)
        ends = [f / st.f.isf(0.025, df, df_rest), f * st.f.isf(0.025, df_rest, df)]
        case("block_components", name, "statsmodels anova_lm, scipy.stats.f.isf",
             {"runs": runs},
             {"sd_between": math.sqrt(variance), "sd_within": math.sqrt(ms_rest),
              "icc": variance / (variance + ms_rest), "p_value": float(anova["PR(>F)"]["C(run)"]),
              "interval": [float(min(1, max(0, (x - 1) / (x + k - 1)))) for x in ends]})


def power(case):
    solver = TTestPower()
    for n, log_sd, ratio in [(5, 0.01, 1.02), (5, 0.02, 0.98), (3, 0.01, 1.02), (12, 0.05, 1.03), (60, 0.1, 1.02)]:
        effect = abs(math.log(ratio)) / log_sd
        df = n - 1
        critical = st.t.isf(0.025, df)
        delta = effect * math.sqrt(n)
        value = float(st.nct.sf(critical, df, delta) + st.nct.cdf(-critical, df, delta))
        assert abs(value - solver.power(effect, n, 0.05)) < 1e-6
        case("power", f"{n} blocks, sd {log_sd}, ratio {ratio}", "scipy.stats.nct; statsmodels TTestPower",
             {"n_blocks": n, "log_sd": log_sd, "ratio": ratio}, {"power": value})
    for log_sd, ratio, wanted in [(0.02, 1.02, 0.8), (0.02, 1.05, 0.9), (0.1, 1.01, 0.8)]:
        effect = math.log(ratio) / log_sd
        n = next(n for n in range(2, 5000) if solver.power(effect, n, 0.05) >= wanted)
        case("blocks_for", f"sd {log_sd}, ratio {ratio}, {wanted}", "statsmodels TTestPower, searched",
             {"log_sd": log_sd, "ratio": ratio, "power": wanted}, {"n_blocks": n})
    for n, log_sd, wanted in [(5, 0.01, 0.8), (3, 0.01, 0.8), (20, 0.05, 0.9)]:
        critical = st.t.isf(0.025, n - 1)

        def shortfall(effect):
            delta = effect * math.sqrt(n)
            far = np.nan_to_num(st.nct.cdf(-critical, n - 1, delta))  # NaN below 1e-300
            return st.nct.sf(critical, n - 1, delta) + far - wanted

        effect = so.brentq(shortfall, 0.01, 8, xtol=1e-14, rtol=1e-14)
        case("detectable_ratio", f"{n} blocks, sd {log_sd}, {wanted}", "scipy.stats.nct inverted by brentq",
             {"n_blocks": n, "log_sd": log_sd, "power": wanted}, {"ratio": math.exp(effect * log_sd)})
    for n, log_sd, ratio, margin in [(5, 0.01, 1.0, 0.02), (12, 0.02, 1.0, 0.02), (12, 0.02, 1.005, 0.02), (3, 0.01, 1.0, 0.05)]:
        df, critical = n - 1, st.t.isf(0.05, n - 1)
        root = math.sqrt(n) / log_sd
        high = (math.log1p(margin) - math.log(ratio)) * root
        low = (math.log1p(margin) + math.log(ratio)) * root

        def integrand(s):
            density = mpmath.exp((df - 1) * mpmath.log(s) - df * s * s / 2) * 2 * mpmath.power(mpmath.mpf(df) / 2, mpmath.mpf(df) / 2) / mpmath.gamma(mpmath.mpf(df) / 2)
            return density * (mpmath.ncdf(high - critical * s) - mpmath.ncdf(critical * s - low))

        end = min((high + low) / 2 / critical, 12)
        value = mpmath.quad(integrand, mpmath.linspace(mpmath.mpf("1e-30"), end, 9))
        case("equivalence_power", f"{n} blocks, sd {log_sd}, ratio {ratio}, margin {margin}",
             "mpmath.quad of Phillips (1990)",
             {"n_blocks": n, "log_sd": log_sd, "ratio": ratio, "margin": margin}, {"power": float(value)})


def bootstraps(case):
    for name, values in {
        "ten": rounded(RNG.lognormal(0, 0.7, 10)), "thirty": rounded(RNG.lognormal(2, 0.5, 30)),
    }.items():
        values = np.array(values)
        n = len(values)
        replicates = rounded(values[RNG.integers(0, n, (400, n))].mean(axis=1), 9)
        jackknife = [float(np.delete(values, i).mean()) for i in range(n)]
        theta = float(values.mean())
        r = np.array(replicates)
        z0 = st.norm.ppf(((r < theta).sum() + (r <= theta).sum()) / (2 * len(r)))
        d = np.mean(jackknife) - np.array(jackknife)
        a = (d**3).sum() / (6 * (d**2).sum() ** 1.5)
        ends = []
        for z in st.norm.ppf([0.025, 0.975]):
            share = st.norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z)))
            ends.append(float(np.quantile(r, share)))
        case("bca_interval", name, "numpy and scipy.stats.norm, Efron (1987)",
             {"estimate": theta, "replicates": replicates, "jackknife": jackknife},
             {"interval": ends, "z0": float(z0), "a": float(a)})
        # Monte-Carlo references, averaged over seeds with far more resamples than ours.
        bounds = np.array([
            list(st.bootstrap((values,), np.mean, n_resamples=100_000, method="BCa",
                              rng=np.random.default_rng(seed)).confidence_interval)
            for seed in range(5)
        ]).mean(axis=0)
        case("bca_mean", name, "scipy.stats.bootstrap(method='BCa'), 5 x 100,000 resamples",
             {"values": list(values)}, {"interval": [float(x) for x in bounds]})
        drawn = values[np.random.default_rng(9).integers(0, n, (500_000, n))]
        pivots = (drawn.mean(axis=1) - theta) / (drawn.std(axis=1, ddof=1) / math.sqrt(n))
        error = values.std(ddof=1) / math.sqrt(n)
        first, last = np.quantile(pivots, [0.025, 0.975])
        case("studentised_mean", name, "numpy, 500,000 resamples", {"values": list(values)},
             {"interval": [float(theta - last * error), float(theta - first * error)]})


def dunnett(case):
    """Adjusted p-values by a dense two-dimensional trapezoid sum, checked against SciPy.

    SciPy's own p-values come from randomised integration and carry 4 digits.
    """
    z = np.linspace(-9, 9, 301)[None, :, None]
    z_weight = st.norm.pdf(z)
    for name, (control, arms) in {
        "balanced": (PLAIN["six and six"][0], [rounded(RNG.normal(m, 1, 6)) for m in (10, 11, 12)]),
        "unbalanced": (PLAIN["five and nine"][0], [PLAIN["three and three"][0], PLAIN["ties"][0]]),
    }.items():
        groups = [control, *arms]
        df = sum(map(len, groups)) - len(groups)
        pooled = math.sqrt(sum((len(g) - 1) * np.var(g, ddof=1) for g in groups) / df)
        sizes = np.array([len(a) for a in arms])
        loading = np.sqrt(sizes / (sizes + len(control)))[None, None, :]
        unique = np.sqrt(1 - loading**2)
        s = np.linspace(1e-6, 5, 1501)[:, None, None]
        s_weight = s ** (df - 1) * np.exp(-df * s * s / 2)

        def beyond(t):
            inside = st.norm.cdf((t * s - loading * z) / unique) - st.norm.cdf((-t * s - loading * z) / unique)
            weight = s_weight[:, :, 0] * z_weight[:, :, 0]
            return float(1 - (weight * inside.prod(axis=2)).sum() / weight.sum())

        errors = pooled * np.sqrt(1 / sizes + 1 / len(control))
        differences = np.array([np.mean(a) - np.mean(control) for a in arms])
        p_values = [beyond(abs(t)) for t in differences / errors]
        theirs = st.dunnett(*arms, control=control, rng=np.random.default_rng(0))
        assert np.allclose(p_values, theirs.pvalue, atol=2e-3), (p_values, theirs.pvalue)
        critical = so.brentq(lambda t: beyond(t) - 0.05, 1.5, 6, xtol=1e-12)
        case("dunnett", name, "numpy double integral; agrees with scipy.stats.dunnett to its 3 digits",
             {"control": list(control), "arms": [list(a) for a in arms]},
             {"t": [float(x) for x in theirs.statistic], "p_values": p_values, "critical": critical})


def add_all(case):
    ranks(case)
    permutations(case)
    spreads_and_effects(case)
    far_effects(case)
    drift(case)
    ratios_and_components(case)
    block_components(case)
    power(case)
    bootstraps(case)
    dunnett(case)
