bin_PROGRAMS += kgentctl
kgentctl_CPPFLAGS = $(AM_CPPFLAGS) \
	-DKG_STATE_DIR='"$(localstatedir)/lib/kgent"' \
	-DKG_VERSION='"$(VERSION)"'
kgentctl_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JSONC_CFLAGS) $(LIBCONFIG_CFLAGS) $(CRYPTO_CFLAGS)
kgentctl_SOURCES = \
	%D%/agentese.h \
	%D%/apply.c \
	%D%/apply.h \
	%D%/args.c \
	%D%/args.h \
	%D%/audit.c \
	%D%/audit.h \
	%D%/cache.c \
	%D%/cache.h \
	%D%/call.c \
	%D%/call.h \
	%D%/client.c \
	%D%/client.h \
	%D%/complete.c \
	%D%/completion.c \
	%D%/course.c \
	%D%/ctl.h \
	%D%/diff.c \
	%D%/diff.h \
	%D%/events.c \
	%D%/events.h \
	%D%/file.c \
	%D%/grid.c \
	%D%/help.c \
	%D%/host.c \
	%D%/human.c \
	%D%/invoke.c \
	%D%/key.c \
	%D%/listing.c \
	%D%/look.c \
	%D%/look.h \
	%D%/main.c \
	%D%/object.c \
	%D%/object.h \
	%D%/pages.c \
	%D%/path.c \
	%D%/paths.c \
	%D%/plan.c \
	%D%/policy.c \
	%D%/price.c \
	%D%/problem.c \
	%D%/receipt.c \
	%D%/request.c \
	%D%/result.c \
	%D%/result.h \
	%D%/show.c \
	%D%/show.h \
	%D%/state.c \
	%D%/stream.c \
	%D%/table.c \
	%D%/tenant.c \
	%D%/top.c \
	%D%/trace.c \
	%D%/transfer.c \
	%D%/transfer.h \
	%D%/usage.c \
	%D%/usage.h \
	%D%/user.c \
	%D%/value.c \
	%D%/verify.c \
	$(NULL)
kgentctl_LDADD = core/libutil.a $(CURL_LIBS) $(JSONC_LIBS) $(LIBCONFIG_LIBS) $(CRYPTO_LIBS)
