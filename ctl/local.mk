bin_PROGRAMS += kgentctl
kgentctl_CPPFLAGS = $(AM_CPPFLAGS) \
	-DKG_STATE_DIR='"$(localstatedir)/lib/kgent"' \
	-DKG_VERSION='"$(VERSION)"'
kgentctl_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS) $(JSONC_CFLAGS)
kgentctl_SOURCES = \
	%D%/args.c \
	%D%/call.c \
	%D%/ctl.h \
	%D%/host.c \
	%D%/key.c \
	%D%/main.c \
	%D%/show.c \
	%D%/top.c \
	$(NULL)
kgentctl_LDADD = core/libutil.a $(CURL_LIBS) $(JSONC_LIBS)
