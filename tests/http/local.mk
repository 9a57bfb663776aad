# The real program over real sockets.
HTTP_TESTS = \
	%D%/admin.py \
	%D%/alerts.py \
	%D%/agentese.py \
	%D%/agentese_compose.py \
	%D%/agentese_rows_grammar.py \
	%D%/agentese_rows_offers.py \
	%D%/agentese_rows_world.py \
	%D%/agentese_rows_concept.py \
	%D%/agentese_rows_self.py \
	%D%/agentese_rows_void.py \
	%D%/agentese_rows_time.py \
	%D%/agentese_rows_routes.py \
	%D%/agentese_rows_discover.py \
	%D%/agentese_rows_laws.py \
	%D%/agentese_rows_limits.py \
	%D%/agentese_rows_scopes.py \
	%D%/agentese_rows_races.py \
	%D%/agentese_rows_random.py \
	%D%/agentese_rows_reader.py \
	%D%/agentese_rows_agents.py \
	%D%/agentese_rows_tenants.py \
	%D%/agentese_time.py \
	%D%/agentese_void.py \
	%D%/agentese_concept.py \
	%D%/agentese_self.py \
	%D%/agentese_specs.py \
	%D%/agentese_specs_tenant.py \
	%D%/agentese_stream.py \
	%D%/agents.py \
	%D%/ingest.py \
	%D%/ingest_cost.py \
	%D%/mainjob.py \
	%D%/openmeter.py \
	%D%/receipts.py \
	%D%/refetch.py \
	%D%/sinks.py \
	%D%/entitlements.py \
	%D%/usage.py \
	%D%/stripe.py \
	%D%/stripe_loop.py \
	%D%/stripe_payments.py \
	%D%/stripe_permutations.py \
	%D%/stripe_contract.py \
	%D%/stripe_routes.py \
	%D%/stripe_rows.py \
	%D%/stripe_rows_disk.py \
	%D%/stripe_rows_effects.py \
	%D%/stripe_rows_once.py \
	%D%/stripe_sdk.py \
	%D%/billing.py \
	%D%/billing_options.py \
	%D%/billing_simulate.py \
	%D%/metering_options.py \
	%D%/checkout.py \
	%D%/billing_reconcile.py \
	%D%/billing_usage.py \
	%D%/offer.py \
	%D%/usage_stripe.py \
	%D%/auth.py \
	%D%/ctl.py \
	%D%/ctl_audit.py \
	%D%/ctl_tables.py \
	%D%/ctl_agentese.py \
	%D%/ctl_agentese_host.py \
	%D%/ctl_complete.py \
	%D%/ctl_streams.py \
	%D%/ctl_meter.py \
	%D%/ctl_reconcile.py \
	%D%/apply.py \
	%D%/operator.py \
	%D%/health.py \
	%D%/idempotency.py \
	%D%/jwt.py \
	%D%/keys.py \
	$(NULL)

if HAVE_PYTHON
TESTS += $(HTTP_TESTS)
endif
EXTRA_DIST += $(HTTP_TESTS) %D%/kgent.py %D%/rows.py %D%/sweep.py %D%/badagent.py %D%/sse.py %D%/stub.py \
	%D%/ctl_admin.py %D%/ctl_client.py \
	%D%/fakestripe.py %D%/lifecycles.py %D%/stripe_tools.py
