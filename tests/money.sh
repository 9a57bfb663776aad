#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
#
# Money is integers of the currency's minor unit, from Stripe's event to the ledger, the
# answers and kgentctl: no source that money goes through knows a number with a fraction,
# and none divides by a hundred.
set -eu
cd "${top_srcdir:-$(dirname "$0")/..}"
number=0
failures=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

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

# code FILE...: FILE:LINE: and the line, without comments.
code () {
  awk '
    FNR == 1 { inside = 0 }
    {
      text = $0
      out = ""
      while (text != "") {
        if (inside) {
          end = index(text, "*/")
          if (!end) { text = ""; break }
          text = substr(text, end + 2); inside = 0
        } else {
          begin = index(text, "/*")
          if (!begin) { out = out text; break }
          out = out substr(text, 1, begin - 1); text = substr(text, begin + 2); inside = 1
        }
      }
      if (out ~ /[^ \t]/) print FILENAME ":" FNR ": " out
    }' "$@"
}

# A fraction by type, function, constant, format or constant of json-c and the host.
words='(float|double|_Float[0-9]+x?|_Decimal[0-9]+|strto(d|f|ld|d128)|ato(f)|l?l?r(ound|int)[fl]?|round[fl]?|floor[fl]?|ceil[fl]?|trunc[fl]?|fmod[fl]?|pow[fl]?|json_object_(new|get|set)_double(_s)?|json_type_double|KG_JSON_DOUBLE|KG_OPT_NUMBER|kg_json_number|kg_json_double|kg_out_(number|double|decimal))'
signs='(^|[^a-zA-Z0-9_])[0-9]+\.[0-9]*([^0-9.]|$)|[/%*] *100(\.0*)?[^0-9]'
texts='%[-+ #0]*[0-9*]*(\.[0-9*]+)?L?[aefgAEFG]([^a-zA-Z]|$)|<(math|tgmath|float|complex)\.h>'

# fractions FILE...: the lines that know one; numbers are no numbers in strings.
fractions () {
  code "$@" > "$work/lines"
  sed 's/"\([^"\\]\|\\.\)*"/""/g' "$work/lines" |
    grep -E "(^|[^a-zA-Z0-9_])$words([^a-zA-Z0-9_]|\$)|$signs" || :
  grep -E "$texts" "$work/lines" || :
}

# Durations are numbers of seconds, a warning is at percents of a limit, and %2e is a dot
# that a text is compared with.
known='double (tolerance|link_ttl);|\.key = "", \.type = KG_OPT_NUMBER, \.dflt = "", CONF \((tolerance|link_ttl)\)|percents\[|str(n?case)?n?(cmp|str) \([a-z]+, "%[0-9a-f][0-9a-f]"'

billing=$(find plugins/billing-stripe -name '*.[ch]' | sort)
others=$(grep -lE 'minor unit|unit_amount' $(find core plugins ctl include -name '*.[ch]' |
  grep -v '^plugins/billing-stripe/' | grep -vE '^(plugins/agentese|core)/') || :)
result "billing-stripe knows no fraction" "$(fractions $billing | grep -vE "$known" || :)"
result "nor do kgentctl's commands for it" "$(fractions ctl/billing*.[ch])"
result "nor what else counts minor units" \
  "$(fractions $others include/kgent/offer.h include/kgent/tenants.h | grep -vE "$known" || :)"
result "there are sources to look at" \
  "$(test "$(echo $billing $others | wc -w)" -ge 40 || echo "$billing $others")"

# What this looks for is found where it is.
n=0
while IFS= read -r line; do
  n=$((n + 1))
  printf 'int32_t\nf (void)\n{\n  %s\n}\n' "$line" > "$work/$n.c"
  test -n "$(fractions "$work/$n.c")" || echo "$line"
done > "$work/missed" <<'BAD'
double amount;
float f = amount;
int64_t yen = amount / 100;
amount = amount * 100;
cents = amount % 100;
x = strtod (text, NULL);
x = strtof (text, NULL); y = strtold (text, NULL);
x = atof (text);
amount = json_object_get_double (o);
o = json_object_new_double (amount);
if (json_object_is_type (o, json_type_double))
if (kg_json_kind (j, i) == KG_JSON_DOUBLE)
{ .key = "amount", .type = KG_OPT_NUMBER },
n = lround (x); n = llround (x);
printf ("%.2f", x);
printf ("%g %s", x, y);
printf ("%5.1Lf", x);
x = 1.5 * y;
x = 100.0;
#include <math.h>
return (int64_t) (double) n;
BAD
result "each of $(ls "$work"/*.c | wc -l) ways to a fraction is found" "$(cat "$work/missed")"
rm -f "$work"/*.c
while IFS= read -r line; do
  printf '%s\n' "$line" > "$work/good.c"
  fractions "$work/good.c" | sed 's/.*: //'
done > "$work/wrong" <<'GOOD'
/* double the amount: 1.5 times, / 100 */
int64_t amount; /* as a double would not */
const char *version = "1.0", *path = "/v1/billing.1";
n = n / 1000; x = n / 10;
printf ("%d %s %lld", a, b, c);
#define SECOND_NS INT64_C (1000000000)
GOOD
result "and nothing else" "$(cat "$work/wrong")"
echo "1..$number"
test "$failures" = 0
