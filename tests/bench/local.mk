# kgentd against other servers: ./dev bench.
EXTRA_PROGRAMS += tests/bench/epoll
tests_bench_epoll_SOURCES = %D%/epoll.c %D%/epoll.h %D%/epoll_job.c
tests_bench_epoll_CFLAGS = $(AM_CFLAGS) $(JSONC_CFLAGS) $(CRYPTO_CFLAGS)
tests_bench_epoll_LDADD = $(JSONC_LIBS) $(CRYPTO_LIBS)
CLEANFILES += tests/bench/epoll

# Requests at random moments, and their times: pace.py.
EXTRA_PROGRAMS += tests/bench/pace
tests_bench_pace_SOURCES = %D%/pace.c
tests_bench_pace_LDADD = -lm
CLEANFILES += tests/bench/pace
EXTRA_DIST += \
	%D%/bench.py \
	%D%/ingest.py \
	%D%/cases.py \
	%D%/measure.py \
	%D%/pace.py \
	%D%/nginx.conf \
	%D%/nginx-lua.conf \
	%D%/job.lua \
	%D%/report.py \
	%D%/servers.py \
	%D%/wrk.lua \
	$(NULL)

# What the store alone costs.
EXTRA_PROGRAMS += tests/bench/store
tests_bench_store_SOURCES = %D%/store.c tests/unit/store_host.c tests/unit/store_host.h
tests_bench_store_LDADD = $(CORE_LIBS)
CLEANFILES += tests/bench/store

# What marks cost: make tests/bench/marks && tests/bench/marks.
EXTRA_PROGRAMS += tests/bench/marks
tests_bench_marks_SOURCES = %D%/marks.c tests/unit/store_host.c tests/unit/store_host.h
tests_bench_marks_LDADD = $(CORE_LIBS)
CLEANFILES += tests/bench/marks
