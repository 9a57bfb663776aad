noinst_LIBRARIES += %D%/libmetering-openmeter.a
%C%_libmetering_openmeter_a_CFLAGS = $(PLUGIN_COMPILE)
%C%_libmetering_openmeter_a_SOURCES = \
	%D%/account.c \
	%D%/account_text.c \
	%D%/batch.c \
	%D%/calendar.c \
	%D%/calendar.h \
	%D%/canary.c \
	%D%/cells.c \
	%D%/cells.h \
	%D%/cloudevent.c \
	%D%/cloudevent.h \
	%D%/cloudevent_http.c \
	%D%/cloudevent_json.c \
	%D%/count.c \
	%D%/decimal.c \
	%D%/decimal.h \
	%D%/entitlement.c \
	%D%/entitlement.h \
	%D%/entitlement_change.c \
	%D%/entitlement_form.c \
	%D%/entitlement_form.h \
	%D%/entitlement_http.c \
	%D%/entitlement_table.c \
	%D%/entitlement_turn.c \
	%D%/event.c \
	%D%/fold.c \
	%D%/fold.h \
	%D%/grant.c \
	%D%/grant.h \
	%D%/ingest.c \
	%D%/ingest.h \
	%D%/ingest_answer.c \
	%D%/ingest_read.c \
	%D%/ingest_write.c \
	%D%/ledger.c \
	%D%/ledger.h \
	%D%/listing.c \
	%D%/metering-openmeter.c \
	%D%/metering.h \
	%D%/meters.c \
	%D%/meters.h \
	%D%/proof.c \
	%D%/query.c \
	%D%/query.h \
	%D%/query_accept.c \
	%D%/query_answer.c \
	%D%/query_args.c \
	%D%/query_plan.c \
	%D%/query_run.c \
	%D%/receipt.c \
	%D%/receipt.h \
	%D%/record.c \
	%D%/record_read.c \
	%D%/put.h \
	%D%/record_read.h \
	%D%/record_scan.c \
	%D%/record_time.c \
	%D%/rollup.c \
	%D%/rollup.h \
	%D%/rollup_admin.c \
	%D%/rollup_rebuild.c \
	%D%/rollup_row.c \
	%D%/rollup_state.c \
	%D%/rollup_turn.c \
	%D%/rollup_write.c \
	%D%/seal.c \
	%D%/sink.c \
	%D%/sink.h \
	%D%/sink_admin.c \
	%D%/sink_count.c \
	%D%/sink_file.c \
	%D%/sink_http.c \
	%D%/sink_left.c \
	%D%/sink_openmeter.c \
	%D%/sink_openmeter.h \
	%D%/sink_parked.c \
	%D%/sink_report.c \
	%D%/sink_save.c \
	%D%/sink_status.c \
	%D%/sink_turn.c \
	%D%/sink_webhook.c \
	%D%/sinks.c \
	$(NULL)

plugin_PROGRAMS += %D%.so
%C%_so_SOURCES =
%C%_so_LDFLAGS = $(PLUGIN_LINK)
%C%_so_LDADD = %D%/libmetering-openmeter.a $(JSONC_LIBS) $(CRYPTO_LIBS)

man_MANS += %D%/metering-openmeter.7
EXTRA_DIST += %D%/metering-openmeter.7
