#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
#
# A plugin exports its descriptor and nothing else; the host exports nothing but the
# linker's own marks, which some shared libraries ask for, and copies of libc's data.
set -eu
cd "${top_builddir:-build}"
number=0
failures=0

# exports TITLE FILE WANTED: the dynamic symbols that the file defines.
exports () {
  number=$((number + 1))
  found=$(nm -D --defined-only "$2" 2>/dev/null | sed 's/.* //' |
    grep -vxE '__bss_start|_edata|_end' | grep -v @ | sort | tr '\n' ' ')
  if test -e "$2" && test "$found" = "$3"; then
    echo "ok $number - $1"
  else
    echo "not ok $number - $1"
    echo "# $2 exports: $found"
    failures=$((failures + 1))
  fi
}

# Sanitizers and fuzzers export symbols of their own.
if grep -q "enable_sanitizer='\{0,1\}[a-z].*\|^KG_SANITIZE_CFLAGS = .*-fsanitize" Makefile; then
  echo "1..0 # SKIP built with sanitizers"
  exit 0
fi
for name in health auth agentese metering-openmeter billing-stripe; do
  exports "$name.so exports its descriptor alone" "plugins/$name.so" "kg_plugin_1 "
done
exports "kgentd exports nothing" kgentd ""
exports "kgentctl exports nothing" kgentctl ""
echo "1..$number"
test "$failures" = 0
