UNIT_TESTS = \
	%D%/hash \
	%D%/json \
	%D%/str \
	%D%/util \
	%D%/uuid \
	%D%/conf \
	%D%/expand \
	%D%/schema \
	%D%/log \
	%D%/log_text \
	$(NULL)

if HAVE_CHECK
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif
