#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Options of billing that make no sense: kgentd -t says file, line, what and how to mend it, and
starts nothing; what only seldom makes sense it warns of.  No secret is shown."""
import os
import subprocess
import tempfile

import kgent

SECRET = 'webhook_secret = "whsec_0123456789abcdef";'
AUTH = 'load = "auth"; tiers = ( { name = "FREE"; }, { name = "PRO"; } );'
KEY = 'api_key = "rk_test_0123456789";'
ALL = "webhook_secret tolerance livemode api_base api_key api_version plans ended_tier grace_days " \
      "tries bad_per_minute redirects success_url cancel_url return_url public_url link_ttl refetch " \
      "refetch_wait usage".split()

# (options from the entry's second line on, the line and what is said of it)
BAD = [
    ("tolerance = 0;", 2, "tolerance: 0 is out of range; 1 to 86400 is allowed"),
    ("tolerance = -300;", 2, "tolerance: -300 is out of range"),
    ("tolerance = 1e300;", 2, "tolerance: 1e+300 is out of range"),
    ('tolerance = "soon";', 2, "tolerance: a string is written; write a number"),
    ('livemode = "yes";', 2, 'livemode: "yes" is none of any|live|test'),
    ("livemode = true;", 2, "livemode: a boolean is written; write a string, in quotes"),
    ("webhook_secret = 5;", 2, "webhook_secret: an integer is written"),
    ('webhook_secret = ( "whsec_0123456789abcdef",\n"whsec_01234567 89abcdef" );', 3,
     "webhook_secret[1]: it has a blank, a line's end or a control character; write the signing"),
    ('webhook_secret = ( "whsec_0123456789abcdef\\n" );', 2, "webhook_secret[0]: it has a blank"),
    ('webhook_secret = "sk_live_0123456789abcdef";', 2,
     "webhook_secret[0]: this is a key of Stripe's API; write the signing secret"),
    (f'webhook_secret = "whsec_{"x" * 600}";', 2, "webhook_secret[0]: it has over 512 characters"),
    ('api_base = "";', 2, 'api_base: "" is no URL to begin paths with; leave it out'),
    ('api_base = "ftp://api.stripe.com";', 2, 'api_base: "ftp://api.stripe.com" is no URL'),
    ('api_base = "https://api.stripe.com/?x=";', 2, "api_base: "),
    ('api_base = "https://user:word@api.stripe.com";', 2, "api_base: "),
    ('api_key = "rk_live_0123456789";\napi_base = "http://127.0.0.1:1";', 3,
     "api_base: a live key travels over https:// only"),
    ('api_key = "rk_test_0123456789\\n";', 2, "api_key: it has a blank, a line's end or a control"),
    (f'api_key = "rk_test_{"x" * 600}";', 2, "api_key: it has over 480 characters"),
    ('api_key = "pk_live_0123456789";', 2, "api_key: this is a publishable key, which may do nothing"),
    ('api_key = "whsec_0123456789";', 2, "api_key: this is a signing secret of webhooks; write"),
    ('api_key = ( "rk_test_1" );', 2, "api_key: a list ( ) is written; write a string, in quotes"),
    ('api_version = "newest";', 2, 'api_version: "newest" is no version of Stripe\'s API; they are'),
    ('api_version = "2024-12-18\\r\\nX-Y: z";', 2, "api_version: "),
    ('api_version = "";', 2, 'api_version: "" is no version'),
    ('plans = ( "PRO" );', 2, "plans[0]: a string; write plans { KEY = VALUE; }"),
    ('plans = ( { prices = ( "price_1" ); } );', 2, "plans[0].tier is missing"),
    ('plans = ( { tier = "PRO"; prices = ( "price_1" ); },\n{ tier = "PRX";\nprices = ( ); } );', 3,
     'plans[1].tier: auth.tiers has no "PRX"; there are FREE, PRO'),
    ('plans = ( { tier = ""; } );', 2, "plans[0].tier: "),
    ('plans = ( { tier = "FREE"; prices = ( "price_1" ); },\n{ tier = "PRO";\n'
     'prices = ( "price_2", "price_1" ); } );', 4,
     'plans[1].prices[1]: "price_1" belongs to plans[0], tier FREE, already; give it to one plan'),
    ('plans = ( { tier = "FREE"; lookup_keys = "a, b"; },\n{ tier = "PRO"; lookup_keys = "b"; } );', 3,
     'plans[1].lookup_keys[0]: "b" belongs to plans[0]'),
    ('plans = ( { tier = "FREE"; products = "prod_1"; }, { tier = "PRO";\nproducts = "prod_1"; } );',
     3, 'plans[1].products[0]: "prod_1" belongs to plans[0]'),
    ('plans = ( { tier = "PRO"; prices = ( "price 1" ); } );', 2,
     'plans[0].prices[0]: "price 1" is no id of a price, price_...; write it as Stripe shows it'),
    ('plans = ( { tier = "PRO"; prices = ( "prod_1" ); } );', 2,
     'plans[0].prices[0]: "prod_1" is a product; write it into products'),
    ('plans = ( { tier = "PRO"; products = ( "price_1" ); } );', 2,
     'plans[0].products[0]: "price_1" is a price; write it into prices'),
    (f'plans = ( {{ tier = "PRO"; lookup_keys = ( "{"k" * 201}" ); }} );', 2,
     'plans[0].lookup_keys[0]: "kkk'),
    ('ended_tier = "NONE";', 2, 'ended_tier: auth.tiers has no "NONE"; there are FREE, PRO'),
    ('ended_tier = "";', 2, "ended_tier: it is empty; write the tier of who pays no more"),
    ("grace_days = -1;", 2, "grace_days: -1 is out of range; 0 to 365 is allowed"),
    ("grace_days = 9000000000L;", 2, "grace_days: 9000000000 is out of range"),
    ("grace_days = 1.5;", 2, "grace_days: a number is written; write an integer"),
    ("tries = 0;", 2, "tries: 0 is out of range; 1 to 1000 is allowed"),
    ("bad_per_minute = -1;", 2, "bad_per_minute: -1 is out of range; 0 to 1000000 is allowed"),
    ('redirects = ( "https://a.example/",\n"app.example.com" );', 3,
     'redirects[1]: "app.example.com" is no URL for that; write https://HOST/PATH'),
    ('redirects = ( "https://*.example.com/" );', 2, "redirects[0]: "),
    ('redirects = ( "https://a.example/b/%2e./c" );', 2,
     'redirects[0]: "https://a.example/b/%2e./c" has a "..", which no address may have'),
    ('success_url = "/done";', 2, 'success_url: "/done" is no URL for that'),
    ('cancel_url = "javascript:1";', 2, "cancel_url: "),
    ('return_url = "https://a b/";', 2, "return_url: "),
    ('public_url = "https://a.example/?x";', 2, "public_url: "),
    ("link_ttl = 0;", 2, "link_ttl: 0 is out of range; 60 to 604800 is allowed"),
    ("refetch = true;", 2, "refetch: it needs api_key; write one, or refetch = false"),
    ('refetch = "maybe";', 2, "refetch: a string is written; write true or false"),
    ("refetch_wait = -1;", 2, "refetch_wait: -1 is out of range; 0 to 604800 is allowed"),
    (f'{KEY} usage = ( {{ meter = "m m"; type = "t"; }} );', 2,
     'usage[0].meter: "m m" is no event_name; write that of one of Stripe\'s meters'),
    (f'{KEY} usage = ( {{ meter = "m"; type = "a b"; }} );', 2,
     'usage[0].type: "a b" is no type of events; write one like agentese.invoke'),
    (f'{KEY} usage = ( {{ meter = "m"; type = "t"; value = "a..b"; }} );', 2,
     'usage[0].value: "a..b" is no member'),
    (f'{KEY} usage = ( {{ meter = "m"; type = "t"; }},\n{{ meter = "m"; type = "t"; }} );', 3,
     "usage[1]: it is the same as usage[0], and each event would count twice; remove one"),
    ("webhook_secrets = 1;", 2, 'webhook_secrets: unknown option; did you mean "webhook_secret"?'),
]
ODD = [
    ('api_key = "sk_live_0123456789"; livemode = "live";', 2,
     "api_key is a secret key, which may do everything; use a restricted one, rk_live_..."),
    ('api_key = "rk_live_0123456789";\nlivemode = "test";', 2,
     'api_key is no key of livemode = "test": what is sold will send events that are refused'),
    ('api_key = "rk_test_0123456789";\nlivemode = "live";', 2, 'api_key is no key of livemode = "live"'),
    ('api_key = "rk_live_0123456789";\nlivemode = "any";', 3,
     'livemode: "any" takes test events, too, and what was paid in test mode gives tiers'),
    ('api_key = "0123456789";', 2, "api_key: it does not look like a key of Stripe's"),
    ('webhook_secret = "x";', 2, "webhook_secret[0]: it does not look like a signing secret"),
    ('webhook_secret = ( "whsec_0123456789abcdef", "whsec_0123456789abcdef" );', 2,
     "webhook_secret[1]: it is there twice; remove one"),
    ("webhook_secret = ( " + ", ".join(f'"whsec_0123456789abcd{i:02}"' for i in range(9)) + " );", 2,
     "webhook_secret: there are 9, and each is tried for every delivery"),
    ('webhook_secret = ( );\nplans = ( { tier = "PRO"; prices = ( "price_1" ); } );', 2,
     "webhook_secret: plans are sold, but without it no event of Stripe's is taken"),
    ('plans = ( { tier = "PRO"; prices = ( "price_1", "price_1" ); } );', 2,
     'plans[0].prices[1]: "price_1" is there twice; remove one'),
    ('plans = ( { tier = "PRO"; },\n{ tier = "FREE"; } );', 3,
     'plans[1].tier: "FREE" is less than "PRO" in front of it; write the least plan first'),
    ('usage = ( { meter = "m"; type = "t"; } );', 2,
     "usage: without api_key nothing is sent, and sums pile up"),
]
GOOD = ["", SECRET, 'webhook_secret = "";', "webhook_secret = ( );", "plans = ( );", "usage = ( );",
        f'{SECRET} {KEY} livemode = "test"; api_version = "2025-03-31.basil; x_beta=v1";'
        'plans = ( { tier = "FREE"; }, { tier = "PRO"; prices = ",price_1,"; lookup_keys = "a b";'
        'products = "prod_1"; } ); redirects = ( "http://127.0.0.1:3000/", "" );'
        'success_url = "https://a.example/?s={CHECKOUT_SESSION_ID}"; refetch = true;']


def check(folder, options, blocks=(AUTH,), mode=("-t",), first=False):
    """What kgentd says of a file in which billing's entry begins at line 10."""
    path = f"{folder}/k.conf"
    os.makedirs(f"{folder}/state", mode=0o700, exist_ok=True)
    billing = '{ load = "billing-stripe";\n' + options + "\n}"
    others = [f"{{ {b} }}" for b in blocks]
    text = (f'store = {{ dir = "{folder}/state"; }};\nadmin = {{ listen = "127.0.0.1:0"; }};\n'
            f'http = {{ listen = "127.0.0.1:0"; }};\nplugins = (\n')
    text += (",\n".join([billing] + others) if first else ",\n".join(others + [billing]))
    with open(path, "w", encoding="utf-8") as f:
        f.write(text + ");\n")
    line = next(i for i, t in enumerate(text.split("\n"), 1) if "billing-stripe" in t)
    done = subprocess.run([kgent.KGENTD, *mode, "-c", path], capture_output=True, text=True,
                          timeout=120)
    return done.returncode, done.stderr.replace(path, "CONF"), line - 1


def secrets_hidden(said, options):
    return not any(word.strip('",;()') in said for word in options.split()
                   if "0123456789" in word and "=" not in word)


def refused():
    seen = set()
    with tempfile.TemporaryDirectory(prefix="kgent-options-") as folder:
        for options, line, what in BAD:
            status, said, begin = check(folder, options)
            wanted = f"kgentd: CONF:{begin + line}: billing-stripe.{what}"
            told = [x for x in said.splitlines() if x.startswith("kgentd: ")]
            good = status == 78 and len(told) == 1 and told[0].startswith(wanted)
            if not kgent.ok(good and secrets_hidden(said, options), f"refused: {what[:60]}"):
                kgent.note(f"{status} {said}\nwanted {wanted}")
            seen |= {o for o in ALL if what.startswith(o)}
    kgent.equal(sorted(set(ALL) - seen), [], "each option has a case")


def warned():
    with tempfile.TemporaryDirectory(prefix="kgent-options-") as folder:
        for options, line, what in ODD:
            status, said, begin = check(folder, options)
            wanted = f"CONF:{begin + line}: billing-stripe.{what}"
            if not kgent.ok(status == 0 and "warn" in said and wanted in said
                            and secrets_hidden(said, options), f"warned of: {what[:60]}"):
                kgent.note(f"{status} {said}\nwanted {wanted}")


def good():
    with tempfile.TemporaryDirectory(prefix="kgent-options-") as folder:
        for options in GOOD:
            kgent.equal(check(folder, options)[:2], (0, ""), f"nothing to say of: {options[:50]}")


def many():
    with tempfile.TemporaryDirectory(prefix="kgent-options-") as folder:
        status, said, _ = check(folder, 'api_base = "x";\nended_tier = "X";\nsuccess_url = "y";')
        kgent.equal((status, said.count("\n")), (78, 3), "all faults are told at once")


def tiers():
    """Who knows them, and when."""
    plans = f'{SECRET}\nplans = ( {{ tier = "PRX"; prices = ( "price_1" ); }} );'
    with tempfile.TemporaryDirectory(prefix="kgent-options-") as folder:
        status, said, begin = check(folder, plans, blocks=('load = "auth";',))
        kgent.equal((status, said), (78, f"kgentd: CONF:{begin + 3}: billing-stripe.plans[0].tier: "
                                     'auth.tiers has no "PRX"; there are FREE, PRO, TEAMS, '
                                     "ENTERPRISE\n"), "the default ones")
        status, said, begin = check(folder, plans, mode=())
        kgent.ok(status == 78 and f"CONF:{begin + 3}: billing-stripe.plans[0].tier: auth.tiers has "
                 'no "PRX"; there are FREE, PRO\n' in said, "the start says the same")
        status, said, begin = check(folder, plans, first=True)
        kgent.ok(status == 0 and "load auth before billing-stripe" in said,
                 "in front of auth they cannot be checked, which is said")
        status, said, begin = check(folder, plans, first=True, mode=())
        good = f"CONF:{begin + 3}: billing-stripe.plans[0].tier: auth.tiers has " in said
        if not kgent.ok(status and good and "there are FREE, PRO" in said, "but at the start they are"):
            kgent.note(f"{status} {said}")


kgent.main([refused, warned, good, many, tiers])
