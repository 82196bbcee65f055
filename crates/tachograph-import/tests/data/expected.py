"""What the importers must give for the files beside this script, worked out from the files alone.

Run it here, with any Python 3, to write expected.json: `python3 expected.py`. Arithmetic is exact
(fractions of the binary numbers that the files hold), rounded once to whole nanoseconds.
"""

import json
from fractions import Fraction
from pathlib import Path

HERE = Path(__file__).parent


def ns(value, per):
    """Nanoseconds of `value`, of which one is `per` nanoseconds; absent stays absent."""
    return None if value is None else int(Fraction(value) * per + Fraction(1, 2))


def span(start, end):
    """Nanoseconds between two instants in seconds."""
    return None if start is None or end is None else ns(Fraction(end) - Fraction(start), 10**9)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def guidellm(path):
    runs = []
    for benchmark in json.loads(path.read_text())["benchmarks"]:
        begin, close = benchmark["start_time"], benchmark["end_time"]
        requests = [(group, r) for group, all in benchmark["requests"].items() for r in all or []]
        starts = [r["info"]["timings"]["request_start"] for _, r in requests]
        calls, counted = [], []
        for group, request in requests:
            t = request["info"]["timings"]
            start, end = t["request_start"], t["request_end"] or t["resolve_end"]
            outside = end < begin or start > close
            if not outside:
                counted.append((start, end))
            call = {
                "status": {"successful": "completed", "incomplete": "cancelled"}.get(group, "http_error"),
                "stage": "warmup" if outside else "other",
                "sent_after_ns": span(min(starts), start),
                "ttft_ns": span(start, t["first_token_iteration"]),
                "ttfc_ns": span(start, t["first_request_iteration"]),
                "e2e_ns": span(start, t["request_end"]),
                "decode_ns": span(t["first_token_iteration"], t["last_token_iteration"]),
                "prompt_tokens": request["input_metrics"]["total_tokens"],
                "cached_prompt_tokens": request["input_metrics"]["cached_tokens"],
                "output_tokens": request["output_metrics"]["total_tokens"],
            }
            calls.append(call)
        made = benchmark["scheduler_metrics"]["requests_made"]["successful"]
        whole = made == len(benchmark["requests"]["successful"])
        wall = span(min(s for s, _ in counted), max(e for _, e in counted)) if whole else None
        runs.append({"place": f"/benchmarks/{len(runs)}", "wall_ns": wall, "calls": in_order(calls)})
    return runs


def aiperf(path):
    records = lines(path)
    has_usage = any("usage_completion_tokens" in r["metrics"] for r in records)
    first = min(r["metadata"]["request_start_ns"] for r in records)
    calls = []
    for record in records:
        meta, metrics = record["metadata"], record["metrics"]
        ms = lambda name: ns(metrics[name]["value"], 10**6) if name in metrics else None
        whole = lambda name: metrics[name]["value"] if name in metrics else None
        before = (ms("http_req_connecting") or 0) + (ms("http_req_blocked") or 0)
        since = lambda value: None if value is None else value - before
        took = meta["request_end_ns"] - meta["request_start_ns"]
        output = whole("usage_completion_tokens")
        status = "http_error" if "error" in record else "completed"
        if status == "completed" and has_usage and output is None:
            status = "truncated"
        latency, ttft = ms("request_latency"), ms("time_to_first_token")
        gaps = [ns(gap, 10**6) for gap in metrics.get("inter_chunk_latency", {"value": []})["value"]]
        calls.append({
            "status": status,
            "stage": "warmup" if meta["phase_kind"] == "warmup" else "other",
            "sent_after_ns": meta["request_start_ns"] - first,
            "ttft_ns": since(ttft),
            "e2e_ns": since(took) if took and "error" not in record else None,
            "decode_ns": None if ttft is None else latency - ttft,
            # Chunks of one read share their instant: there is no gap between them.
            "gaps_ns": [gap for gap in gaps if gap],
            "prompt_tokens": whole("usage_prompt_tokens"),
            "cached_prompt_tokens": whole("usage_prompt_cache_read_tokens"),
            "output_tokens": output,
        })
    measured = [r["metadata"] for r in records if r["metadata"]["phase_kind"] != "warmup"]
    wall = max(m["request_end_ns"] for m in measured) - min(m["request_start_ns"] for m in measured)
    return [{"place": "", "wall_ns": wall, "calls": in_order(calls)}]


def vllm(path):
    outcomes = lines(path)
    runs = []
    for number, outcome in enumerate(outcomes, 1):
        calls = []
        for at, error in enumerate(outcome.get("errors", [])):
            gaps = [ns(gap, 10**9) for gap in outcome["itls"][at]]
            ttft = ns(outcome["ttfts"][at], 10**9)
            starts = outcome["start_times"]
            calls.append({
                "status": "http_error" if error else "completed",
                "stage": "other",
                "sent_after_ns": span(min(starts), starts[at]),
                "ttft_ns": ttft or None,
                "decode_ns": sum(gaps) or None,
                "gaps_ns": gaps,
                "prompt_tokens": outcome["input_lens"][at],
                "output_tokens": None if error else outcome["output_lens"][at],
            })
        place = "" if len(outcomes) == 1 else f"line {number}"
        run = {"place": place, "wall_ns": ns(outcome["duration"], 10**9), "calls": in_order(calls)}
        if not calls:
            run["means"] = {
                "n_calls": outcome["completed"],
                "ttft_ms": outcome["mean_ttft_ms"],
                "output_tokens": outcome["total_output_tokens"],
            }
        runs.append(run)
    return runs


def llama_bench(path):
    text = path.read_text()
    rows = json.loads(text) if text.lstrip().startswith("[") else lines(path)
    runs = []
    for number, row in enumerate(rows):
        calls = []
        for sample in row["samples_ns"]:
            call = {"status": "completed", "stage": "other", "total_ns": sample}
            if not row["n_gen"]:
                call["prompt_eval_ns"] = sample
            if not row["n_prompt"]:
                call["eval_ns"] = sample
            call["prompt_tokens"] = row["n_prompt"] or None
            call["output_tokens"] = row["n_gen"] or None
            calls.append(call)
        place = f"/{number}" if text.lstrip().startswith("[") else f"line {number + 1}"
        runs.append({"place": place, "wall_ns": None, "calls": calls})
    return runs


def otel(path):
    """One process with one kind of request; further kinds are runs of their own."""
    documents = [json.loads(path.read_text())] if path.suffix == ".json" else lines(path)
    spans = []
    for document in documents:
        for of_resource in document["resourceSpans"]:
            for of_scope in of_resource["scopeSpans"]:
                spans.extend(of_scope["spans"])
    kinds = {}
    for found in spans:
        a = {it["key"]: list(it["value"].values())[0] for it in found["attributes"]}
        whole = lambda name: int(a[name]) if name in a else None
        reasons = [v["stringValue"] for v in a.get("gen_ai.response.finish_reasons", {"values": []})["values"]]
        status = "truncated" if "error" in reasons else "completed"
        if "error.type" in a:
            status = "http_error"
        start, end = int(found["startTimeUnixNano"]), int(found["endTimeUnixNano"])
        kinds.setdefault(a.get("gen_ai.request.stream", False), []).append((start, {
            "status": status,
            "stage": "other",
            "ttfc_ns": ns(a.get("gen_ai.response.time_to_first_chunk"), 10**9),
            "e2e_ns": end - start,
            "finish_reason": reasons[0] if reasons else None,
            "prompt_tokens": whole("gen_ai.usage.input_tokens"),
            "output_tokens": whole("gen_ai.usage.output_tokens"),
        }))
    runs = []
    for calls in kinds.values():
        first = min(start for start, _ in calls)
        runs.append({
            "place": "",
            "wall_ns": None,
            "calls": [{**call, "sent_after_ns": start - first} for start, call in sorted(calls, key=lambda it: it[0])],
        })
    return runs


def in_order(calls):
    return sorted(calls, key=lambda call: call["sent_after_ns"])


def main():
    found = {}
    for kind, parse, files in [
        ("guidellm", guidellm, ["concurrent.json", "failed.json", "thinking.json", "cancelled.json"]),
        ("aiperf", aiperf, [f"{name}/profile_export.jsonl" for name in ["plain", "failed", "warmup"]]),
        ("vllm", vllm, ["detailed.json", "plain.json", "failed.json", "append.json", "thinking.json"]),
        ("llama-bench", llama_bench, ["base.json", "rows.jsonl"]),
        ("otel", otel, ["ok.jsonl", "failed.jsonl", "ok-base64.json"]),
    ]:
        for name in files:
            runs = parse(HERE / kind / name)
            for run in runs:
                run["calls"] = [{k: v for k, v in call.items() if v not in (None, [])} for call in run["calls"]]
            found[f"{kind}/{name}"] = runs
    text = json.dumps(found, indent=1, sort_keys=True)
    (HERE / "expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
