# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""The sample configuration: it is good as it stands, and the environment variables of
the service that kgent replaces work through it; a bad one is an error that names it."""
import os
import stat
import subprocess
import tempfile

from daemon import KGENTD, Tap

SAMPLE = os.path.join(os.environ.get("top_srcdir", "."), "etc", "kgentd.conf")

# variable, a value, what -T prints then (None: masked)
GOOD = [
    ("API_HOST", "127.0.0.2", 'listen = "127.0.0.2:8000";'),
    ("API_PORT", "8080", 'listen = "127.0.0.1:8080";'),
    ("CORS_ORIGINS", "https://a.example, https://b.example",
     'cors_origins = ( "https://a.example", "https://b.example" );'),
    ("LOG_LEVEL", "WARNING", 'level = "warn";'),
    ("LOG_LEVEL", "debug", 'level = "debug";'),
    ("OPENMETER_BASE_URL", "http://127.0.0.1:1", 'url = "http://127.0.0.1:1";'),
    ("OPENMETER_ENABLED", "no", "enabled = false;"),
    ("OPENMETER_ENABLED", "1", "enabled = true;"),
    ("OPENMETER_BATCH_SIZE", "7", "batch_size = 7;"),
    ("OPENMETER_FLUSH_INTERVAL", "2.5", "flush_interval = 2.5;"),
    ("OPENMETER_API_KEY", "om_secret", 'api_key = "********";'),
    ("STRIPE_API_KEY", "rk_test_secret", 'api_key = "********";'),
    ("STRIPE_PRICE_PRO_MONTHLY", "price_month", 'prices = ( "price_month" );'),
    ("STRIPE_PRICE_PRO_YEARLY", "price_year", 'prices = ( "price_year" );'),
    ("STRIPE_PRICE_TEAMS_MONTHLY", "price_teams", 'prices = ( "price_teams" );'),
    ("STRIPE_WEBHOOK_SECRET", "whsec_secret", 'webhook_secret = ( "********" );'),
]
BAD = [
    ("OPENMETER_ENABLED", "maybe"),
    ("OPENMETER_BATCH_SIZE", "many"),
    ("OPENMETER_BATCH_SIZE", "0"),
    ("OPENMETER_FLUSH_INTERVAL", "soon"),
    ("LOG_LEVEL", "loud"),
]
SECRETS = ["OPENMETER_API_KEY", "STRIPE_API_KEY", "STRIPE_WEBHOOK_SECRET"]
VARIABLES = {name for name, *_ in GOOD} | set(SECRETS)


def run(state, mode, **variables):
    env = {k: v for k, v in os.environ.items() if k.removesuffix("_FILE") not in VARIABLES}
    env.update(variables)
    command = [KGENTD, "-c", SAMPLE, "-o", f"store.dir={state}", mode]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def secret_files(tap, state):
    path = os.path.join(state, "secret")
    with open(path, "w", encoding="utf-8") as f:
        f.write("from_a_file\n")
    for name in SECRETS:
        os.chmod(path, 0o600)
        p = run(state, "-T", **{name + "_FILE": path})
        tap.ok(p.returncode == 0 and "from_a_file" not in p.stdout and "********" in p.stdout,
               f"{name}_FILE is read, and masked", p.stdout + p.stderr)
        os.chmod(path, 0o644)
        assert os.stat(path).st_mode & stat.S_IROTH
        p = run(state, "-t", **{name + "_FILE": path})
        tap.ok(p.returncode == 78 and "others may use it; chmod o= it" in p.stderr,
               f"{name}_FILE that others may read is refused", p.stderr)
    os.unlink(path)


with Tap() as tap, tempfile.TemporaryDirectory() as state:
    p = run(state, "-t")
    tap.ok(p.returncode == 0, "the sample is good as it stands", p.stderr)
    for name, value, line in GOOD:
        p = run(state, "-T", **{name: value})
        tap.ok(p.returncode == 0 and line in p.stdout, f"{name}={value}", p.stdout + p.stderr)
        if name in SECRETS:
            tap.ok(value not in p.stdout, f"{name} is masked")
    p = run(state, "-T", STRIPE_PRICE_PRO_MONTHLY="price_month", STRIPE_PRICE_PRO_YEARLY="price_year")
    tap.ok('prices = ( "price_month", "price_year" );' in p.stdout, "the month's price is the first",
           p.stdout + p.stderr)
    for name, value in BAD:
        p = run(state, "-t", **{name: value})
        tap.ok(p.returncode == 78 and f"environment variable {name}" in p.stderr,
               f"{name}={value} is refused by its name", p.stderr)
    secret_files(tap, state)
    with open(SAMPLE, encoding="utf-8") as f:
        text = f.read()
    for name in sorted(VARIABLES):
        tap.ok(f"${{env:{name}:-" in text, f"{name} has its place and a default")
