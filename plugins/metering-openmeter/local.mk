EXTRA_LIBRARIES += %D%/libmetering-openmeter.a
%C%_libmetering_openmeter_a_CFLAGS = $(PLUGIN_COMPILE)
%C%_libmetering_openmeter_a_SOURCES = \
	%D%/metering-openmeter.c \
	$(NULL)

EXTRA_PROGRAMS += %D%.so
%C%_so_SOURCES =
%C%_so_LDFLAGS = $(PLUGIN_LINK)
%C%_so_LDADD = %D%/libmetering-openmeter.a $(JSONC_LIBS) $(CRYPTO_LIBS)
