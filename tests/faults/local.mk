# The real program under signals, bad configurations and handovers.
FAULT_TESTS = \
	%D%/activation.py \
	%D%/lifecycle.py \
	%D%/reload.py \
	%D%/sample.py \
	%D%/usage.py \
	$(NULL)

if HAVE_PYTHON
TESTS += $(FAULT_TESTS)
endif
EXTRA_DIST += $(FAULT_TESTS) %D%/daemon.py
