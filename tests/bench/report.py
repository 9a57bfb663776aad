# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""From results to build/bench/table.md, build/bench/plot.svg and the bars."""
import os
import statistics

import cases
import servers

MIB = 1024 * 1024
LIVEZ_INSTRUCTIONS, INVOKE_INSTRUCTIONS, BEYOND_INSTRUCTIONS = 12000, 30000, 15000
TOP = 20  # functions of a profile


class Bar:
    """One demand: a value, and what it must not exceed (or fall below)."""

    def __init__(self, name, value, limit, least, unit="x"):
        self.name, self.value, self.limit, self.least, self.unit = name, value, limit, least, unit

    @property
    def good(self):
        return self.value >= self.limit if self.least else self.value <= self.limit

    def __str__(self):
        sign = ">=" if self.least else "<="
        text = f"{self.value:.2f}" if self.unit == "x" else f"{self.value:,.1f}".rstrip("0").rstrip(".")
        limit = f"{self.limit:,}"
        verdict = "PASS" if self.good else f"MISS by {abs(self.value / self.limit - 1):.0%}"
        return f"| {self.name} | {text} {self.unit} | {sign} {limit} {self.unit} | {verdict} |"


# ---- The bars --------------------------------------------------------------


def ratio_bars(r):
    """(name, what is compared, this, with that, limit, at least?)"""
    ours = ("invoke", "kgentd", 64)
    rows = [("livez, CPU, of bare epoll", "cpu", ("livez", "kgentd", 64), ("livez", "epoll", 64), 1.2, 0),
            ("invoke, req/s, of nginx+Lua", "rate", ours, ("invoke", "nginx-lua", 64), 1.5, 1),
            ("invoke, p99, of nginx+Lua", "p99", ours, ("invoke", "nginx-lua", 64), 0.6, 0),
            ("invoke, req/s, of epoll with json-c", "rate", ours, ("invoke", "epoll-job", 64), 1.1, 1)]
    rows += [(f"invoke, req/s, power of process, c = {c}", "rate", ("invoke", "kgentd-power", c),
              ("invoke", "kgentd", c), 0.4, 1) for c in (64, 256)]
    rows += [(f"{case}, req/s, c = {c} of c = 64", "rate", (case + "-many", "kgentd", c),
              (case + "-many", "kgentd", 64), 0.7, 1)
             for case in ("livez", "invoke") for c in cases.COLLAPSE[1:]]
    for name, what, a, b, limit, least in rows:
        value = r.ratio(what, a, b)
        if value is not None:
            yield Bar(name, value, limit, least)


def instruction_bars(r):
    for name, limit in (("livez", LIVEZ_INSTRUCTIONS), ("invoke", INVOKE_INSTRUCTIONS)):
        value = r.single.get(("kgentd", "instructions", name))
        if value is not None:
            yield Bar(f"{name}, instructions in user space", value, limit, 0, "")
    loops = [r.single.get(("kgentd", "loop", name)) for name in ("invoke", "livez")]
    if None not in loops:
        yield Bar("invoke beyond livez, of the event loop", loops[0] - loops[1],
                  BEYOND_INSTRUCTIONS, 0, "")


def single_bars(r):
    for n in cases.CROWDS:
        for who in ("kgentd", "kgentd-power"):
            if (who, "crowd", n) in r.single:
                yield Bar(f"{who}: {n} clients at one moment, answered",
                          r.single[who, "crowd", n], n, 1, "")
    if "cold" in r.single:
        yield Bar("cold start to the first 200", r.single["cold"] * 1000, 100, 0, "ms")
        yield Bar("idle RSS", r.single["idle"] / MIB, 12, 0, "MiB")
        rss, n = r.single["idle-connections"]
        yield Bar(f"RSS with {n:,} idle connections", rss / MIB, 60, 0, "MiB")


def bars(r):
    return [*instruction_bars(r), *ratio_bars(r), *single_bars(r)]


# ---- The table -------------------------------------------------------------


def run_lines(r):
    yield "| case | server | c | req/s | CPU us/req | p50 ms | p99 ms | RSS MiB | instructions |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for case, who, c in sorted(r.runs, key=lambda k: (k[0], k[2], k[1])):
        def m(what, case=case, who=who, c=c):
            return r.median(case, who, c, what)
        rss = r.single.get((who, "rss"))
        count = r.single.get((who, "instructions", case)) if c == 64 else None
        yield (f"| {case} | {who} | {c} | {m('rate'):,.0f} | {m('cpu'):.1f} | {m('p50'):.2f} "
               f"| {m('p99'):.2f} | {rss / MIB:.1f} | {f'{count:,.0f}' if count else ''} |")


def disk_lines(r):
    if not r.fsync:
        return
    fsync = statistics.median(r.fsync)
    yield f"One write of 4 KiB and fdatasync on this disk: {fsync * 1e6:,.0f} us."
    yield ""
    yield "| server | c | events per fsync | fsync of the store, us | p99 in fsyncs of the disk |"
    yield "|---|---|---|---|---|"
    for (who, c), values in sorted(r.events_per_fsync.items()):
        p99 = r.median("invoke", who, c, "p99") / 1e3
        yield (f"| {who} | {c} | {statistics.median(values):,.1f} "
               f"| {statistics.median(r.commit_seconds[who, c]) * 1e6:,.0f} | {p99 / fsync:.1f} |")


def function_lines(r):
    for (name, who), by in r.functions.items():
        total = r.single[who, "instructions", name]
        yield ""
        yield f"{name} by {who}: {total:,.0f} instructions per request"
        yield ""
        yield from (f"    {n:8,.0f}  {f}" for f, n in by.most_common(TOP))


def table(r, note):
    lines = ["# kgentd and its peers", "", *note, "", "| bar | value | wanted | |", "|---|---|---|---|",
             *map(str, bars(r)), "", *run_lines(r), "", *disk_lines(r), *function_lines(r)]
    return "\n".join(lines) + "\n"


# ---- The plot --------------------------------------------------------------

COLOURS = {"epoll": "#b0b0b0", "epoll-job": "#b0b0b0", "nginx": "#7da453", "nginx-lua": "#7da453",
           "kgentd": "#2c5f8a", "kgentd-quiet": "#5b8fbb", "kgentd-power": "#c07830"}
WIDTH, LABEL, ROW, GAP = 720, 190, 20, 34


def svg_text(x, y, text, more=""):
    return f'<text x="{x}" y="{y}" {more}>{text}</text>'


def group_svg(r, case, clients, y):
    """Horizontal bars of one case, longest is best; returns elements and height."""
    rows = [(who, r.median(case, who, clients, "rate")) for who in cases.CONTENDERS[case]]
    rows = [(who, rate) for who, rate in rows if rate]
    if not rows:
        return [], 0
    top, out = max(rate for _, rate in rows), [svg_text(0, y + 12, f"{case}, {clients} clients: "
                                                        "requests per second", 'class="h"')]
    for i, (who, rate) in enumerate(rows):
        at, length = y + 20 + i * ROW, (WIDTH - LABEL - 80) * rate / top
        out += [svg_text(LABEL - 8, at + 13, who, 'text-anchor="end"'),
                f'<rect x="{LABEL}" y="{at + 1}" width="{length:.0f}" height="{ROW - 4}" '
                f'fill="{COLOURS[who]}"/>', svg_text(f"{LABEL + length + 6:.0f}", at + 13, f"{rate:,.0f}")]
    return out, 20 + len(rows) * ROW + GAP


def plot(r, clients):
    out, y = [], 10
    for case in cases.CONTENDERS:
        for c in clients:
            elements, height = group_svg(r, case, c, y)
            out += elements
            y += height
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" '
            f'viewBox="0 0 {WIDTH} {y}" font-family="sans-serif" font-size="12">\n'
            "<style>.h { font-weight: bold }</style>\n"
            '<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(out) + "\n</svg>\n")


def write(r, clients, note):
    text = table(r, note)
    for name, content in (("table.md", text), ("plot.svg", plot(r, clients))):
        with open(os.path.join(servers.HERE, name), "w") as f:
            f.write(content)
    return text
