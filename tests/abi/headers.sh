#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
#
# Each public header compiles alone, as C11 and as C++17, without a word; and not
# without the ABI that its user targets.
set -u
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
n=0
extra=

say () { # OK NAME
  n=$((n + 1))
  if test "$1" = 0; then echo "ok $n - $2"; else
    echo "not ok $n - $2"
    sed 's/^/# /' "$dir/log"
  fi
}

compile () { # COMPILER-AND-FLAGS... < source
  cat > "$dir/x.$ext"
  "$@" -Wall -Wextra -Wpedantic -Werror -I"$top_srcdir/include" $extra -c "$dir/x.$ext" \
    -o "$dir/x.o" > "$dir/log" 2>&1
}

alone () { # HEADER MINOR
  ext=c
  printf '#define KG_ABI_TARGET KG_ABI (1, %s)\n#include <%s>\nint used;\n' "$2" "$1" |
    compile ${CC:-cc} -std=c11
  say $? "$1 for 1.$2 as C11"
  if command -v "${CXX:-c++}" > /dev/null; then
    ext=cc
    printf '#define KG_ABI_TARGET KG_ABI (1, %s)\n#include <%s>\nint used;\n' "$2" "$1" |
      compile ${CXX:-c++} -std=c++17
    say $? "$1 for 1.$2 as C++17"
  fi
}

for header in "$top_srcdir"/include/kgent/*.h; do
  for minor in 0 1; do
    alone "kgent/$(basename "$header")" $minor
  done
done

if command -v "${CXX:-c++}" > /dev/null; then
  ext=cc
  extra='-Wno-pedantic -Wno-missing-field-initializers -fPIC -fvisibility=hidden'
  for std in c++20 gnu++17; do
    cat <<'EOT' | compile ${CXX:-c++} -std=$std
#define KG_ABI_TARGET KG_ABI (1, 0)
#include <kgent/plugin.h>
static int32_t
cpp_open (const struct kg_host *, kg_self *, const void *, void **)
{
  return 0;
}
KG_PLUGIN (.name = "cpp", .version = "1.0", .open = cpp_open);
EOT
    say $? "a plugin in $std"
    ${CXX:-c++} -shared "$dir/x.o" -o "$dir/x.so" > "$dir/log" 2>&1 &&
      nm -D "$dir/x.so" | grep ' kg_plugin_1$' >> "$dir/log"
    say $? "a plugin in $std exports its descriptor"
  done
fi

ext=c
extra=
for target in '' '#define KG_ABI_TARGET KG_ABI (0, 9)' '#define KG_ABI_TARGET KG_ABI (1, 99)'; do
  printf '%s\n#include <kgent/plugin.h>\nint used;\n' "$target" | compile ${CC:-cc} -std=c11
  test $? != 0 && grep -q 'KG_ABI_TARGET' "$dir/log"
  say $? "refused: ${target:-no target}"
done
echo "1..$n"
