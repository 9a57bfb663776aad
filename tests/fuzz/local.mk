# Fuzz targets.  With --enable-fuzzing libFuzzer drives them; otherwise corpus.c
# does, which runs corpus/NAME once, as an ordinary test.
FUZZ_TARGETS = \
	%D%/account \
	%D%/agentese \
	%D%/conf \
	%D%/form \
	%D%/http \
	%D%/ingest \
	%D%/json \
	%D%/jwt \
	%D%/link \
	%D%/receipt \
	%D%/record \
	%D%/redirect \
	%D%/schema \
	%D%/simulate \
	%D%/spec \
	%D%/stripe \
	%D%/stripe_reply \
	%D%/stripe_usage \
	%D%/usage \
	$(NULL)

FUZZ_LIBS =
if FUZZING
FUZZ_LIBS += $(KG_FUZZ_LDFLAGS)
noinst_PROGRAMS += $(FUZZ_TARGETS)
else
check_LIBRARIES += %D%/libcorpus.a
%C%_libcorpus_a_SOURCES = %D%/corpus.c
FUZZ_LIBS += %D%/libcorpus.a
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
endif

%C%_account_LDADD = plugins/metering-openmeter/libmetering-openmeter.a core/libutil.a \
	$(FAKE_LIBS) $(JSONC_LIBS) $(CRYPTO_LIBS) $(FUZZ_LIBS)
%C%_agentese_LDADD = plugins/agentese/libagentese.a $(FUZZ_LIBS)
%C%_conf_LDADD = $(CORE_LIBS) $(FUZZ_LIBS)
%C%_http_LDADD = $(CORE_LIBS) $(FUZZ_LIBS)
%C%_ingest_LDADD = plugins/metering-openmeter/libmetering-openmeter.a core/libutil.a \
	$(JSONC_LIBS) $(CRYPTO_LIBS) $(FUZZ_LIBS)
%C%_json_LDADD = core/libutil.a $(JSONC_LIBS) $(FUZZ_LIBS)
%C%_jwt_LDADD = plugins/auth/libauth.a $(FAKE_LIBS) $(JSONC_LIBS) $(CRYPTO_LIBS) $(FUZZ_LIBS)
%C%_receipt_LDADD = plugins/metering-openmeter/libmetering-openmeter.a $(JSONC_LIBS) \
	$(CRYPTO_LIBS) $(FUZZ_LIBS)
%C%_record_LDADD = plugins/metering-openmeter/libmetering-openmeter.a core/libutil.a $(FUZZ_LIBS)
%C%_schema_LDADD = plugins/agentese/libagentese.a core/libutil.a $(JSONC_LIBS) $(FUZZ_LIBS)
%C%_spec_LDADD = plugins/agentese/libagentese.a core/libutil.a $(JSONC_LIBS) $(FUZZ_LIBS)
%C%_stripe_LDADD = plugins/billing-stripe/libbilling-stripe.a $(FAKE_LIBS) $(JSONC_LIBS) \
	$(CRYPTO_LIBS) $(FUZZ_LIBS)

%C%_usage_LDADD = plugins/metering-openmeter/libmetering-openmeter.a $(FAKE_LIBS) $(JSONC_LIBS) \
	$(CRYPTO_LIBS) $(FUZZ_LIBS)
%C%_form_SOURCES = %D%/form.c %D%/billing-stub.h
%C%_form_LDADD = plugins/billing-stripe/libbilling-stripe.a core/libutil.a $(JSONC_LIBS) \
	$(CRYPTO_LIBS) $(FUZZ_LIBS)
%C%_link_SOURCES = %D%/link.c %D%/billing-stub.h
%C%_link_LDADD = $(%C%_form_LDADD)
%C%_redirect_SOURCES = %D%/redirect.c %D%/billing-stub.h
%C%_redirect_LDADD = $(%C%_form_LDADD)
%C%_simulate_SOURCES = %D%/simulate.c %D%/billing-stub.h
%C%_simulate_LDADD = $(%C%_form_LDADD)
%C%_stripe_reply_SOURCES = %D%/stripe_reply.c %D%/billing-stub.h
%C%_stripe_reply_LDADD = $(%C%_form_LDADD)
%C%_stripe_usage_SOURCES = %D%/stripe_usage.c %D%/billing-stub.h %D%/usage-stub.h
%C%_stripe_usage_LDADD = $(%C%_form_LDADD)

PHONY += fuzz-targets fuzz-list
fuzz-targets: $(FUZZ_TARGETS)
fuzz-list:
	@echo $(FUZZ_TARGETS)
