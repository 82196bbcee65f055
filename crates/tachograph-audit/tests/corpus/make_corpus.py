#!/usr/bin/env python3
# Generates the test corpus. Every number is computed here and rounded once.
# E(id, text): a planted error (text = what is printed);  R(id, text): a line the label also involves.
import random, math, statistics as st, json, re, os
OUT = os.path.dirname(os.path.abspath(__file__))
LABELS, STYLES = {}, {}

def E(i, t): return f"⟦E|{i}|{t}⟧"
def R(i, t=""): return f"⟦R|{i}|{t}⟧"
MARK = re.compile(r"⟦([ER])\|([^|⟦⟧]*)\|([^⟦⟧]*)⟧")

def doc(name, style, text, labels=None):
    labels = labels or {}
    lines = text.strip("\n").split("\n")
    first, inv, printed, out = {}, {}, {}, []
    for n, l in enumerate(lines, 1):
        while True:
            m = MARK.search(l)
            if not m: break
            k, i, t = m.groups()
            assert i in labels, (name, i)
            inv.setdefault(i, set()).add(n)
            if k == "E" and i not in first:
                first[i], printed[i] = n, t
            l = l[:m.start()] + t + l[m.end():]
        assert "⟦" not in l and "⟧" not in l, (name, n, l)
        out.append(l.rstrip() if not l.endswith("  ") else l)
    with open(os.path.join(OUT, name), "w", encoding="utf-8") as fh:
        fh.write("\n".join(out) + "\n")
    L = []
    for i, d in labels.items():
        assert i in first, (name, i, "no E marker")
        e = {"line": first[i], "lines": sorted(inv[i]), "kind": d["kind"], "printed": printed[i],
             "why": d["why"], "severity": d.get("severity", "inconsistent")}
        for k in d:
            if k not in e: e[k] = d[k]
        L.append(e)
    L.sort(key=lambda e: e["line"])
    LABELS[name] = L
    STYLES[name] = style

def lab(kind, why, severity="inconsistent", **kw):
    return dict(kind=kind, why=why, severity=severity, **kw)

# ---- numbers
def q(x, d=1): return float(f"{x:.{d}f}")
def f(x, d=1): return f"{x:,.{d}f}"
def pc(a, b, d=1):                       # signed change a -> b
    return f"{(b-a)/a*100:+.{d}f}%"
def apc(a, b, d=1):                      # unsigned
    return f"{abs(b-a)/a*100:.{d}f}%"
def rt(a, b, d=1): return f"{a/b:.{d}f}x"
def mean(x): return sum(x)/len(x)
def sd(x): return st.stdev(x)
def med(x): return st.median(x)
def quantile(x, p):
    s = sorted(x); k = (len(s)-1)*p; i = int(k)
    return s[i] if i+1 >= len(s) else s[i] + (s[i+1]-s[i])*(k-i)
def betacf(a, b, x):
    c, d = 1.0, 1-(a+b)*x/(a+1); d = 1/(d or 1e-300); h = d
    for m in range(1, 400):
        m2 = 2*m
        aa = m*(b-m)*x/((a-1+m2)*(a+m2)); d = 1/(1+aa*d); c = 1+aa/c; h *= d*c
        aa = -(a+m)*(a+b+m)*x/((a+m2)*(a+1+m2)); d = 1/(1+aa*d); c = 1+aa/c; de = d*c; h *= de
        if abs(de-1) < 1e-13: break
    return h
def ibeta(a, b, x):
    if x <= 0: return 0.0
    if x >= 1: return 1.0
    bt = math.exp(math.lgamma(a+b)-math.lgamma(a)-math.lgamma(b)+a*math.log(x)+b*math.log(1-x))
    return bt*betacf(a, b, x)/a if x < (a+1)/(a+b+2) else 1-bt*betacf(b, a, 1-x)/b
def t_p(t, df): return ibeta(df/2, .5, df/(df+t*t))
def f_p(F, d1, d2): return ibeta(d2/2, d1/2, d2/(d2+d1*F))
def tcrit(df, conf=.95):
    lo, hi = 0, 1000
    for _ in range(200):
        m = (lo+hi)/2
        if t_p(m, df) > 1-conf: lo = m
        else: hi = m
    return lo
def hw(s, n): return tcrit(n-1)*s/math.sqrt(n)
def welch(a, b):
    va, vb = sd(a)**2/len(a), sd(b)**2/len(b)
    d = mean(b)-mean(a); se = math.sqrt(va+vb)
    df = (va+vb)**2/(va**2/(len(a)-1)+vb**2/(len(b)-1))
    return dict(d=d, se=se, df=df, t=d/se, p=t_p(d/se, df), lo=d-tcrit(df)*se, hi=d+tcrit(df)*se)
def samp(rng, mu, s, n, d=1): return [q(rng.gauss(mu, s), d) for _ in range(n)]
def boot(rng, x, stat=mean, B=4000):
    v = sorted(stat([rng.choice(x) for _ in x]) for _ in range(B))
    return v[int(.025*B)], v[int(.975*B)-1]
def wilson(k, n, z=1.959964):
    p = k/n; c = (p+z*z/2/n)/(1+z*z/n); h = z*math.sqrt(p*(1-p)/n+z*z/4/n/n)/(1+z*z/n)
    return (c-h)*100, (c+h)*100
def grim_ok(pct_str, n):
    d = len(pct_str.split(".")[1]) if "." in pct_str else 0
    return any(abs(k/n*100-float(pct_str)) <= .5*10**-d+1e-9 for k in range(n+1))
def pct_possible(a, da, b, db, printed, dp):
    """can change a->b (printed with da, db decimals) round to printed (dp decimals)?"""
    ha, hb, hp = .5*10**-da, .5*10**-db, .5*10**-dp
    lo, hi = ((b-hb)/(a+ha)-1)*100, ((b+hb)/(a-ha)-1)*100
    return lo-hp <= printed <= hi+hp
assert abs(tcrit(4)-2.776) < .001 and abs(f_p(4.26, 2, 9)-.05) < .001

# =====================================================================  r01  B  proxies
def r01():
    P = {"Heron": (41.8, 1.92, 3.41, 5.87, 22.4), "Pike": (38.6, 2.08, 3.77, 6.12, 31.0),
         "Tollgate": (52.3, 1.51, 2.74, 4.95, 18.8), "Slipway": (29.7, 2.86, 4.82, 9.30, 47.5)}
    V = {"Heron": "4.2.1", "Pike": "0.19.0", "Tollgate": "2024.11", "Slipway": "1.8.0-rc3"}
    rows = ""
    for k, (r, a, b, c, m) in P.items():
        bb = E("e2", "2.48") if k == "Slipway" else f"{b:.2f}"
        x = f"| {k} | {r:.1f} | {a:.2f} | {bb} | {c:.2f} | {m:.1f} |"
        if k in ("Heron", "Tollgate"): x += R("e3")
        if k in ("Tollgate", "Slipway"): x += R("e5")
        if k in ("Heron", "Pike"): x += R("e6")
        rows += x + "\n"
    T = {"Heron": (41.8, 35.9), "Pike": (38.6, 31.9), "Tollgate": (52.3, 46.6), "Slipway": (29.7, 22.1)}
    assert not pct_possible(38.6, 1, 31.9, 1, -14.7, 1)
    trow = ""
    for k, (a, b) in T.items():
        ch = pc(a, b)
        if k == "Pike": ch = E("e4", "-14.7%")
        trow += f"| {k} | {a:.1f} | {b:.1f} | {ch} |\n"
    big = {"Heron": (6.4, 11.9), "Pike": (7.3, 13.8), "Tollgate": (7.9, 10.2), "Slipway": (4.1, 21.6)}
    brow = "".join(f"| {k} | {a:.1f} | {a*64*1024*1000/1e6:.0f} | {p:.1f} |\n" for k, (a, p) in big.items())
    doc("r01.md", "terse lab-notes style: bullets and percentile tables, four proxies compared", f"""
# Reverse proxy shoot-out, Feb 2025

Owner: edge-infra · Ticket EDGE-2291 · last touched 2025-02-11

## What we ran

- Proxies: {", ".join(f"{k} {v}" for k, v in V.items())}
- Payloads: 1 KiB, 16 KiB, 64 KiB
- 8 repeats per cell, so 4 proxies x 3 payload sizes x 8 repeats = {E("e1", "86")} runs
- Load generator: 3 hosts, 256 connections each (768 total), keep-alive on
- Each run 90 s, first 15 s discarded, 75 s kept
- Box: 16 vCPU, 32 GB, kernel 6.8.0-51, NIC 25 GbE
- Upstream answers from memory on port 9000; never above 30% CPU

## Headlines

- Tollgate is the fastest proxy on small payloads: 52.3k req/s.
- Tollgate handles {E("e5", "2.06x")} the request rate of Slipway at 1 KiB.
- Lowest p99 at 1 KiB: {E("e3", "Heron (5.87 ms)")}.
- On plain HTTP, Heron is {E("e6", apc(38.6, 41.8) + " slower")} than Pike in req/s.
- TLS costs between {apc(52.3, 46.6)} (Tollgate) and {apc(29.7, 22.1)} (Slipway) of throughput.

## 1 KiB, plain HTTP

Throughput in thousands of requests per second, latency in ms.

| Proxy | kreq/s | p50 | p95 | p99 | max |
|---|---:|---:|---:|---:|---:|
{rows}
Median of 8 repeats in each cell. The maximum is the maximum over all 8.

## 1 KiB, plain vs. TLS 1.3

Same hardware, ECDSA P-256 certificate, session resumption off.

| Proxy | plain kreq/s | TLS kreq/s | change |
|---|---:|---:|---:|
{trow}
Notes

- Slipway does the handshake on the accept thread (see its issue #1187).
- Tollgate and Heron both use the same TLS library, version 3.3.2.
- Session resumption was tested once by hand and is not in this table.

## 64 KiB, plain HTTP

| Proxy | kreq/s | payload MB/s | p99 ms |
|---|---:|---:|---:|
{brow}
The NIC is not the limit: 25 Gbit/s is 3,125 MB/s on paper, and nobody gets close.
Tollgate still leads, {pc(7.3, 7.9)} over Pike, which is second.

## To do

- [ ] repeat with 2 x 100 GbE
- [ ] HTTP/2, 100 streams per connection
- [x] pin interrupts (done 2025-02-06)
""", {
        "e1": lab("product", "4 x 3 x 8 = 96, not 86"),
        "e2": lab("order", "Slipway p95 2.48 is below its p50 2.86"),
        "e3": lab("best", "Tollgate has the lowest p99 (4.95 ms), Heron 5.87", "decision"),
        "e4": lab("percent_change", "38.6 to 31.9 is -17.4 %"),
        "e5": lab("ratio", "52.3 / 29.7 = 1.76x"),
        "e6": lab("direction", "Heron 41.8 kreq/s is above Pike 38.6: faster, not slower", "decision"),
    })
r01()

# =====================================================================  r02  A  laptop LLM
def r02():
    g = random.Random(202)
    x = samp(g, 43.6, .8, 7); m, s = q(mean(x)), q(sd(x), 2)
    h = q(hw(sd(x), 7), 1)
    y = samp(g, 31.4, .6, 7); my, sy = q(mean(y)), q(sd(y), 2)
    tt = sorted(q(math.exp(g.gauss(math.log(182), .35)), 0) for _ in range(40))
    mt, p50, p95 = q(mean(tt), 0), q(med(tt), 0), q(quantile(tt, .95), 0)
    lo, hi = boot(g, tt)
    cold = 2840
    doc("r02.md", "prose with small tables; laptop LLM server; model sizes, hardware names, quoted old values as traps", f"""
# Running the 4.3B assistant on a laptop: what to expect

*Measured 14-18 March 2025 on one machine. Build b4891 of the server, commit `a91f3c7`.*

## 1. Setup

The laptop has an RTX 4080 12GB (the mobile part; the desktop card of the same name has 16GB), 32 GB of
DDR5-5600 and an 8-core CPU. The model is the 4.3B instruct checkpoint as Q4_K_M, a 2.61 GB file with 34 layers.
The server was started like this:

```
./llama-server -m assistant-4.3B-Q4_K_M.gguf -ngl 99 -c 8192 -np 4 --port 8081 -t 8
# warmup: 3 requests, then 7 timed runs of 512 tokens
```

All 34 layers fit in VRAM. With an 8,192-token context the process holds 4.4 GB, so about 7.6 GB of the 12 GB stay free.

## 2. Decode speed

Seven timed runs, single stream, 512 generated tokens each, tokens per second:

| run | 1 | 2 | 3 | 4 | 5 | 6 | 7 |
|---|---|---|---|---|---|---|---|
| plugged in | {" | ".join(f(v) for v in x)} |
| on battery | {" | ".join(f(v) for v in y)} |

Plugged in the mean is {m} tok/s (SD {s:.2f}, n = 7), which gives {m} ± {h} as a 95% interval. On battery the firmware caps
the GPU at 60 W and the mean falls to {my} tok/s (SD {sy}), {pc(m, my)}. So battery operation costs a bit more than a
quarter of the speed. Read the other way round, plugging the charger in makes decoding {apc(my, m)} faster.

At {m} tok/s a 512-token answer takes {512/m:.1f} s; on battery it takes {512/my:.1f} s.

The 61 tok/s that is often quoted for "a 4080" (for instance in discussion #4312) comes from the desktop card.
We cannot reproduce it here and did not try: it has 716.8 GB/s of memory bandwidth, ours 432 GB/s, i.e. roughly 60%.

## 3. Time to first token

Warm, 1,024-token prompt, 40 requests, in ms:

| mean | p50 | p95 | min | max |
|---:|---:|---:|---:|---:|
| {mt:.0f} | {p50:.0f} | {p95:.0f} | {tt[0]:.0f} | {tt[-1]:.0f} |

The distribution has a long right tail, so the mean ({mt:.0f} ms) sits above the median ({p50:.0f} ms). The bootstrap 95% interval
of the mean is [{lo:.0f}, {hi:.0f}] ms and need not be symmetric. The first request after a start is another matter: {cold:,} ms
({cold/1000:.2f} s), because the file is read and the kernels are compiled. That is roughly {cold/mt:.0f}x the warm mean and we left it
out of the table.

## 4. Four users at once

With `-np 4` and four clients, the server delivers 102.4 tok/s in aggregate, 25.6 tok/s for each client. One client alone
gets {m} as above, so each of the four sees {pc(m, 25.6)} while the machine as a whole does {102.4/m:.2f}x as much work.

| clients | aggregate tok/s | per client | GPU power (W) |
|---:|---:|---:|---:|
| 1 | {m} | {m} | 88 |
| 2 | 71.0 | 35.5 | 96 |
| 4 | 102.4 | 25.6 | 104 |

The step from 2 to 4 clients adds {102.4-71.0:.1f} tok/s ({pc(71.0, 102.4)}) for 8 W more.

## 5. What about other quantisations

Section 2 used Q4_K_M only. A quick look at two more files, 1 run each, so take it as a hint:

- Q8_0, 4.57 GB: 27.9 tok/s
- Q5_K_M, 3.06 GB: 38.2 tok/s
- Q4_K_M, 2.61 GB: {m} tok/s (mean of section 2)

Going from Q8_0 to Q4_K_M reduces the file by {apc(4.57, 2.61, 0)} and the speed goes up by ~{round((m/27.9-1)*100):.0f}%.

## 6. Short version

{m} tok/s plugged in, {my} on battery, {p50:.0f} ms median time to first token once warm, just under 3 s when cold. It meets our
budget of 40 tok/s and 300 ms (p50) for the offline mode of release 2.7, when the charger is connected.
""")
r02()

# =====================================================================  r03  B  quantisation
def r03():
    S = {"fp16": (14.2, 62.4, 5.68, 38.4), "int8": (7.4, 62.1, 5.71, 57.9), "q5": (5.1, 61.6, 5.80, 74.3),
         "q4": (4.2, 60.9, 5.93, 85.2), "q3": (3.3, 57.0, 6.47, 91.6)}
    rows = ""
    for k, (g, a, p, t) in S.items():
        x = f"| {k} | {g} | {a} | {p:.2f} | {t} | {t/38.4:.2f}x |"
        if k in ("fp16", "q4"): x += R("e2") + R("e5")
        if k in ("fp16", "q3"): x += R("e1")
        if k == "q5": x += R("e3")
        rows += x + "\n"
    runs = [84.9, 85.6, 85.3, 84.7, 85.5]
    sub = {"reasoning": (51.5, 49.2), "coding": (44.0, 41.5), "reading": (78.3, 77.9), "facts": (75.8, 75.0)}
    srow = "".join(f"| {k} | {a} | {b} | {b-a:+.1f}pp |\n" for k, (a, b) in sub.items())
    assert abs(mean([v[0] for v in sub.values()])-62.4) < .051 and abs(mean([v[1] for v in sub.values()])-60.9) < .051
    doc("r03.md", "executive summary + details + conclusion, quantised model formats in a table", f"""
# Quantised checkpoints of the 7B house model

## Executive summary

We compared five storage formats of our 7B model. The recommended format is q4: it is {E("e5", "2.42x")} as fast as fp16,
its file is {E("e2", "72.1%")} smaller, and it gives up 1.5 percentage points of average accuracy. The q5 format reaches
{E("e3", "76.8 tok/s")} and is the fallback for the code assistant. We advise against q3, whose accuracy is
{E("e1", "5.4%")} lower in relative terms than that of fp16.

## Method

- Card: one 24GB workstation GPU, driver 560.35.03
- Decode with batch 1, 256 new tokens, greedy; 5 timed runs after 2 warm-up runs
- Accuracy is the unweighted mean over 4 task groups (reasoning, coding, reading, facts), 0-shot
- Perplexity on a 300k-token held-out slice of our own documentation, context 2048
- Calibration set for q3, q4 and q5: 512 sequences, seed 1234

## Results

| format | file (GB) | accuracy (%) | perplexity | tok/s | speed vs fp16 |
|---|---:|---:|---:|---:|---:|
{rows}
The price of each step is visible. From int8 to q5 we save {7.4-5.1:.1f} GB and lose {62.1-61.6:.1f}pp; from q4 to q3 we save only
{4.2-3.3:.1f} GB and lose {60.9-57.0:.1f}pp. Perplexity tells the same story, rising by {apc(5.68, 5.93)} from fp16 to q4 and by
{apc(5.68, 6.47)} from fp16 to q3.

### Run-to-run noise of q4

The five timed runs gave {", ".join(map(str, runs))} tok/s, on average {E("e4", "85.9")} tok/s, with a range of
{min(runs)} - {max(runs)} (a spread of {max(runs)-min(runs):.1f} tok/s, about 1% of the mean). Noise is therefore no concern for the comparison.

### Accuracy by task group, fp16 against q4

| group | fp16 | q4 | difference |
|---|---:|---:|---:|
{srow}| mean | 62.4 | 60.9 | -1.5pp |

Coding loses most, {44.0-41.5:.1f} points, which is {apc(44.0, 41.5)} of its fp16 score. Reading hardly moves.

### Memory at serving time

With a 4k context and fp16 KV cache (2.1 GB), q4 needs 4.2 + 2.1 = 6.3 GB, so it fits an 8GB card with 1.7 GB to spare. The
int8 file needs 7.4 + 2.1 = 9.5 GB and therefore a 12GB card.

## Conclusion

Ship q4 by default and q5 ({R("e3", "74.3 tok/s")}) for code completion. Drop q3. The fp16 file stays available for evaluation runs, which are
not latency-critical: at 38.4 tok/s a 256-token sample takes {256/38.4:.1f} s instead of the {256/85.2:.1f} s of q4.
""", {
        "e1": lab("percent_change", "62.4 to 57.0 is -8.7 % relative; 5.4 is the difference in percentage points"),
        "e2": lab("percent_change", "14.2 to 4.2 GB is -70.4 %"),
        "e3": lab("two_values", "table and conclusion say 74.3 tok/s for q5"),
        "e4": lab("mean_of_list", "mean of the five runs is 85.2"),
        "e5": lab("ratio", "85.2 / 38.4 = 2.22x"),
    })
    assert abs(mean(runs)-85.2) < .05
r03()

# =====================================================================  r04  B  cost model
def r04():
    gpu, cpu, sto, net, ops = 5840, 1210, 690, 415, 1100
    tot = gpu+cpu+sto+net+ops          # 9255
    capex, opm = 118000, 2650
    sav = tot-opm                      # 6605
    be = capex/sav
    sh = [q(v/tot*100) for v in (gpu, cpu, sto, net, ops)]
    bad = q(sh[1]+4.0)
    req = 46.0                         # million per month
    doc("r04.md", "finance-flavoured memo: monthly and annual cost tables, shares, break-even", f"""
# Cost model: hosted inference vs. own rack

Memo to the platform group. Prices as quoted on 3 June 2025, in USD, without VAT. Exchange-rate effects are ignored.

## Summary

| | hosted | own rack |
|---|---:|---:|
| up-front | $0 | $118,000 |
| per month | {R("e1", f"${tot:,}")}{R("e2")} | {R("e6", f"${opm:,}")} |
| per year (x 12) | {E("e2", "$101,060")} | ${opm*12:,} |

The own rack saves ${sav:,} a month against hosting. The purchase pays for itself after {E("e3", "13.4 months")}. {R("e3")}
After three years the own rack has cost ${capex+36*opm:,}, hosting ${36*tot:,}, so we are ${36*tot-capex-36*opm:,} ahead.

## 1. Hosted: what we pay now

Invoice averages of March to May 2025.

| item | $/month | share |
|---|---:|---:|
| GPU instances (2 x g-large) | {gpu:,}{R('e1')}{R('e4')} | {sh[0]}% |
| CPU instances (6 x c-medium) | {cpu:,}{R('e1')}{R('e4')} | {E("e4", f"{bad}%")} |
| block + object storage | {sto:,}{R('e1')}{R('e4')} | {sh[2]}% |
| egress | {net:,}{R('e1')}{R('e4')} | {sh[3]}% |
| managed services | {ops:,}{R('e1')}{R('e4')} | {sh[4]}% |
| **Total** | **{E("e1", "9,355")}** | **100%** |

Storage and egress together are ${sto+net:,} a month, {(sto+net)/tot*100:.1f}% of the bill. The GPU instances alone make up
nearly two thirds. Two of them at ${gpu//2:,} each are ${gpu:,}.

## 2. Volume

We serve {req:.1f} million requests a month on average. With 30 days of 86,400 s that is {req*1e6/30/86400:.1f} req/s, or
{E("e5", "1,774 req/min")}; the peak minute of May had 3,912. {R("e5")}
Per thousand requests the hosted bill comes to ${tot/req/1000:.3f}.

## 3. Own rack

One-off:

- 2 servers with 4 GPUs each: 2 x $51,500 = $103,000
- switch, cables, rails: $6,400
- spare parts: $8,600
- sum: $118,000

Monthly:

| item | $/month |
|---|---:|
| colocation, 12 U | 980 |
| power, 3.4 kW average | 620 |
| remote hands | 250 |
| maintenance contract | 800 |
| Total | {980+620+250+800:,} |

Power: 3.4 kW x 720 h = {3.4*720:,.0f} kWh a month; at $0.253/kWh that is ${3.4*720*.253:.0f}, rounded to $620 for the budget (rounding up to the next ten).

## 4. Sensitivity

| case | hosted $/month | saving $/month | break-even (months) |
|---|---:|---:|---:|
| base | {tot:,} | {sav:,} | {be:.1f} |
| hosted price -10% | {tot*.9:,.0f} | {tot*.9-opm:,.0f} | {capex/(tot*.9-opm):.1f} |
| hosted price -25% | {tot*.75:,.0f} | {tot*.75-opm:,.0f} | {capex/(tot*.75-opm):.1f} |
| volume +30%, all items | {tot*1.3:,.0f} | {tot*1.3-opm:,.0f} | {capex/(tot*1.3-opm):.1f} |

## 5. Recommendation

Buy, if the finance team accepts a break-even time of about a year and a half. The monthly running cost falls from ${tot:,} to
${opm:,}, a reduction by {E("e6", "66.5%")}. Not included: staff time, which we estimate at 0.2 FTE in either case.
""".replace("| base |", "| base |" + R("e3")), {
        "e1": lab("sum", "5,840 + 1,210 + 690 + 415 + 1,100 = 9,255 (shares in the rows refer to 9,255)"),
        "e2": lab("conversion", "9,255 x 12 = 111,060"),
        "e3": lab("other", "118,000 / 6,605 = 17.9 months (also in the sensitivity table)", "decision"),
        "e4": lab("share", "1,210 of 9,255 is 13.1 %; shares add up to 104 %"),
        "e5": lab("conversion", "17.7 req/s x 60 is about 1,065 req/min"),
        "e6": lab("percent_change", "9,255 to 2,650 is -71.4 %"),
    })
    assert abs(tot-9255) < 1 and 103000+6400+8600 == capex and opm == 2650
    print("r04", tot, sav, be, sh, bad, req*1e6/30/86400*60, (tot-opm)/tot)
r04()

# =====================================================================  r05  A  Postgres upgrade
def r05():
    # tps; A = stock config on 15.6, B = tuned config on 15.6, new = tuned on 17.2
    A, B, N = 8412, 11937, 13284
    lat = {"A": (7.61, 6.20, 18.9), "B": (5.36, 4.41, 13.2), "N": (4.82, 3.87, 11.4)}  # mean p50 p95
    ph = [("reindex", 412, 297), ("vacuum (full)", 655, 618), ("analyze", 48, 51), ("restore from dump", 1930, 1486)]
    prow = "".join(f"| {n} | {a:,} | {b:,} | {b-a:+,} | {pc(a,b)} |\n" for n, a, b in ph)
    t1, t2 = sum(p[1] for p in ph), sum(p[2] for p in ph)
    qs = [("Q1", 3.42, 2.91), ("Q3", 1.88, 1.79), ("Q6", .74, .48), ("Q9", 6.05, 4.12), ("Q13", 2.37, 2.44), ("Q18", 7.90, 6.66)]
    qrow = "".join(f"| {n} | {a:.2f} | {b:.2f} | {pc(a,b)} | {a/b:.2f}x |\n" for n, a, b in qs)
    s1, s2 = sum(x[1] for x in qs), sum(x[2] for x in qs)
    g = random.Random(55)
    b5, n5 = samp(g, 11937, 70, 6, 0), samp(g, 13284, 90, 6, 0)
    b5[4], n5[1] = 11937.0, 13284.0   # the representative runs of the table
    w = welch(b5, n5)
    mb, mn = q(mean(b5), 0), q(mean(n5), 0)
    LA, LB, LN = lat["A"], lat["B"], lat["N"]
    doc("r05.md", "numbered sections, two baselines (A/B), mean vs p50, per-phase tables, both readings of 'faster'", f"""
# PostgreSQL 15.6 -> 17.2: upgrade benchmark

Version 1.3 of this report (2025-04-22). Changes to 1.2: section 4 repeated after the disk swap; numbers elsewhere unchanged.

## 1 Scope

1.1 We compare three set-ups. **Baseline A** is 15.6 with the packaged configuration, **baseline B** is 15.6 with our tuned
`postgresql.conf` (37 changed lines), **new** is 17.2 with the same tuned file minus 2 settings that no longer exist.

1.2 Hardware: 1 database host (32 cores, 256 GB), 1 driver host. PostgreSQL listens on port 5432, the pooler on 6432.

1.3 The acceptance criteria of ticket DB-1704 are: at least 10% more transactions per second than baseline B; p95 under 15 ms.

## 2 OLTP, pgbench-like

Scale 2000, 64 clients, 20 minutes, 6 repeats. One representative run each:

| | A | B | new | new vs A | new vs B |
|---|---:|---:|---:|---:|---:|
| tps | {A:,} | {B:,} | {N:,} | {pc(A,N)} | {pc(B,N)} |
| mean latency (ms) | {LA[0]} | {LB[0]} | {LN[0]} | {pc(LA[0],LN[0])} | {pc(LB[0],LN[0])} |
| p50 latency (ms) | {LA[1]:.2f} | {LB[1]} | {LN[1]} | {pc(LA[1],LN[1])} | {pc(LB[1],LN[1])} |
| p95 latency (ms) | {LA[2]} | {LB[2]} | {LN[2]} | {pc(LA[2],LN[2])} | {pc(LB[2],LN[2])} |

Most of the gain over baseline A is configuration, not version: A to B alone is {pc(A,B)}, B to new is {pc(B,N)}.
(The two do not add up to {pc(A,N)}; they multiply: {B/A:.3f} x {N/B:.3f} = {N/A:.3f}.)

The six repeats for B were {", ".join(f"{v:,.0f}" for v in b5)} tps (mean {mb:,.0f}, SD {sd(b5):.0f}) and for the new version
{", ".join(f"{v:,.0f}" for v in n5)} tps (mean {mn:,.0f}, SD {sd(n5):.0f}). The difference of the means is {w['d']:,.0f} tps, 95% CI
[{w['lo']:,.0f}, {w['hi']:,.0f}], p < 0.001. Note that the table shows single runs, so {N:,} and {mn:,.0f} are different quantities.

## 3 Analytical queries

Six queries from the reporting set, median of 9 runs, seconds. Baseline B against new.

| query | 15.6 | 17.2 | change in time | speed-up |
|---|---:|---:|---:|---:|
{qrow}| sum | {s1:.2f} | {s2:.2f} | {pc(s1,s2)} | {s1/s2:.2f}x |

Q6 gains most in relative terms: it takes {apc(.74,.48)} less time, in other words it is {apc(.48,.74)} faster when you count queries per
hour. Q9 gains most in absolute terms ({6.05-4.12:.2f} s). Q13 is the only one that got slower, by {2.44-2.37:.2f} s ({pc(2.37,2.44)}); we filed
that upstream, bug 18611. Overall the set finishes in a bit over four fifths of the time.

## 4 Maintenance jobs

Seconds, one run each, after the disk swap of 2025-04-17.

| job | 15.6 | 17.2 | diff (s) | diff (%) |
|---|---:|---:|---:|---:|
{prow}| total | {t1:,} | {t2:,} | {t2-t1:+,} | {pc(t1,t2)} |

The nightly window shrinks from {t1/60:.1f} min to {t2/60:.1f} min. The budget is 60 min. (Version 1.2 of this report said 58 min for
15.6; that was on the old disk.)

## 5 Cold start

After `systemctl restart`, with an empty page cache, the first 1,000 transactions take 9.4 s on 15.6 and 9.1 s on 17.2, so there is no
difference worth mentioning (~3%). Warm, the same 1,000 take about 0.1 s in either version.

## 6 Verdict

Both criteria of 1.3 are met: {pc(B,N)} tps against baseline B (needed: +10%), p95 {LN[2]} ms (needed: < 15 ms). Upgrade window: 2025-05-10,
22:00 to 02:00, i.e. 4 hours, of which the restore should take about {1486/60:.0f} minutes.
""")
r05()

# =====================================================================  r06  B  compilers
def r06():
    K = [("lexer", 184.2, 161.5), ("raytrace", 952.0, 811.3), ("json", 66.8, 58.0), ("sha3", 120.4, 123.7),
         ("nbody", 340.9, 338.2), ("regex", 218.5, 165.1)]
    rows = ""
    for n, a, b in K:
        ch = pc(a, b)
        x = f"| {n} | {a:.1f} | {b:.1f} | {ch} | {a/b:.2f}x |"
        if n == "sha3": x = f"| {n} | {a:.1f} | {b:.1f} | {E('e1', '-2.7%')} | {a/b:.2f}x |"
        if n == "regex": x += R("e2")
        if n == "raytrace": x += R("e3") + R("e4")
        if n == "json": x += R("e5")
        rows += x + "\n"
    size = [("-O2", 4.81), ("-O3", 5.36), ("-O3 + LTO", 4.52), ("-O3 + LTO + PGO", 4.38)]
    srow = "".join(f"| {n} | {v:.2f} | {pc(4.81,v) if i else '-'} |\n" for i, (n, v) in enumerate(size))
    bt = [("front end", 41.2), ("optimiser", 58.9), ("LTO link", 73.4), ("profile run", 26.5)]
    sp = [a/b for _, a, b in K]
    doc("r06.md", "README of a compiler-flag study, before/after/change table", f"""
# pgo-study

Does it pay to build our command-line tools with link-time optimisation *and* profile feedback? This repository holds the
scripts and the results. Compiler: clang 19.1.7, linker lld, Debian 12, one desktop with a Ryzen 9 at a fixed 4.2 GHz.

## Quick start

```sh
git clone ssh://git.internal:2222/perf/pgo-study && cd pgo-study
make CONFIG=O2 all && make CONFIG=O3-lto-pgo all
python3 bench.py --reps 15 --cpu 3 --drop 2
```

15 repetitions are run, the first 2 dropped; the table holds medians of the other 13.

## Results at a glance

* {E("e2", "sha3")} profits most from profile feedback. {R("e2")}
* raytrace gets faster by {E("e3", "140.7%")} and finishes in 811.3 ms.
* json is {E("e5", apc(66.8, 58.0) + " slower")} than before.
* The binaries get smaller as well ({pc(4.81, 4.38)} against `-O2`).

## Run time

Milliseconds, lower is better. "before" = `-O2`, "after" = `-O3 -flto -fprofile-use`.

| kernel | before | after | change | speed-up |
|---|---:|---:|---:|---:|
{rows}
The mean of the six speed-ups is {E("e6", "1.22x")}; the largest is {max(sp):.2f}x and the smallest {min(sp):.2f}x. {R("e6")}

In sha3 the inner loop was already unrolled by hand and the profile makes the inliner too eager. We see the extra 3.3 ms on every
machine we tried. nbody does not care ({pc(340.9, 338.2)}), as expected for a loop that is bound by the divider.

## Binary size

Stripped, MB, sum over the 6 tools.

| flags | size | vs -O2 |
|---|---:|---:|
{srow}
`-O3` alone costs {5.36-4.81:.2f} MB. LTO takes that back and more.

## Build time

Seconds on 16 threads for a clean build of the `O3-lto-pgo` configuration:

| step | s |
|---|---:|
{"".join(f"| {n} | {v} |{chr(10)}" for n, v in bt)}| total | {sum(v for _, v in bt):.1f} |

An `-O2` build needs 88.0 s, so the full recipe takes {sum(v for _, v in bt)/88:.2f}x as long. In CI we therefore only use it for release tags (about
2 a week).

## Verdict

Use it for raytrace ({R("e4", "811.3 ms")}) and regex. On the slowest of the six kernels, raytrace, we go from {E("e4", "925.0 ms")} to 811.3 ms.

## Licence

MIT. See `LICENSE`, 21 lines.
""", {
        "e1": lab("direction", "120.4 to 123.7 is +2.7 % (slower); sign swapped"),
        "e2": lab("best", "regex has the largest speed-up (1.32x); sha3 got slower", "decision"),
        "e3": lab("percent_change", "140.7 is the difference in ms; 952.0 to 811.3 is -14.8 %"),
        "e4": lab("two_values", "the table has 952.0 ms for raytrace before"),
        "e5": lab("direction", "66.8 to 58.0 ms is faster, not slower", "decision"),
        "e6": lab("mean_of_list", f"mean of the speed-ups is {mean(sp):.3f}"),
    })
    print("r06", sp, mean(sp), pc(120.4, 123.7))
r06()

# =====================================================================  r07  B  message broker changelog
def r07():
    doc("r07.md", "changelog of a message broker with performance notes per release", f"""
# Changelog

All notable changes to **parcelq**, our message broker. Performance figures come from `bench/steady.toml`: 3 nodes, replication
factor 3, 1 KiB messages (1 KiB = 1024 bytes), 24 partitions, unless a line says otherwise.

## [3.2.0] - 2025-05-19

### Performance

- Steady publish rate up from {R("e1", "412k")} to 486k msg/s, {E("e1", "+15.2%")}. That is {486*1024/1000:.0f} MB/s of payload per cluster, or
  {E("e2", "2,986 GB per hour")}. {R("e2")}
- End-to-end p50 down from 3.9 ms to 3.1 ms ({pc(3.9,3.1)}), p99 from 21.4 ms to 14.8 ms ({pc(21.4,14.8)}).
- A consumer group now rebalances in 1.6 s, before 4.0 s: {4.0/1.6:.1f}x faster.
- Broker memory with 10,000 idle connections: 612 MB, was 940 MB, a reduction by {apc(940,612)}.
- Compression with level 3 instead of 6 as default: 38% larger on disk, 2.1x faster to write.

### Fixed

- #2207: segment roll could stall publishing for up to 900 ms.
- #2219, #2231: wrong offset after an unclean restart (2 of 24 partitions in the reproduction, i.e. {2/24*100:.1f}%).

### Changed

- Default port of the admin API is 9644 (was 9640).
- Minimum kernel is 5.15.

## [3.1.2] - 2025-03-03

- Fixes a regression of 3.1.1 in the fetch path: fetch p99 back from 33.0 ms to 21.5 ms.
- No other performance changes.

## [3.1.1] - 2025-02-20

- Security release (2 advisories, both moderate).
- Known problem: fetch p99 is about 50% higher than in 3.1.0, see #2160. Fixed in 3.1.2.

## [3.1.0] - 2025-01-28

### Performance

- Publish rate {R("e1", "412k msg/s")} (3.0.4: 355k), {pc(355,412)}.
- Zero-copy fetch: CPU time per delivered GB falls from 2.40 s to 1.50 s, so the same CPU delivers {E("e3", "2.1x")} as many bytes.{R("e3")}
- Start-up with 5,000 segments: 12.5 s ({E("e4", "1,250 ms")} in the log line, which counts in ms). 3.0.4 needed 19.0 s.{R("e4")}
- Index memory: 96 bytes per message batch instead of 128, {pc(128,96,0)}.

### Benchmark matrix for this release

| acks | partitions | k msg/s | p50 ms | p99 ms |
|---|---:|---:|---:|---:|
| 1 | 24 | 655 | 1.8 | 9.6 |
| all | 24 | 412 | 3.9 | 21.4 |
| all | 96 | 398 | 4.4 | {E("e5", "4.1")} |
| all, fsync | 24 | 141 | 11.7 | 52.3 |

`acks=1` is {655/412:.2f}x as fast as `acks=all` with 24 partitions. Going to 96 partitions costs {apc(412,398)}. With fsync on every
batch we keep {141/412*100:.0f}% of the rate.

## [3.0.4] - 2024-11-12

- Publish rate 355k msg/s, unchanged since 3.0.2.
- Start-up with 5,000 segments: {R("e6", "19.0 s")}.

## [3.0.2] - 2024-09-30

- Publish rate up {pc(318,355)} to 355k msg/s (3.0.0: 318k).
- Recovery of one lost node with 800 GB: 41 min at 325 MB/s.

## Upgrade notes

Since 3.0.4 start-up with 5,000 segments has gone from {E("e6", "21.0 s")} to 12.5 s; plan rolling restarts of a 3-node cluster with about a
minute per node, including the health checks. From 3.0.0 to 3.2.0 the publish rate has risen from 318k to 486k msg/s, or
{pc(318,486)} in total.
""".replace("3.0.4 needed 19.0 s.", "3.0.4 needed " + R("e6", "19.0 s") + "."), {
        "e1": lab("percent_change", "412 to 486 is +18.0 %"),
        "e2": lab("conversion", "498 MB/s x 3600 s = 1,792 GB per hour"),
        "e3": lab("ratio", "2.40 / 1.50 = 1.6x"),
        "e4": lab("conversion", "12.5 s = 12,500 ms"),
        "e5": lab("order", "p99 4.1 ms is below p50 4.4 ms in the same row"),
        "e6": lab("two_values", "3.0.4 entry and 3.1.0 entry give 19.0 s"),
    })
    print("r07", 486*1.024*3.6, 800e3/325/60)
r07()

# =====================================================================  r08  A  changelog JSON parser
def r08():
    g = random.Random(88)
    x = samp(g, 3.18, .04, 5, 2)
    ser = [("1.0.0", "2023-10-05", 1.21), ("1.1.0", "2024-01-17", 1.64), ("1.2.0", "2024-06-03", 2.05), ("1.3.0", "2024-11-21", 2.47), ("2.0.0", "2025-02-27", 3.18)]
    rows = ""
    for i, (v, d, t) in enumerate(ser):
        rows += f"| {v} | {d} | {t:.2f} | {pc(ser[i-1][2],t) if i else '-'} | {t/1.21:.2f}x |\n"
    ci = hw(sd(x), 5)
    doc("r08.md", "release notes with a version history table; percent vs previous and vs first release, versions/dates/hashes/line counts as traps", f"""
# Release notes: quickjay 2.0.0

*27 February 2025, tag `v2.0.0`, commit `0e4d91b`, sha256 of the tarball starts with `5e7710c2`.*

This is the first release that needs C++20. It changes 214 files, +9,812/-6,377 lines (net +{9812-6377:,}), and closes 46 issues, among them
#318, #404 and #512.

## Speed

Parsing `twitter-like.json` (631 kB) from memory, GB/s, one core of the reference machine (4.9 GHz turbo, DDR5-6000):

| version | released | GB/s | vs previous | vs 1.0.0 |
|---|---|---:|---:|---:|
{rows}
So 2.0.0 parses {apc(2.47,3.18)} more bytes per second than 1.3.0. Said differently, a given file now needs {apc(1/2.47,1/3.18)} less time. Both
statements are about the same measurement.

Five more runs of 2.0.0 on another day: {", ".join(f"{v:.2f}" for v in x)}; mean {mean(x):.2f}, SD {sd(x):.3f}, 95% CI
[{mean(x)-ci:.2f}, {mean(x)+ci:.2f}]. The table shows the release run, which is not one of these five.

The 631 kB file takes about 0.2 ms at that rate (631 kB / 3.18 GB/s = {631/3.18:.0f} µs).

### Other files

| file | size | 1.3.0 (GB/s) | 2.0.0 (GB/s) | change |
|---|---:|---:|---:|---:|
| canada-like.json | 2.25 MB | 0.98 | 1.12 | {pc(.98,1.12)} |
| citm-like.json | 1.73 MB | 2.90 | 3.94 | {pc(2.90,3.94)} |
| numbers.json | 150 kB | 0.91 | 1.13 | {pc(.91,1.13)} |
| deep-64.json | 12 kB | 1.70 | 1.61 | {pc(1.70,1.61)} |

`deep-64.json`, with 64 nested arrays, is the only one that lost; the new stack check costs two branches per level. We consider that
acceptable (our own limit for a regression is 10%). The largest gain is citm-like.json, by more than a third.

### Writing

Serialisation is up from 1.30 to 1.85 GB/s ({pc(1.30,1.85)}, or {1.85/1.30:.2f}x). Pretty printing with indent 2 is unchanged at 0.74 GB/s.

## Memory

- A DOM of the 1.73 MB file occupies 5.1 MB, 1.3.0 took 7.9 MB: {7.9-5.1:.1f} MB or roughly a third less.
- `sizeof(value)` is 16 bytes, was 24.
- The tape mode allocates exactly 2 blocks instead of up to 31.

## Compile time

Including the single header costs 1.9 s at `-O2` (1.3.0: 1.4 s), i.e. {pc(1.4,1.9,0)}. We know that this hurts; 2.1 is planned to split it in 3 headers.
The header has 11,204 lines.

## Compatibility

Tested with gcc 11 to 14, clang 15 to 19 and MSVC 19.38: {4+5+1} compilers in all (4 gcc, 5 clang, 1 MSVC), most of them with two standard
library settings, 18 jobs. All 18 are green. 1,318 unit tests, of which 1,311 pass on every platform and 7 are skipped on
big-endian, i.e. 0.5%.

## Earlier numbers you may have seen

The blog post of June 2024 said "2.3 GB/s" for version 1.2.0. That was on another machine (5.7 GHz turbo). On the reference machine, 1.2.0 does 2.05
GB/s as in the table. The README of 1.1 claimed "nearly 40% faster than 1.0", which was computed from 1.18 and 1.64 GB/s, the 1.0.0 value
from before the turbo fix; today we would say {pc(1.21,1.64)}.

## Roadmap

- 2.0.1 (March): fixes only
- 2.1 (Q3 2025): target 3.5 GB/s on `twitter-like.json`, +10%
- 3.0: no date
""")
r08()

# =====================================================================  r10  B  agents EN / ES
def r10():
    n = 18
    T = [("ferry-large", 14, 11), ("ferry-small", 10, 7), ("tern-8b", 8, 8), ("osprey", 13, 13)]
    rows = ""
    for k, e, s in T:
        ep, sp = f"{e/n*100:.1f}%", f"{s/n*100:.1f}%"
        if k == "tern-8b": sp = E("g1", "46.0%")
        x = f"| {k} | {ep} | {sp} | {(e+s)/36*100:.1f}% |"
        x += {"osprey": R("e4"), "ferry-large": R("e4") + R("e5"), "ferry-small": R("e2"), "tern-8b": ""}[k]
        rows += x + "\n"
    assert not grim_ok("46.0", 18) and not grim_ok("71.0", 18) and not grim_ok("79.6", 18)
    W = lambda k: "[{:.1f}, {:.1f}]".format(*wilson(k, 36))
    steps = [9, 11, 8, 14, 10, 9, 12, 10, 13, 11, 9, 16, 8, 10]
    assert len(steps) == 14
    c = [.42, .09, .05, .38]
    doc("r10.md", "research-note style, success counts out of 18, percentage points, English and Spanish task sets", f"""
# Booking agents in English and Spanish

Does the language of the task matter? Four models, 18 tasks, each written once in English and once in Spanish by the same two authors.
Every task was tried once per language, which makes 4 x 18 x 2 = {E("e1", "154")} episodes.

## Setting

- Environment: our mock travel site, release 0.9.4, 11 pages, reset before each episode
- Limit: 25 steps or 300 s, whichever comes first
- Temperature 0.2; seed 7
- Success: final database state equals the expected one (checked by script, no judge model)

## Success rates

n = 18 per cell, so one task is worth {100/18:.1f}pp; the last column pools both languages (n = 36).

| model | English | Spanish | both |
|---|---:|---:|---:|
{rows}
osprey solves 13 of 18 in either language ({13/18*100:.1f}%). With a second try in Spanish, ferry-large would solve {E("g2", "71.0%")} of
its 18 tasks. By switching from English (10 of 18) to Spanish (7 of 18), ferry-small loses {E("e2", f"{(10-7)/18*100:.1f}%")} of its successes.

The best pooled rate is that of {E("e4", "ferry-large")}, although the lead is small and within the noise.

## Uncertainty

With 36 episodes the intervals are wide. For osprey the pooled rate of {26/36*100:.1f}% has a 95% Wilson interval of {W(26)}.
For ferry-small, 17 of 36 ({17/36*100:.1f}%), it is {W(17)}. For tern-8b with its pooled {R("g1", f"{16/36*100:.1f}%")} the interval is {E("e6", "[46.2, 75.9]")}.
We would need some 200 tasks to separate the two larger models.

## Steps

The 14 successful English episodes of ferry-large needed {", ".join(map(str, steps))} steps, on average {mean(steps):.1f} (median {med(steps):.1f}, min {min(steps)},
max {max(steps)}). In Spanish the mean over its 11 successes was 12.4 steps, {pc(q(mean(steps),1),12.4,0)}.

## Cost

| model | tokens per episode (k) | $ per episode | $ for its 36 episodes |
|---|---:|---:|---:|
| ferry-large | 61.0 | 0.42 | {36*.42:.2f} |
| ferry-small | 74.5 | 0.09 | {36*.09:.2f} |
| tern-8b | 88.1 | 0.05 | {36*.05:.2f} |
| osprey | 57.3 | 0.38 | {36*.38:.2f} |

All four together cost ${36*sum(c):.2f}. Per *solved* task, osprey costs ${36*.38/26:.2f} and ferry-small ${36*.09/17:.2f}.

## What we conclude

1. The gap between languages is large for ferry-small, at {(10-7)/18*100:.1f}pp, the same number of tasks (3) as for ferry-large.
2. For osprey and tern-8b we see no gap worth reporting.
3. ferry-large reaches {E("e5", "79.6%")} in English, the highest single rate in the study.
4. Nobody should read more than two digits of these percentages.
""", {
        "e1": lab("product", "4 x 18 x 2 = 144"),
        "g1": lab("grim", "no k of 18 gives 46.0 % (8/18 = 44.4 %); pooled 44.4 % = 16 of 36 implies 8"),
        "g2": lab("grim", "no k of 18 gives 71.0 % (12/18 = 66.7 %, 13/18 = 72.2 %)"),
        "e2": lab("percent_change", "3 of 10 successes lost is 30 %; 16.7 is the difference in percentage points"),
        "e4": lab("best", "osprey has 72.2 % pooled, ferry-large 69.4 %", "decision"),
        "e5": lab("two_values", "table: 14/18 = 77.8 %; 79.6 % is also impossible for n = 18"),
        "e6": lab("interval", "interval does not contain its own estimate 44.4 %"),
    })
r10()

# =====================================================================  r09 / r22  C  serverless cold start (pair)
def r09_22():
    n = 400
    cold = {"node-20": (212, 187, 402), "python-3.12": (268, 241, 511), "wasm": (31, 28, 57)}
    cost = 1_000_000*0.25*0.128/1000  # GB-s in thousands
    doc("r09.md", "README of a cold-start benchmark; pair with r22.html, which repeats three numbers differently", f"""
# coldstart-bench

Measures how long a function takes to answer its first request after it was scaled to zero. Used for the decision whether the
image-resize function moves to WebAssembly.

## Method

* 3 runtimes: node-20, python-3.12, wasm (component model, ahead-of-time compiled)
* region eu-2, memory limit 128 MB, handler of 40 lines that resizes a 24 kB JPEG
* {R("c2", "400 cold invocations per runtime")}, spread over 5 days (2025-01-13 to 2025-01-17), 80 a day
* time is taken at the client: send of request to last byte, minus the median network time of 11 ms

3 runtimes x 400 = 1,200 invocations in total.

## Cold start (ms)

| runtime | mean | p50 | p95 |
|---|---:|---:|---:|
{"".join(f"| {k} | {a} | {b} | {c} |{R('c1') if k=='wasm' else ''}{chr(10)}" for k, (a, b, c) in cold.items())}
{E("c1", "The median cold start of wasm is 28 ms")}, {241/28:.1f}x shorter than that of python-3.12 (241 ms) and {187/28:.1f}x shorter than that of
node-20 (187 ms).

## Warm (ms)

| runtime | mean | p50 | p95 |
|---|---:|---:|---:|
| node-20 | 9.8 | 9.1 | 14.2 |
| python-3.12 | 15.3 | 14.6 | 21.0 |
| wasm | 11.2 | 10.9 | 13.5 |

Warm, wasm is {apc(9.1,10.9)} slower than node-20 at the median, because the JPEG decoder has no SIMD there.

## Size and memory

| runtime | package | peak memory |
|---|---:|---:|
| node-20 | 4.1 MB | 71 MB |
| python-3.12 | 9.6 MB | 58 MB |
| wasm | 1.3 MB | {R("c3", "19 MB")} |

{E("c3", "Peak memory of the wasm function is 19 MB")}, {apc(71,19)} below node-20.

## Reproduce

```
pip install -r requirements.txt      # 6 packages
./deploy.sh eu-2 128
./run.py --runtime wasm --n 80 --idle 900
```

`--idle 900` waits 15 minutes (900 s) between calls so that the platform scales to zero. 80 calls take 20 hours.

## Limitations

One region, one memory size, one handler. Values for 256 MB are in `extra/`, they differ by less than 5%.
{E("c2", "n = 400 per runtime")} is enough for the median, for the p99 we would want more.
""", {
        "c1": lab("two_values", "r22.html says the median cold start of wasm is 34 ms", "inconsistent", other_doc="r22.html"),
        "c2": lab("two_values", "r22.html says 300 cold invocations per runtime", "inconsistent", other_doc="r22.html"),
        "c3": lab("two_values", "r22.html says peak memory of the wasm function is 23 MB", "inconsistent", other_doc="r22.html"),
    })
    tr = lambda *c: "      <tr>" + "".join(f"<td>{x}</td>" for x in c) + "</tr>"
    rows = "\n".join([tr("node-20", 187, 9.1, "71 MB"), tr("python-3.12", 241, 14.6, "58 MB"),
                      tr("wasm", R("c1", "34"), 10.9, R("c3", "23 MB"))])
    doc("r22.html", "HTML status page with cards and a table; pair with r09.md", f"""
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Image resize: move to WebAssembly?</title>
  <style>
    body {{ font: 16px/1.5 sans-serif; max-width: 860px; margin: 2em auto; color: #222; }}
    .card {{ display: inline-block; width: 30%; padding: 12px; background: #f4f6f8; }}
    td, th {{ padding: 4px 10px; border-bottom: 1px solid #ccc; text-align: right; }}
  </style>
</head>
<body>
  <h1>Image resize: move to WebAssembly?</h1>
  <p>Decision page for the steering group, 29 January 2025. The data come from the coldstart-bench repository
     (measurement week 13 to 17 January 2025, region eu-2, 128 MB memory limit).</p>

  <div class="card"><b>{E("c1", "34 ms")}</b><br>median cold start of wasm</div>
  <div class="card"><b>{241/34:.1f}x</b><br>shorter than python-3.12 (241 ms)</div>
  <div class="card"><b>{E("c3", "23 MB")}</b><br>peak memory of the wasm function</div>

  <h2>Numbers</h2>
  <table>
    <thead>
      <tr><th>runtime</th><th>cold p50 (ms)</th><th>warm p50 (ms)</th><th>peak memory</th></tr>
    </thead>
    <tbody>
{rows}
    </tbody>
  </table>
  <p>Each runtime was started cold {E("c2", "300 times")}, {R("c2", "3 x 300 = 900 cold invocations")} altogether.</p>

  <h2>What it means for users</h2>
  <ul>
    <li>About 6% of all requests hit a cold instance. Today (node-20) they wait 187 ms at the median, with wasm 34 ms,
        that is {apc(187,34)} less.</li>
    <li>Warm requests get {10.9-9.1:.1f} ms slower at the median (9.1 ms to 10.9 ms, {pc(9.1,10.9)}).</li>
    <li>Peak memory drops by {71-23} MB, from 71 MB to 23 MB.</li>
  </ul>

  <h2>Cost</h2>
  <p>We have 12 million invocations a month. At $0.35 per million that is ${12*.35:.2f} a month or ${12*.35*12:.2f} a year for requests,
     independent of the runtime. Compute time is billed in steps of 1 ms and rises by about 20% with the warm time.</p>

  <h2>Recommendation</h2>
  <p>Go ahead for the public endpoint, where cold starts hurt. Keep node-20 for the batch endpoint, which is always warm.</p>
  <p><small>Contact: functions team, room 4.17. Page version 3.</small></p>
</body>
</html>
""", {
        "c1": lab("two_values", "r09.md says the median cold start of wasm is 28 ms", "inconsistent", other_doc="r09.md"),
        "c2": lab("two_values", "r09.md says 400 cold invocations per runtime, 1,200 in total", "inconsistent", other_doc="r09.md"),
        "c3": lab("two_values", "r09.md says peak memory of the wasm function is 19 MB", "inconsistent", other_doc="r09.md"),
    })
r09_22()

# =====================================================================  r11  A  GPU kernels
def r11():
    g = random.Random(11)
    peak = 148.5
    sh = [(1024, 61.8, 88.4), (2048, 92.3, 112.7), (4096, 108.1, 124.9), (8192, 112.6, 127.3)]
    rows = ""
    for m, a, b in sh:
        us = 2*m**3/(b*1e12)*1e6
        rows += f"| {m} | {a} | {b} | {b/a:.2f}x | {b/peak*100:.1f}% | {us:,.0f} |\n"
    t = samp(g, 1114, 6, 9, 0); assert min(t) > 1100
    t = [float(int(v)) for v in t]
    lo, hi = boot(g, t, med)
    ab = [("baseline (naive tiles)", 74.0), ("+ double buffering", 89.6), ("+ swizzled shared memory", 103.4), ("+ 128x256 tiles", 118.2), ("+ persistent CTAs", 124.9)]
    arow = ""
    for i, (n, v) in enumerate(ab):
        arow += f"| {n} | {v} | {'-' if i==0 else f'{v-ab[i-1][1]:+.1f}'} | {'-' if i==0 else pc(ab[i-1][1], v)} | {'-' if i==0 else pc(74.0, v)} |\n"
    doc("r11.md", "GPU kernel README: peak vs mean, roofline shares, ablation table with two percent columns, code", f"""
# hgemm-tiles

FP16 matrix multiply with FP32 accumulation for one workstation card: 84 SMs, 16GB GDDR6X, compute capability 8.9, 1.77 GHz locked
(`nvidia-smi -lgc 1770`). Driver 550.90.07, toolkit 12.4. The data sheet peak is **{peak} TFLOPS** at boost clocks; every "% of peak"
below refers to that number, although the locked clock makes it unreachable.

## Usage

```cuda
// 128x256x32 tiles, 8 warps, 3 stages: 3 * (128 + 256) * 32 * 2 bytes = {3*(128+256)*32*2:,} bytes of shared memory
hgemm<128, 256, 32, 3><<<grid, 256, {3*(128+256)*32*2}>>>(A, B, C, M, N, K);
```

## Square matrices

M = N = K, row-major A, column-major B, best of 20 for each kernel. TFLOPS = 2·M³ / time.

| M | vendor library 12.3 | this kernel | ratio | of peak | time (µs) |
|---:|---:|---:|---:|---:|---:|
{rows}
The peak of this kernel is 127.3 TFLOPS (M = 8192), its mean over the four sizes is {mean([x[2] for x in sh]):.1f} TFLOPS. The vendor library's mean is
{mean([x[1] for x in sh]):.1f}. The advantage shrinks with size, from {pc(61.8,88.4)} at 1024 to {pc(112.6,127.3)} at 8192.

Nine single timings at M = 4096 ({", ".join(f"{v:,.0f}" for v in t)} µs) have the median {med(t):,.0f} µs; the bootstrap 95% interval of the median
is [{lo:,.0f}, {hi:,.0f}] µs. Best of 20, as used in the table, is of course lower or equal.

## Ablation at M = 4096

Each row adds one technique to the row above.

| variant | TFLOPS | gain | vs row above | vs baseline |
|---|---:|---:|---:|---:|
{arow}
The gains sum up to {124.9-74.0:.1f} TFLOPS. The largest single step in absolute terms is double buffering (+{89.6-74.0:.1f}), which is also the largest
in relative terms. From naive tiles to the final kernel it is {124.9/74.0:.2f}x.

"Baseline" in this section is our own first kernel. It isn't the baseline of the nightly dashboard, which shows 108.1 (vendor library).

## Skinny matrices

Decode-like shapes, M = 16, N = K = 4096. These are limited by memory: B has 4096 x 4096 x 2 bytes = {4096*4096*2/1e6:.1f} MB ({4096*4096*2/2**20:.0f} MiB).

| kernel | time (µs) | GB/s for B | of 716.8 GB/s |
|---|---:|---:|---:|
| vendor library 12.3 | 61.2 | {4096*4096*2/61.2e-6/1e9:.0f} | {4096*4096*2/61.2e-6/1e9/716.8*100:.0f}% |
| this kernel | 68.9 | {4096*4096*2/68.9e-6/1e9:.0f} | {4096*4096*2/68.9e-6/1e9/716.8*100:.0f}% |
| this kernel, split-K 4 | 54.0 | {4096*4096*2/54.0e-6/1e9:.0f} | {4096*4096*2/54.0e-6/1e9/716.8*100:.0f}% |

Without split-K we are {apc(61.2,68.9)} slower than the vendor, with it {apc(61.2,54.0)} faster (time), or {apc(54.0,61.2)} faster (rate).

## Occupancy

255 registers per thread x 256 threads = {255*256:,} registers, of 65,536 per SM ({255*256/65536*100:.1f}%), hence one CTA per SM. With 84 SMs and 512 tiles at
M = 4096 ({4096//128} x {4096//256}) that is {512/84:.2f} waves, so about 90% of the last wave's slots stay empty unless CTAs are persistent.

## Numerical check

Max abs error against FP64 reference 3.1e-3 at K = 4096; tolerance 1e-2. 1,296 shapes tested, 0 failures. See issue #57 for K not
divisible by 8 (returns code 4, not supported).

## Power

Mean board power during the M = 8192 loop is 271 W, peak 318 W, limit 320 W. At 127.3 TFLOPS and 271 W that is {127.3e3/271:.0f} GFLOPS/W.
""")
    print("r11", 512/84, 84*7-512, (84*7-512)/84)
r11()

# =====================================================================  r12  B  energy
def r12():
    g = random.Random(1212)
    runs = samp(g, 2.86, .06, 6, 2)
    m, s = mean(runs), sd(runs)
    other = samp(g, 4.12, .10, 6, 2)
    m2, s2 = mean(other), sd(other)
    comp = [("accelerator", 212.4), ("CPU package", 48.7), ("DRAM", 19.6), ("fans", 22.0), ("PSU loss + rest", 37.3)]
    tot = sum(c[1] for c in comp)
    rows = "".join(f"| {n} | {v:.1f} | {v/tot*100:.1f}% |{R('e3')}\n" for n, v in comp)
    bad_hw = .02
    doc("r12.md", "measurement report on energy per token: prose, plus-minus values, CVs, small tables", f"""
# Energy per token: batch 1 against batch 8

Wall-plug measurement, April 2025. One server, one model (13B, int8), power meter class 0.5 with 10 samples per second.

## Main result

Batch 8 needs {R("e6", f"{m:.2f} J")} per token, batch 1 needs {m2:.2f} J. That is a saving of {apc(q(m2,2), q(m,2))}.

| | J/token, mean | SD | n | CV |
|---|---:|---:|---:|---:|
| batch 1 | {m2:.2f} | {s2:.3f} | 6 | {E("e1", f"{s2/m2*100+2.2:.1f}%")} |
| batch 8 | {m:.2f} | {s:.3f} | 6 | {s/m*100:.1f}% |

Single runs for batch 8: {", ".join(f"{v:.2f}" for v in runs)} J/token. With n = 6 the 95% confidence interval of the
mean is {m:.2f} ± {E("e2", f"{bad_hw:.2f}")} J/token (t distribution). {R("e2")}
For batch 1 it is {m2:.2f} ± {hw(s2,6):.2f} J/token, from {", ".join(f"{v:.2f}" for v in other)}.

## Where does the power go?

Mean power in the batch-8 runs, W:

| component | W | share |
|---|---:|---:|
{rows}| total | {E("e3", f"{tot+10:.1f}")} | 100.0% |

The accelerator takes {comp[0][1]/tot*100:.0f}% of the whole. Fans run at a fixed 3,800 rpm.

## Idle

- Idle power was 96.0 W, with all models unloaded.
- During five nights we logged values from 94.8 to 97.3 W ({97.3-94.8:.1f} W spread); the highest minute mean was {E("e4", "98.9 W")}. {R("e4")}
- 96.0 W over 24 h are {96*24/1000:.2f} kWh.

## Energy of a day

In production the server makes 9.2 million tokens a day in batch-8 mode. At {m:.2f} J each, this is {9.2*q(m,2):.1f} MJ or
{E("e5", f"{9.2*q(m,2)/3.6*10:.1f} kWh")} (1 kWh = 3.6 MJ). {R("e5")}

| month | tokens (million) | kWh |
|---|---:|---:|
| January | 251 | {251*q(m,2)/3.6:.0f} |
| February | 238 | {238*q(m,2)/3.6:.0f} |
| March | 279 | {279*q(m,2)/3.6:.0f} |

The kWh column is computed with {m:.2f} J/token, not metered. The first quarter sums to {251+238+279} million tokens.

## Power cap

| cap (W) | tok/s | W (accelerator) | J/token (accelerator) |
|---:|---:|---:|---:|
| none | 119.0 | 212.4 | {212.4/119:.2f} |
| 180 | 112.5 | 178.1 | {178.1/112.5:.2f} |
| 150 | 98.2 | 148.9 | {148.9/98.2:.2f} |
| 120 | 71.4 | 119.6 | {119.6/71.4:.2f} |

The optimum is at the 150 W cap. It costs {apc(119.0,98.2)} of the speed and saves {apc(212.4/119,148.9/98.2)} of the accelerator's energy per token. The cap of 120 W is
too low: energy per token rises again.

## Conclusion

Batching is the cheapest measure. With {E("e6", f"{m+.35:.2f} J")} per token at batch 8, against {m2:.2f} J at batch 1, we recommend a minimum batch of 8 for all
background jobs, and a trial of the 150 W cap.
""", {
        "e1": lab("cv", f"SD/mean of batch 1 = {s2/m2*100:.1f} %"),
        "e2": lab("interval", f"half-width for SD {s:.3f}, n = 6 is {hw(s,6):.2f}"),
        "e3": lab("sum", f"the five components add up to {tot:.1f} W (shares in the rows refer to {tot:.1f})"),
        "e4": lab("range", "98.9 lies outside the stated 94.8 to 97.3"),
        "e5": lab("conversion", f"{9.2*q(m,2):.1f} MJ / 3.6 = {9.2*q(m,2)/3.6:.1f} kWh"),
        "e6": lab("two_values", f"main result and table: {m:.2f} J/token for batch 8"),
    })
    print("r12", m, s, hw(s, 6), m2, s2, s2/m2, tot)
r12()

# =====================================================================  r13  B  CI gate significance
def r13():
    for seed in range(1313, 1400):
        g = random.Random(seed)
        a = samp(g, 84.0, 2.2, 10); b = samp(g, 80.4, 2.2, 10); w = welch(a, b)
        c = samp(g, 31.0, .9, 10, 2); d = samp(g, 31.25, .9, 10, 2); w2 = welch(c, d)
        if .001 < w["p"] < .02 and .15 < w2["p"] < .4 and w2["d"] > 0: break
    ratio = (1.02, .97, 1.08)
    ma, mb, mc, md = q(mean(a)), q(mean(b)), q(mean(c), 2), q(mean(d), 2)
    P = lambda p: "p < 0.001" if p < .001 else f"p = {p:.3f}"
    al, bl = "  ".join(f"{v:.1f}" for v in a), "  ".join(f"{v:.1f}" for v in b)
    assert w2["lo"] < 0 < w2["hi"] and w2["p"] > .1 and w["p"] < .05
    print("r13", w, w2)
    doc("r13.md", "weekly CI performance-gate report with t tests, p values, CIs, verdict table", f"""
# Performance gate, week 21 (2025-05-19 to 2025-05-25)

Automatic report with comments by the on-call engineer. Gate rule: a change counts as *significant* if p < 0.05 (Welch, two-sided); a
pull request is blocked if it is significant **and** worse than +1.0%.

## This week in numbers

- 61 pull requests, 47 of them measured ({47/61*100:.1f}%), 14 skipped because only docs changed
- 5 benchmarks x 2 builds x 10 runs = 100 runs for each measured pull request, {E("e1", "4,600")} runs in total {R("e1")}
- blocked: 2 of 47 ({2/47*100:.1f}%), false alarms found later: 1
- CI minutes used: 3,290, i.e. {3290/60:.1f} h or {3290/47:.0f} min for each measured pull request

## PR 8841: new tokenizer cache

`bench_tokenize`, ms, lower is better, n = 10 each:

```
main    {al}
branch  {bl}
```

| | mean | SD |
|---|---:|---:|
| main | {ma} | {sd(a):.2f} |
| branch | {mb} | {sd(b):.2f} |

Mean difference {w['d']:.2f} ms, 95% CI [{w['lo']:.2f}, {w['hi']:.2f}], {P(w['p'])}. The branch is faster by {apc(ma, mb)}. Merged.

## PR 8853: smaller hash seed

`bench_lookup`, ns, n = 10 each: {mc:.2f} on main (SD {sd(c):.2f}) and {md:.2f} on the branch (SD {sd(d):.2f}).

The difference is {w2['d']:+.2f} ns, 95% CI [{w2['lo']:.2f}, {w2['hi']:.2f}]; {E("e2", "since the interval excludes zero")}, the slow-down is real.
The test says {E("e3", f"p = {w2['p']:.2f} (significant)")}. In relative terms it is {pc(mc,md)}.

## PR 8860: switch allocator

Ratio of geometric means over the 5 benchmarks, branch / main: {ratio[0]:.2f}, bootstrap 95% CI [{ratio[1]:.2f}, {ratio[2]:.2f}]. This is
a {E("e4", "significant slow-down")} of about 2%, so the pull request was sent back.

## PR 8872: vectorised checksum

`bench_crc`, GB/s, higher is better, n = 10 each. main 6.42 (SD 0.11), branch 9.87 (SD 0.16), speed-up {9.87/6.42:.2f}x with a 95% CI of
{E("e5", "[1.58, 1.71]")}. Merged on Thursday.

## PR 8879: logging off by default

`bench_serve`, req/s, n = 10 each. main 18,240, branch 18,655, {pc(18240,18655)}, p = 0.004. The median run is up by a similar amount. Merged.

## Verdicts

| PR | benchmark | change | p | verdict |
|---|---|---:|---:|---|
| 8841 | bench_tokenize | {pc(ma,mb)} | {w['p']:.3f} | merged |
| 8853 | bench_lookup | {pc(mc,md)} | {w2['p']:.2f} | sent back |
| 8860 | geometric mean of 5 | +2.0% | - | sent back |
| 8872 | bench_crc | {pc(6.42,9.87)} | < 0.001 | merged |
| 8879 | bench_serve | {pc(18240,18655)} | 0.004 | merged |

Of the {R("e6", "5 pull requests above, 3 were merged")} and 2 sent back. That is a merge rate of {E("e6", "66.7%")} among those with a note in this report.

## Housekeeping

- Runner `perf-03` replaced on 2025-05-22 (fan). Its coefficient of variation fell from 3.1% to 0.8%.
- Job timeout raised from 20 to 25 min (+25%).
- Queue time: median 4.2 min, p90 11.5 min, max 38 min.
- Next week the gate moves to 12 runs per build; that is 5 x 2 x 12 = 120 runs for each pull request, +20%.
""".replace("| - | sent back", "| - | sent back"), {
        "e1": lab("product", "47 x 100 = 4,700"),
        "e2": lab("significance", "the interval printed contains 0", "decision"),
        "e3": lab("significance", f"p = {w2['p']:.2f} is not below 0.05", "decision"),
        "e4": lab("significance", "ratio CI [0.97, 1.08] contains 1", "decision"),
        "e5": lab("interval", "9.87 / 6.42 = 1.54 lies outside [1.58, 1.71]"),
        "e6": lab("percent_change" if False else "share", "3 of 5 is 60.0 %"),
    })
r13()

# =====================================================================  r14  A  German agents report
def r14():
    g = random.Random(14)
    D = lambda x, d=1: f"{x:,.{d}f}".replace(",", "·").replace(".", ",").replace("·", ".")
    T = [("Anfragen beantworten", 24, 19, 21), ("Termine verschieben", 18, 13, 13), ("Rechnungen prüfen", 30, 20, 26), ("Ablage", 12, 11, 10)]
    N = sum(t[1] for t in T); A = sum(t[2] for t in T); B = sum(t[3] for t in T)
    rows = "".join(f"| {n} | {k} | {a} ({D(a/k*100)} %) | {b} ({D(b/k*100)} %) | {'±0,0' if a==b else ('+' if b>a else '−')+D(abs(b-a)/k*100)} |\n" for n, k, a, b in T)
    t1 = samp(g, 41, 5, 8); t2 = samp(g, 33, 4, 8); w = welch(t1, t2)
    m1, m2 = q(mean(t1)), q(mean(t2))
    lo, hi = wilson(B, N)
    doc("r14.md", "German report (decimal comma, thousands dot) on office agents, counts, percentage points, Wilson CI", f"""
# Büro-Agenten: Version 1.8 gegen Version 1.7

Stand: 12.05.2025 · Bearbeitung: Gruppe Assistenz · Aktenzeichen 2025/117

## Kurzfassung

Version 1.8 löst {B} von {N} Aufgaben ({D(B/N*100)} %), Version 1.7 löste {A} von {N} ({D(A/N*100)} %). Das sind {D((B-A)/N*100)} Prozentpunkte mehr oder, auf
die gelösten Aufgaben bezogen, ein Plus von {D((B-A)/A*100)} %. Die mittlere Bearbeitungszeit sinkt von {D(m1)} s auf {D(m2)} s (−{D((m1-m2)/m1*100)} %).

## 1 Aufbau

- Modell: 14B, Q5_K_M, auf einer Karte mit 16 GB; Kontext 16.384 Token
- {N} Aufgaben in 4 Gruppen, jede Aufgabe einmal je Version, also 2 × {N} = {2*N} Läufe
- Abbruch nach 30 Schritten oder 180 s
- Temperatur 0,1; Startwert 42; Server auf Port 8080
- Zielwert laut Projektplan (Abschnitt 3.2): mindestens 80 % gelöste Aufgaben

## 2 Ergebnisse

| Gruppe | Aufgaben | V1.7 gelöst | V1.8 gelöst | Differenz (Pp.) |
|---|---:|---:|---:|---:|
{rows}| Summe | {N} | {A} ({D(A/N*100)} %) | {B} ({D(B/N*100)} %) | +{D((B-A)/N*100)} |

Am stärksten verbessert sich die Rechnungsprüfung, nämlich um {D(6/30*100)} Prozentpunkte (von 20 auf 26 Aufgaben, relativ +{D(6/20*100)} %). Bei der
Ablage ging eine Aufgabe verloren; bei nur 12 Aufgaben sind das gleich {D(100/12)} Prozentpunkte.

Das 95-%-Intervall (Wilson) für V1.8 reicht von {D(lo)} % bis {D(hi)} %. Der Zielwert von 80 % liegt darin und der Punktschätzer knapp darüber.

## 3 Zeiten

Sekunden je Aufgabe, 8 ausgewählte Aufgaben, die beide Versionen gelöst haben:

| | 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | Mittel | SD |
|---|---|---|---|---|---|---|---|---|---|---|
| V1.7 | {" | ".join(D(v) for v in t1)} | {D(m1)} | {D(sd(t1))} |
| V1.8 | {" | ".join(D(v) for v in t2)} | {D(m2)} | {D(sd(t2))} |

Die Differenz der Mittelwerte beträgt {D(w['d'])} s, 95-%-KI [{D(w['lo'])}; {D(w['hi'])}], p {'< 0,001' if w['p']<.001 else '= '+D(w['p'],3)}. Der erste Lauf nach einem Neustart (kalt) dauerte
96 s und ist nicht enthalten.

## 4 Token und Kosten

| | V1.7 | V1.8 |
|---|---:|---:|
| Token je Aufgabe (Mittel) | 12.480 | 9.915 |
| davon Eingabe | 11.200 | 8.730 |
| davon Ausgabe | 1.280 | 1.185 |
| Kosten je 1.000 Aufgaben | 7,49 € | 5,95 € |

Die Token je Aufgabe sinken um {D((12480-9915)/12480*100)} %, die Kosten um {D((7.49-5.95)/7.49*100)} %, was kein Zufall ist: Wir rechnen pauschal 0,60 € je Million Token.
Bei 40.000 Aufgaben im Monat sind es {D(40*5.95,2)} € statt {D(40*7.49,2)} €, im Jahr {D(12*40*(7.49-5.95),2)} € weniger.

## 5 Sprache der Anfragen

60 der {N} Aufgaben waren deutsch ({D(60/N*100)} %), {N-60} englisch. In V1.8 wurden 50 der deutschen ({D(50/60*100)} %) und {B-50} der englischen ({D((B-50)/(N-60)*100)} %)
gelöst. Ein Unterschied ist bei so kleinen Zahlen nicht nachweisbar (p > 0,9).

## 6 Fazit

{D(B/N*100)} % erreichen den Zielwert von 80 %. Empfehlung: V1.8 ab 02.06.2025 einführen, Ablage bis V1.8.1 auf V1.7 belassen.
""")
    print("r14", N, A, B, w)
r14()

# =====================================================================  r15  B  object storage
def r15():
    nodes = [(k, v, int(q(v/1.048576*60, 0))) for k, v in (("st-01", 412.6), ("st-02", 398.1), ("st-03", 407.9), ("st-04", 391.4))]
    tr, to = sum(n[1] for n in nodes), sum(n[2] for n in nodes)
    rows = "".join(f"| {a} | {b:.1f} | {c:,} |{R('e1')}\n" for a, b, c in nodes)
    ops = [("GET 4 KiB", 0.8, 2.1, 1.7, 4.9, 38.0), ("GET 1 MiB", 6.2, 9.9, 8.8, 19.4, 71.5), ("PUT 4 KiB", 2.3, 4.6, 3.9, 11.2, 96.4), ("PUT 1 MiB", 9.1, 15.8, 14.0, 33.7, 140.2), ("LIST 1000", 11.5, 18.2, 16.9, 36.1, 88.0)]
    orow = ""
    for n, mn, me, p50, p95, mx in ops:
        vals = [mn, me, p50, p95, mx]
        s = [f"{v:.1f}" for v in vals]
        if n == "PUT 4 KiB": s[1] = E("e2", "1.9")
        if n == "LIST 1000": s[3] = E("e3", "16.3")
        orow += f"| {n} | " + " | ".join(s) + " |\n"
    cap = [("data", 61.4), ("parity (4+2)", 30.7), ("metadata", 2.2), ("free", 85.7)]
    ctot = sum(c[1] for c in cap)
    crow = "".join(f"| {n} | {v:.1f} | {v/ctot*100:.1f}% |\n" for n, v in cap)
    doc("r15.md", "storage acceptance test: totals, min/mean/p50/p95/max rows, unit conversions, ranges", f"""
# Object store acceptance test

Cluster `ostore-b`, 4 nodes, 12 drives each (48 in all), erasure code 4+2. Software 7.4.2-r1, test of 8 and 9 April 2025. Supplier's
offer of 2025-01-30: at least 1.5 GB/s aggregate read, PUT p95 below 40 ms for 1 MiB.

## A. Aggregate read

64 clients, 1 MiB objects, 30 minutes, steady part only.

| node | MB/s | requests per minute |
|---|---:|---:|
{rows}| total | {E("e1", f"{tr-100:,.1f}")} | {to:,} |

All nodes together serve {to/60:,.0f} req/s. The best node (st-01, 412.6 MB/s) is {apc(391.4,412.6)} ahead of the weakest (st-04, 391.4 MB/s). Node
values lie within 391.4 - 412.6 MB/s, a spread of {412.6-391.4:.1f} MB/s.

## B. Latency

Milliseconds, 16 clients.

| operation | min | mean | p50 | p95 | max |
|---|---:|---:|---:|---:|---:|
{orow}
A 1 MiB PUT has a p95 of 33.7 ms, which is below the 40 ms of the offer. Compared with the old cluster (p95 58.1 ms) it is reduced by
{E("e4", "72.4%")}. {R("e4")}

## C. Rebuild

We pulled one 18 TB drive that held 3.0 TB of data. Rebuild took 4 h 10 min, i.e. 15,000 s, hence {3.0e6/15000:.0f} MB/s. During the rebuild the
aggregate read rate was between 1,290 and 1,460 MB/s; the mean of that period was {E("e5", "1,512 MB/s")}. Foreground GET p95 rose from 19.4 ms to
27.9 ms ({pc(19.4,27.9)}).

## D. Capacity

TB, decimal units, as of the end of the test.

| use | TB | share |
|---|---:|---:|
{crow}| total | {ctot:.1f} | 100.0% |

Parity is half of the data, as a 4+2 code requires ({61.4:.1f} / 2 = {61.4/2:.1f} TB).

## E. Small objects

- PUT 4 KiB, 128 clients: 21,300 objects/s = {21300*4096/1e6:.1f} MB/s of payload
- GET 4 KiB, 128 clients: 64,800 objects/s = {64800*4096/1e6:.1f} MB/s of payload, {64800/21300:.1f}x the PUT rate
- DELETE: 9,450 objects/s
- 10 million objects were written in {10e6/21300:.0f} s ({E("e6", f"{10e6/21300/60*10:.1f} min")}){R("e6")}

## F. Outcome

| criterion | offer | measured | met |
|---|---:|---:|---|
| aggregate read | 1.5 GB/s | {R('e1', f'{tr/1000:.2f} GB/s')} | yes |
| PUT 1 MiB p95 | < 40 ms | 33.7 ms | yes |
| rebuild | > 150 MB/s | {3.0e6/15000:.0f} MB/s | yes |

3 of 3 criteria met. Accepted on 2025-04-10.
""", {
        "e1": lab("sum", f"the node values add up to {tr:,.1f} MB/s (section F says {tr/1000:.2f} GB/s)"),
        "e2": lab("order", "mean 1.9 below min 2.3"),
        "e3": lab("order", "p95 16.3 below p50 16.9"),
        "e4": lab("percent_change", "58.1 to 33.7 is -42.0 %"),
        "e5": lab("range", "mean 1,512 outside the stated 1,290 to 1,460", ),
        "e6": lab("conversion", f"{10e6/21300:.0f} s = {10e6/21300/60:.1f} min"),
    })
    print("r15", tr, to, 1-33.7/58.1)
r15()

# =====================================================================  r16  B  JVM GC ANOVA
def r16():
    g = random.Random(1616)
    gc = ["G", "P", "Z"]; heaps = [4, 8, 16]
    mu = {("G",4):212,("G",8):188,("G",16):181,("P",4):236,("P",8):214,("P",16):209,("Z",4):201,("Z",8):169,("Z",16):152}
    n = 6
    X = {k: samp(g, mu[k], 7, n) for k in mu}
    gm = mean([v for x in X.values() for v in x])
    am = {a: mean([v for h in heaps for v in X[a,h]]) for a in gc}
    hm = {h: mean([v for a in gc for v in X[a,h]]) for h in heaps}
    ssA = sum(18*(am[a]-gm)**2 for a in gc); ssH = sum(18*(hm[h]-gm)**2 for h in heaps)
    ssC = sum(n*(mean(X[k])-gm)**2 for k in X); ssI = ssC-ssA-ssH
    ssE = sum((v-mean(X[k]))**2 for k in X for v in X[k]); ssT = ssC+ssE
    rA, rH, rI, rE = (q(v, 0) for v in (ssA, ssH, ssI, ssE)); rT = rA+rH+rI+rE
    msA, msH, msI, msE = ssA/2, ssH/2, ssI/4, ssE/45
    FA, FH, FI = msA/msE, msH/msE, msI/msE
    pP = lambda F, d: "< 0.001" if f_p(F, d, 45) < .001 else f"{f_p(F, d, 45):.3f}"
    cell = {k: (q(mean(X[k])), q(sd(X[k]))) for k in X}
    crow = ""
    for a in gc:
        for h in heaps:
            m, s = mean(X[a,h]), sd(X[a,h]); cv = f"{s/m*100:.1f}%"
            if (a, h) == ("P", 8): cv = E("e3", f"{s/m*100+3.9:.1f}%")
            crow += f"| {a} | {h} | {m:.1f} | {s:.1f} | {cv} |" + (R("e6") if (a, h) == ("Z", 16) else "") + "\n"
    z = sorted(X["Z",16])
    zs = ", ".join(f"{v:.1f}" for v in X["Z",16])
    sh = [q(v/ssT*100) for v in (ssA, ssH, ssI, ssE)]
    doc("r16.md", "ANOVA-style report, factorial design of collectors x heap sizes, cell means with SD and CV", f"""
# Garbage collectors and heap size: a 3 x 3 experiment

Which part of the tail latency of our order service is due to the collector and which to the heap? We varied both in a full factorial
design and ran a two-way analysis of variance.

## Design

Factors: collector (G, P, Z) and heap (4, 8, 16 GB). 6 runs per cell in random order. That makes 3 x 3 x 6 = {E("e1", "56")} runs of 10 minutes
each. Response: p99 latency in ms of one run. JDK 21.0.6, 8 cores, 2,400 req/s offered, `-XX:+AlwaysPreTouch`.

## Cell means

| collector | heap (GB) | mean p99 (ms) | SD | CV |
|---|---:|---:|---:|---:|
{crow}
## Marginal means

| level | mean p99 (ms) |
|---|---:|
| G | {am['G']:.1f} |
| P | {am['P']:.1f} |
| Z | {am['Z']:.1f} |
| 4 GB | {hm[4]:.1f} |
| 8 GB | {hm[8]:.1f} |
| 16 GB | {hm[16]:.1f} |
| overall | {gm:.1f} |

Collector Z is on average {am['G']-am['Z']:.1f} ms below G and {am['P']-am['Z']:.1f} ms below P. From 4 to 16 GB the mean falls by {hm[4]-hm[16]:.1f} ms
({pc(hm[4],hm[16])}).

## Analysis of variance

| source | SS | df | MS | F | p | share of SS |
|---|---:|---:|---:|---:|---:|---:|
| collector | {rA:,.0f} | 2 | {msA:,.1f} | {E("e2", f"{FA/2:.1f}")} | {pP(FA,2)} | {sh[0]}% |
| heap | {rH:,.0f} | 2 | {msH:,.1f} | {FH:.1f} | {pP(FH,2)} | {E("e4", f"{sh[1]+7:.1f}%")} |
| interaction | {rI:,.0f} | 4 | {msI:,.1f} | {FI:.1f} | {pP(FI,4)} | {sh[2]}% |
| residual | {rE:,.0f} | 45 | {msE:,.1f} |{R("e2")} | | {sh[3]}% |
| total | {rT:,.0f} | 53 | | | | 100% |

The interaction is significant too: Z gains {cell['Z',4][0]-cell['Z',16][0]:.1f} ms from the larger heap, P only {cell['P',4][0]-cell['P',16][0]:.1f} ms.

## A closer look at Z with 16 GB

The six runs were {zs} ms. Minimum {z[0]:.1f}, maximum {z[-1]:.1f}, median {E("e5", f"{z[-1]+2.8:.1f}")}. {R("e5")}
With SD {sd(z):.1f} and n = 6 the 95% interval of the mean is {mean(z):.1f} ± {hw(sd(z),6):.1f} ms.

The best cell of the table is {E("e6", f"Z with 8 GB ({cell['Z',8][0]:.1f} ms)")}, the worst is P with 4 GB ({cell['P',4][0]:.1f} ms); the ratio of the overall mean to the
best collector's marginal mean is {gm/am['Z']:.2f}.

## Throughput

Throughput was the offered 2,400 req/s (144,000 req/min) in all cells, so there is nothing to compare. CPU use was between 41% and 63%, highest for Z.

## Recommendation

Use Z wherever 16 GB are affordable. On 4 GB hosts the advantage over G is {cell['G',4][0]-cell['Z',4][0]:.1f} ms and we leave the setting to the teams.
""", {
        "e1": lab("product", "3 x 3 x 6 = 54 (df total 53)"),
        "e2": lab("ratio", f"F = MS collector / MS residual = {msA:,.1f} / {msE:.1f} = {FA:.1f}"),
        "e3": lab("cv", f"SD/mean = {sd(X['P',8])/mean(X['P',8])*100:.1f} %"),
        "e4": lab("share", f"{rH:.0f} of {rT:.0f} is {sh[1]} %; shares add up to 106.9 %"),
        "e5": lab("order", f"median outside min..max; true median {med(z):.1f}"),
        "e6": lab("best", f"Z with 16 GB has {cell['Z',16][0]:.1f} ms", "decision"),
    })
    print("r16", FA, FH, FI, sh, ssT, rT)
r16()

# =====================================================================  r17  A  NVMe
def r17():
    g = random.Random(17)
    io = [("rand read 4 KiB, QD 1", 14.2, 70.4), ("rand read 4 KiB, QD 32", 412.0, 77.6), ("rand write 4 KiB, QD 1", 61.5, 16.2), ("rand write 4 KiB, QD 32", 268.0, 119.4)]
    rows = "".join(f"| {n} | {k:.1f} | {k*4.096:,.0f} | {k*1000*4096/2**20:,.0f} | {u} |\n" for n, k, u in io)
    lat = sorted(q(math.exp(g.gauss(math.log(68), .22)), 1) for _ in range(60))
    lo, hi = boot(g, lat, lambda z: quantile(z, .95)); p95 = quantile(lat, .95)
    fill = [(10, 3.42), (50, 3.38), (80, 3.05), (95, 2.21)]
    frow = "".join(f"| {p}% | {v:.2f} | {pc(3.42,v) if p>10 else '-'} |\n" for p, v in fill)
    gib = 1.92e12/2**30
    doc("r17.md", "storage note: decimal vs binary units, IOPS to MB/s, QD, cold vs warm, asymmetric bootstrap interval", f"""
# NVMe drive in the new edge box: notes from two days of fio

Drive: 1.92 TB (1,920,000,000,000 bytes = {gib:,.0f} GiB), PCIe 4.0 x4, firmware 2B4QEXM7, NVMe 1.4. Data sheet: 6.8 GB/s read, 4.0 GB/s
write, 1,000k/180k IOPS, 1 DWPD for 5 years. Host: kernel 6.6.74, fio 3.36, one NUMA node.

```
fio --name=rr --filename=/dev/nvme1n1 --rw=randread --bs=4k --iodepth=32 --numjobs=1 --runtime=60 --time_based --direct=1
```

## 1. Random access

kIOPS, the same as MB/s (10^6 bytes) and MiB/s (2^20 bytes), mean completion latency in µs.

| job | kIOPS | MB/s | MiB/s | µs |
|---|---:|---:|---:|---:|
{rows}
One job cannot reach the 1,000k IOPS of the data sheet. With `numjobs=8` we saw 968k, i.e. {968/1000*100:.1f}% of it. Queue depth 32 instead of 1
gives {412/14.2:.0f}x the reads, but only {268/61.5:.1f}x the writes, because a single write is acknowledged from the drive's DRAM.

At QD 1 reads take 70.4 µs on average, and indeed 1 / 70.4 µs = {1000/70.4:.1f}k per second.

Latency of 60 sampled QD 1 reads (a separate, short job): min {lat[0]}, median {med(lat):.1f}, mean {mean(lat):.1f}, p95 {p95:.1f}, max {lat[-1]} µs. Bootstrap 95%
interval of the p95: [{lo:.1f}, {hi:.1f}] µs.

## 2. Sequential

- 128 KiB reads, QD 16: 6.71 GB/s = {6.71e9/2**30:.2f} GiB/s, {apc(6.8,6.71)} below the data sheet
- 128 KiB writes, QD 16, empty drive: 3.42 GB/s
- Reading the whole drive takes 1,920 GB / 6.71 GB/s = {1920/6.71:.0f} s, a bit under 5 minutes

### How full is the drive?

Write rate by fill level, GB/s:

| filled | write | vs 10% |
|---|---:|---:|
{frow}
The two-drive mirror that we run in production has {6.71*2:.1f} GB/s reading in theory; we measured 11.9 GB/s ({11.9/6.71:.2f}x one drive).

## 3. File system on top

Time to untar a source tree (78,214 files, 1.31 GB), seconds, 5 runs, cache dropped before each ("cold") or not ("warm").

| file system | cold | warm |
|---|---:|---:|
| ext4 | 9.8 | 4.1 |
| xfs | 8.9 | 4.4 |
| btrfs | 12.7 | 6.9 |

Cold, xfs is the fastest; warm, it is ext4. btrfs needs {apc(8.9,12.7)} more time than xfs when cold and {apc(4.1,6.9)} more than ext4 when warm. From cold to
warm, ext4 speeds up {9.8/4.1:.1f}x and btrfs {12.7/6.9:.1f}x.

## 4. Endurance

1 DWPD for 5 years is 1.92 TB x 365 x 5 = {1.92*365*5:,.0f} TB written ({1.92*365*5/1000:.1f} PB). Our boxes write 210 GB a day, which is {210/1920:.2f} drive writes
per day. At a write amplification of about 2 the drive would last around 23 years by that measure; something else will break first.

## 5. Temperature and power

58 °C idle, 71 °C in the sequential test, throttling starts at 82 °C. Power 5.2 W idle, 13.9 W mean while reading, 18.0 W peak. Slot budget: 25 W.

## 6. Comparison with the old box

The old box (SATA, 480 GB) had 540 MB/s sequential reading and 88k IOPS random reading at QD 32. So the new one is {6710/540:.1f}x and {412/88:.1f}x as fast,
respectively. The old report 2019-044 says 551 MB/s; that was another firmware.
""")
    print("r17", 1.92*365*5/(.21*2*365))
r17()

# =====================================================================  r18  B  mobile app start
def r18():
    g = random.Random(1818)
    v1 = samp(g, 812, 14, 12, 0); v2 = samp(g, 655, 12, 12, 0)
    v1 = [v-q(mean(v1), 0)+812 for v in v1]; v2 = [v-q(mean(v2), 0)+655 for v in v2]
    m1, m2, s1, s2 = q(mean(v1), 0), q(mean(v2), 0), sd(v1), sd(v2)
    dev = [("Sparrow 6a", 1148, 912), ("Finch 3", 812, 655), ("Condor Pro", 503, 441), ("Robin Mini", 1390, 1204)]
    drow = ""
    for n, a, b in dev:
        x = f"| {n} | {a:,} | {b:,} | {b-a:+,} | {pc(a,b)} |"
        if n == "Robin Mini": x = f"| {n} | {a:,} | {b:,} | {b-a-30:+,} | {pc(a,b)} |".replace(f"{b-a-30:+,}", E("e5", f"{b-a-30:+,}"))
        if n in ("Sparrow 6a", "Robin Mini"): x += R("e4")
        drow += x + "\n"
    ph = [("process fork", 61, 60), ("class loading", 214, 131), ("dependency graph", 187, 96), ("first layout", 205, 214), ("first frame", 145, 154)]
    prow = "".join(f"| {n} | {a} | {b} | {pc(a,b)} |{R('e2') if n=='first layout' else ''}\n" for n, a, b in ph)
    assert sum(p[1] for p in ph) == 812 and sum(p[2] for p in ph) == 655
    h2 = hw(s2, 12)
    doc("r18.md", "product-facing summary + details + conclusion, app start-up on four phones", f"""
# App start in release 9.4

## In short

Release 9.4 starts faster on all four test phones. On our reference phone, the Finch 3, the cold start drops from 812 ms to {R("e1", "655 ms")}
({E("e3", "-24.0%")}).{R("e3")} The gain comes from lazy class loading and from a dependency graph that is built at compile time.

## How we measured

Cold start = tap on the icon until the first frame is drawn, taken from the system trace. 12 starts per phone and release after a reboot and
3 discarded starts, battery above 60%, airplane mode, 4 phones x 2 releases x 12 starts = 96 starts. Builds 9.3.2 (90302) and 9.4.0 (90400).

## Cold start by phone

Means, ms.

| phone | 9.3 | 9.4 | diff (ms) | diff (%) |
|---|---:|---:|---:|---:|
{drow}
The largest relative gain is on the {E("e4", "Robin Mini")}, the smallest on the Condor Pro ({pc(503,441)}).

Finch 3, release 9.4: SD {s2:.1f} ms, n = 12, the single starts lie within {min(v2):.0f} - {max(v2):.0f} ms. The 95% CI of the mean has a half-width of
{E("e6", f"{h2*4:.1f} ms")}. {R("e6")}

## Phases on the Finch 3

Means, ms; the phases add up to the whole.

| phase | 9.3 | 9.4 | change |
|---|---:|---:|---:|
{prow}| total | {sum(p[1] for p in ph)} | {sum(p[2] for p in ph)} | {pc(812,655)} |

Class loading takes {apc(214,131)} less time, the dependency graph {apc(187,96)} less. The first layout is {E("e2", f"{214-205} ms faster")} than before,
the first frame takes {154-145} ms more. We think that the work moved there from the dependency graph.

## Warm start

| phone | 9.3 | 9.4 |
|---|---:|---:|
| Sparrow 6a | 241 | 236 |
| Finch 3 | 168 | 166 |
| Condor Pro | 97 | 98 |
| Robin Mini | 302 | 295 |

Warm starts are practically unchanged; the differences are between {pc(302,295)} and {pc(97,98)}.

## Size

The download grows from 38.4 MB to 39.1 MB ({pc(38.4,39.1)}), because the generated graph is code now. The limit set by product is 40 MB.

## Crashes

Crash-free sessions in the beta: 99.71% of 41,300 sessions (9.3: 99.68% of 520,000). No difference that matters.

## Conclusion

With a cold start of {E("e1", "675 ms")} on the reference phone we stay below the target of 700 ms for the first time. The next candidates are the first layout and
image decoding on the Robin Mini, which still needs 1.2 s.
""", {
        "e1": lab("two_values", "summary and tables: 655 ms"),
        "e2": lab("direction", "205 to 214 ms is 9 ms slower"),
        "e3": lab("percent_change", "812 to 655 is -19.3 % (24.0 % is 157/655)"),
        "e4": lab("best", "largest relative gain is Sparrow 6a (-20.6 %), Robin Mini -13.4 %", "decision"),
        "e5": lab("other", "1,204 - 1,390 = -186"),
        "e6": lab("interval", f"half-width for SD {s2:.1f} and n = 12 is {h2:.1f} ms"),
    })
    print("r18", m1, m2, h2, [pc(a, b) for _, a, b in dev])
r18()

# =====================================================================  r19 / r20  C  vector DB
def r19_20():
    r = [1801, 1849, 1849, 1866, 1845]; mr = q(mean(r), 0)
    doc("r19.md", "internal benchmark report of a vector index; pair with r20.md", f"""
# Vector index "mosaic": benchmark report for 1.4

Author: retrieval team · 2025-03-31 · data set: 10 million vectors, 768 dimensions, float32 (10e6 x 768 x 4 bytes = {10e6*768*4/1e9:.2f} GB)

## Key results

| | 1.3 | 1.4 | change |
|---|---:|---:|---:|
| queries per second at recall@10 >= 0.95 | 1,310 | {E("c1", "1,842")} | {pc(1310,1842)} |
| p50 (ms) | 9.4 | 6.8 | {pc(9.4,6.8)} |
| p99 (ms) | 31.5 | {E("c2", "22.7")} | {pc(31.5,22.7)} |
| index build (min) | 54 | {R("c3", "47")} | {pc(54,47)} |
| index size on disk (GB) | 36.2 | 33.9 | {pc(36.2,33.9)} |

## Set-up

- 1 node, 32 vCPU, 128 GB RAM, 16 client threads
- 10,000 queries, held out; k = 10; 5 repeats; the table has means over the repeats
- graph parameters: M = 24, ef_construction = 200; ef_search tuned to reach recall 0.95
- commit `77b0ac1`

## Repeats for 1.4

Queries per second: {", ".join(f"{v:,.0f}" for v in r)}. Their mean is {mr:,.0f} and the SD {sd(r):.0f} (CV {sd(r)/mean(r)*100:.1f}%).

## Recall

| ef_search | recall@10 | queries/s |
|---:|---:|---:|
| 40 | 0.902 | 2,655 |
| 64 | 0.938 | 2,120 |
| 80 | 0.951 | {R('c1', '1,842')} |
| 128 | 0.974 | 1,297 |
| 256 | 0.989 | 734 |

From recall 0.951 to 0.989 we gain {(0.989-0.951)*100:.1f}pp and lose {apc(1842,734)} of the throughput.

## Build

{E("c3", "Building takes 47 minutes")} with 32 threads: 6 minutes reading, 36 minutes graph, 5 minutes writing (6 + 36 + 5 = 47). At 10 million vectors this
is {10e6/47/60:,.0f} vectors per second.

## Memory

| part | GB |
|---|---:|
| vectors | 30.72 |
| graph links | 1.92 |
| ids and metadata | 1.26 |
| total | {30.72+1.92+1.26:.2f} |

## Conclusion

1.4 answers {R("c1", "1,842 queries per second")}, {1842/1310:.2f}x the rate of 1.3, with a {R("c2", "p99 of 22.7 ms")}. We can drop one of the four replicas.
""", {
        "c1": lab("two_values", "r20.md says 1,942 queries/s for 1.4", "inconsistent", other_doc="r20.md"),
        "c2": lab("two_values", "r20.md says p99 27.2 ms for 1.4", "inconsistent", other_doc="r20.md"),
        "c3": lab("two_values", "r20.md says the build takes 41 minutes", "inconsistent", other_doc="r20.md"),
    })
    assert mr == 1842 or print("r19 mean", mr)
    doc("r20.md", "customer-facing release announcement of the same vector index; pair with r19.md", f"""
# Mosaic 1.4 is here

*April 7, 2025. Five minute read.*

Today we release version 1.4 of mosaic, our vector index. It has taken 9 months, 312 commits and 7 release candidates. Here is what you get.

## More queries from the same machine

On our standard test (10 million vectors with 768 dimensions, one node with 32 vCPUs, recall@10 of at least 0.95) mosaic 1.4 answers
{E("c1", "1,942 queries per second")}. Version 1.3 managed 1,310. That is {pc(1310,1942)}, or {1942/1310:.2f}x.

## Lower latency

| | 1.3 | 1.4 |
|---|---:|---:|
| median | 9.4 ms | 6.8 ms |
| p99 | 31.5 ms | {E("c2", "27.2 ms")} |

The median comes down by {apc(9.4,6.8)}, the p99 by {apc(31.5,27.2)}. If you run with a 30 ms timeout, the p99 is now inside it.

## Quicker builds, smaller files

- {E("c3", "Building the index takes 41 minutes")} instead of 54, which is {apc(54,41)} less.
- On disk it needs 33.9 GB, down from 36.2 GB ({pc(36.2,33.9)}).
- Updates of single vectors are now possible without a rebuild, at up to 3,500 updates per second.

## Filters

Filtered queries used to be our weak spot. With a filter that keeps 1% of the vectors, 1.3 did 96 queries per second; 1.4 does 618, more than
6x as many. With a filter that keeps 50% the gain is smaller: 1,020 to 1,390, {pc(1020,1390)}.

## What it costs you

Nothing: the price stays at $0.12 per million vectors and hour. For 10 million vectors that is $1.20 an hour, or ${1.2*24*30:,.0f} in a month of 30 days.

## Upgrading

1. Stop writes.
2. Run `mosaic upgrade --from 1.3 --to 1.4` (reads the old format, port 7700 must be reachable).
3. Start writes. Plan {R("c3", "41 minutes for 10 million vectors")}, in proportion for other sizes; 20 million take about {2*41} minutes.

Please read the 4 breaking changes in the upgrade guide, section 2.3, first.

## Thanks

To the 28 people who reported the 163 issues that were closed since 1.3, and to the 41 who tried the release candidates.
""", {
        "c1": lab("two_values", "r19.md says 1,842 queries/s for 1.4", "inconsistent", other_doc="r19.md"),
        "c2": lab("two_values", "r19.md says p99 22.7 ms for 1.4", "inconsistent", other_doc="r19.md"),
        "c3": lab("two_values", "r19.md says the build takes 47 minutes", "inconsistent", other_doc="r19.md"),
    })
    print("r19", r, mr)
r19_20()

# ===================================================================== HTML helpers
def tr(*c, tag="td", ind="      "): return ind + "<tr>" + "".join(f"<{tag}>{x}</{tag}>" for x in c) + "</tr>"

# =====================================================================  r21  A  web frameworks
def r21():
    W = [("Alder (Rust)", 184.3, .61, .55, 1.42), ("Birch (Go)", 141.9, .80, .71, 2.06), ("Cedar (Java)", 128.7, .91, .74, 3.88), ("Dogwood (Node)", 58.2, 1.98, 1.72, 5.15), ("Elm (Python)", 21.4, 5.37, 4.96, 11.30)]
    rows = "\n".join(tr(n, f"{k:.1f}", f"{m:.2f}", f"{p:.2f}", f"{z:.2f}", f"{k/21.4:.1f}x") for n, k, m, p, z in W)
    DB = [("Alder (Rust)", 38.4), ("Birch (Go)", 36.1), ("Cedar (Java)", 39.2), ("Dogwood (Node)", 24.8), ("Elm (Python)", 11.0)]
    drow = "\n".join(tr(n, f"{k:.1f}", pc(dict((w[0], w[1]) for w in W)[n], k)) for n, k in DB)
    t = sum(w[1] for w in W)
    doc("r21.html", "HTML comparison of web frameworks; 'x% faster' in the sense of rate and of time, mean vs p50, cold vs warm", f"""
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="generator" content="notes2html 0.8.13">
  <title>Five web frameworks, one endpoint</title>
  <style>table {{ border-collapse: collapse; width: 100% }} td, th {{ padding: 3px 8px; line-height: 1.35 }} .n {{ color: #707070; font-size: 87% }}</style>
</head>
<body>
<h1>Five web frameworks, one endpoint</h1>
<p class="n">Round 7, 2025-06-12. Round 6 is from 2024-12-03 and used other hardware; do not compare.</p>

<h2>1. JSON endpoint</h2>
<p>The endpoint <code>GET /v1/ping</code> returns 212 bytes. 128 keep-alive connections, 60&nbsp;s after 20&nbsp;s of warm-up, 8 cores,
ports 3001 to 3005. Values are those of the median run out of 5.</p>
<table>
    <thead>
{tr("framework", "kreq/s", "mean (ms)", "p50 (ms)", "p99 (ms)", "vs Elm", tag="th")}
    </thead>
    <tbody>
{rows}
    </tbody>
</table>
<ul>
  <li>Alder is the fastest with 184.3 kreq/s. It serves {apc(141.9,184.3)} more requests than Birch. Seen as time per request it is {apc(.80,.61)} faster
      (mean {.61:.2f} against {.80:.2f}&nbsp;ms).</li>
  <li>Cedar's mean ({.91:.2f}&nbsp;ms) is much higher than its median ({.74:.2f}&nbsp;ms) because of garbage collection; its p99 is {3.88/.74:.1f}x the p50.</li>
  <li>Dogwood does roughly 40% of Birch's rate ({58.2/141.9*100:.0f}%), Elm roughly 15% ({21.4/141.9*100:.0f}%).</li>
  <li>184.3 kreq/s are {184.3*60/1000:.1f} million requests per minute and, with 212 bytes each, {184.3*212/1000:.1f} MB/s ({184.3*212*8/1000:.0f} Mbit/s) of body data.</li>
</ul>

<h2>2. Endpoint with three database queries</h2>
<p>Same connections, pool of 32, PostgreSQL 16.4 on another host. The second number is the change against section 1.</p>
<table>
    <thead>
{tr("framework", "kreq/s", "vs. section 1", tag="th")}
    </thead>
    <tbody>
{drow}
    </tbody>
</table>
<p>Here Cedar is first (39.2), {pc(38.4,39.2)} ahead of Alder. The distance between first and last shrinks from {184.3/21.4:.1f}x to {39.2/11.0:.1f}x.</p>

<h2>3. Start-up and memory</h2>
<table>
    <thead>
{tr("framework", "cold start (ms)", "warm start (ms)", "RSS idle (MB)", "RSS peak (MB)", "image (MB)", tag="th")}
    </thead>
    <tbody>
{tr("Alder (Rust)", 14, 6, 9, 31, 22)}
{tr("Birch (Go)", 22, 11, 14, 58, 31)}
{tr("Cedar (Java)", "1,870", "1,240", 210, 640, 287)}
{tr("Dogwood (Node)", 310, 165, 62, 148, 164)}
{tr("Elm (Python)", 640, 390, 48, 97, 118)}
    </tbody>
</table>
<p>The warm start is {(1870-1240):,}&nbsp;ms shorter for Cedar ({pc(1870,1240)}) and {14-6}&nbsp;ms shorter for Alder ({pc(14,6)}), so the smaller number is the larger
percentage. From idle to peak, memory grows {640/210:.1f}x for Cedar and {31/9:.1f}x for Alder.</p>

<h2>4. Lines of code</h2>
<p>Our implementations have 96 (Alder), 81 (Birch), 143 (Cedar), 54 (Dogwood) and 38 (Elm) lines, {96+81+143+54+38} in total, {(96+81+143+54+38)/5:.1f} on average. We had set
a limit of 150 for each.</p>

<h2>5. Caveats</h2>
<p>The load generator saturates at about 210 kreq/s. An earlier mail quoted "200k" for Alder: that was a peak over one second, while 184.3 is the mean
over 60&nbsp;s. The vendor of Cedar claims "3x faster than before", which refers to their version 2 on a 64-core machine. Bug 4408 affects Dogwood with
more than 128 connections.</p>
</body>
</html>
""")
r21()

# =====================================================================  r23  A  CI build times
def r23():
    st_ = [("checkout", 38, 21), ("restore cache", 64, 47), ("compile", 412, 268), ("unit tests", 305, 192), ("package", 71, 72)]
    a, b = sum(s[1] for s in st_), sum(s[2] for s in st_)
    rows = "\n".join(tr(n, x, y, f"{y-x:+d}", pc(x, y), f"{y/b*100:.1f}%") for n, x, y in st_)
    mon = 1840; jm = 34.0
    c1, c2 = q(mon*a/60*.008, 2), q(mon*b/60*.016, 2)
    ci1 = q(12*c1, 2); ci2 = q(12*c2, 2)
    doc("r23.html", "HTML report on CI runners, budgets and thresholds, stage table with totals and shares, costs", f"""
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>CI on 4-core and 8-core runners</title></head>
<body>
<h1>CI on 4-core and 8-core runners</h1>
<p><em>Written 2 July 2025 by build-tools. Data: June 2025, workflow <code>main.yml@6</code>, commit range <code>3c1f0aa..e88d214</code>.</em></p>

<h2>Summary</h2>
<p>With 8-core runners the median build takes {b}&nbsp;s ({b//60}&nbsp;min {b%60}&nbsp;s) instead of {a}&nbsp;s ({a//60}&nbsp;min {a%60}&nbsp;s), {apc(a,b)} less. Twice the cores
thus give {a/b:.2f}x the speed. The price per minute doubles from $0.008 to $0.016, so the bill rises, but by less than double: from ${c1:,.2f} to
${c2:,.2f} a month ({pc(c1,c2)}).</p>

<h2>Stages</h2>
<p>Median seconds over the {mon:,} builds of June for the old runners; 400 trial builds for the new. (Medians of stages need not add up to the median of the
whole; here we report the sum of the stage medians and call that "build time" everywhere.)</p>
<table>
    <thead>
{tr("stage", "4 cores (s)", "8 cores (s)", "diff (s)", "diff (%)", "share of 8-core time", tag="th")}
    </thead>
    <tbody>
{rows}
{tr("<b>total</b>", f"<b>{a}</b>", f"<b>{b}</b>", f"<b>{b-a:+d}</b>", f"<b>{pc(a,b)}</b>", "<b>100%</b>")}
    </tbody>
</table>
<p>Compiling and testing together were {(412+305)/a*100:.0f}% of the 4-core time and are {(268+192)/b*100:.0f}% now. Packaging is single-threaded and stays as it is.</p>

<h2>Budgets</h2>
<ul>
  <li>Build time budget: 720&nbsp;s. Old: {a}&nbsp;s, over budget by {a-720}&nbsp;s. New: {b}&nbsp;s, {720-b}&nbsp;s left.</li>
  <li>Test flakiness budget: 1.0% of builds. June: 11 of {mon:,} ({11/mon*100:.2f}%). Trial: 3 of 400 ({3/400*100:.2f}%). Both within.</li>
  <li>Cost budget: $450 a month. New estimate ${c2:,.2f}, {c2/450*100:.0f}% of it.</li>
</ul>

<h2>Noise</h2>
<p>Ten repeats of commit <code>e88d214</code> on 8 cores: mean 596.4&nbsp;s, SD 9.3&nbsp;s, CV {9.3/596.4*100:.1f}%, 95% CI [{596.4-hw(9.3,10):.1f}, {596.4+hw(9.3,10):.1f}] s. This is one commit; the
{b}&nbsp;s above are a median over many. On 4 cores the same ten repeats had a mean of 883.0&nbsp;s and an SD of 21.7&nbsp;s (CV {21.7/883*100:.1f}%). The regression alarm fires
at +5%, that is {.05*596.4/9.3:.1f} SDs on 8 cores and {.05*883/21.7:.1f} on 4.</p>

<h2>Queue</h2>
<table>
    <thead>
{tr("", "p50 (s)", "p90 (s)", "p99 (s)", "max (s)", tag="th")}
    </thead>
    <tbody>
{tr("4 cores, June", 12, 95, 410, "1,205")}
{tr("8 cores, trial", 15, 140, 388, 760)}
    </tbody>
</table>
<p>The pool of 8-core machines is smaller (12 instead of 30), which shows at the p90 ({pc(95,140)}), not at the p99 ({pc(410,388)}).</p>

<h2>Cost</h2>
<p>{mon:,} builds x {a}&nbsp;s = {mon*a/60:,.0f} minutes on 4 cores, x $0.008 = ${c1:,.2f}. {mon:,} builds x {b}&nbsp;s = {mon*b/60:,.0f} minutes on 8 cores, x $0.016 = ${c2:,.2f}. Over twelve
months the difference is ${12*(c2-c1):,.2f} (${ci2:,.2f} minus ${ci1:,.2f}). Against that stand {mon*(a-b)/3600:,.0f} hours of waiting saved each month.</p>

<h2>Decision</h2>
<p>Switch on 14 July 2025. Review after 90 days, or when the bill exceeds $450. Not part of this: the nightly job (about 2 h, 1 run a day, 16 cores), and the Windows job,
which takes 31% longer than Linux on either size.</p>
</body>
</html>
""")
    print("r23", a, b, c1, c2, hw(9.3, 10))
r23()

# =====================================================================  r24  B  video transcoding
def r24():
    E_ = [("x-medium", 61.2, 94.1, 3.42), ("x-slow", 28.7, 95.3, 3.11), ("hw-h265", 214.5, 92.8, 3.60), ("av-6", 35.4, 95.9, 2.54), ("av-10", 118.0, 94.4, 2.86)]
    rows = []
    for n, fps, v, mb in E_:
        c = [n, f"{fps:.1f}", f"{v:.1f}", f"{mb:.2f}", pc(3.42, mb) if n != "x-medium" else "-"]
        if n == "av-10": c[4] = E("e1", "-12.4%")
        if n == "av-6": c[2] += R("e3")
        if n in ("hw-h265", "x-medium"): c[1] += R("e2")
        if n == "x-slow": c[1] += R("e6")
        rows.append(tr(*c))
    clip = [("news", 1240), ("sports", 2875), ("animation", 960), ("film", 3310), ("screen", 615)]
    tot = sum(c[1] for c in clip)
    crow = []
    for n, s in clip:
        sh = f"{s/tot*100:.1f}%"
        if n == "sports": sh = E("e5", f"{s/tot*100-5:.1f}%")
        crow.append(tr(n, f"{s:,}" + R("e4"), sh + R("e5")))
    pw = [("x-slow", 178, 28.7), ("hw-h265", 96, 214.5), ("av-6", 185, 35.4), ("av-10", 171, 118.0)]
    prow = "\n".join(tr(n, w, f"{w/x:.2f}") for n, w, x in pw)
    doc("r24.html", "HTML report on video transcoding: tables, shares, totals, ratios, best-of claims", f"""
<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Transcoding ladder 2025</title>
</head>
<body>
<h1>Transcoding ladder 2025</h1>
<p>Five encoder settings on our 1080p test set. Encoder builds: x 4.1 (2025-02), av 2.3.0, driver 570.86. One host with 32 threads, one graphics card with 2 encoder units.</p>

<h2>Management summary</h2>
<ul>
  <li>Setting av-10 saves bandwidth against today's x-medium and is {118.0/61.2:.2f}x as fast.</li>
  <li>The hardware encoder is {E("e2", "2.8x")} as fast as x-medium, at a somewhat lower quality.</li>
  <li>{E("e3", "x-slow has the best quality")} of all five settings (VMAF {95.3}).{R("e3")}</li>
  <li>x-slow is {E("e6", f"{(61.2-28.7)/61.2*100:.1f}% faster")} than x-medium. {R("e6")}</li>
</ul>

<h2>Encoders</h2>
<table>
    <thead>
{tr("setting", "frames/s", "VMAF", "Mbit/s", "bit rate vs x-medium", tag="th")}
    </thead>
    <tbody>
{chr(10).join(rows)}
    </tbody>
</table>
<p>Quality differences below 0.5 VMAF points are not visible in our panel tests. Between hw-h265 and av-6 there are {95.9-92.8:.1f} points. The lowest bit rate is that of
av-6 with 2.54 Mbit/s.</p>

<h2>Test set</h2>
<table>
    <thead>
{tr("genre", "seconds", "share", tag="th")}
    </thead>
    <tbody>
{chr(10).join(crow)}
{tr("total", E("e4", f"{tot+200:,}"), "100.0%")}
    </tbody>
</table>
<p>At 25 frames per second the film part alone has {3310*25:,} frames, which av-6 encodes in {3310*25/35.4/60:.0f} minutes (35.4 frames/s) and av-10 in {3310*25/118/60:.0f} minutes.</p>

<h2>Energy</h2>
<p>Wall power above idle while encoding, and energy per frame:</p>
<table>
    <thead>
{tr("setting", "W", "J per frame", tag="th")}
    </thead>
    <tbody>
{prow}
    </tbody>
</table>
<p>Per frame the hardware encoder needs {apc(178/28.7, 96/214.5)} less energy than x-slow.</p>

<h2>Traffic</h2>
<p>We deliver 41 million hours a year. An hour at 3.42 Mbit/s is {3.42*3600/8/1000:.2f} GB, at 2.86 Mbit/s {2.86*3600/8/1000:.2f} GB. The yearly volume would fall from
{41*3.42*.45:.1f} PB to {41*2.86*.45:.1f} PB. At $1.90 per TB we would pay ${41*2.86*.45*1.9:,.0f} thousand for the latter.</p>

<h2>Repeatability</h2>
<p>Three runs of av-10 on the whole set gave 117.6, 118.3 and 118.1 frames/s; the mean is 118.0, the range 117.6 - 118.3 (0.6% of the mean).</p>

<h2>Decision proposal</h2>
<p>Move the 1080p rung to av-10 from 1 September 2025. Keep hw-h265 for live streams, where 214.5 frames/s allow {214.5/25:.1f} streams of 25 frames/s on one card in theory (we plan
with 6).</p>
</body>
</html>
""", {
        "e1": lab("percent_change", "3.42 to 2.86 is -16.4 %"),
        "e2": lab("ratio", "214.5 / 61.2 = 3.50x"),
        "e3": lab("best", "av-6 has VMAF 95.9", "decision"),
        "e4": lab("sum", f"the five genres add up to {tot:,} (shares in the rows refer to {tot:,})"),
        "e5": lab("share", f"2,875 of {tot:,} is {2875/tot*100:.1f} %; shares add up to 95 %"),
        "e6": lab("direction", "28.7 against 61.2 frames/s: slower, not faster", "decision"),
    })
    print("r24", tot, 41*2.86*.45*1.9)
r24()

# =====================================================================  write labels, trial.txt, self-check
json.dump({k: LABELS[k] for k in sorted(LABELS)}, open(os.path.join(OUT, "labels.json"), "w"), indent=1, ensure_ascii=False)
with open(os.path.join(OUT, "trial.txt"), "w") as fh:
    for k in sorted(STYLES): fh.write(f"{k}: {STYLES[k]}\n")
print(len(LABELS), "documents", sum(map(len, LABELS.values())), "labels")
for k in sorted(LABELS):
    L = open(os.path.join(OUT, k), encoding="utf-8").read().split("\n")
    n = len(L)-1
    if not 40 <= n <= 250: print("LENGTH", k, n)
    for e in LABELS[k]:
        for l in e["lines"]: assert 1 <= l <= n
        assert e["printed"] in L[e["line"]-1], (k, e)
print("self-check ok")
