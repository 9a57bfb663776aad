#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Tokens of an identity provider end to end: signed by openssl, and by PyJWT and
jwcrypto where they are installed; keys that are fetched over HTTP, rotated, taken
away, and not to be had."""
import base64
import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
import time

import kgent

TENANT = "00000000-0000-0000-0000-000000000001"
ISSUER = "https://issuer.example"
WRONG = "Invalid token. Please check your credentials."
AUTH = """load = "auth"; dev_keys = true;
    jwt = { issuer = "%s"; audience = "kgent"; jwks_url = "http://127.0.0.1:%d/keys";
            refresh = %d; leeway = 5; };"""


def base64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, check=True, capture_output=True).stdout


def until(condition, seconds=20):
    """Whether it becomes true in that time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.1)
    return False


# ---- A provider ------------------------------------------------------------


class Key:
    """A private key in a file; everything is done by openssl."""

    KINDS = {"RS256": ["RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
             "ES256": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"],
             "EdDSA": ["ED25519"]}

    def __init__(self, folder, alg, kid):
        self.alg, self.kid = alg, kid
        self.path = os.path.join(folder, kid)
        openssl("genpkey", "-out", self.path, "-algorithm", *self.KINDS[alg])
        self.jwk = self.public()

    def public(self):
        public = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")
        if self.alg == "RS256":
            modulus = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode()
            n = bytes.fromhex(modulus.strip().partition("=")[2])
            key = {"kty": "RSA", "n": base64url(n), "e": "AQAB"}
        elif self.alg == "ES256":
            key = {"kty": "EC", "crv": "P-256", "x": base64url(public[-64:-32]),
                   "y": base64url(public[-32:])}
        else:
            key = {"kty": "OKP", "crv": "Ed25519", "x": base64url(public[-32:])}
        return {**key, "kid": self.kid, "alg": self.alg, "use": "sig"}

    def sign(self, text):
        if self.alg == "EdDSA":
            path = self.path + ".text"
            with open(path, "wb") as f:
                f.write(text)
            return openssl("pkeyutl", "-sign", "-inkey", self.path, "-rawin", "-in", path)
        signature = openssl("dgst", "-sha256", "-sign", self.path, data=text)
        return raw(signature) if self.alg == "ES256" else signature

    def token(self, header=None, **claims):
        header = {"alg": self.alg, "kid": self.kid, **(header or {})}
        text = ".".join(base64url(json.dumps(part).encode())
                        for part in (header, payload(**claims))).encode()
        return text.decode() + "." + base64url(self.sign(text))


def raw(der):
    """r and s, 32 bytes each, of an ECDSA signature in DER."""
    numbers, at = [], 2
    for _ in range(2):
        length = der[at + 1]
        numbers.append(int.from_bytes(der[at + 2:at + 2 + length], "big"))
        at += 2 + length
    return b"".join(n.to_bytes(32, "big") for n in numbers)


def payload(**claims):
    now = int(time.time())
    whole = {"iss": ISSUER, "aud": "kgent", "sub": "ann", "tenant": TENANT, "nbf": now - 1,
             "exp": now + 600, "scope": "read write", **claims}
    return {name: value for name, value in whole.items() if value is not None}


class Provider:
    """Serves a set of keys, and whatever else it is told to."""

    def __init__(self):
        self.keys, self.status, self.age, self.asked = [], 200, None, 0
        provider = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                try:
                    provider.answer(self)
                except ConnectionError:  # the host has ended
                    pass

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, to):
        self.asked += 1
        body = json.dumps({"keys": [k.jwk for k in self.keys]}).encode()
        to.send_response(self.status)
        to.send_header("Content-Type", "application/jwk-set+json")
        to.send_header("Content-Length", str(len(body)))
        if self.age is not None:
            to.send_header("Cache-Control", f"public, max-age={self.age}")
        to.end_headers()
        to.wfile.write(body)


# ---- A client --------------------------------------------------------------


def me(host, token, header="Authorization"):
    value = f"Bearer {token}" if header == "Authorization" else token
    return host.get("/v1/me", {header: value})


def accepted(host, token):
    return me(host, token).status == 200


def component(host, name):
    return host.get("/health").json["components"].get(name)


def good(host, keys):
    for key in keys:
        kgent.ok(until(lambda: accepted(host, key.token())), f"a token with {key.alg}")
    answer = me(host, keys[0].token(sub="bob", scope="read admin openid"))
    kgent.equal((answer.json["user"], answer.json["tenant"], answer.json["scopes"]),
                ("bob", TENANT, ["read"]), "who it is, with no more scopes than allowed")
    kgent.ok("X-RateLimit-Limit" in answer.headers, "limits are told")
    kgent.equal(me(host, keys[2].token({"typ": "at+jwt"}), "X-API-Key").status, 200,
                "a token as X-API-Key")
    kgent.equal(me(host, keys[1].token(scope="write")).status, 403, "without the scope: 403")
    kgent.equal(me(host, "kg_dev_alice").json["user"], "user_alice", "keys work as before")


def refused(host, key, other):
    now = int(time.time())
    token = key.token()
    head, body, signature = token.split(".")
    none = base64url(b'{"alg":"none"}')
    bad = {"expired": key.token(exp=now - 10), "early": key.token(nbf=now + 60),
           "another issuer": key.token(iss="https://evil.example"),
           "another audience": key.token(aud="other"), "no expiry": key.token(exp=None),
           "no nbf": key.token(nbf=None), "no audience": key.token(aud=None),
           "no tenant": key.token(tenant=None), "an unknown key": other.token(),
           "another key under that name": other.token({"kid": key.kid}),
           "alg none": f"{none}.{body}.", "crit": key.token({"crit": ["exp"]}),
           "no signature": f"{head}.{body}.", "other claims": f"{head}.{body[:-4]}AAAA.{signature}"}
    answers = {}
    for name, text in bad.items():
        answer = me(host, text)
        problem = {k: v for k, v in answer.json.items() if k not in ("instance", "request_id")}
        answers[name] = (answer.status, json.dumps(problem), answer.headers["WWW-Authenticate"])
        if not kgent.ok(answer.status == 401, f"refused: {name}"):
            kgent.note(answer.text)
    kgent.equal(len(set(answers.values())), 1, "all with the same words")
    kgent.equal(me(host, bad["expired"]).json["detail"], WRONG, "which are these")
    kgent.contains(me(host, bad["expired"]).headers["WWW-Authenticate"], 'error="invalid_token"',
                   "the challenge of RFC 6750")
    kgent.ok(signature not in host.logged() and body not in host.logged(),
             "no token is in the log")
    metrics = host.get("/metrics", admin=True).text
    kgent.contains(metrics, 'kgent_auth_jwt_refused_total{reason="expired"}', "metrics tell why")


# ---- Keys that come and go -------------------------------------------------


def rotation(host, provider, old, new):
    old_token, new_token = old.token(), new.token()
    asked = provider.asked
    provider.keys = [old, new]
    kgent.equal(me(host, new_token).status, 401, "a key nobody has heard of")
    kgent.ok(until(lambda: accepted(host, new_token)), "is fetched")
    kgent.ok(provider.asked > asked and accepted(host, old_token), "the old one works too")
    provider.keys = [new]
    kgent.ok(until(lambda: not accepted(host, old_token)), "until it is taken away")
    kgent.ok(accepted(host, new_token), "the new one stays")


def failure(host, provider, key):
    token = key.token()
    provider.status = 500
    kgent.ok(until(lambda: component(host, "auth_jwt") != "ok"), "the provider fails")
    kgent.contains(component(host, "auth_jwt"), "degraded: the keys from before are kept: GET "
                   f"http://127.0.0.1:{provider.port}: status 500", "which health says")
    kgent.ok(accepted(host, token), "the old keys stay")
    host.stop()
    host.start()
    kgent.ok(accepted(host, token), "over a restart too")
    provider.status = 200
    kgent.ok(until(lambda: component(host, "auth_jwt") == "ok"), "and all is well again")


def first_start(folder):
    provider = Provider()
    key = Key(folder, "EdDSA", "first")
    provider.keys, provider.status = [key], 503
    with kgent.Host(plugins=["health", AUTH % (ISSUER, provider.port, 1)]) as host:
        kgent.equal(me(host, key.token()).status, 503, "no keys yet: 503")
        kgent.equal(host.get("/readyz").status, 200, "that is no reason not to serve")
        kgent.equal(me(host, "kg_dev_alice").status, 200, "keys work")
        provider.status, provider.age = 200, 3600
        kgent.ok(until(lambda: accepted(host, key.token())), "then they come")
        time.sleep(0.1)
        asked = provider.asked
        kgent.ok(not until(lambda: provider.asked > asked, 3), "and hold for their max-age")


def wrong_options():
    for block, reason in (
            ('jwt = { issuer = "i"; audience = "a"; };', "either jwks_url or jwks_file"),
            ('jwt = { issuer = "i"; audience = "a"; jwks_url = "http://a.example/"; };',
             "must be https"),
            ('jwt = { issuer = "i"; audience = "a"; jwks_file = "/nowhere/keys"; };',
             "No such file")):
        host = kgent.Host(plugins=["health", 'load = "auth"; ' + block])
        try:
            host.start()
            kgent.ok(False, f"starts with {block}")
        except RuntimeError as e:
            kgent.contains(str(e), reason, f"refuses to start: {reason}")
        host.log.close()
        host.folder.cleanup()


# ---- Other people's tokens -------------------------------------------------

PYJWT = """
import json, sys, jwt
for path, alg, kid in json.loads(sys.argv[1]):
    print(jwt.encode(json.loads(sys.argv[2]), open(path, "rb").read(), algorithm=alg,
                     headers={"kid": kid}))
"""
JWCRYPTO = """
import json, sys
from jwcrypto import jwk, jwt
for path, alg, kid in json.loads(sys.argv[1]):
    token = jwt.JWT(header={"alg": alg, "kid": kid, "typ": "at+jwt"}, claims=json.loads(sys.argv[2]))
    token.make_signed_token(jwk.JWK.from_pem(open(path, "rb").read()))
    print(token.serialize())
"""


def library(module, program, keys):
    """The tokens that a library makes of the keys; None when it isn't installed."""
    args = [json.dumps([(k.path, k.alg, k.kid) for k in keys]), json.dumps(payload())]
    for python in (sys.executable, "/usr/bin/python3"):
        try:
            subprocess.run([python, "-c", f"import {module}"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        run = subprocess.run([python, "-W", "ignore", "-c", program, *args], check=True,
                             capture_output=True, text=True)
        return run.stdout.split()
    return None


def peers(host, keys):
    for module, program in (("jwt", PYJWT), ("jwcrypto", JWCRYPTO)):
        tokens = library(module, program, keys)
        if tokens is None:
            kgent.skip(f"tokens of {module}", f"{module} is not installed")
            continue
        for key, token in zip(keys, tokens):
            kgent.equal(me(host, token).status, 200, f"a token of {module} with {key.alg}")


def tests():
    if not kgent.peer("openssl", "tokens"):
        return
    with tempfile.TemporaryDirectory(prefix="kgent-") as folder:
        keys = [Key(folder, alg, alg.lower()) for alg in Key.KINDS]
        provider, new = Provider(), Key(folder, "ES256", "new")
        provider.keys = keys
        with kgent.Host(plugins=["health", AUTH % (ISSUER, provider.port, 1)]) as host:
            good(host, keys)
            peers(host, keys)
            refused(host, keys[2], new)
        with kgent.Host(plugins=["health", AUTH % (ISSUER, provider.port, 1)]) as host:
            kgent.ok(until(lambda: accepted(host, keys[2].token())), "a new host")
            rotation(host, provider, keys[2], new)
            failure(host, provider, new)
        first_start(folder)
        wrong_options()


if __name__ == "__main__":
    kgent.main([tests])
