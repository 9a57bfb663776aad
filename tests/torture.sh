#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
#
# Runs the long budgets of tests/torture.list, one test after the other; for ./dev torture.
# torture.sh BUILD [PATTERN...]: those whose name contains one of the patterns.
set -u
top_srcdir=$(cd "$(dirname "$0")/.." && pwd)
top_builddir=$(cd "$1" && pwd)
shift
logs=$top_builddir/torture
mkdir -p "$logs"
: > "$logs/summary"
export top_srcdir top_builddir PYTHONDONTWRITEBYTECODE=1 MALLOC_PERTURB_=165
pid=
trap 'test -z "$pid" || kill "$pid" 2>/dev/null; exit 130' INT TERM HUP

# Whether a name contains one of the patterns; without patterns all do.
wanted () {
  name=$1
  shift
  test $# -gt 0 || return 0
  for pattern in "$@"; do
    case $name in *"$pattern"*) return 0 ;; esac
  done
  return 1
}

now () {
  date +%s
}

# Waits for the test, and tells each minute how long it has run, and the last it said.
watch_test () {
  begin=$(now) told=0
  while kill -0 "$pid" 2>/dev/null; do
    sleep 0.2
    minutes=$((($(now) - begin) / 60))
    test "$minutes" -gt "$told" || continue
    told=$minutes
    echo "  $minutes min: $(tail -1 "$log" | cut -c1-100)"
  done
  status=0
  wait "$pid" || status=$?
}

# run TEST NAME=VALUE...: a line of the summary.
run () {
  test=$1
  shift
  log=$logs/$(echo "${test#tests/}" | tr / -).log
  echo "$test $*"
  case $test in
  *.py) env "$@" "${PYTHON:-python3}" "$top_srcdir/$test" > "$log" 2>&1 & ;;
  *) (cd "$top_builddir" && exec env "$@" "$test") > "$log" 2>&1 & ;;
  esac
  pid=$!
  watch_test
  pid=
  bad=$(grep -c '^not ok' "$log")
  good=$(grep -c '^ok' "$log")
  verdict=passed
  test "$status" = 0 && test "$bad" = 0 && test "$good" -gt 0 || verdict=FAILED
  echo "$verdict  $test $*: $good good, $bad bad, $(($(now) - begin)) s, $log" |
    tee -a "$logs/summary"
  test "$verdict" = passed || grep '^not ok' "$log" | head -5
}

while read -r test budget; do
  case $test in '' | '#'*) continue ;; esac
  if wanted "$test" "$@"; then
    run "$test" $budget < /dev/null
  fi
done < "$top_srcdir/tests/torture.list"

echo
cat "$logs/summary"
failed=$(grep -c '^FAILED' "$logs/summary")
passed=$(grep -c '^passed' "$logs/summary")
test "$((passed + failed))" -gt 0 || failed="1 (no such test)"
echo "$passed passed, $failed failed"
test "$failed" = 0
