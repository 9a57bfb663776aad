noinst_LIBRARIES += %D%/libbilling-stripe.a
%C%_libbilling_stripe_a_CFLAGS = $(PLUGIN_COMPILE)
%C%_libbilling_stripe_a_SOURCES = \
	%D%/batch.c \
	%D%/batch.h \
	%D%/billing-stripe.c \
	%D%/billing.h \
	%D%/checkout.c \
	%D%/checkout.h \
	%D%/customers.c \
	%D%/desk.c \
	%D%/desk.h \
	%D%/due.c \
	%D%/due.h \
	%D%/dunning.c \
	%D%/dunning.h \
	%D%/effects.c \
	%D%/engine.c \
	%D%/engine.h \
	%D%/event.c \
	%D%/event.h \
	%D%/form.c \
	%D%/form.h \
	%D%/go.c \
	%D%/inbox.c \
	%D%/inbox.h \
	%D%/inbox_routes.c \
	%D%/link.c \
	%D%/link.h \
	%D%/offer.c \
	%D%/offer.h \
	%D%/options.c \
	%D%/options.h \
	%D%/payer.c \
	%D%/payer.h \
	%D%/plans.c \
	%D%/plans.h \
	%D%/prices.c \
	%D%/prices.h \
	%D%/process.c \
	%D%/projection.c \
	%D%/projection.h \
	%D%/reconcile.c \
	%D%/reconcile.h \
	%D%/redirect.c \
	%D%/redirect.h \
	%D%/refetch.c \
	%D%/refetch.h \
	%D%/routes.c \
	%D%/session.c \
	%D%/session.h \
	%D%/signature.c \
	%D%/signature.h \
	%D%/simulate.c \
	%D%/status.c \
	%D%/stored.c \
	%D%/stored.h \
	%D%/stripe_api.c \
	%D%/stripe_api.h \
	%D%/subscriptions.c \
	%D%/texts.c \
	%D%/texts.h \
	%D%/tiers.c \
	%D%/told.c \
	%D%/told.h \
	%D%/usage.h \
	%D%/usage_days.c \
	%D%/usage_export.c \
	%D%/usage_left.c \
	%D%/usage_routes.c \
	%D%/usage_send.c \
	%D%/usage_tally.c \
	%D%/waits.c \
	%D%/webhook.c \
	$(NULL)

plugin_PROGRAMS += %D%.so
%C%_so_SOURCES =
%C%_so_LDFLAGS = $(PLUGIN_LINK)
%C%_so_LDADD = %D%/libbilling-stripe.a $(JSONC_LIBS) $(CRYPTO_LIBS)

man_MANS += %D%/billing-stripe.7
EXTRA_DIST += %D%/billing-stripe.7
