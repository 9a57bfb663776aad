#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
#
# The layout of the public structures is that of the released ABI, line by line.
# With UPDATE=1 the list is written anew (before a release only).
set -u
released=$top_srcdir/tests/abi/layout-1.0.txt
now=$(mktemp) || exit 1
trap 'rm -f "$now"' EXIT
"$top_builddir/tests/abi/layout" > "$now" || exit 1
test -z "${UPDATE:-}" || cp "$now" "$released"

if ! grep -q '^struct kg_str 16$' "$now"; then
  echo "1..0 # SKIP the list is for 64-bit machines"
  exit 0
fi
echo 1..2
# Sizes may grow with members at the end; everything else stays.
grep -Ev '^struct [a-z_]+ [0-9]+$' "$released" | sort > "$now.want"
sort "$now" | comm -13 - "$now.want" > "$now.diff"
if test -s "$now.diff"; then
  echo "not ok 1 - every member and value is where it was"
  sed 's/^/# was: /' "$now.diff"
else
  echo "ok 1 - every member and value is where it was"
fi
# What the structures of 1.0 have in 1.0, too.
if diff "$released" "$now" > "$now.diff"; then
  echo "ok 2 - no more than ABI 1.0"
else
  echo "not ok 2 - no more than ABI 1.0 (a new minor needs a list of its own)"
  sed 's/^/# /' "$now.diff"
fi
rm -f "$now.want" "$now.diff"
