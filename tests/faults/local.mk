# The real program under signals, bad configurations and handovers.
FAULT_TESTS = \
	%D%/activation.py \
	%D%/bodies.py \
	%D%/burst.py \
	%D%/framing.py \
	%D%/lifecycle.py \
	%D%/limits.py \
	%D%/logs.py \
	%D%/plugins.py \
	%D%/reload.py \
	%D%/sample.py \
	%D%/usage.py \
	$(NULL)

if HAVE_PYTHON
TESTS += $(FAULT_TESTS)
check_PROGRAMS += %D%/faulty.so
endif
EXTRA_DIST += $(FAULT_TESTS) \
	%D%/daemon.py \
	%D%/framing_rows.py \
	%D%/proxies.py \
	%D%/wire.py \
	$(NULL)

# A plugin that does everything wrong.
EXTRA_PROGRAMS += %D%/faulty.so
%C%_faulty_so_SOURCES = %D%/faulty.c
%C%_faulty_so_CFLAGS = $(PLUGIN_COMPILE)
%C%_faulty_so_LDFLAGS = $(PLUGIN_LINK)
%C%_faulty_so_LDADD =
