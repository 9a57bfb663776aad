# SPDX-License-Identifier: Apache-2.0

# KG_SANITIZE
#
# --enable-sanitizer=address,undefined | thread, and --enable-fuzzing (libFuzzer,
# so clang only).  Sets KG_SANITIZE_CFLAGS, which go to compiler and linker,
# KG_FUZZ_LDFLAGS for fuzz targets, and the shell variable kg_sanitized.
AC_DEFUN([KG_SANITIZE], [
AC_ARG_ENABLE([sanitizer],
  [AS_HELP_STRING([--enable-sanitizer=LIST],
    [build with sanitizers: "address,undefined" or "thread"])],
  [], [enable_sanitizer=no])
AC_ARG_ENABLE([fuzzing],
  [AS_HELP_STRING([--enable-fuzzing],
    [link the fuzz targets with libFuzzer (needs CC=clang); without it they only
     run their corpus])],
  [], [enable_fuzzing=no])

kg_sanitized=no
KG_SANITIZE_CFLAGS= KG_FUZZ_LDFLAGS=
AS_VAR_IF([enable_sanitizer], [yes], [enable_sanitizer=address,undefined])
AS_VAR_IF([enable_sanitizer], [no], [], [
  KG_REQUIRE_LINK([-fsanitize=$enable_sanitizer], [--enable-sanitizer=$enable_sanitizer])
  KG_SANITIZE_CFLAGS="-fsanitize=$enable_sanitizer -fno-omit-frame-pointer"
  KG_PROBE_CFLAG([KG_SANITIZE_CFLAGS], [-fno-sanitize-recover=all])
  kg_sanitized=yes])
AS_VAR_IF([enable_fuzzing], [no], [], [
  KG_REQUIRE_LINK([-fsanitize=fuzzer-no-link], [--enable-fuzzing])
  AS_VAR_APPEND([KG_SANITIZE_CFLAGS], [" -fsanitize=fuzzer-no-link"])
  KG_FUZZ_LDFLAGS="-fsanitize=fuzzer"
  kg_sanitized=yes])
AM_CONDITIONAL([FUZZING], [test "x$enable_fuzzing" != xno])
AC_SUBST([KG_SANITIZE_CFLAGS])
AC_SUBST([KG_FUZZ_LDFLAGS])
])

# KG_REQUIRE_LINK(FLAG, OPTION)
#
# Stops unless a program links with FLAG, which OPTION asked for.
AC_DEFUN([KG_REQUIRE_LINK], [
AC_MSG_CHECKING([whether $CC links with $1])
kg_save_CFLAGS=$CFLAGS
CFLAGS="$CFLAGS $1"
AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])], [AC_MSG_RESULT([yes])],
  [AC_MSG_RESULT([no])
   AC_MSG_ERROR([$2: $CC cannot link with $1; another CC may])])
CFLAGS=$kg_save_CFLAGS
])
