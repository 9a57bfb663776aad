#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
#
# Files of at most 500 lines, functions of at most 40; tests, which are lists of
# cases, are only named when they are longer.
set -eu
cd "${top_srcdir:-$(dirname "$0")/..}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
find core ctl plugins include examples -name '*.[ch]' | sort > "$work/files"

# A function begins at the brace in column 1 and ends at the next one; its length
# is what lies between, its name stands on the line above.
xargs awk '
  FNR == 1 { inside = 0 }
  /^{/ { inside = 1; start = FNR; name = before }
  /^}/ && inside { print FNR - start - 1, FILENAME ":" start, name; inside = 0 }
  { before = $0 }
' < "$work/files" | sort -rn > "$work/functions"

number=0
failures=0

# none TITLE FILE: the file is empty.
none () {
  number=$((number + 1))
  if test -s "$2"; then
    echo "not ok $number - $1"
    sed 's/^/# /' "$2"
    failures=$((failures + 1))
  else
    echo "ok $number - $1"
  fi
}

xargs wc -l < "$work/files" | awk '$2 != "total" && $1 > 500' > "$work/long"
none "no file has more than 500 lines" "$work/long"
awk '$1 > 40' "$work/functions" > "$work/long"
none "no function has more than 40 lines" "$work/long"
awk '{ n[NR] = $1 } END { print "# median function:", n[int ((NR + 1) / 2)], "lines; longest:" }' \
  "$work/functions"
head -5 "$work/functions" | sed 's/^/#   /'
find tests -name '*.[ch]' -exec wc -l {} + | awk '$2 != "total" && $1 > 500 { print "# long test:", $0 }'
echo "1..$number"
test "$failures" = 0
