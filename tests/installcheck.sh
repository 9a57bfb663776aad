#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
#
# The example plugin, as a third party has it: built, tested and run with nothing
# but what is installed.  `make installcheck` says where that is: $prefix,
# $libdir, $datadir, $sbindir (all below $DESTDIR), and the example in $example.
set -eu
say () { printf 'installcheck: %s\n' "$*"; }
fail () { say "FAILED: $*" >&2; exit 1; }

for tool in autoreconf pkg-config curl; do
  command -v "$tool" > /dev/null || fail "needs $tool"
done

dir=$(mktemp -d)
pid=
finish () {
  test -z "$pid" || kill "$pid" 2> /dev/null || :
  rm -rf "$dir"
}
trap finish EXIT
root=${DESTDIR:-}
KGENTD=$root$sbindir/kgentd
PKG_CONFIG="pkg-config --define-variable=prefix=$root$prefix"
PKG_CONFIG_PATH=$root$libdir/pkgconfig
ACLOCAL_PATH=$root$datadir/aclocal
export KGENTD PKG_CONFIG PKG_CONFIG_PATH ACLOCAL_PATH
unset DESTDIR MAKEFLAGS MAKELEVEL MFLAGS CPPFLAGS || :

say "building the example"
mkdir "$dir/hello" "$dir/plugins" "$dir/state"
chmod 755 "$dir/plugins"
cp "$example"/*.c "$example/configure.ac" "$example/Makefile.am" "$dir/hello"
chmod -R u+w "$dir/hello"
cd "$dir/hello"
(autoreconf -i && ./configure --with-kgent-plugindir="$dir/plugins" && make) > log 2>&1 ||
  { cat log; fail "the example doesn't build"; }
if grep -q 'warning:' log; then cat log; fail "the example builds with warnings"; fi

say "testing it with the fake host, and with --dump-plugin"
make check > log 2>&1 || { cat log test-suite.log 2> /dev/null; fail "its tests fail"; }
grep -q 'GET /v1/hello/{name} public' log || { cat log; fail "the dump doesn't show its route"; }
make install > log 2>&1 || { cat log; fail "it cannot be installed"; }

say "running it"
cat > "$dir/kgentd.conf" <<EOT
http = { listen = "127.0.0.1:0"; threads = 1; };
admin = { listen = ""; };
store = { dir = "$dir/state"; };
drain = { grace = 0; };
plugins = ( { load = "hello"; greeting = "Good day"; } );
EOT
"$KGENTD" -c "$dir/kgentd.conf" --plugin-dir "$dir/plugins" -t ||
  fail "the configuration is not accepted"
"$KGENTD" -c "$dir/kgentd.conf" --plugin-dir "$dir/plugins" 2> "$dir/log" &
pid=$!
port=
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  port=$(sed -n 's/.*127\.0\.0\.1:\([1-9][0-9]*\).*/\1/p' "$dir/log" | head -n 1)
  test -z "$port" || break
  kill -0 "$pid" 2> /dev/null || break
  sleep 0.2
done
test -n "$port" || { cat "$dir/log"; fail "kgentd doesn't say where it listens"; }
answer=$(curl -sS --max-time 5 "http://127.0.0.1:$port/v1/hello/world") ||
  { cat "$dir/log"; fail "no answer"; }
test "$answer" = "Good day, world!" || fail "answered '$answer'"
kill "$pid"
wait "$pid" || { cat "$dir/log"; fail "kgentd ended with status $?"; }
pid=
say "the example works"
