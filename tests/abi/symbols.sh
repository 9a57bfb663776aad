#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
#
# A plugin exports exactly kg_plugin_1, and the host exports nothing.
set -u
n=0

# FILE: its dynamic symbols, but for copies of the C library's and the marks that
# the linker sets at the ends of sections.
exported () {
  nm -D --defined-only "$1" |
    awk '$3 !~ /@|^(__bss_start|_edata|_end)$/ { print $3 }' | tr '\n' ' '
}

check () { # FILE WANTED
  n=$((n + 1))
  got=$(exported "$1")
  if test "$got" = "$2"; then echo "ok $n - $1 exports: $2"; else
    echo "not ok $n - $1 exports: $got"
  fi
}

if ! nm --version > /dev/null 2>&1; then
  echo "1..0 # SKIP no nm"
  exit 0
fi
for so in "$top_builddir"/plugins/*.so; do
  test -e "$so" && check "$so" "kg_plugin_1 "
done
for program in kgentd kgentctl; do
  test -e "$top_builddir/$program" && check "$top_builddir/$program" ""
done
echo "1..$n"
