EXTRA_LIBRARIES += %D%/libhealth.a
%C%_libhealth_a_CFLAGS = $(PLUGIN_COMPILE)
%C%_libhealth_a_SOURCES = \
	%D%/health.c \
	$(NULL)

EXTRA_PROGRAMS += %D%.so
%C%_so_SOURCES =
%C%_so_LDFLAGS = $(PLUGIN_LINK)
%C%_so_LDADD = %D%/libhealth.a $(JSONC_LIBS)
