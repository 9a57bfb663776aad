#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""A key that may only read tries all that can be invoked, and changes nothing: no state,
no history, no pool.  The same calls do change things for a key that may write."""
import kgent
import rows
import sweep

NODES = ('load = "agentese"; nodes = ( { name = "world.robot"; url = "http://127.0.0.1:1/x";'
         ' private = true; aspects = ( { name = "act"; category = "MUTATION"; },'
         ' { name = "make"; category = "GENERATION"; }, { name = "join"; category ='
         ' "COMPOSITION"; } ); } );')


def refused(answer, what):
    """Whether it is the refusal of a scope; says so if not."""
    good = answer.status == 403 and answer.json.get("required_scope") == "write" and \
        answer.json["detail"].endswith("API key requires 'write' scope")
    if not good:
        kgent.ok(False, f"{what} is refused to a reader")
        kgent.note(f"{answer.status} {answer.text[:600]}")
    return good


def tries(reader, table):
    """Each path without and with arguments, by a clause, in a composition."""
    writes = looks = 0
    for path, archetype, entry, kwargs in table:
        if entry["category"] in sweep.LOOKS:
            answer = reader.invoke(path, kwargs, archetype)
            looks += answer.status != 403
            if answer.status == 403:
                kgent.ok(False, f"a reader may look at {path}")
                kgent.note(answer.text)
            refused(reader.invoke(f"{path}[entropy=0.1]", kwargs, archetype), f"{path}[entropy]")
            continue
        writes += refused(reader.invoke(path, kwargs, archetype), path)
        if entry["scope"] == "write":
            refused(reader.invoke(path, None, archetype), f"{path} without arguments")
            refused(reader.compose(paths=[path], observer={"archetype": archetype}),
                    f"a composition of {path}")
            refused(reader.compose(paths=["world.house.manifest", path],
                                   observer={"archetype": archetype}), f"one that ends in {path}")
        for clause in ("[rollback=true]", "[minimal_output]", "[phase=PLAN]@span=s"):
            refused(reader.invoke(path + clause, kwargs, archetype), path + clause)
    kgent.ok(writes > 150 and looks > 80, f"{writes} that change something, {looks} that look")
    return writes


def works(full, table):
    """How many of them change something for a key that may write."""
    good, others = 0, []
    for path, archetype, entry, kwargs in table:
        if entry["category"] not in sweep.LOOKS and not path.startswith("world.robot."):
            answer = full.invoke(path, kwargs, archetype)
            good += answer.status == 200
            if answer.status != 200:
                others.append((path, answer.status))
    kgent.note(f"{good} did, but for {others}")
    kgent.ok(good > 150 and all(
        s in (404, 409) or p.startswith("self.soul.") for p, s in others),
             "the same calls work for a key that may write")


def listed(reader, full):
    mine, all_ = reader.paths(), full.paths()
    kgent.equal([p["path"] for p in mine],
                [p["path"] for p in all_ if p["scope"] == "read"], "a reader's list of paths")
    for path in ("world.house.", "concept.justice.", "world.robot."):
        kgent.equal({p["scope"] for p in reader.paths(prefix=path)}, {"read"}, f"of {path}")


def tests():
    with kgent.Host(plugins=["health", rows.UNLIMITED, NODES]) as host:
        full = rows.Caller(host)
        reader = rows.Caller(host, rows.new_key(host, scopes=["read"]))
        ids = sweep.furnished(full)
        table = list(sweep.table(full, ids))
        before, store = sweep.perceived(full, table), sweep.kept(host)
        kgent.ok(len(store) > 10, f"{len(store)} entries of the store are compared")
        listed(reader, full)
        tries(reader, table)
        kgent.equal(sweep.others(before, sweep.perceived(full, table)), {},
                    "nothing looks otherwise")
        host.stop()
        after = sweep.kept(host)
        kgent.equal({k for k in {*store, *after} if store.get(k) != after.get(k)}, set(),
                    "nothing is kept otherwise")
        host.start()
        works(full, table)
        kgent.ok(sweep.perceived(full, table) != before, "and are seen")


if __name__ == "__main__":
    kgent.main([tests])
