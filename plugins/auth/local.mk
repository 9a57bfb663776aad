EXTRA_LIBRARIES += %D%/libauth.a
%C%_libauth_a_CFLAGS = $(PLUGIN_COMPILE)
%C%_libauth_a_SOURCES = \
	%D%/auth.c \
	$(NULL)

EXTRA_PROGRAMS += %D%.so
%C%_so_SOURCES =
%C%_so_LDFLAGS = $(PLUGIN_LINK)
%C%_so_LDADD = %D%/libauth.a $(JSONC_LIBS) $(CRYPTO_LIBS)
