UNIT_TESTS = \
	%D%/conf \
	%D%/expand \
	%D%/schema \
	$(NULL)

if HAVE_CHECK
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif
