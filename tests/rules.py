#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Alert rules, as Prometheus' own tool sees them: each fires at its fault, not before its
time, and is silent again when the fault is gone; and its metrics are documented."""
import glob
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "http"))
import kgent  # noqa: E402

RULES = os.path.join(kgent.SOURCE, "etc/prometheus/kgent.rules.yml")

# alert: (series, values of each minute, minute before it fires, minute of firing, and after)
CASES = {
    "KgentUsageRefused": ("kgent_metering_refused_total", "0x3 5x20", 2, 5, 15),
    "KgentStoreFails": ("kgent_store_errors_total", "0x3 1x20", 2, 5, 15),
    "KgentSinkLags": ('kgent_metering_sink_lag_seconds{sink="a"}', "0 700x8 0x5", 5, 8, 11),
    "KgentSinkStopped": ('kgent_metering_sink_stopped{sink="a"}', "0 1x5 0x5", 2, 4, 8),
    "KgentEventsParked": ('kgent_metering_sink_parked{sink="a"}', "0 3x14 0x5", 10, 13, 17),
    "KgentUsageDrifts": ('kgent_metering_unaccounted{sink="a"}', "0 -1x9 0x5", 5, 8, 13),
    "KgentSinkDoubles": ('kgent_metering_sink_dedupes{sink="a"}', "0 -1x5 1x5", 0, 3, 9),
    "KgentRollupLags": ("kgent_metering_rollup_lag_seconds", "0 601x8 0x5", 5, 8, 12),
    "KgentCursorLeft": ("kgent_metering_cursors_left", "0 1x70 0x5", 60, 65, 75),
    "KgentReceiptsMissing": ("kgent_metering_receipts_missing_total", "0x3 2x20", 2, 5, 15),
}


def alerts():
    with open(RULES, encoding="utf-8") as f:
        return f.read()


def firing(name, minute, labels):
    """What promtool wants to know: whether the alert fires at that minute."""
    wanted = [{"exp_labels": labels}] if labels else []
    return {"eval_time": f"{minute}m", "alertname": name, "exp_alerts": wanted}


def case(name, series, values, before, at, after, severity, annotations):
    labels = {"severity": severity}
    if "sink=" in series:
        labels["sink"] = "a"
    tests = [firing(name, before, None), firing(name, at, labels), firing(name, after, None)]
    tests[1]["exp_alerts"][0]["exp_annotations"] = annotations
    return {"interval": "1m", "input_series": [{"series": series, "values": values}],
            "alert_rule_test": tests}


def main():
    promtool = kgent.peer("promtool", "promtool test rules")
    text = alerts()
    names = re.findall(r"alert: (\w+)", text)
    kgent.equal(sorted(names), sorted(CASES), "every rule has a case")
    docs = "".join(open(p, encoding="utf-8").read()
                   for p in glob.glob(os.path.join(kgent.SOURCE, "docs/*.8"))
                   + glob.glob(os.path.join(kgent.SOURCE, "plugins/*/*.7")))
    for metric in sorted(set(re.findall(r"kgents?_[a-z_]+", re.sub(r"description:.*", "", text)))):
        kgent.contains(docs, metric, f"{metric} is documented")
    if not promtool:
        kgent.done()
    run = subprocess.run([promtool, "check", "rules", RULES], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True)
    kgent.ok(run.returncode == 0, "promtool check rules") or kgent.note(run.stdout)
    for name in names:
        fires(promtool, name)
    kgent.done()


def annotations_of(name, value, sink):
    """The rule's texts, as they are when it fires."""
    block = alerts().split(f"alert: {name}\n")[1].split("- alert:")[0]
    summary = re.search(r"summary: (.*)", block).group(1)
    description = " ".join(block.split("description: >-")[1].split())
    for template, said in (("$labels.instance", ""), ("$labels.sink", sink),
                           ("$value | humanizeDuration", f"{int(value) // 60}m {int(value) % 60}s"
                            if value > 0 else ""), ("$value", str(value))):
        description = description.replace("{{ %s }}" % template, said)
    return {"summary": summary, "description": description}


def fires(promtool, name):
    series, values, before, at, after = CASES[name]
    block = alerts().split(f"alert: {name}\n")[1].split("- alert:")[0]
    severity = re.search(r"severity: (\w+)", block).group(1)
    value = int(re.search(r" (-?\d+)x", values).group(1))
    said = annotations_of(name, value, "a")
    with tempfile.NamedTemporaryFile("w", suffix=".json") as f:
        json.dump({"rule_files": [RULES], "evaluation_interval": "1m",
                   "tests": [case(name, series, values, before, at, after, severity, said)]}, f)
        f.flush()
        run = subprocess.run([promtool, "test", "rules", f.name], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True)
    if not kgent.ok(run.returncode == 0, f"{name} fires and is silent again"):
        kgent.note(run.stdout)


main()
