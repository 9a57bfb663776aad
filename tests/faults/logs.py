# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""What must never be in logs, metrics and answers, and what they must stay
(FAULTS.md, M01 to M04, A04)."""
import http.server
import json
import subprocess
import threading
import time

from wire import FaultHost, exchange, kgent, together, until

SECRETS = ["kg_zzzzz_" + "S" * 43, "sk_live_" + "T" * 40, "rk_live_" + "V" * 40, "whsec_" + "U" * 40,
           "om_" + "W" * 40]
WEBHOOK = "whsec_configuredConfiguredConfigured01"
TOKEN = "om_configuredConfiguredConfiguredConf02"
PLUGINS = ["health", "faulty", 'load = "auth"; dev_keys = true;', "agentese",
           f'load = "billing-stripe"; webhook_secret = "{WEBHOOK}";',
           f'load = "metering-openmeter"; url = "http://127.0.0.1:9"; api_key = "{TOKEN}";']


class Echo(http.server.BaseHTTPRequestHandler):
    """A server that refuses everything and says what it was sent."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        text = f"no: {self.headers}".encode()
        self.send_response(400, "no " + self.headers["Authorization"])
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def nasty(host):
    texts = [b"a\x1b[31mb", "x\u2028y\u2029z".encode(), b"\xff\xfe", b"q" * 4000, b'"},{"level":"error"', b"a\tb"]
    for t in texts:
        exchange(host.port, b"GET /fault/hello HTTP/1.1\r\nHost: x\r\nUser-Agent: " + t
                 + b"\r\nX-Request-ID: " + t + b"\r\nConnection: close\r\n\r\n")
        exchange(host.port, b"GET /" + t + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    for path in ("/%0a%0d", "/a%22%7d", "/%e2%80%a8x", "/" + "p" * 3000, "/x%1b"):
        host.get(path)


def planted(host):
    for s in SECRETS:
        answers = [host.get("/fault/hello", {"X-API-Key": s}), host.get("/v1/me", {"Authorization": "Bearer " + s}),
                   host.get("/v1/me?api_key=" + s), host.get("/v1/me?x=" + s), host.get("/" + s),
                   host.get("/v1/me", {"User-Agent": s, "X-API-Key": "kg_dev_bob", "Referer": "http://x/" + s}),
                   host.post("/webhooks/stripe", s, {"Stripe-Signature": "t=1,v1=" + s}),
                   host.post("/v1/agentese/invoke", {"path": s}, {"X-API-Key": s})]
        for a in answers:
            text = a.text + str(a.headers)
            kgent.ok(s not in text.replace("Invalid path", "") or a.status == 400 and "path" in text,
                     f"{s[:8]}: not in an answer ({a.status})")
    refused = host.get("/v1/me?api_key=" + SECRETS[0])
    kgent.equal((refused.status, SECRETS[0] in refused.text), (400, False), "A04 a key in the query: 400")


def searched(host):
    host.post("/v1/agentese/invoke", {"path": "world.house.manifest"}, {"X-API-Key": "kg_dev_bob"})
    time.sleep(1.5)  # an export has failed meanwhile
    logged, metrics = host.logged(), host.get("/metrics", admin=True).text
    for s in SECRETS + [WEBHOOK, TOKEN]:
        kgent.equal((logged.count(s), metrics.count(s)), (0, 0), f"{s[:10]}: not in log and metrics")
    bad = []
    for line in logged.splitlines():
        try:
            json.loads(line)
        except ValueError:
            bad.append(line[:200])
    kgent.equal(bad, [], f"each of {len(logged.splitlines())} lines is JSON")
    kgent.ok(max(map(len, logged.splitlines())) < 4096, "none is long")
    kgent.ok("\x1b" not in logged and "\u2028" not in logged, "no control characters")
    run = subprocess.run([kgent.KGENTD, "-T", "-c", host.config], stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, check=False)
    kgent.ok(WEBHOOK not in run.stdout and TOKEN not in run.stdout, "-T masks them")


def scraped(host):
    """M03 and M04: a storm of scrapes costs little; what they get is well-formed."""
    durations = []

    def scrape():
        for _ in range(10):
            begin = time.monotonic()
            host.get("/metrics", admin=True)
            durations.append(time.monotonic() - begin)

    together([scrape] * 50)
    durations.sort()
    kgent.ok(len(durations) == 500 and durations[250] < 0.3, f"500 scrapes by 50: median {durations[250]:.3f} s")
    text = host.get("/metrics", admin=True).text
    kgent.ok(all(text.count(f"\n{name}{{") <= 200 or name.endswith("_bucket") for name in
                 {line.split("{")[0] for line in text.splitlines() if "{" in line}), "at most 200 series each")
    promtool = kgent.peer("promtool", "promtool")
    if promtool:
        run = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True, check=False)
        kgent.equal((run.returncode, run.stderr.strip()), (0, ""), "promtool check metrics")


def echoed():
    """M02: an upstream that repeats our secret."""
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    plugins = ["health", 'load = "auth"; dev_keys = true;', "agentese",
               f'load = "metering-openmeter"; url = "http://127.0.0.1:{upstream.server_port}"; '
               f'api_key = "{TOKEN}"; flush_interval = 0.05;']
    with FaultHost(plugins) as host:
        host.post("/v1/agentese/invoke", {"path": "world.house.manifest"}, {"X-API-Key": "kg_dev_bob"})
        kgent.ok(until(lambda: '"level":"warn","source":"metering' in host.logged()
                       or '"level":"error","source":"metering' in host.logged(), 10), "the refusal is logged")
        health = host.get("/health", local=True).text
        kgent.equal((host.logged().count(TOKEN), health.count(TOKEN)), (0, 0), "without the secret")
    upstream.shutdown()
    upstream.server_close()


def run():
    with FaultHost(PLUGINS, options=["http.threads=1"]) as host:
        for part in (nasty, planted, searched, scraped):
            part(host)


kgent.main([run, echoed])
