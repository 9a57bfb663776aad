# kgent.m4 - build plugins of the kgent API host out of its tree
#
# SPDX-License-Identifier: Apache-2.0
#
# A plugin's whole configure.ac:
#
#     AC_INIT([hello], [1.0])
#     AC_CONFIG_AUX_DIR([build-aux])
#     AM_INIT_AUTOMAKE([foreign])
#     AC_PROG_CC
#     KGENT_PLUGIN([1.0])
#     AC_CONFIG_FILES([Makefile])
#     AC_OUTPUT
#
# and its whole Makefile.am:
#
#     plugin_PROGRAMS = hello.so
#     plugindir = $(KGENT_PLUGINDIR)
#     hello_so_SOURCES = hello.c
#     hello_so_CFLAGS = $(KGENT_CFLAGS)
#     hello_so_LDFLAGS = $(KGENT_LDFLAGS)
#
#     check-local: hello.so
#     	$(KGENTD) --dump-plugin ./hello.so
#
# To this, a unit test adds the fake host that is installed with kgent:
#
#     check_PROGRAMS = hello-test
#     TESTS = hello-test
#     hello_test_SOURCES = hello.c hello-test.c
#     hello_test_CFLAGS = $(KGENT_CFLAGS) -I$(KGENT_FAKEDIR)
#     hello_test_LDADD = kgent-fake.o
#     kgent-fake.o:
#     	$(CC) $(KGENT_CFLAGS) -I$(KGENT_FAKEDIR) $(CFLAGS) -r -nostdlib -o $@ \
#     	  $(KGENT_FAKEDIR)/*.c $(KGENT_FAKEDIR)/core/util/*.c
#
# Then, as always:
#
#     autoreconf -i && ./configure && make && make install
#
# No libtool is involved: a plugin is one object that the host opens by its path,
# it is never linked against.  Everything it needs from the host comes through
# the table of functions that its `open` gets, so there is no library to link.

# KGENT_PLUGIN(ABI-VERSION, [ACTION-IF-FOUND], [ACTION-IF-NOT-FOUND])
#
# Looks for the headers of a kgent whose plugin ABI has the same major version as
# ABI-VERSION and at least its minor one.  ABI-VERSION should be what the source
# says in KG_ABI_TARGET.  Sets and substitutes
#
#   KGENT_CFLAGS     what a plugin's sources need to compile
#   KGENT_LDFLAGS    what makes a loadable object of them: nothing undefined, no
#                    lazy binding, never unmapped, one exported symbol
#   KGENT_PLUGINDIR  where `make install` puts it; --with-kgent-plugindir=DIR
#                    overrides (`make distcheck` needs that: see below)
#   KGENT_FAKEDIR    the sources of the fake host, to test the plugin with
#   KGENTD           the host program, or "kgentd" when it isn't found
#
# ACTION-IF-NOT-FOUND stops with a message by default.  If kgent lies outside the
# usual folders, set PKG_CONFIG_PATH.  For `make distcheck` add to Makefile.am:
#
#     AM_DISTCHECK_CONFIGURE_FLAGS = --with-kgent-plugindir='$${libdir}/kgent/plugins-1'
AC_DEFUN([KGENT_PLUGIN], [
AC_REQUIRE([PKG_PROG_PKG_CONFIG])
m4_if([$1], [], [m4_fatal([KGENT_PLUGIN: say which ABI the plugin targets, as in KGENT_PLUGIN([1.0])])])
AC_ARG_WITH([kgent-plugindir],
  [AS_HELP_STRING([--with-kgent-plugindir=DIR],
    [where the plugin is installed [the folder that kgentd looks in]])],
  [KGENT_PLUGINDIR=$withval], [KGENT_PLUGINDIR=])
kgent_found=no
AC_MSG_CHECKING([for kgent with plugin ABI $1])
AS_IF([kgent_abi=`$PKG_CONFIG --variable=abi kgent 2>/dev/null` && test -n "$kgent_abi"], [
  kgent_major="m4_bregexp([$1], [^\([0-9]+\)], [\1])"
  kgent_minor="m4_bregexp([$1], [\.\([0-9]+\)$], [\1])"
  AS_IF([test "${kgent_abi%%.*}" = "$kgent_major" && test "${kgent_abi##*.}" -ge "$kgent_minor"],
    [kgent_found=yes
     AC_MSG_RESULT([yes, it has $kgent_abi])],
    [AC_MSG_RESULT([no, it has $kgent_abi])])],
  [AC_MSG_RESULT([no kgent])])
AS_IF([test "$kgent_found" = yes], [
  KGENT_CFLAGS="`$PKG_CONFIG --cflags kgent` -fPIC -fvisibility=hidden"
  KGENT_LDFLAGS="-shared -Wl,-z,defs -Wl,-z,relro -Wl,-z,now -Wl,-z,nodelete"
  AS_IF([test -z "$KGENT_PLUGINDIR"],
    [KGENT_PLUGINDIR=`$PKG_CONFIG --variable=plugindir kgent`])
  KGENT_FAKEDIR=`$PKG_CONFIG --variable=fakedir kgent`
  kgent_prefix=`$PKG_CONFIG --variable=prefix kgent`
  AC_PATH_PROG([KGENTD], [kgentd], [kgentd],
    [$kgent_prefix/sbin$PATH_SEPARATOR$PATH$PATH_SEPARATOR/usr/sbin$PATH_SEPARATOR/usr/local/sbin])
  $2
], [
  m4_default([$3], [AC_MSG_ERROR([no kgent with plugin ABI $1: install its development files, or add the
folder of its kgent.pc to PKG_CONFIG_PATH])])
])
AC_SUBST([KGENT_CFLAGS])
AC_SUBST([KGENT_LDFLAGS])
AC_SUBST([KGENT_PLUGINDIR])
AC_SUBST([KGENT_FAKEDIR])
])
