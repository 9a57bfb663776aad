# The real program under signals, bad configurations and handovers.
FAULT_TESTS = \
	%D%/activation.py \
	%D%/agents.py \
	%D%/auth_rows.py \
	%D%/billing_handover.py \
	%D%/billing_crowd.py \
	%D%/billing_kill.py \
	%D%/bodies.py \
	%D%/budget.py \
	%D%/burst.py \
	%D%/calls.py \
	%D%/canary.py \
	%D%/cost.py \
	%D%/contention.py \
	%D%/crossings.py \
	%D%/damage.py \
	%D%/disk.py \
	%D%/disk_sweep.py \
	%D%/environment.py \
	%D%/framing.py \
	%D%/idempotency.py \
	%D%/invocation.py \
	%D%/ledger_cost.py \
	%D%/ledger_kill.py \
	%D%/lifecycle.py \
	%D%/limits.py \
	%D%/logs.py \
	%D%/marks.py \
	%D%/nodes.py \
	%D%/nomemory.py \
	%D%/nomemory_ledger.py \
	%D%/outage.py \
	%D%/plugins.py \
	%D%/prices.py \
	%D%/rebuild.py \
	%D%/remembered.py \
	%D%/reload.py \
	%D%/sample.py \
	%D%/schedule.py \
	%D%/sink_far.py \
	%D%/sink_file.py \
	%D%/sinks_handover.py \
	%D%/spawning.py \
	%D%/streams.py \
	%D%/usage.py \
	$(NULL)

if HAVE_PYTHON
TESTS += $(FAULT_TESTS)
check_PROGRAMS += %D%/caller.so %D%/clock.so %D%/faulty.so %D%/streamer.so
endif
EXTRA_DIST += $(FAULT_TESTS) \
	%D%/crowd.py \
	%D%/daemon.py \
	%D%/damage_kinds.py \
	%D%/damage_tools.py \
	%D%/framing_rows.py \
	%D%/ledger_sink.py \
	%D%/names.c \
	%D%/nodisk.c \
	%D%/nomemory.c \
	%D%/proxies.py \
	%D%/wire.py \
	$(NULL)

# A plugin that asks its host; one that does everything wrong; a wall clock that jumps, to be preloaded.
EXTRA_PROGRAMS += %D%/caller.so %D%/clock.so %D%/faulty.so %D%/streamer.so
%C%_caller_so_SOURCES = %D%/caller.c
%C%_caller_so_CFLAGS = $(PLUGIN_COMPILE)
%C%_caller_so_LDFLAGS = $(PLUGIN_LINK)
%C%_caller_so_LDADD =
%C%_faulty_so_SOURCES = %D%/faulty.c
%C%_faulty_so_CFLAGS = $(PLUGIN_COMPILE)
%C%_faulty_so_LDFLAGS = $(PLUGIN_LINK)
%C%_faulty_so_LDADD =
%C%_streamer_so_SOURCES = %D%/streamer.c
%C%_streamer_so_CFLAGS = $(PLUGIN_COMPILE)
%C%_streamer_so_LDFLAGS = $(PLUGIN_LINK)
%C%_streamer_so_LDADD =
%C%_clock_so_SOURCES = %D%/clock.c
%C%_clock_so_CFLAGS = $(PLUGIN_COMPILE)
%C%_clock_so_LDFLAGS = $(KG_MODULE_LDFLAGS)
%C%_clock_so_LDADD =
