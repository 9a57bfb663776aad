noinst_LIBRARIES += %D%/libhealth.a
%C%_libhealth_a_CFLAGS = $(PLUGIN_COMPILE)
%C%_libhealth_a_SOURCES = \
	%D%/document.c \
	%D%/health.c \
	%D%/health.h \
	%D%/index.c \
	%D%/nodes.c \
	%D%/nodes.h \
	%D%/openapi.c \
	%D%/operation.c \
	%D%/operation.h \
	%D%/page.c \
	%D%/status.c \
	$(NULL)

# The page of /docs as a C string, one literal per line.
%D%/libhealth_a-page.$(OBJEXT): %D%/docs.inc
%D%/docs.inc: %D%/docs.html
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' \
	  '$(srcdir)/%D%/docs.html' > $@.tmp && mv $@.tmp $@
CLEANFILES += %D%/docs.inc
EXTRA_DIST += %D%/docs.html

plugin_PROGRAMS += %D%.so
%C%_so_SOURCES =
%C%_so_LDFLAGS = $(PLUGIN_LINK)
%C%_so_LDADD = %D%/libhealth.a $(JSONC_LIBS) $(CRYPTO_LIBS)

man_MANS += %D%/health.7
EXTRA_DIST += %D%/health.7
