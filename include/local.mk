kgentincludedir = $(includedir)/kgent
kgentinclude_HEADERS = \
	%D%/kgent/accept.h \
	%D%/kgent/audit.h \
	%D%/kgent/budget.h \
	%D%/kgent/calls.h \
	%D%/kgent/health.h \
	%D%/kgent/http.h \
	%D%/kgent/jobs.h \
	%D%/kgent/json.h \
	%D%/kgent/meter.h \
	%D%/kgent/metrics.h \
	%D%/kgent/nodes.h \
	%D%/kgent/offer.h \
	%D%/kgent/plugin.h \
	%D%/kgent/routes.h \
	%D%/kgent/sse.h \
	%D%/kgent/store.h \
	%D%/kgent/tenants.h \
	$(NULL)

pkgconfigdir = $(libdir)/pkgconfig
pkgconfig_DATA = kgent.pc
EXTRA_DIST += %D%/kgent.pc.in

aclocaldir = $(datadir)/aclocal
aclocal_DATA = m4/kgent.m4
EXTRA_DIST += m4/kgent.m4
