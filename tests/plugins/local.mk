# One test per plugin, linked with the plugin's library and the fake host.
PLUGIN_TESTS = \
	%D%/accept \
	%D%/agentese \
	%D%/agentese-clock \
	%D%/agentese-compose \
	%D%/agentese-concept \
	%D%/agentese-grammar \
	%D%/agentese-http \
	%D%/agentese-http-conf \
	%D%/agentese-http-stream \
	%D%/agentese-lane \
	%D%/agentese-laws \
	%D%/agentese-nomemory \
	%D%/agentese-paths \
	%D%/agentese-pipeline \
	%D%/agentese-price \
	%D%/agentese-quote \
	%D%/agentese-registry \
	%D%/agentese-schema \
	%D%/agentese-self \
	%D%/agentese-spec \
	%D%/agentese-state \
	%D%/agentese-time \
	%D%/agentese-void \
	%D%/agentese-waits \
	%D%/agentese-weather \
	%D%/auth \
	%D%/auth-admin \
	%D%/auth-admin-changes \
	%D%/auth-admin-keys \
	%D%/auth-audit \
	%D%/auth-address \
	%D%/auth-budget \
	%D%/auth-cells \
	%D%/auth-charge \
	%D%/auth-explain \
	%D%/auth-index \
	%D%/auth-jwks \
	%D%/auth-jwks-set \
	%D%/auth-jwt \
	%D%/auth-jwt-bad \
	%D%/auth-token \
	%D%/auth-inner \
	%D%/auth-limit \
	%D%/auth-timing \
	%D%/auth-oracle \
	%D%/auth-model \
	%D%/auth-model-streams \
	%D%/auth-parts \
	%D%/auth-race \
	%D%/auth-routes \
	%D%/auth-tenants \
	%D%/billing-account \
	%D%/billing-answers \
	%D%/billing-batch \
	%D%/billing-engine \
	%D%/billing-links \
	%D%/billing-plans \
	%D%/billing-projection \
	%D%/billing-routes \
	%D%/billing-stripe \
	%D%/billing-usage \
	%D%/health \
	%D%/health-documents \
	%D%/fake \
	%D%/fake-calls \
	%D%/fake-shared \
	%D%/fake-work \
	%D%/metering-canary \
	%D%/metering-decimal \
	%D%/metering-export \
	%D%/metering-files \
	%D%/metering-files-bad \
	%D%/metering-kinds \
	%D%/metering-openmeter \
	%D%/metering-entitle \
	%D%/metering-entitle-once \
	%D%/metering-grants \
	%D%/metering-ingest \
	%D%/metering-ingest-once \
	%D%/metering-oracle \
	%D%/metering-query \
	%D%/metering-receipt \
	%D%/metering-put \
	%D%/metering-read \
	%D%/metering-rebuild \
	%D%/metering-rollup \
	%D%/metering-sinks \
	%D%/metering-turns \
	%D%/sse \
	$(NULL)

if HAVE_CHECK
check_PROGRAMS += $(PLUGIN_TESTS)
TESTS += $(PLUGIN_TESTS)
endif

%C%_metering_put_LDADD = $(CHECK_LIBS)
%C%_accept_LDADD = $(CHECK_LIBS)
%C%_sse_LDADD = $(CHECK_LIBS)
%C%_fake_work_SOURCES = %D%/fake-work.c %D%/fake-sample.h
%C%_fake_work_LDADD = $(%C%_fake_LDADD)
%C%_fake_SOURCES = %D%/fake.c %D%/fake-sample.h
%C%_fake_LDADD = $(FAKE_LIBS) $(CHECK_LIBS)
%C%_fake_calls_LDADD = $(FAKE_LIBS) $(CHECK_LIBS)
%C%_fake_shared_LDADD = $(FAKE_LIBS) $(CHECK_LIBS)
%C%_health_documents_SOURCES = %D%/health-documents.c %D%/health-host.h
%C%_health_documents_LDADD = $(%C%_health_LDADD)
%C%_health_SOURCES = %D%/health.c %D%/health-host.h
%C%_health_LDADD = plugins/health/libhealth.a $(FAKE_LIBS) $(JSONC_LIBS) $(CRYPTO_LIBS) \
	$(CHECK_LIBS)
%C%_auth_routes_SOURCES = %D%/auth-routes.c %D%/auth-api.h %D%/auth-host.h
%C%_auth_routes_LDADD = $(%C%_auth_LDADD)
%C%_auth_SOURCES = %D%/auth.c %D%/auth-api.h %D%/auth-host.h
%C%_auth_LDADD = plugins/auth/libauth.a $(FAKE_LIBS) $(JSONC_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
%C%_auth_jwks_set_SOURCES = %D%/auth-jwks-set.c %D%/auth-jwt.h
%C%_auth_jwks_set_LDADD = $(%C%_auth_jwt_LDADD)
%C%_auth_jwks_SOURCES = %D%/auth-jwks.c %D%/auth-jwt.h
%C%_auth_jwks_LDADD = $(%C%_auth_jwt_LDADD)
%C%_auth_token_SOURCES = %D%/auth-token.c %D%/auth-api.h %D%/auth-jwt.h
%C%_auth_token_LDADD = $(%C%_auth_jwt_LDADD)
%C%_auth_jwt_bad_SOURCES = %D%/auth-jwt-bad.c %D%/auth-jwt.h
%C%_auth_jwt_bad_LDADD = $(%C%_auth_jwt_LDADD)
%C%_auth_jwt_SOURCES = %D%/auth-jwt.c %D%/auth-jwt.h
%C%_auth_jwt_LDADD = plugins/auth/libauth.a $(FAKE_LIBS) $(JSONC_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
%C%_auth_timing_LDADD = plugins/auth/libauth.a $(FAKE_LIBS) $(JSONC_LIBS) $(CRYPTO_LIBS) -lm
%C%_auth_index_LDADD = plugins/auth/libauth.a $(JSONC_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
%C%_auth_parts_LDADD = $(%C%_auth_index_LDADD)
%C%_auth_admin_changes_SOURCES = %D%/auth-admin-changes.c %D%/auth-admin-ask.h %D%/auth-admin.h
%C%_auth_admin_changes_LDADD = $(%C%_auth_LDADD)
%C%_auth_admin_keys_SOURCES = %D%/auth-admin-keys.c %D%/auth-admin-ask.h %D%/auth-admin.h
%C%_auth_admin_keys_LDADD = $(%C%_auth_LDADD)
%C%_auth_admin_SOURCES = %D%/auth-admin.c %D%/auth-admin-ask.h %D%/auth-admin.h
%C%_auth_admin_LDADD = $(%C%_auth_LDADD)
%C%_billing_account_SOURCES = %D%/billing-account.c %D%/billing-served.h
%C%_billing_account_LDADD = $(%C%_billing_engine_LDADD)
%C%_billing_engine_SOURCES = %D%/billing-engine.c %D%/billing-served.h
%C%_billing_engine_LDADD = plugins/billing-stripe/libbilling-stripe.a $(FAKE_LIBS) $(JSONC_LIBS) \
	$(CRYPTO_LIBS) $(CHECK_LIBS)
%C%_billing_answers_SOURCES = %D%/billing-answers.c tests/fuzz/billing-stub.h
%C%_billing_answers_LDADD = $(%C%_billing_projection_LDADD)
%C%_billing_batch_SOURCES = %D%/billing-batch.c tests/fuzz/billing-stub.h
%C%_billing_batch_LDADD = $(%C%_billing_projection_LDADD)
%C%_billing_links_LDADD = $(%C%_billing_projection_LDADD)
%C%_billing_plans_SOURCES = %D%/billing-plans.c tests/fuzz/billing-stub.h
%C%_billing_plans_LDADD = $(%C%_billing_projection_LDADD)
%C%_billing_usage_SOURCES = %D%/billing-usage.c tests/fuzz/billing-stub.h tests/fuzz/usage-stub.h
%C%_billing_usage_LDADD = $(%C%_billing_projection_LDADD)
%C%_billing_routes_SOURCES = %D%/billing-routes.c %D%/billing-served.h
%C%_billing_routes_LDADD = $(%C%_billing_engine_LDADD)
%C%_billing_projection_LDADD = plugins/billing-stripe/libbilling-stripe.a $(JSONC_LIBS) $(CRYPTO_LIBS) \
	$(CHECK_LIBS)
%C%_auth_tenants_SOURCES = %D%/auth-tenants.c %D%/auth-admin.h
%C%_auth_tenants_LDADD = $(%C%_auth_LDADD)
%C%_auth_audit_SOURCES = %D%/auth-audit.c %D%/auth-admin.h
%C%_auth_audit_LDADD = $(%C%_auth_LDADD)
%C%_auth_address_SOURCES = %D%/auth-address.c %D%/auth-budget.h
%C%_auth_address_LDADD = $(%C%_auth_LDADD)
%C%_auth_explain_SOURCES = %D%/auth-explain.c %D%/auth-budget.h
%C%_auth_explain_LDADD = $(%C%_auth_LDADD)
%C%_auth_inner_SOURCES = %D%/auth-inner.c %D%/auth-budget.h
%C%_auth_inner_LDADD = $(%C%_auth_LDADD)
%C%_auth_budget_SOURCES = %D%/auth-budget.c %D%/auth-budget.h
%C%_auth_budget_LDADD = $(%C%_auth_LDADD)
%C%_auth_charge_SOURCES = %D%/auth-charge.c %D%/auth-budget.h
%C%_auth_charge_LDADD = $(%C%_auth_LDADD)
%C%_auth_cells_LDADD = $(%C%_auth_limit_LDADD)
%C%_auth_limit_SOURCES = %D%/auth-limit.c %D%/auth-limit.h
%C%_auth_model_streams_SOURCES = %D%/auth-model-streams.c %D%/auth-api.h %D%/auth-model.h
%C%_auth_model_streams_LDADD = $(%C%_auth_LDADD)
%C%_auth_model_SOURCES = %D%/auth-model.c %D%/auth-api.h %D%/auth-model.h
%C%_auth_model_LDADD = $(%C%_auth_LDADD)
%C%_auth_limit_LDADD = plugins/auth/libauth.a $(CHECK_LIBS)
%C%_auth_oracle_SOURCES = %D%/auth-oracle.c %D%/auth-limit.h
%C%_auth_oracle_LDADD = $(%C%_auth_limit_LDADD)
%C%_auth_race_SOURCES = %D%/auth-race.c %D%/auth-limit.h
%C%_auth_race_LDADD = $(%C%_auth_limit_LDADD)
%C%_agentese_LDADD = plugins/agentese/libagentese.a $(FAKE_LIBS) $(JSONC_LIBS) $(CHECK_LIBS)
%C%_agentese_SOURCES = %D%/agentese.c %D%/agentese.h
%C%_agentese_clock_SOURCES = %D%/agentese-clock.c
%C%_agentese_clock_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_laws_SOURCES = %D%/agentese-laws.c %D%/agentese-compose.h %D%/agentese-plug.h %D%/agentese.h
%C%_agentese_laws_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_quote_SOURCES = %D%/agentese-quote.c %D%/agentese-compose.h %D%/agentese-plug.h %D%/agentese.h
%C%_agentese_quote_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_compose_SOURCES = %D%/agentese-compose.c %D%/agentese-compose.h %D%/agentese-plug.h %D%/agentese.h
%C%_agentese_compose_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_concept_SOURCES = %D%/agentese-concept.c %D%/agentese.h
%C%_agentese_concept_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_nomemory_SOURCES = %D%/agentese-nomemory.c %D%/agentese-self.h %D%/agentese.h
%C%_agentese_nomemory_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_waits_SOURCES = %D%/agentese-waits.c %D%/agentese-self.h %D%/agentese.h
%C%_agentese_waits_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_self_SOURCES = %D%/agentese-self.c %D%/agentese-self.h %D%/agentese.h
%C%_agentese_self_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_void_SOURCES = %D%/agentese-void.c %D%/agentese.h
%C%_agentese_void_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_time_SOURCES = %D%/agentese-time.c %D%/agentese.h
%C%_agentese_time_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_state_SOURCES = %D%/agentese-state.c %D%/agentese.h
%C%_agentese_http_SOURCES = %D%/agentese-http.c %D%/agentese-agents.h %D%/agentese.h
%C%_agentese_http_conf_SOURCES = %D%/agentese-http-conf.c %D%/agentese-agents.h %D%/agentese.h
%C%_agentese_http_conf_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_http_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_http_stream_SOURCES = %D%/agentese-http-stream.c %D%/agentese.h
%C%_agentese_http_stream_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_lane_SOURCES = %D%/agentese-lane.c %D%/agentese.h
%C%_agentese_lane_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_pipeline_SOURCES = %D%/agentese-pipeline.c %D%/agentese.h
%C%_agentese_pipeline_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_price_SOURCES = %D%/agentese-price.c %D%/agentese.h
%C%_agentese_price_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_paths_SOURCES = %D%/agentese-paths.c %D%/agentese-registry.h %D%/agentese-plug.h %D%/agentese.h
%C%_agentese_paths_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_registry_SOURCES = %D%/agentese-registry.c %D%/agentese-registry.h %D%/agentese-plug.h %D%/agentese.h
%C%_agentese_registry_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_schema_LDADD = plugins/agentese/libagentese.a core/libutil.a $(JSONC_LIBS) $(CHECK_LIBS)
%C%_agentese_state_LDADD = $(%C%_agentese_LDADD)
%C%_agentese_spec_LDADD = plugins/agentese/libagentese.a $(CHECK_LIBS)
%C%_agentese_weather_SOURCES = examples/weather/weather.c examples/weather/weather-test.c
%C%_agentese_weather_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/fake \
	-DAGENTESE='"$(abs_top_builddir)/plugins/agentese.so"'
%C%_agentese_weather_LDADD = $(FAKE_LIBS)
EXTRA_%C%_agentese_weather_DEPENDENCIES = plugins/agentese.so
%C%_agentese_grammar_LDADD = plugins/agentese/libagentese.a $(CHECK_LIBS)
%C%_billing_stripe_LDADD = plugins/billing-stripe/libbilling-stripe.a $(FAKE_LIBS) $(JSONC_LIBS) \
	$(CRYPTO_LIBS) $(CHECK_LIBS)
%C%_metering_openmeter_SOURCES = %D%/metering-openmeter.c %D%/metering.h
%C%_metering_export_SOURCES = %D%/metering-export.c %D%/metering.h
%C%_metering_export_LDADD = $(%C%_metering_openmeter_LDADD)
%C%_metering_openmeter_LDADD = plugins/metering-openmeter/libmetering-openmeter.a $(FAKE_LIBS) \
	$(JSONC_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
%C%_metering_receipt_SOURCES = %D%/metering-receipt.c %D%/metering.h
%C%_metering_receipt_LDADD = $(%C%_metering_openmeter_LDADD)
%C%_metering_entitle_once_SOURCES = %D%/metering-entitle-once.c %D%/metering-entitle.h %D%/metering-usage.h
%C%_metering_entitle_once_LDADD = $(%C%_metering_rollup_LDADD)
%C%_metering_entitle_SOURCES = %D%/metering-entitle.c %D%/metering-entitle.h %D%/metering-usage.h
%C%_metering_entitle_LDADD = $(%C%_metering_rollup_LDADD)
%C%_metering_grants_LDADD = plugins/metering-openmeter/libmetering-openmeter.a $(CHECK_LIBS)
%C%_metering_decimal_LDADD = plugins/metering-openmeter/libmetering-openmeter.a $(CHECK_LIBS)
%C%_metering_read_LDADD = plugins/metering-openmeter/libmetering-openmeter.a $(CHECK_LIBS)
%C%_metering_ingest_once_SOURCES = %D%/metering-ingest-once.c %D%/metering-ingest.h %D%/metering-usage.h
%C%_metering_ingest_once_LDADD = $(%C%_metering_rollup_LDADD)
%C%_metering_ingest_SOURCES = %D%/metering-ingest.c %D%/metering-ingest.h %D%/metering-usage.h
%C%_metering_ingest_LDADD = $(%C%_metering_rollup_LDADD)
%C%_metering_query_SOURCES = %D%/metering-query.c %D%/metering-rollup.h %D%/metering-usage.h
%C%_metering_query_LDADD = $(%C%_metering_rollup_LDADD)
%C%_metering_rebuild_SOURCES = %D%/metering-rebuild.c %D%/metering-rollup.h %D%/metering-usage.h
%C%_metering_rebuild_LDADD = $(%C%_metering_rollup_LDADD)
%C%_metering_turns_SOURCES = %D%/metering-turns.c %D%/metering-rollup.h %D%/metering-usage.h
%C%_metering_turns_LDADD = $(%C%_metering_rollup_LDADD)
%C%_metering_rollup_SOURCES = %D%/metering-rollup.c %D%/metering-rollup.h %D%/metering-usage.h
%C%_metering_rollup_LDADD = plugins/metering-openmeter/libmetering-openmeter.a $(FAKE_LIBS) \
	$(JSONC_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
%C%_metering_files_bad_SOURCES = %D%/metering-files-bad.c %D%/metering-files.h %D%/metering.h
%C%_metering_files_bad_LDADD = $(%C%_metering_openmeter_LDADD)
%C%_metering_files_SOURCES = %D%/metering-files.c %D%/metering-files.h %D%/metering.h
%C%_metering_files_LDADD = $(%C%_metering_openmeter_LDADD)
%C%_metering_kinds_SOURCES = %D%/metering-kinds.c %D%/metering.h
%C%_metering_kinds_LDADD = $(%C%_metering_openmeter_LDADD)
%C%_metering_canary_SOURCES = %D%/metering-canary.c %D%/metering-sinks.h %D%/metering.h
%C%_metering_canary_LDADD = $(%C%_metering_openmeter_LDADD)
%C%_metering_sinks_SOURCES = %D%/metering-sinks.c %D%/metering-sinks.h %D%/metering.h
%C%_metering_sinks_LDADD = $(%C%_metering_openmeter_LDADD)
%C%_metering_oracle_SOURCES = %D%/metering-oracle.c %D%/metering-usage.h
%C%_metering_oracle_LDADD = $(%C%_metering_rollup_LDADD)
