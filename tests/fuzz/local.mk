# Fuzz targets.  With --enable-fuzzing libFuzzer drives them; otherwise corpus.c
# does, which runs corpus/NAME once, as an ordinary test.
FUZZ_TARGETS = \
	$(NULL)

if FUZZING
noinst_PROGRAMS += $(FUZZ_TARGETS)
else
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
endif
