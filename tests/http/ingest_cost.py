#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""An event with an id at random costs the host about what one with an ascending id costs,
when there are many of them: less than twice as much of a processor.

KGENT_EVENTS: how many of each are measured (60000)."""
import os
import sys

import kgent

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../bench"))
import ingest  # noqa: E402 (it lies elsewhere)

EVENTS = int(os.environ.get("KGENT_EVENTS", "60000"))


def main():
    ordered = ingest.measure("ordered", EVENTS, 100, 8)
    at_random = ingest.measure("random", EVENTS, 100, 8)
    kgent.ok(at_random < 2 * ordered,
             f"ids at random cost {at_random / ordered:.2f} times what ascending ones do")


if __name__ == "__main__":
    kgent.main([main])
