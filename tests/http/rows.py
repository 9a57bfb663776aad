# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""For tests whose cases are rows of a table: callers, and answers compared with a
pattern.

A pattern is a value; or a type, which any value of it is; `ANY`; a function that says
yes or no; a list of patterns; or an object, whose members must be there and be so
(further ones may be).  `Only` is an object without further members."""
import json

import kgent

UNLIMITED = ('load = "auth"; tiers = ( { name = "ALL"; requests_per_minute = 0;'
             ' requests_per_day = 0; tokens_per_month = 0; concurrent = 0; } );')
NUMBER = (int, float)


def ANY(_):
    return True


class Only(dict):
    """An object with these members and no others."""


def fits(value, pattern):
    """Whether a JSON value is as the pattern says."""
    if isinstance(pattern, (type, tuple)):
        return isinstance(value, pattern) and not (isinstance(value, bool)
                                                   and bool not in kinds(pattern))
    if isinstance(pattern, dict):
        return (isinstance(value, dict)
                and (not isinstance(pattern, Only) or set(value) == set(pattern))
                and all(k in value and fits(value[k], p) for k, p in pattern.items()))
    if isinstance(pattern, list):
        return (isinstance(value, list) and len(value) == len(pattern)
                and all(map(fits, value, pattern)))
    if callable(pattern):
        return bool(pattern(value))
    return type(value) is bool and value is pattern if isinstance(pattern, bool) \
        else value == pattern and not isinstance(value, bool)


def kinds(pattern):
    return pattern if isinstance(pattern, tuple) else (pattern,)


def each(pattern):
    """A list, each item of which is so."""
    return lambda value: isinstance(value, list) and all(fits(v, pattern) for v in value)


def between(low, high):
    return lambda value: fits(value, NUMBER) and low <= value <= high


def text(*parts):
    """A text with all of these in it."""
    return lambda value: isinstance(value, str) and all(p in value for p in parts)


class Caller:
    """A key, and what is sent with it."""

    def __init__(self, host, key=None, archetype=None):
        self.host, self.archetype = host, archetype
        self.headers = {"X-API-Key": key or new_key(host)}

    def get(self, target):
        return self.host.get(target, self.headers)

    def post(self, target, body, headers=None):
        return self.host.post(target, body, {**self.headers, **(headers or {})})

    def invoke(self, path, kwargs=None, archetype=None, headers=None, query="", **observer):
        """The answer to an invocation."""
        body = {"path": path}
        if kwargs is not None:
            body["kwargs"] = kwargs
        if archetype or self.archetype or observer:
            body["observer"] = {"archetype": archetype or self.archetype or "developer",
                                **observer}
        return self.post("/v1/agentese/invoke" + query, body, headers)

    def result(self, path, kwargs=None, archetype=None):
        """The result of one that must go well."""
        answer = self.invoke(path, kwargs, archetype)
        if answer.status != 200:
            raise RuntimeError(f"{path} {kwargs}: {answer.status} {answer.text}")
        return answer.json["result"]

    def compose(self, **body):
        return self.post("/v1/agentese/compose", body)

    def paths(self, **query):
        """All that may be invoked, of all pages."""
        listed, after = [], ""
        while after is not None:
            more = "".join(f"&{k}={v}" for k, v in query.items())
            page = self.get(f"/v1/agentese/paths?limit=1000{more}"
                            + (f"&after={after}" if after else "")).json
            listed, after = listed + page["paths"], page["next"]
        return listed


def new_key(host, **body):
    """A key of the operator's making."""
    answer = host.post("/admin/v1/keys", {"name": "rows", "scopes": ["read", "write"],
                                          "archetypes": ["developer", "*"], **body}, local=True)
    assert answer.status == 201, answer.text
    return answer.json["key"]


def new_tenant(host, name):
    answer = host.post("/admin/v1/tenants", {"name": name}, local=True)
    assert answer.status == 201, answer.text
    return answer.json["id"]


def check(answer, status, pattern, name):
    """One row: the status, and the body against the pattern."""
    good = answer.status == status
    value = None
    if pattern is not None:
        try:
            value = json.loads(answer.body)
        except ValueError:
            value = None
        good = good and fits(value, pattern)
    if not kgent.ok(good, name):
        kgent.note(f"wanted {status} {shown(pattern)}")
        kgent.note(f"got    {answer.status} {answer.text[:1500]}")
    return answer


def shown(pattern):
    if isinstance(pattern, dict):
        return {k: shown(p) for k, p in pattern.items()}
    return getattr(pattern, "__name__", pattern)


def problem(status, detail=None, **members):
    """The pattern of a problem."""
    return {"type": str, "title": str, "status": status, "instance": str,
            "detail": detail or str, **members}


def result(pattern):
    """The pattern of an invocation that went well."""
    return Only(path=str, result=pattern, tokens_used=int, cached=bool)


def run(caller, rows):
    """Rows of (path, kwargs, archetype, status, pattern): of the result when that is
    200, else of members of the problem."""
    for path, kwargs, archetype, status, pattern in rows:
        answer = caller.invoke(path, kwargs, archetype)
        if status == 200:
            wanted = result(ANY if pattern is None else pattern)
        else:
            wanted = problem(status, **(pattern or {}))
        check(answer, status, wanted,
              f"{path} {json.dumps(kwargs) if kwargs else ''} {archetype or ''}: {status}")
