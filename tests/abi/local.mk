# The plugin ABI: wrong plugins and their messages, the layout, the released
# headers, the symbols.
check_PROGRAMS += %D%/loader
%C%_loader_LDADD = $(CORE_LIBS)

ABI_TESTS = \
	%D%/life.py \
	%D%/wrong.py \
	$(NULL)

if HAVE_PYTHON
TESTS += $(ABI_TESTS)
endif

EXTRA_DIST += \
	$(ABI_TESTS) \
	%D%/life.c \
	%D%/wrong.c \
	$(NULL)
