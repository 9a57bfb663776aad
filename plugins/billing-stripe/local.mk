EXTRA_LIBRARIES += %D%/libbilling-stripe.a
%C%_libbilling_stripe_a_CFLAGS = $(PLUGIN_COMPILE)
%C%_libbilling_stripe_a_SOURCES = \
	%D%/billing-stripe.c \
	$(NULL)

EXTRA_PROGRAMS += %D%.so
%C%_so_SOURCES =
%C%_so_LDFLAGS = $(PLUGIN_LINK)
%C%_so_LDADD = %D%/libbilling-stripe.a $(JSONC_LIBS) $(CRYPTO_LIBS)
