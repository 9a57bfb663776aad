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
	%D%/accept.c \
	%D%/accept.h \
	%D%/account.c \
	%D%/account.h \
	%D%/chunked.c \
	%D%/chunked.h \
	%D%/client.c \
	%D%/client.h \
	%D%/conn.c \
	%D%/conn.h \
	%D%/conn_body.c \
	%D%/conn_io.c \
	%D%/conn_io.h \
	%D%/conn_list.c \
	%D%/conn_turn.h \
	%D%/cors.c \
	%D%/cors.h \
	%D%/deadline.c \
	%D%/gate.c \
	%D%/gate.h \
	%D%/head.c \
	%D%/head.h \
	%D%/identity.c \
	%D%/phase.c \
	%D%/phase.h \
	%D%/problem.c \
	%D%/reply.c \
	%D%/reply.h \
	%D%/request.c \
	%D%/request.h \
	%D%/route.c \
	%D%/route.h \
	%D%/stream.c \
	%D%/stream.h \
	%D%/table.c \
	%D%/table.h \
	%D%/target.c \
	%D%/target.h \
	%D%/ticket.c \
	%D%/ticket.h \
	%D%/trace.c \
	%D%/trace.h \
	%D%/watchdog.c \
	%D%/watchdog.h \
	%D%/worker.c \
	%D%/worker.h \
	%D%/worker_loop.h \
	%D%/expose.c \
	%D%/expose.h \
	%D%/metric.c \
	%D%/metrics.c \
	%D%/metrics.h \
	%D%/registry.h \
	%D%/blame.c \
	%D%/blame.h \
	%D%/plugin.c \
	%D%/plugin.h \
	%D%/plugin_check.c \
	%D%/plugin_check.h \
	%D%/plugin_dump.c \
	%D%/plugin_file.c \
	%D%/plugin_file.h \
	%D%/plugin_host.c \
	%D%/plugin_life.c \
	%D%/plugin_set.h \
	%D%/self.c \
	%D%/self.h \
	%D%/service.c \
	%D%/service.h \
	%D%/tags.c \
	%D%/tags.h \
	%D%/jobs.c \
	%D%/jobs.h \
	%D%/timer.c \
	%D%/timer.h \
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
