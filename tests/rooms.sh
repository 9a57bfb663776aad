#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
#
# Who may include what.  A room is a folder; each has a pattern of permitted
# includes, and a library belongs to the files that are named here.
set -eu
cd "${top_srcdir:-$(dirname "$0")/..}"

libc='<((assert|ctype|dirent|dlfcn|elf|endian|errno|fcntl|getopt|ifaddrs|inttypes|langinfo|limits|link|locale|math|malloc|netdb|poll|pthread|pwd|sched|semaphore|signal|spawn|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|strings|syslog|termios|threads|time|ucontext|execinfo|unistd|wchar|[en]mmintrin|immintrin)\.h|(sys|linux|net|netinet|arpa)/[a-z0-9_]+\.h)>'
c11='<(assert|ctype|errno|float|inttypes|limits|math|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|string|time)\.h>'
public='<kgent/[a-z]+\.h>'
jsonc='<json-c/json[a-z_]*\.h>'
crypto='<openssl/[a-z0-9_]+\.h>'
curl='<curl/[a-z]+\.h>'

number=0
failures=0

# room TITLE PATTERN FILE...: every include of the files matches the whole pattern.
room () {
  title=$1 pattern=$2
  shift 2
  number=$((number + 1))
  bad=$(grep -nE '^[[:space:]]*#[[:space:]]*include' /dev/null "$@" |
    sed -E 's/[[:space:]]*#[[:space:]]*include[[:space:]]*/ /; s/([>"])[[:space:]]*\/\*.*/\1/' |
    grep -vE "^[^ ]+ ($pattern)[[:space:]]*$" || :)
  if test -z "$bad"; then
    echo "ok $number - $title"
  else
    echo "not ok $number - $title"
    echo "$bad" | sed 's/^/# /'
    failures=$((failures + 1))
  fi
}

# belongs HEADER FILE-PATTERN: only those files of the core include the library.
belongs () {
  number=$((number + 1))
  bad=$(grep -lE "include[[:space:]]*<$1" core/*.[ch] core/util/*.[ch] | grep -vE "^core/($2)\.[ch]$" || :)
  if test -z "$bad"; then
    echo "ok $number - <$1> is known to $2 only"
  else
    echo "not ok $number - <$1> is known to $2 only"
    echo "$bad" | sed 's/^/# /'
    failures=$((failures + 1))
  fi
}

sources () {
  find "$@" -name '*.[ch]' | sort
}


room "public headers stand on C alone" "$c11|$public" $(sources include)
room "core/util stands on libc alone" "$libc|\"core/util/[a-z_]+\.h\"" \
  $(sources core/util | grep -v '/json')
room "the JSON scanner knows the tape too" \
  "$libc|$public|\"core/util/[a-z_]+\.h\"|\"core/abi\.h\"" $(sources core/util | grep '/json')
room "the core knows no plugin" \
  "$libc|$public|\"core/[a-z_/0-9]+\.h\"|\"config\.h\"|$curl|$crypto|<(libconfig|sqlite3)\.h>" \
  $(sources core | grep -v '^core/util')
belongs 'curl/' 'fetch[a-z_]*'
belongs 'openssl/' 'idempotency_key'
belongs 'libconfig\.h' 'conf[a-z_]*'
belongs 'sqlite3\.h' 'store[a-z_]*'
belongs 'dlfcn\.h' 'plugin[a-z_]*'
belongs 'microhttpd' 'none'
belongs 'nats' 'bus[a-z_]*'
belongs 'json-c' 'none'
for plugin in plugins/*/; do
  name=$(basename "$plugin")
  room "plugin $name keeps to its room" \
    "$libc|$public|$jsonc|$crypto|\"plugins/$name/[a-z_0-9-]+\.(h|inc)\"" $(sources "$plugin")
done
room "kgentctl knows the admin API only" \
  "$libc|$public|$jsonc|$curl|$crypto|<libconfig\.h>|\"ctl/[a-z_0-9]+\.h\"|\"core/util/[a-z_]+\.h\"" \
  $(sources ctl | grep -v '^ctl/verify_')
room "kgentctl verify reads the store with nothing of the core's" \
  "$libc|$jsonc|$crypto|<(libconfig|sqlite3)\.h>|\"ctl/[a-z_0-9]+\.h\"" $(sources ctl | grep '^ctl/verify_')
room "examples see installed headers only" "$libc|<kgent[a-z/-]*\.h>|<fake-[a-z]+\.h>|\"[a-z-]+\.h\"" $(sources examples)
echo "1..$number"
test "$failures" = 0
