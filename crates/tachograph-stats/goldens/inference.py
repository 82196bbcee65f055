"""Goldens of selection, stopping rules, more tests, change points, nested
components and covariates.

Called by make_goldens.py, which passes the function that records a case. Where
neither SciPy nor statsmodels has a method, the reference here is a second,
independent implementation: of the published formula by another numerical route,
or by listing every case. Each case says which.
"""

import math
from itertools import combinations

import mpmath
import numpy as np
import scipy.integrate as si
import scipy.optimize as so
import scipy.special as sp
import scipy.stats as st

RNG = np.random.default_rng(20260103)


def rounded(array, digits=6):
    return [round(float(x), digits) for x in array]


def selection(case):
    for name, means, errors in [
        ("eighteen, equal errors", rounded(RNG.normal(4.7, 0.03, 18)), [0.02] * 18),
        ("no spread", rounded(RNG.normal(100, 0.2, 6)), [1.0] * 6),
        ("unequal errors", rounded(RNG.normal(10, 2, 7)), [0.5, 0.7, 1.5, 2.5, 0.4, 1.0, 0.9]),
        ("four", [1.0, 2.0, 4.0, 9.0], [0.5, 0.5, 1.0, 0.25]),
    ]:
        x = [mpmath.mpf(m) for m in means]
        v = [mpmath.mpf(e) ** 2 for e in errors]
        k = len(x)

        def centre(a):
            w = [1 / (vi + a) for vi in v]
            return w, sum(wi * xi for wi, xi in zip(w, x)) / sum(w)

        def excess(a):
            w, mu = centre(a)
            return sum(wi * (xi - mu) ** 2 for wi, xi in zip(w, x)) - (k - 1)

        between = mpmath.mpf(0)
        if excess(mpmath.mpf(0)) > 0:
            high = mpmath.mpf(1)
            while excess(high) > 0:
                high *= 2
            between = mpmath.findroot(excess, (mpmath.mpf(0), high), solver="anderson", tol=1e-60)
        w, mu = centre(between)
        z = mpmath.sqrt(2) * mpmath.erfinv(mpmath.mpf(95) / 100)
        mean_v = sum(wi * vi for wi, vi in zip(w, v)) / sum(w)
        rows = []
        for i in range(k):
            b = mpmath.mpf(k - 3) / (k - 1) * v[i] / (v[i] + between)
            unsure = mpmath.mpf(2) / (k - 3) * b**2 * (mean_v + between) / (v[i] + between)
            s2 = v[i] * (1 - (1 - w[i] / sum(w)) * b) + unsure * (x[i] - mu) ** 2
            e = (1 - b) * x[i] + b * mu
            rows.append([float(e), float(b), float(e - z * mpmath.sqrt(s2)), float(e + z * mpmath.sqrt(s2))])
        if len(set(errors)) == 1:
            # With equal errors: James and Stein's positive part about the mean.
            js = (k - 3) * v[0] / sum((xi - mu) ** 2 for xi in x)
            js = min(js, mpmath.mpf(k - 3) / (k - 1))
            assert abs(js - mpmath.mpf(rows[0][1])) < 1e-12
        case("shrink", name, "mpmath, Morris (1983), 50 digits",
             {"means": means, "errors": errors},
             {"grand_mean": float(mu), "sd_between": float(mpmath.sqrt(between)), "arms": rows})
    for n in (2, 3, 5, 18, 100, 5000):
        luck = si.quad(lambda z: z * n * st.norm.pdf(z) * st.norm.cdf(z) ** (n - 1), -12, 12,
                       epsabs=0, epsrel=1e-12, limit=500, points=[0, 2, 4])[0]
        case("luck", str(n), "scipy.integrate.quad of the largest of n normals",
             {"n_arms": n}, {"luck": luck})
    x, weight = np.polynomial.legendre.leggauss(400)
    z, z_weight = 9 * x[:, None], weight[:, None] * st.norm.pdf(9 * x[:, None])
    for k, df, level in [(2, 10, 0.95), (3, 8, 0.9), (18, 68, 0.95), (5, 4, 0.99), (5, 1e6, 0.95)]:
        low, high = (math.sqrt(st.chi2.ppf(p, df) / df) for p in (1e-15, 1 - 1e-15))
        s = (low + high) / 2 + (high - low) / 2 * x[None, :]
        s_weight = weight[None, :] * st.chi.pdf(s * math.sqrt(df), df)
        total = (z_weight * s_weight).sum()

        def kept(h):
            return float((z_weight * s_weight * st.norm.cdf(z + h * s) ** (k - 1)).sum() / total)

        critical = so.brentq(lambda h: kept(h) - level, 0.1, 40, xtol=1e-13)
        case("gupta", f"{k} arms, {df} df", "numpy double Gauss-Legendre integral",
             {"n_arms": k, "df": df, "confidence": level}, {"critical": critical})


class Walk:
    """The law of a score between boundaries, by Simpson's rule on a fine grid."""

    def __init__(self, drift=0.0):
        self.t, self.drift = 0.0, drift
        self.s, self.p = np.array([0.0]), np.array([1.0])

    def tail(self, t, z, side):
        step = t - self.t
        limit = z * math.sqrt(t)
        return float((self.p * st.norm.sf((limit - side * (self.s + self.drift * step)) / math.sqrt(step))).sum())

    def go(self, t, z, points=4001):
        step = t - self.t
        limit = min(z, 14) * math.sqrt(t)
        s = np.linspace(-limit, limit, points)
        h = s[1] - s[0]
        simpson = np.full(points, 2.0)
        simpson[1::2] = 4.0
        simpson[[0, -1]] = 1.0
        density = np.zeros(points)
        for start in range(0, len(self.s), 500):
            part = slice(start, start + 500)
            density += st.norm.pdf(s[:, None], self.s[part] + self.drift * step, math.sqrt(step)) @ self.p[part]
        self.t, self.s, self.p = t, s, density * simpson * h / 3


def stopping(case):
    def obrien_fleming(t, alpha):
        return 4 * st.norm.sf(st.norm.isf(alpha / 4) / math.sqrt(t))

    def pocock(t, alpha):
        return alpha * math.log(1 + (math.e - 1) * t)

    for name, looks, spending, level in [
        ("five, OBF", [10, 20, 30, 40, 50], obrien_fleming, 0.95),
        ("five, Pocock", [10, 20, 30, 40, 50], pocock, 0.95),
        ("uneven, OBF", [8, 12, 30], obrien_fleming, 0.95),
        ("two, 99 %", [10, 20], obrien_fleming, 0.99),
        ("uneven, Pocock", [5, 6, 20], pocock, 0.9),
    ]:
        alpha, spent = 1 - level, 0.0
        walk, boundaries, spends = Walk(), [], []
        drifted = Walk(3.0)
        power, going, expected, before = 0.0, 1.0, 0.0, 0
        for n in looks:
            t = n / looks[-1]
            half = (spending(t, alpha) - spent) / 2
            z = so.brentq(lambda z: math.log(walk.tail(t, z, 1) / half), 0.5, 9, xtol=1e-13)
            expected += going * (n - before)
            before = n
            crossed = drifted.tail(t, z, 1) + drifted.tail(t, z, -1)
            power, going = power + crossed, going - crossed
            walk.go(t, z)
            drifted.go(t, z)
            spent = spending(t, alpha)
            boundaries.append(z)
            spends.append(spent)
        case("group_sequential", name,
             "numpy: Armitage, McPherson, Rowe (1969) by Simpson's rule, 4001 points",
             {"looks": looks, "pocock": spending is pocock, "confidence": level,
              "effect": 3.0 / math.sqrt(looks[-1])},
             {"boundaries": boundaries, "spent": spends, "power": power, "expected": expected})
    for name, values, sd, level in [
        ("six", [0.02, 0.031, 0.018, 0.025, 0.012, 0.029], 1.0, 0.95),
        ("two", [0.4, 0.41], 30.0, 0.95),
        ("thirty", rounded(RNG.normal(0.2, 1, 30)), 0.5, 0.99),
        ("fifty", rounded(RNG.normal(0.0, 0.01, 50)), 0.3, 0.9),
    ]:
        n, mean, error = len(values), np.mean(values), st.sem(values)

        def evidence(mean0):
            # (Z + sqrt(n) delta) / S with delta normal is a t of a larger scale.
            t, wide = (mean - mean0) / error, math.sqrt(1 + n * sd**2)
            return float(np.exp(st.t.logpdf(t, n - 1, scale=wide) - st.t.logpdf(t, n - 1)))

        # The same by its definition, a mixture of noncentral t laws.
        t = mean / error
        mixture = si.quad(lambda d: st.nct.pdf(t, n - 1, math.sqrt(n) * d) * st.norm.pdf(d, 0, sd),
                          -9 * sd, 9 * sd, epsabs=0, epsrel=1e-11, limit=400, points=[mean / (error * math.sqrt(n))])[0]
        assert abs(mixture / st.t.pdf(t, n - 1) / evidence(0.0) - 1) < 1e-6, name
        reach = so.brentq(lambda d: math.log(evidence(mean + d) * (1 - level)), 1e-9 * error, 1e5 * error, xtol=1e-16, rtol=1e-15)
        best = 1.0
        for m in range(2, n + 1):
            tm = np.mean(values[:m]) / st.sem(values[:m])
            best = max(best, float(np.exp(
                st.t.logpdf(tm, m - 1, scale=math.sqrt(1 + m * sd**2)) - st.t.logpdf(tm, m - 1))))
        case("confidence_sequence", name,
             "scipy.stats.t densities; agrees with scipy.stats.nct mixed by quad; brentq",
             {"values": values, "effect_sd": sd, "confidence": level},
             {"e_value": evidence(0.0), "interval": [mean - reach, mean + reach], "p_value": 1 / best})


TWO = {
    "plain": (rounded(RNG.normal(10, 1, 9)), rounded(RNG.normal(11, 3, 14))),
    "small": ([1.5, 2.25, 3.0], [2.0, 5.5, 7.25]),
    "ties": ([1.0, 2.0, 2.0, 3.0, 5.0, 5.0], [2.0, 4.0, 5.0, 6.0, 6.0]),
    "two values": ([1.0, 1.0, 2.0, 1.0], [2.0, 2.0, 1.0, 2.0, 2.0]),
    "far": (rounded(RNG.normal(0, 1, 60)), rounded(RNG.normal(1.6, 0.5, 45))),
}


def two_samples(case):
    for name, (a, b) in TWO.items():
        test = st.brunnermunzel(b, a)
        ranks, n_a = st.rankdata([*a, *b]), len(a)
        p = (ranks[:n_a].mean() - (n_a + 1) / 2) / len(b)
        error = (p - 0.5) / test.statistic
        df = so.brentq(lambda df: 2 * st.t.sf(abs(test.statistic), df) - test.pvalue, 0.5, 500, xtol=1e-12)
        half = st.t.isf(0.025, df) * abs(error)
        case("brunner_munzel", name, "scipy.stats.brunnermunzel; its df by brentq",
             {"a": a, "b": b},
             {"superiority": float(p), "t": float(test.statistic), "p_value": float(test.pvalue),
              "interval": [max(0.0, float(p - half)), min(1.0, float(p + half))]})
        if "t" in name[:2] and name != "plain":
            # With ties: every labelling, listed.
            pooled = np.array([*a, *b])
            steps = np.unique(pooled)

            def distance(first, second):
                return np.abs((first[:, None] <= steps).mean(0) - (second[:, None] <= steps).mean(0)).max()

            observed, count, total = distance(np.array(a), np.array(b)), 0, 0
            for chosen in combinations(range(len(pooled)), n_a):
                mask = np.zeros(len(pooled), bool)
                mask[list(chosen)] = True
                count += distance(pooled[mask], pooled[~mask]) >= observed - 1e-12
                total += 1
            d, p_value, by = observed, count / total, "all labellings listed"
        else:
            test = st.ks_2samp(a, b, method="exact")
            d, p_value, by = test.statistic, test.pvalue, "scipy.stats.ks_2samp(method='exact')"
        case("kolmogorov_smirnov", name, by, {"a": a, "b": b},
             {"distance": float(d), "p_value": float(p_value), "exact": True})
    a, b = rounded(RNG.normal(0, 1, 2100), 4), rounded(RNG.normal(0.04, 1, 2000), 4)
    test = st.ks_2samp(a, b, method="asymp")
    p_value = sp.kolmogorov(test.statistic * math.sqrt(2100 * 2000 / 4100))
    case("kolmogorov_smirnov", "large", "scipy.special.kolmogorov", {"a": a, "b": b},
         {"distance": float(test.statistic), "p_value": float(p_value), "exact": False})


def changes(case):
    for name, values in {
        "one step": rounded(np.concatenate([RNG.normal(10, 1, 20), RNG.normal(13, 1, 25)])),
        "two steps": rounded(np.concatenate([RNG.normal(0, 1, 15), RNG.normal(5, 1, 15), RNG.normal(1, 1, 15)])),
        "spread": rounded(np.concatenate([RNG.normal(0, 0.3, 40), RNG.normal(0, 4, 40)])),
    }.items():
        x, n = np.array(values), len(values)
        # More than a third: then there is only one split.
        least = n // 3 + 1
        best = {}
        for exponent in (1, 2):
            away = np.abs(x[:, None] - x[None, :]) ** exponent
            scores = []
            for at in range(least, n - least + 1):
                a, b = away[:at, :at], away[at:, at:]
                if exponent == 1:
                    within = a.sum() / (at * (at - 1)) + b.sum() / ((n - at) * (n - at - 1))
                else:
                    # The plain means, zeros included: exactly the squared gap.
                    within = a.mean() + b.mean()
                scores.append(at * (n - at) / n * (2 * away[:at, at:].mean() - within))
            best[exponent] = (least + int(np.argmax(scores)), float(max(scores)))
        # The split of the mean variant is the one of the largest |t|.
        t = [abs(st.ttest_ind(x[:at], x[at:]).statistic) for at in range(least, n - least + 1)]
        assert best[2][0] == least + int(np.argmax(t))
        case("first_split", name, "numpy over all pairs; split agrees with scipy.stats.ttest_ind",
             {"values": values, "segment_min": least}, {"distribution": best[1], "mean": best[2]})


def reml(starts):
    """REML by dense matrices: another route than the recursion of the Rust code."""
    y = np.concatenate([r for s in starts for r in s])
    n = len(y)
    start = np.repeat(np.arange(len(starts)), [sum(map(len, s)) for s in starts])
    run = np.repeat(np.arange(sum(map(len, starts))), [len(r) for s in starts for r in s])
    same = [(start[:, None] == start).astype(float), (run[:, None] == run).astype(float), np.eye(n)]
    ones = np.ones(n)

    def fit(v):
        inverse = np.linalg.inv(sum(c * m for c, m in zip(v, same)))
        weight = inverse @ ones
        p = inverse - np.outer(weight, weight) / weight.sum()
        py = p @ y
        value = -np.linalg.slogdet(inverse)[1] + math.log(weight.sum()) + y @ py
        gradient = np.array([np.trace(p @ m) - py @ m @ py for m in same])
        information = np.array([[np.trace(p @ a @ p @ b) for b in same] for a in same])
        return value, gradient, information, weight @ y / weight.sum(), 1 / math.sqrt(weight.sum())

    best = None
    for free in ([0, 1, 2], [0, 2], [1, 2], [2]):
        v = np.zeros(3)
        v[free] = np.var(y) / len(free)
        for _ in range(500):
            value, gradient, information, _, _ = fit(v)
            step = -np.linalg.solve(information[np.ix_(free, free)], gradient[free])
            size = 1.0
            while np.any(v[free] + size * step <= 0) and size > 1e-9:
                size /= 2
            v[free] = v[free] + size * step
            if np.abs(step).max() < 1e-14 * v.max() or size <= 1e-9:
                break
        value = fit(v)[0]
        if best is None or value < best[0] - 1e-10:
            best = (value, v.copy(), *fit(v)[3:])
    return best[1:], same, y


def nested(case):
    for name, sizes, spread in [
        ("balanced", [[4, 4, 4]] * 4, (3, 2, 1)),
        ("unbalanced", [[3, 5], [2, 4, 6], [8], [3, 3, 2]], (2, 1, 1)),
        ("starts alike", [[3, 3], [3, 3], [3, 3]], (0, 3, 1)),
        ("runs alike", [[5, 5, 5], [5, 4, 5], [5, 5, 3]], (3, 0, 2)),
        ("calls only", [[4, 4], [4, 4], [4, 4]], (0, 0, 1)),
    ]:
        starts = []
        for runs in sizes:
            centre = RNG.normal(100, spread[0]) if spread[0] else 100
            starts.append([rounded(RNG.normal(centre + spread[1] * RNG.normal(), spread[2], k)) for k in runs])
        (v, mean, error), same, y = reml(starts)
        given = {"starts": starts}
        case("nested_reml", name, "numpy: REML by dense matrices and Fisher scoring", given,
             {"mean": float(mean), "sd": [math.sqrt(max(0.0, float(x))) for x in v], "error": error})
        # Moments: expected sums of squares as traces of the projections.
        n = len(y)
        onto = [np.full((n, n), 1 / n)] + [m / m.sum(1) for m in same[:2]] + [np.eye(n)]
        forms = [onto[1] - onto[0], onto[2] - onto[1], onto[3] - onto[2]]
        expected = np.array([[np.trace(q @ m) for m in same] for q in forms])
        moments = np.linalg.solve(expected, [y @ q @ y for q in forms])
        case("nested_moments", name, "numpy: sums of squares equated to their traces", given,
             {"mean": float(y.mean()), "sd": [math.sqrt(max(0.0, float(x))) for x in moments]})
        if name == "balanced":
            import pandas as pd
            import statsmodels.formula.api as smf
            frame = pd.DataFrame({
                "y": y, "start": np.argmax(same[0], 1), "run": np.argmax(same[1], 1)})
            theirs = smf.mixedlm("y ~ 1", frame, groups="start", re_formula="1",
                                 vc_formula={"run": "0 + C(run)"}).fit(reml=True)
            found = [theirs.cov_re.iloc[0, 0], theirs.vcomp[0], theirs.scale]
            assert np.allclose(found, v, rtol=2e-3), (found, v)


def covariates(case):
    import statsmodels.api as sm
    for name, n in [("three", 3), ("nine", 9), ("forty", 40)]:
        x = rounded(RNG.normal(0.05, 0.1, n))
        y = rounded(np.array(x) * 0.8 + 0.02 + RNG.normal(0, 0.01, n))
        fit = sm.OLS(y, sm.add_constant(np.array(x))).fit()
        low, high = fit.conf_int()[0], fit.conf_int()[1]
        case("adjusted_difference", name, "statsmodels OLS", {"differences": y, "covariate": x},
             {"unadjusted": float(np.mean(y)), "adjusted": float(fit.params[0]), "slope": float(fit.params[1]),
              "interval": [float(v) for v in low], "slope_interval": [float(v) for v in high],
              "t": float(fit.tvalues[0]), "p_value": float(fit.pvalues[0])})


def add_all(case):
    changes(case)
    nested(case)
    covariates(case)
    two_samples(case)
    selection(case)
    stopping(case)
