EXTRA_LIBRARIES += %D%/libagentese.a
%C%_libagentese_a_CFLAGS = $(PLUGIN_COMPILE)
%C%_libagentese_a_SOURCES = \
	%D%/agentese.c \
	$(NULL)

EXTRA_PROGRAMS += %D%.so
%C%_so_SOURCES =
%C%_so_LDFLAGS = $(PLUGIN_LINK)
%C%_so_LDADD = %D%/libagentese.a $(JSONC_LIBS)
