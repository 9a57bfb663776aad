#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
#
# The layout of the public structures is that of the released ABIs, line by line,
# and what is listed of the one to come stays where it is.  UPDATE=1 writes the
# newest list anew (when something was added, or before a release).
set -u
lists=$top_srcdir/tests/abi
newest=$lists/layout-1.1.txt
now=$(mktemp) || exit 1
trap 'rm -f "$now" "$now.old" "$now.want" "$now.diff"' EXIT
"$top_builddir/tests/abi/layout" > "$now" || exit 1
"$top_builddir/tests/abi/layout-1.0" > "$now.old" || exit 1
test -z "${UPDATE:-}" || cp "$now" "$newest"

if ! grep -q '^struct kg_str 16$' "$now"; then
  echo "1..0 # SKIP the lists are for 64-bit machines"
  exit 0
fi
number=0

say () { # NAME; a difference in $now.diff is a failure
  number=$((number + 1))
  if test -s "$now.diff"; then
    echo "not ok $number - $1"
    sed 's/^/# /' "$now.diff"
  else
    echo "ok $number - $1"
  fi
}

# Sizes may grow with members at the end; everything else stays.
for minor in 1.0 1.1; do
  grep -Ev '^struct [a-z_]+ [0-9]+$' "$lists/layout-$minor.txt" | sort > "$now.want"
  sort "$now" | comm -13 - "$now.want" > "$now.diff"
  say "every member and value of $minor is where it was"
done
diff "$lists/layout-1.0.txt" "$now.old" > "$now.diff"
say "a plugin that targets 1.0 sees 1.0 and no more"
echo "1..$number"
