# SPDX-License-Identifier: Apache-2.0

# KG_PROBE_CFLAG(VARIABLE, FLAG)
#
# Appends FLAG to VARIABLE if the compiler takes it without complaint.
AC_DEFUN([KG_PROBE_CFLAG], [
AS_VAR_PUSHDEF([kg_cache], [kg_cv_cflag_$2])
AC_CACHE_CHECK([whether $CC takes $2], [kg_cache], [
  kg_save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $2"
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
    [AS_VAR_SET([kg_cache], [yes])], [AS_VAR_SET([kg_cache], [no])])
  CFLAGS=$kg_save_CFLAGS])
AS_VAR_IF([kg_cache], [yes], [AS_VAR_APPEND([$1], [" $2"])])
AS_VAR_POPDEF([kg_cache])
])

# KG_PROBE_LDFLAG(VARIABLE, FLAG)
#
# Appends FLAG to VARIABLE if the linker takes it.
AC_DEFUN([KG_PROBE_LDFLAG], [
AS_VAR_PUSHDEF([kg_cache], [kg_cv_ldflag_$2])
AC_CACHE_CHECK([whether the linker takes $2], [kg_cache], [
  kg_save_LDFLAGS=$LDFLAGS
  LDFLAGS="$LDFLAGS $2"
  AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
    [AS_VAR_SET([kg_cache], [yes])], [AS_VAR_SET([kg_cache], [no])])
  LDFLAGS=$kg_save_LDFLAGS])
AS_VAR_IF([kg_cache], [yes], [AS_VAR_APPEND([$1], [" $2"])])
AS_VAR_POPDEF([kg_cache])
])

# KG_WARNINGS
#
# Sets KG_WARN_CFLAGS: every warning of the house style that this compiler knows,
# and -Werror with --enable-werror.
AC_DEFUN([KG_WARNINGS], [
AC_ARG_ENABLE([werror],
  [AS_HELP_STRING([--enable-werror], [treat warnings as errors])],
  [], [enable_werror=no])
KG_WARN_CFLAGS=
m4_foreach_w([kg_flag],
  [-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wvla
   -Wnull-dereference -Wpointer-arith -Wundef -Wold-style-definition
   -Wlogical-op -Wduplicated-cond],
  [KG_PROBE_CFLAG([KG_WARN_CFLAGS], kg_flag)])
AS_VAR_IF([enable_werror], [yes], [AS_VAR_APPEND([KG_WARN_CFLAGS], [" -Werror"])])
AC_SUBST([KG_WARN_CFLAGS])
])
