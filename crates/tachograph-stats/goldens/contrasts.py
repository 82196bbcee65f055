"""Goldens of two independent samples on logarithms, and of a pilot's spread.

Called by make_goldens.py, which passes the function that records a case.
"""

import math

import mpmath
import numpy as np
import scipy.optimize as so
import scipy.stats as st

RNG = np.random.default_rng(20260105)


def rounded(array, digits=6):
    return [round(float(x), digits) for x in array]


ARMS = {
    "five and five": (rounded(RNG.lognormal(4.7, 0.02, 5)), rounded(RNG.lognormal(4.75, 0.02, 5))),
    "ten and four, spreads apart": (
        rounded(RNG.lognormal(1.0, 0.3, 10)), rounded(RNG.lognormal(1.1, 0.05, 4)),
    ),
    "two and three": ([100.0, 103.0], [101.0, 99.5, 104.25]),
    "thirty and twenty": (rounded(RNG.lognormal(0, 0.6, 30)), rounded(RNG.lognormal(0.05, 0.5, 20))),
    "one side constant": ([2.0, 2.0, 2.0], [2.1, 1.9, 2.05, 2.2]),
}


def ratios(case):
    for name, (treatment, baseline) in ARMS.items():
        a, b = np.log(treatment), np.log(baseline)
        test = st.ttest_ind(a, b, equal_var=False)
        interval = test.confidence_interval(0.95)
        case("independent_ratio", name, "scipy.stats.ttest_ind(equal_var=False) of numpy.log",
             {"treatment": treatment, "baseline": baseline},
             {
                 "ratio": float(st.gmean(treatment) / st.gmean(baseline)),
                 "t": float(test.statistic), "df": float(test.df), "p_value": float(test.pvalue),
                 "interval": [float(np.exp(interval.low)), float(np.exp(interval.high))],
             })
        for margin in (0.02, 0.3):
            limit = math.log1p(margin)
            below = st.ttest_ind(a - limit, b, equal_var=False, alternative="less").pvalue
            above = st.ttest_ind(a + limit, b, equal_var=False, alternative="greater").pvalue
            inner = test.confidence_interval(0.9)
            case("tost_independent", f"{name}, margin {margin}",
                 "scipy.stats.ttest_ind(equal_var=False), once for each side",
                 {"treatment": treatment, "baseline": baseline, "margin": margin},
                 {
                     "p_value": float(max(below, above)),
                     "interval": [float(np.exp(inner.low)), float(np.exp(inner.high))],
                 })


def error_and_df(n, sds):
    variances = [sd * sd / n for sd in sds]
    error = math.sqrt(sum(variances))
    return error, error**4 / sum(v * v / (n - 1) for v in variances)


def powers(case):
    def power(n, sds, ratio):
        error, df = error_and_df(n, sds)
        critical, delta = st.t.isf(0.025, df), abs(math.log(ratio)) / error
        far = np.nan_to_num(st.nct.cdf(-critical, df, delta))  # NaN below 1e-300
        return float(st.nct.sf(critical, df, delta) + far)

    by = "scipy.stats.nct with Satterthwaite's degrees of freedom"
    for n, sds, ratio in [(5, (0.01, 0.01), 1.02), (4, (0.03, 0.01), 0.95), (20, (0.05, 0.04), 1.03)]:
        case("independent_power", f"{n} runs, sds {sds}, ratio {ratio}", by,
             {"n_runs": n, "sds": sds, "ratio": ratio}, {"power": power(n, sds, ratio)})
    for sds, ratio, wanted in [((0.02, 0.02), 1.02, 0.8), ((0.05, 0.01), 1.05, 0.9)]:
        n = next(n for n in range(2, 5000) if power(n, sds, ratio) >= wanted)
        case("independent_runs_for", f"sds {sds}, ratio {ratio}, {wanted}", by + ", searched",
             {"sds": sds, "ratio": ratio, "power": wanted}, {"n_runs": n})
    for n, sds, wanted in [(5, (0.02, 0.02), 0.8), (12, (0.04, 0.01), 0.9)]:
        effect = so.brentq(lambda x: power(n, sds, math.exp(x)) - wanted, 1e-6, 1, xtol=1e-14, rtol=1e-14)
        case("independent_detectable", f"{n} runs, sds {sds}, {wanted}", by + ", inverted by brentq",
             {"n_runs": n, "sds": sds, "power": wanted}, {"ratio": math.exp(effect)})
    for n, sds, ratio, margin in [(6, (0.01, 0.01), 1.0, 0.02), (12, (0.03, 0.01), 1.005, 0.03)]:
        error, df = error_and_df(n, sds)
        critical = st.t.isf(0.05, df)
        high = (math.log1p(margin) - math.log(ratio)) / error
        low = (math.log1p(margin) + math.log(ratio)) / error

        def integrand(s):
            half = mpmath.mpf(df) / 2
            density = mpmath.exp((df - 1) * mpmath.log(s) - df * s * s / 2) * 2 * half**half / mpmath.gamma(half)
            return density * (mpmath.ncdf(high - critical * s) - mpmath.ncdf(critical * s - low))

        end = min((high + low) / 2 / critical, 12)
        value = mpmath.quad(integrand, mpmath.linspace(mpmath.mpf("1e-30"), end, 9))
        case("independent_equivalence_power", f"{n} runs, sds {sds}, ratio {ratio}, margin {margin}",
             "mpmath.quad of Phillips (1990)",
             {"n_runs": n, "sds": sds, "ratio": ratio, "margin": margin}, {"power": float(value)})


def spreads(case):
    for sd, n, level in [(0.02, 5, 0.8), (0.02, 2, 0.8), (1.5, 30, 0.95), (0.1, 3, 0.5), (0.01, 400, 0.9)]:
        limit = sd * math.sqrt((n - 1) / st.chi2.ppf(1 - level, n - 1))
        case("sd_upper_limit", f"{n} values, {level}", "scipy.stats.chi2.ppf",
             {"sd": sd, "n": n, "confidence": level}, {"limit": float(limit)})


def add_all(case):
    ratios(case)
    powers(case)
    spreads(case)
