#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
#
# Whatever test can run for long is in tests/torture.list, with what it knows.
set -eu
cd "${top_srcdir:-$(dirname "$0")/..}"
list=tests/torture.list
number=0
failures=0

# result TITLE TEXT: good when the text is empty.
result () {
  number=$((number + 1))
  if test -z "$2"; then
    echo "ok $number - $1"
  else
    echo "not ok $number - $1"
    echo "$2" | sed 's/^/# /'
    failures=$((failures + 1))
  fi
}

# Not budgets, but how a test is run.
others='PATIENCE|SEED|ORACLE_SEED|MODES|TEST_WAIT|TEST_LOG|WRAPPER|BUILD|FAIL_.*|DISK_.*|HANDOVER|FAKE_LOG|CORE'

known () {
  grep -nE "(environ\.get|environ\[|getenv|number_of) ?\(?\"KGENT_[A-Z_]+\"" /dev/null "$@" |
    sed -nE 's/^([^:]+):[0-9]+:.*"KGENT_([A-Z_]+)".*/\1 \2/p' | grep -vE " ($others)$" | sort -u
}

missing=$(known tests/faults/*.py tests/http/*.py tests/unit/*.c tests/plugins/*.c |
  while read -r file name; do
    case $file in tests/faults/wire.py | tests/faults/crowd.py) continue ;; esac
    grep -qE "^${file%.c} .*KGENT_$name=" "$list" || echo "$file: KGENT_$name"
  done)
result "each budget is in $list" "$missing"

absent=$(sed -nE 's/^(tests[^ ]*) .*/\1/p' "$list" |
  while read -r test; do
    test -e "$test" || test -e "$test.c" || echo "$test"
  done)
result "each test of $list is there" "$absent"

echo "1..$number"
test "$failures" = 0
