#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
#
# Options, routes and metrics are documented, and what is documented exists.
set -eu
kgentd=$top_builddir/kgentd
cd "$top_srcdir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
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

# both TITLE CODE DOCS: the two sorted lists are the same.
both () {
  comm -23 "$2" "$3" > "$work/missing"
  none "every $1 is documented" "$work/missing"
  comm -13 "$2" "$3" > "$work/extra"
  none "every documented $1 exists" "$work/extra"
}

# routes_of NAME: as "METHOD PATTERN".
routes_of () {
  "$kgentd" --plugin-dir "$top_builddir/plugins" --dump-plugin "$1" |
    sed -n '/^routes:/,/^[^ ]/s/^  \([A-Z]*\) \([^ :]*\).*/\1 \2/p' | sort -u
}

# metrics_of FILE...: names of metrics between quotes.
metrics_of () {
  cat "$@" | grep -oE '"kgents?_[a-z0-9_]+"' | tr -d '"' | sort -u
}

# The same for the host, which declares them in C.
routes_of_host () {
  cat core/*.c | awk -F'"' '
    /\.method = "/ { method = $2 }
    /\.pattern = "\// { sub (/.*\.pattern = "/, ""); sub (/".*/, ""); print method, $0 }
  ' | sort -u
}

# What a page documents: items that begin with a method or with a metric's name.
routes_in () {
  sed -nE 's/^\.It ([A-Z][a-z] )?(GET|POST|PUT|PATCH|DELETE) ([A-Z][a-z] )?(\/[^ ]*).*/\2 \4/p' "$@" |
    sort -u
}

metrics_in () {
  grep -E '^\.It ([A-Z][a-z] )?kgents?_' "$@" | grep -oE 'kgents?_[a-z0-9_]+' | sort -u
}

for name in health auth agentese metering-openmeter billing-stripe; do
  page=plugins/$name/$name.7
  routes_of "$name" > "$work/code"
  routes_in "$page" > "$work/docs"
  both "route of $name" "$work/code" "$work/docs"
  metrics_of plugins/$name/*.c > "$work/code"
  metrics_in "$page" > "$work/docs"
  both "metric of $name" "$work/code" "$work/docs"
done
routes_of_host > "$work/code"
routes_in docs/kgentd.8 > "$work/docs"
both "route of the host" "$work/code" "$work/docs"
metrics_of core/*.c > "$work/code"
metrics_in docs/kgentd.8 > "$work/docs"
both "metric of the host" "$work/code" "$work/docs"

python3 docs/options.py --check "$kgentd" docs/kgentd.conf.5 plugins/*/*.7 > "$work/stale" 2>&1 ||
  echo "docs/options.py: exit status $?" >> "$work/stale"
none "the manual pages have the option tables" "$work/stale"

ls docs/design | cut -d - -f 1 | uniq -d > "$work/twice"
for page in docs/design/*.md; do
  head -1 "$page" | grep -q "^# $(basename "$page" | cut -d - -f 1) " || echo "$page: title" >> "$work/twice"
done
none "each page of docs/design has a number of its own" "$work/twice"

if command -v mandoc > /dev/null; then
  mandoc -T lint -W error docs/*.[1-8] plugins/*/*.7 > "$work/lint" 2>&1 || :
  none "the manual pages are well-formed" "$work/lint"
fi
echo "1..$number"
test "$failures" = 0
