#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
#
# The example plugins, as third parties have them: built, tested and run with nothing
# but what is installed.  `make installcheck` says where that is: $prefix,
# $libdir, $datadir, $sbindir (all below $DESTDIR), and the examples in $examples.
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
mkdir "$dir/plugins" "$dir/state"
chmod 755 "$dir/plugins"

# build NAME LINE: builds, tests and installs an example; its dump shows the line.
build () {
  say "building $1"
  mkdir "$dir/$1"
  cp "$examples/$1"/*.c "$examples/$1/configure.ac" "$examples/$1/Makefile.am" "$dir/$1"
  chmod -R u+w "$dir/$1"
  cd "$dir/$1"
  (autoreconf -i && ./configure --with-kgent-plugindir="$dir/plugins" && make) > log 2>&1 ||
    { cat log; fail "$1 doesn't build"; }
  if grep -q 'warning:' log; then cat log; fail "$1 builds with warnings"; fi
  say "testing it with the fake host, and with --dump-plugin"
  make check > log 2>&1 || { cat log test-suite.log 2> /dev/null; fail "its tests fail"; }
  grep -q "$2" log || { cat log; fail "the dump doesn't show: $2"; }
  make install > log 2>&1 || { cat log; fail "it cannot be installed"; }
}

build hello 'GET /v1/hello/{name} public'
build weather 'agentese.nodes/1'

say "running them"
for name in health auth agentese; do
  cp "$root$libdir/kgent/plugins-1/$name.so" "$dir/plugins"
done
cat > "$dir/kgentd.conf" <<EOT
http = { listen = "127.0.0.1:0"; threads = 1; };
admin = { listen = ""; };
store = { dir = "$dir/state"; };
drain = { grace = 0; };
plugins = (
  { load = "health"; public_metrics = true; },
  { load = "auth"; dev_keys = true; },
  { load = "agentese"; },
  { load = "weather"; },
  { load = "hello"; greeting = "Good day"; } );
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

# get TARGET [CURL-ARGUMENT...]
get () {
  target=$1
  shift
  curl -sS --max-time 5 -H 'X-API-Key: kg_dev_bob' "$@" "http://127.0.0.1:$port$target" ||
    { cat "$dir/log"; fail "no answer to $target"; }
}

# has TEXT TARGET [CURL-ARGUMENT...]: the answer holds the text.
has () {
  text=$1
  shift
  answer=$(get "$@")
  case $answer in
    *"$text"*) ;;
    *) fail "$1 answered '$answer', not $text" ;;
  esac
}

# invoke ASPECT ARGUMENTS
invoke () {
  printf '{"path":"world.weather.%s","kwargs":%s}' "$1" "$2" > "$dir/body"
}

has 'Good day, world!' /v1/hello/world
invoke report '{"city":"Oslo","sky":"snow","celsius":-3}'
has '"result":{"city":"Oslo"' /v1/agentese/invoke -H 'Content-Type: application/json' -d "@$dir/body"
invoke now '{"city":"Oslo"}'
has '"celsius":-3},"tokens_used":1' /v1/agentese/invoke -H 'Content-Type: application/json' -d "@$dir/body"
has '"path":"world.weather.bulletin"' '/v1/agentese/paths?prefix=world.weather'
has '"now","report","bulletin"]' '/v1/agentese/affordances?path=world.weather'
has '/v1/agentese/invoke#world.weather.now' /openapi.json
has '"node_world_weather":"ok"' /health
has 'kgent_node_world_weather_calls_total{outcome="ok",aspect="now"} 1' /metrics
kill "$pid"
wait "$pid" || { cat "$dir/log"; fail "kgentd ended with status $?"; }
pid=
say "the examples work"
