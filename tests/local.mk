# Every test speaks TAP.  A unit test is one line: its source is NAME.c, and it is
# linked with the whole core.
TEST_EXTENSIONS = .sh .py
TAP_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
LOG_DRIVER = $(TAP_DRIVER)
SH_LOG_DRIVER = $(TAP_DRIVER)
SH_LOG_COMPILER = $(SHELL)
PY_LOG_DRIVER = $(TAP_DRIVER)
PY_LOG_COMPILER = $(PYTHON)

AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	CC='$(CC)'; export CC; \
	MAKE='$(MAKE)'; export MAKE; \
	MALLOC_PERTURB_=165; export MALLOC_PERTURB_; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE;

LDADD = $(CORE_LIBS) $(CHECK_LIBS)

# The rules of the house.
RULE_TESTS = \
	%D%/budgets.sh \
	%D%/dist.sh \
	%D%/docs.sh \
	%D%/lines.sh \
	%D%/money.sh \
	%D%/rooms.sh \
	%D%/symbols.sh \
	$(NULL)
TESTS += $(RULE_TESTS)
if HAVE_PYTHON
TESTS += %D%/rules.py
endif
EXTRA_DIST += %D%/rules.py
EXTRA_DIST += $(RULE_TESTS) %D%/torture.list %D%/torture.sh

include tests/fake/local.mk
include tests/unit/local.mk
include tests/plugins/local.mk
include tests/abi/local.mk
include tests/fuzz/local.mk
include tests/faults/local.mk
include tests/http/local.mk
include tests/bench/local.mk

# The unit tests again, under valgrind.
PHONY += check-valgrind
check-valgrind: $(check_PROGRAMS)
	@status=0; for t in $(check_PROGRAMS); do case $$t in *.so) continue; esac; \
	  echo "  VALGRIND $$t"; \
	  top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' CK_FORK=no \
	    valgrind -q --leak-check=full --errors-for-leak-kinds=definite --error-exitcode=9 \
	    ./$$t >$$t.valgrind 2>&1; \
	  test $$? != 9 || { cat $$t.valgrind; status=1; }; \
	done; exit $$status

# The example plugins, with nothing but what is installed.
installcheck-local:
	@prefix='$(prefix)' libdir='$(libdir)' datadir='$(datadir)' sbindir='$(sbindir)' \
	  DESTDIR='$(DESTDIR)' CC='$(CC)' examples='$(abs_top_srcdir)/examples' \
	  $(SHELL) $(srcdir)/tests/installcheck.sh
EXTRA_DIST += tests/installcheck.sh

# What tests install for themselves.
distclean-local: distclean-peers
PHONY += distclean-peers
distclean-peers:
	rm -rf peers bench
