#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Options of metering that make no sense: kgentd -t says file, line, what and how to mend it, and
starts nothing.  No secret is shown."""
import os
import subprocess
import tempfile

import kgent

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ALL = "url api_key enabled source batch_size flush_interval timeout keep_days api_requests canary sinks " \
      "meters rollups ingest receipts".split()


def sink(text):
    return "sinks = ( {\n" + text + " } );"


def meter(text):
    return "meters = ( {\n" + text + " } );"


NUMBERS = [(name, least - 1, most + 1) for name, least, most in (
    ("batch_size", 1, 1000), ("flush_interval", 0, 60), ("timeout", 1, 300), ("keep_days", 0, 36500))]
NUMBERS += [(f"ingest.{name}", least - 1, most + 1) for name, least, most in (
    ("body_max", 1024, 983040), ("batch_max", 1, 10000), ("dedup_days", 32, 3660), ("max_age_days", 0, 3660),
    ("future", 0, 86400))]
NUMBERS += [(f"rollups.{name}", -1, 36501) for name in ("minutes", "hours", "days", "months")]
NUMBERS += [(f"sinks[0].{name}", least - 1, most + 1) for name, least, most in (
    ("max_bytes", 4096, 1 << 40), ("batch_size", 1, 1000), ("flush_interval", 0, 60), ("timeout", 1, 300))]
URLS = ["ftp://h", "h", "", "HTTP://h", "http://", "https:///x", "http://user:word@h/", "http://h:0", "http://h:65536",
        "http://h:x/", "http://h:/", "http://h:80x", "http://h /", "http://h/#x", "http://[::1", "http://[x]/", "http://h\\n"]

# (options from the entry's second line on, the line and what is said of it)
BAD = [
    ("url = true;", 2, "url: a boolean is written; write a string, in quotes"),
    (f'url = "http://{"a" * 254}/";', 2, "url: "),
    (f'url = "http://h/{"a" * 2000}";', 2, "url: it has over 1536 characters; write a shorter one"),
    ('url = "http://h";\napi_key = "secret\\nX-Y: z";', 3, "api_key: it has a blank, a line's end or a control"),
    ('url = "http://h";\napi_key = "secret word";', 3, "api_key: it has a blank"),
    (f'url = "http://h";\napi_key = "{"secret" * 200}";', 3, "api_key: it has over 960 characters"),
    ("api_key = 5;", 2, "api_key: an integer is written"),
    ('api_key = "${file:/nowhere/key}";', 2, "api_key: /nowhere/key: No such file or directory"),
    ('api_key = "${env:KGENT_NOT_SET}";', 2, "api_key: environment variable KGENT_NOT_SET is not set; set it"),
    ('enabled = "yes";', 2, "enabled: a string is written; write true or false, without quotes"),
    ("api_requests = 1;", 2, "api_requests: an integer is written; write true or false"),
    ("canary = ();", 2, "canary: a list ( ) is written; write true or false"),
    ('source = "";', 2, 'source: "" is no URI of up to 256 characters that # can stand behind; write'),
    ('source = "a b";', 2, 'source: "a b" is no URI'), ('source = "a#b";', 2, 'source: "a#b" is no URI'),
    (f'source = "{"x" * 257}";', 2, "source: "), ("source = 5;", 2, "source: an integer is written"),
    ('receipts = "rsa";', 2, 'receipts: "rsa" is none of mac|ed25519|off'),
    ('batch_size = "x";', 2, "batch_size: a string is written; write an integer"),
    ("timeout = 1e400;", 2, "1e400 is not a finite number"),
    ("keep_days = 99999999999999999999;", 2, "99999999999999999999 is not an integer of 64 bits"),
    ("batch_sise = 1;", 2, 'batch_sise: unknown option; did you mean "batch_size"?'),
    ("sinks = 5;", 2, "sinks: an integer; write ( { KEY = VALUE; }, ... )"),
    (sink(""), 2, "sinks[0].name is missing"),
    (sink('name = "a";\nkind = "ftp";'), 4, 'sinks[0].kind: "ftp" is none of openmeter|file|webhook'),
    (sink('kind = "file";\nname = "A b";'), 4, 'sinks[0].name: "A b" is no name; write up to 32 lower-case letters'),
    ('url = "http://h";\n' + sink('kind = "file"; dir = "/x";\nname = "openmeter";'), 5,
     'sinks[0].name: "openmeter" is there twice, for it is that of url at the top; write another'),
    ('sinks = ( { kind = "file"; dir = "/x"; name = "a"; },\n{ kind = "file"; dir = "/x"; name = "a"; } );', 3,
     'sinks[1].name: "a" is there twice; write another'),
    ("sinks = (" + ",".join('\n{ name = "s%d"; kind = "file"; dir = "/x"; }' % i for i in range(17)) + " );", 19,
     "sinks[16]: it is one too many; 16 are allowed"),
    (sink('name = "a"; kind = "file";\ndir = "usage";'), 4,
     'sinks[0].dir: "usage" is no absolute path; write /var/lib/kgent/usage'),
    (sink('name = "a"; kind = "file";'), 2, 'sinks[0].dir: "" is no absolute path'),
    (sink('name = "a"; kind = "webhook"; url = "http://h";'), 2, "sinks[0].secrets: a webhook needs one; write whsec_"),
    (sink(f'name = "a"; kind = "webhook"; url = "http://h";\nsecrets = ( "{SECRET}", "whsec_secret" );'), 4,
     "sinks[0].secrets: number 2 is none; write 1 to 4"),
    (sink('name = "a"; kind = "webhook"; url = "http://h";\nsecrets = ( %s );' % ", ".join([f'"{SECRET}"'] * 5)), 4,
     "sinks[0].secrets: number 5 is one too many; write 1 to 4"),
    (sink(f'name = "a"; kind = "webhook"; secrets = "{SECRET}";\nurl = "mailto:x";'), 4, "sinks[0].url: "),
    (sink('name = "a"; kind = "openmeter"; url = "http://h";\napi_key = "secret\\t";'), 4, "sinks[0].api_key: it has"),
    (meter(""), 2, "meters[0].slug is missing"),
    (meter('type = "t";\nslug = "A b";'), 4, 'meters[0].slug: "A b" is no name; write up to'),
    (meter(f'type = "t";\nslug = "{"a" * 200}";'), 4, "meters[0].slug: "),
    ('meters = ( { slug = "a"; type = "t"; aggregation = "COUNT"; },\n{ type = "u"; aggregation = "COUNT";\n'
     'slug = "a"; } );', 4, 'meters[1].slug: "a" is there twice; write another'),
    ("meters = (" + ",".join('\n{ slug = "s%d"; type = "t"; aggregation = "COUNT"; }' % i for i in range(65)) + " );",
     67, "meters[64].slug: this is one too many; 64 are allowed"),
    (meter(f'slug = "a";\ntype = "{"t" * 3000}";'), 4, "meters[0].type: it is no type of events; write one"),
    (meter('slug = "a"; type = "t";\naggregation = "SUMM";'), 4, 'meters[0].aggregation: "SUMM" is none of SUM|'),
    (meter('slug = "a"; type = "t"; aggregation = "MAX";\nvalue = "$.a[0]";'), 4,
     "meters[0].value: MAX needs the name of a member of data, such as"),
    (meter('slug = "a"; type = "t"; aggregation = "COUNT";\nvalue = "v";'), 4, "meters[0].value: COUNT takes none; remove"),
    (meter('slug = "a"; type = "t"; aggregation = "COUNT";\ngroup_by = ( "x", "x" );'), 4,
     'meters[0].group_by: "x" is there twice; remove one'),
    (meter('slug = "a"; type = "t"; aggregation = "COUNT";\ngroup_by = "subject";'), 4,
     'meters[0].group_by: "subject" is no name of a member of data; write one'),
    (meter('slug = "a"; type = "t"; aggregation = "COUNT";\ngroup_by = "a, b, c, d, e, f, g, h, i";'), 4,
     "meters[0].group_by: it has more than 8 members; leave some out"),
    ("rollups = {\nminutes = 5;\nhours = 1; };", 4, "rollups.hours: 1 is less than the 5 of minutes, of which"),
    ("rollups = {\nminutes = 0;\nhours = 1; };", 4, "rollups.hours: 1 is less than the 0 of minutes"),
    ("ingest = {\nmax_age_days = 40; };", 3, "ingest.max_age_days: 40 must be below dedup_days = 33"),
]


def number(name, value):
    """An option with this value, and what else its group needs."""
    group, _, key = name.rpartition(".")
    if not group:
        return f"{name} = {value};", 2
    if group.startswith("sinks"):
        return sink(f'name = "a"; kind = "file"; dir = "/x";\n{key} = {value};'), 4
    return f"{group} = {{\n{key} = {value}; }};", 3


def rows():
    yield from BAD
    for name, low, high in NUMBERS:
        for value in (low, high, -123456):
            text, line = number(name, value)
            yield text, line, f"{name}: {value} is out of range; "
        text, line = number(name, '"x"')
        yield text, line, f"{name}: a string is written; write a"
    for url in URLS[:2] + URLS[3:]:
        yield f'url = "{url}";', 2, "is no http or https URL without user and fragment; write https://openmeter.cloud"
    for url in URLS:
        yield sink(f'name = "a"; kind = "openmeter";\nurl = "{url}";'), 4, "sinks[0].url: "


def tried(folder, options):
    config, state = os.path.join(folder, "kgentd.conf"), os.path.join(folder, "state")
    os.makedirs(state, mode=0o700, exist_ok=True)
    with open(config, "w", encoding="utf-8") as f:
        f.write(f'plugins = ( {{ load = "metering-openmeter";\n{options} }} );\n'
                f'store = {{ dir = "{state}"; }};\n')
    run = subprocess.run([kgent.KGENTD, "-t", "-c", config], capture_output=True, text=True, timeout=60)
    return run.returncode, run.stdout + run.stderr, config


def bad():
    with tempfile.TemporaryDirectory() as folder:
        for options, line, said in rows():
            status, text, config = tried(folder, options)
            where = [t for t in text.splitlines() if said in t and f"{config}:{line}: " in t]
            if not kgent.ok(status == 78 and where and "secret" not in text.replace("secrets", ""),
                            f"{options[:60]!r}: line {line}, {said}"):
                kgent.note(f"{status} {text[:500]}")
        kgent.equal(os.listdir(os.path.join(folder, "state")), [], "nothing was made")


def good():
    """What is at the edge is none of these."""
    with tempfile.TemporaryDirectory() as folder:
        for options in ("", *(f'url = "{url}";' for url in (
                "http://h", "https://h.example:65535/a/b", "http://[::1]:8/", "http://10.0.0.1", f"http://h/{'a' * 1527}")),
                        'url = "http://h"; api_key = "om_%s";' % ("k" * 957), f'source = "{"x" * 256}";',
                        sink(f'name = "a_1"; kind = "webhook"; url = "http://h/x?y=z"; secrets = "{SECRET}";'),
                        meter('slug = "a"; type = "t"; value = "$.a.b"; group_by = ( "x", "y.z" );'),
                        "rollups = { minutes = 5; hours = 5; days = 0; months = 0; };",
                        "ingest = { max_age_days = 32; dedup_days = 33; };"):
            status, text, _ = tried(folder, options)
            if not kgent.ok(status == 0, f"good: {options[:60]!r}"):
                kgent.note(text[:500])


def complete():
    """Each option is tried with nonsense here."""
    tested = "\n".join(options + said for options, _, said in rows())
    kgent.equal([o for o in ALL if f"{o} = " not in tested], [], "each option of metering is tried")


kgent.main([bad, good, complete])
