noinst_LIBRARIES += %D%/libagentese.a
%C%_libagentese_a_CFLAGS = $(PLUGIN_COMPILE)
%C%_libagentese_a_SOURCES = \
	%D%/action.c \
	%D%/afford.c \
	%D%/answer.c \
	%D%/agentese.c \
	%D%/agentese.h \
	%D%/builtin.c \
	%D%/builtin.h \
	%D%/change.c \
	%D%/common.c \
	%D%/common.h \
	%D%/concept.c \
	%D%/concept.h \
	%D%/concept_lattice.c \
	%D%/concept_point.c \
	%D%/discover.c \
	%D%/find.c \
	%D%/findings.c \
	%D%/findings.h \
	%D%/grammar.c \
	%D%/grammar.h \
	%D%/http.c \
	%D%/http.h \
	%D%/http_answer.c \
	%D%/invoke.c \
	%D%/listing.c \
	%D%/listing.h \
	%D%/manifest.c \
	%D%/memory.c \
	%D%/memory.h \
	%D%/memory_change.c \
	%D%/memory_index.c \
	%D%/memory_keep.c \
	%D%/memory_point.c \
	%D%/memory_verbs.c \
	%D%/modifier.c \
	%D%/modifier.h \
	%D%/notes.c \
	%D%/notes.h \
	%D%/notes_ring.c \
	%D%/notes_story.c \
	%D%/nodes.c \
	%D%/nodes_conf.c \
	%D%/observe.c \
	%D%/pattern.c \
	%D%/pattern.h \
	%D%/pattern_code.h \
	%D%/pattern_compile.c \
	%D%/price.c \
	%D%/problem.c \
	%D%/purgatory.c \
	%D%/purgatory.h \
	%D%/purgatory_items.c \
	%D%/purgatory_resolve.c \
	%D%/purgatory_yield.c \
	%D%/quota.c \
	%D%/registry.c \
	%D%/registry.h \
	%D%/remote.c \
	%D%/remote.h \
	%D%/remote_breaker.c \
	%D%/remote_breaker.h \
	%D%/remote_events.c \
	%D%/remote_events.h \
	%D%/remote_url.c \
	%D%/resolve.c \
	%D%/schedule.c \
	%D%/schedule.h \
	%D%/schedule_call.c \
	%D%/schedule_entry.c \
	%D%/schedule_index.c \
	%D%/schedule_index.h \
	%D%/schedule_run.c \
	%D%/schedule_run.h \
	%D%/schema.c \
	%D%/schema.h \
	%D%/schema_check.c \
	%D%/schema_tree.h \
	%D%/seen.c \
	%D%/self.c \
	%D%/self.h \
	%D%/self_capabilities.c \
	%D%/self_identity.c \
	%D%/self_judgment.c \
	%D%/self_state.c \
	%D%/self_vitals.c \
	%D%/state.c \
	%D%/state.h \
	%D%/text.c \
	%D%/time.c \
	%D%/time_future.c \
	%D%/time_past.c \
	%D%/time_trace.c \
	%D%/time_when.c \
	%D%/trace_stats.c \
	%D%/trace_stats.h \
	%D%/vital.c \
	%D%/vital.h \
	%D%/void.c \
	%D%/void.h \
	%D%/void_capital.c \
	%D%/void_chance.c \
	%D%/void_idle.c \
	%D%/void_pool.c \
	%D%/when.h \
	%D%/world.c \
	%D%/world.h \
	$(NULL)

plugin_PROGRAMS += %D%.so
%C%_so_SOURCES =
%C%_so_LDFLAGS = $(PLUGIN_LINK)
%C%_so_LDADD = %D%/libagentese.a $(JSONC_LIBS)

man_MANS += %D%/agentese.7
EXTRA_DIST += %D%/agentese.7
