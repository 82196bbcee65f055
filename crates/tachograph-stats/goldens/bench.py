"""Times tachograph-stats beside SciPy on the same data, one core each, in turns.

    cargo build --release -p tachograph-stats --example bench
    OMP_NUM_THREADS=1 VENV/bin/python crates/tachograph-stats/goldens/bench.py \
        TARGET/release/examples/bench

Prints a Markdown table of the median times and their ratio. Times of processes
are CPU-bound and single-threaded; a busy machine widens both columns alike.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import scipy.stats as st

RNG = np.random.default_rng(1)


def difference(x, y, axis):
    return np.abs(np.mean(x, axis=axis) - np.mean(y, axis=axis))


def bca(values):
    st.bootstrap((values,), np.mean, n_resamples=10_000, method="BCa", vectorized=True,
                 batch=1000, rng=np.random.default_rng(1))


def permutation(kind, resamples):
    def run(values):
        halves = np.split(values, 2)
        st.permutation_test(halves, difference, permutation_type=kind, vectorized=True,
                            n_resamples=resamples, batch=20_000, alternative="greater",
                            rng=np.random.default_rng(1))
    return run


def summary(values):
    np.mean(values), np.std(values, ddof=1), np.median(values), np.min(values), np.max(values)
    st.ttest_1samp(values, 0).confidence_interval(0.95)
    np.quantile(values, [0.5, 0.95, 0.99, 0.999])
    for q in (0.5, 0.95, 0.99, 0.999):
        st.quantile_test(values, q=0, p=q).confidence_interval(0.95)


ROWS = [
    ("BCa of a mean, n = 1,000, 10,000 resamples", "bca", RNG.lognormal(6, 0.3, 1000), bca, 7),
    ("exact relabelling, 10 and 10", "relabelling", RNG.normal(10, 1, 20), permutation("independent", np.inf), 5),
    ("sampled relabelling, 100 and 100, 10,000 draws", "relabelling", RNG.normal(10, 1, 200), permutation("independent", 10_000), 5),
    ("exact sign flips, 16 blocks", "sign_flip", RNG.normal(10, 1, 32), permutation("samples", np.inf), 5),
    ("sampled sign flips, 100 blocks, 10,000 draws", "sign_flip", RNG.normal(10, 1, 200), permutation("samples", 10_000), 5),
    ("summary, t interval, four percentiles with intervals, 1,000,000 values", "summary", RNG.lognormal(3, 0.6, 1_000_000), summary, 5),
]


def main():
    print("| analysis | tachograph-stats, ms | SciPy, ms | ratio |")
    print("|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for title, name, values, theirs, times in ROWS:
            path = os.path.join(folder, "values")
            values.astype("<f8").tofile(path)
            ours_s, theirs_s = [], []
            for _ in range(times):
                out = subprocess.run([sys.argv[1], name, path, "3"], capture_output=True, check=True, text=True)
                ours_s += [float(line.split()[0]) for line in out.stdout.splitlines()]
                start = time.perf_counter()
                theirs(values)
                theirs_s.append(time.perf_counter() - start)
            ours, other = statistics.median(ours_s) * 1e3, statistics.median(theirs_s) * 1e3
            print(f"| {title} | {ours:.3g} | {other:.3g} | {other / ours:.1f} |", flush=True)


if __name__ == "__main__":
    main()
