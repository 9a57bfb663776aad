#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
#
# The tarball holds what git tracks, what bootstrap makes, and nothing else.
set -eu
if ! test -e "$top_srcdir/.git"; then
  echo "1..0 # SKIP not a git checkout"
  exit 0
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
(cd "$top_srcdir" && git ls-files) | sort > "$work/tracked"

unset MAKEFLAGS MAKELEVEL MFLAGS
cd "$top_builddir"
if ! ${MAKE:-make} -s distdir distdir="$work/tree" > "$work/log" 2>&1; then
  sed 's/^/# /' "$work/log"
  echo "Bail out! make distdir failed"
  exit 1
fi
(cd "$work/tree" && find . -type f -o -type l) | sed 's|^\./||' | sort > "$work/packed"

# What bootstrap and dist-hook make.
made='^(aclocal\.m4|configure|config\.h\.in|Makefile\.in|MANIFEST|build-aux/.*)$'

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

comm -23 "$work/tracked" "$work/packed" > "$work/list"
none "every tracked file is in the tarball" "$work/list"
comm -13 "$work/tracked" "$work/packed" | grep -vE "$made" > "$work/list" || :
none "nothing else is in the tarball" "$work/list"
grep -E '\.(o|a|so|log|trs|pyc|orig|rej|swp)$|~$' "$work/tracked" > "$work/list" || :
none "no by-product is tracked" "$work/list"
echo "1..$number"
test "$failures" = 0
