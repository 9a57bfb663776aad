# The plugin ABI: wrong plugins and their messages, the order of life, the layout,
# the released headers, crashes, the manual.
check_PROGRAMS += \
	%D%/driver \
	%D%/layout \
	%D%/layout-1.0 \
	%D%/loader \
	$(NULL)
%C%_driver_LDADD = $(FAKE_LIBS)
%C%_layout_LDADD =
%C%_layout_1_0_SOURCES = %D%/layout.c
%C%_layout_1_0_CPPFLAGS = $(AM_CPPFLAGS) -DLAYOUT_1_0
%C%_layout_1_0_LDADD =
%C%_loader_LDADD = $(CORE_LIBS)

ABI_TESTS = \
	%D%/headers.sh \
	%D%/layout.sh \
	$(NULL)
ABI_PYTHON_TESTS = \
	%D%/crash.py \
	%D%/frozen.py \
	%D%/grown.py \
	%D%/life.py \
	%D%/manual.py \
	%D%/wrong.py \
	$(NULL)

TESTS += $(ABI_TESTS)
if HAVE_PYTHON
TESTS += $(ABI_PYTHON_TESTS)
endif

EXTRA_DIST += \
	$(ABI_TESTS) \
	$(ABI_PYTHON_TESTS) \
	%D%/crash.c \
	%D%/frozen.c \
	%D%/grown.c \
	%D%/layout-1.0.txt \
	%D%/layout-1.1.txt \
	%D%/life.c \
	%D%/wrong.c \
	%D%/1.0/kgent/budget.h \
	%D%/1.0/kgent/health.h \
	%D%/1.0/kgent/http.h \
	%D%/1.0/kgent/jobs.h \
	%D%/1.0/kgent/json.h \
	%D%/1.0/kgent/meter.h \
	%D%/1.0/kgent/metrics.h \
	%D%/1.0/kgent/plugin.h \
	%D%/1.0/kgent/routes.h \
	%D%/1.0/kgent/sse.h \
	%D%/1.0/kgent/store.h \
	$(NULL)
