# SPDX-License-Identifier: Apache-2.0

# KG_HARDENING
#
# Sets KG_HARDEN_CPPFLAGS, KG_HARDEN_CFLAGS (for everything), KG_PIE_CFLAGS and
# KG_PIE_LDFLAGS (for programs), KG_HARDEN_LDFLAGS (for everything) and
# KG_MODULE_LDFLAGS (for plugins).  Sanitizers bring checks of their own and
# clash with some of these, so their builds go without.  Call after KG_SANITIZE.
AC_DEFUN([KG_HARDENING], [
AC_ARG_ENABLE([hardening],
  [AS_HELP_STRING([--disable-hardening], [build without the probed hardening flags])],
  [], [enable_hardening=yes])
AS_IF([test "x$kg_sanitized" = xyes], [enable_hardening=no])

KG_HARDEN_CPPFLAGS= KG_HARDEN_CFLAGS= KG_HARDEN_LDFLAGS=
KG_PIE_CFLAGS= KG_PIE_LDFLAGS= KG_MODULE_LDFLAGS=-shared
AS_VAR_IF([enable_hardening], [yes], [
  # Meaningless without optimisation; whoever defines it already keeps the choice.
  AC_CACHE_CHECK([whether to define _FORTIFY_SOURCE], [kg_cv_fortify],
    [AC_COMPILE_IFELSE([AC_LANG_PROGRAM([
#ifndef __OPTIMIZE__
#error "no optimisation"
#endif
#if defined _FORTIFY_SOURCE && _FORTIFY_SOURCE >= 2
#error "defined"
#endif
      ], [])], [kg_cv_fortify=yes], [kg_cv_fortify=no])])
  AS_VAR_IF([kg_cv_fortify], [yes],
    [KG_HARDEN_CPPFLAGS="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"])
  KG_PROBE_CFLAG([KG_HARDEN_CFLAGS], [-fstack-protector-strong])
  KG_PROBE_CFLAG([KG_HARDEN_CFLAGS], [-fstack-clash-protection])
  KG_PROBE_CFLAG([KG_HARDEN_CFLAGS], [-fcf-protection])
  KG_PROBE_CFLAG([KG_PIE_CFLAGS], [-fPIE])
  KG_PROBE_LDFLAG([KG_PIE_LDFLAGS], [-pie])
  KG_PROBE_LDFLAG([KG_HARDEN_LDFLAGS], [-Wl,-z,relro])
  KG_PROBE_LDFLAG([KG_HARDEN_LDFLAGS], [-Wl,-z,now])
  KG_PROBE_LDFLAG([KG_HARDEN_LDFLAGS], [-Wl,-z,noexecstack])
  KG_PROBE_LDFLAG([KG_MODULE_LDFLAGS], [-Wl,-z,defs])
])
KG_PROBE_LDFLAG([KG_HARDEN_LDFLAGS], [-Wl,--as-needed])
# Code of a plugin stays mapped: threads may still run in it.
KG_PROBE_LDFLAG([KG_MODULE_LDFLAGS], [-Wl,-z,nodelete])
AC_SUBST([KG_HARDEN_CPPFLAGS])
AC_SUBST([KG_HARDEN_CFLAGS])
AC_SUBST([KG_HARDEN_LDFLAGS])
AC_SUBST([KG_PIE_CFLAGS])
AC_SUBST([KG_PIE_LDFLAGS])
AC_SUBST([KG_MODULE_LDFLAGS])
])
