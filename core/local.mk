# All of the host but main.c, compiled once: for the program and for the tests.
noinst_LIBRARIES += core/libcore.a
core_libcore_a_CPPFLAGS = $(AM_CPPFLAGS) \
	-DKG_PLUGIN_DIR='"$(plugindir)"' \
	-DKG_CONF_FILE='"$(sysconfdir)/kgent/kgentd.conf"' \
	-DKG_STATE_DIR='"$(localstatedir)/lib/kgent"' \
	-DKG_VERSION='"$(VERSION)"'
core_libcore_a_CFLAGS = $(AM_CFLAGS) $(LIBCONFIG_CFLAGS) $(CURL_CFLAGS) $(SQLITE_CFLAGS)
core_libcore_a_SOURCES = \
	%D%/abi.h \
	%D%/catalog.c \
	%D%/catalog.h \
	%D%/conf.c \
	%D%/conf.h \
	%D%/dump.c \
	%D%/dump.h \
	%D%/errors.c \
	%D%/errors.h \
	%D%/expand.c \
	%D%/expand.h \
	%D%/health.c \
	%D%/health.h \
	%D%/host.h \
	%D%/listen.c \
	%D%/listen.h \
	%D%/listen_address.c \
	%D%/listen_address.h \
	%D%/log.c \
	%D%/log.h \
	%D%/log_ring.c \
	%D%/log_ring.h \
	%D%/log_text.c \
	%D%/log_text.h \
	%D%/log_writer.c \
	%D%/log_writer.h \
	%D%/node.c \
	%D%/node.h \
	%D%/notify.c \
	%D%/notify.h \
	%D%/options.c \
	%D%/options.h \
	%D%/override.c \
	%D%/override.h \
	%D%/scan.c \
	%D%/scan.h \
	%D%/schema.c \
	%D%/schema.h \
	%D%/schema_value.c \
	%D%/schema_value.h \
	%D%/settings.c \
	%D%/settings.h \
	$(NULL)

CORE_LIBS = \
	core/libcore.a \
	core/libutil.a \
	$(LIBCONFIG_LIBS) \
	$(CURL_LIBS) \
	$(SQLITE_LIBS) \
	$(NULL)

EXTRA_PROGRAMS += kgentd
kgentd_SOURCES = %D%/main.c
kgentd_LDADD = $(CORE_LIBS)
