# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""For tests of kgentctl as the operator's tool: an admin socket of the test's own."""
import tempfile

import kgent
from stub import NOT_FOUND, Stub

folder = tempfile.TemporaryDirectory(prefix="kgent-")
stub = Stub(folder.name)


def ctl(*args, env=None):
    return kgent.ctl("-s", folder.name, *args, env=env)


def reset():
    stub.table.clear()
    stub.seen.clear()
    stub.otherwise = NOT_FOUND
