UNIT_TESTS = \
	%D%/blame \
	%D%/service \
	%D%/hash \
	%D%/json \
	%D%/str \
	%D%/util \
	%D%/uuid \
	%D%/conf \
	%D%/expand \
	%D%/listen \
	%D%/options \
	%D%/schema \
	%D%/log \
	%D%/log_text \
	%D%/chunked \
	%D%/client \
	%D%/gate \
	%D%/head \
	%D%/route \
	%D%/target \
	%D%/reply \
	%D%/trace \
	%D%/catalog \
	%D%/health \
	%D%/metrics \
	%D%/expose \
	%D%/jobs \
	%D%/timer \
	%D%/breaker \
	%D%/call \
	%D%/calls \
	%D%/fetch \
	%D%/fetch_client \
	%D%/flight \
	%D%/fetch_tls \
	%D%/ring \
	%D%/mirror \
	%D%/region \
	%D%/store \
	%D%/store_boot \
	%D%/store_cold \
	%D%/store_crash \
	%D%/store_faults \
	%D%/store_log \
	%D%/store_marks \
	%D%/store_marks_model \
	%D%/store_power \
	%D%/store_two \
	$(NULL)

if HAVE_CHECK
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif

# core/util stands alone.
UTIL_LIBS = core/libutil.a $(CHECK_LIBS)
%C%_hash_LDADD = $(UTIL_LIBS)
%C%_json_LDADD = $(UTIL_LIBS)
%C%_region_LDADD = $(UTIL_LIBS)
%C%_str_LDADD = $(UTIL_LIBS)
%C%_util_LDADD = $(UTIL_LIBS)
%C%_uuid_LDADD = $(UTIL_LIBS)

FETCH_CASE = \
	%D%/fetch_case.h \
	tests/faults/badreplies.c \
	tests/faults/badreplies.h \
	tests/faults/badserver.c \
	tests/faults/badserver.h \
	$(NULL)
%C%_fetch_SOURCES = %D%/fetch.c $(FETCH_CASE)
%C%_fetch_client_SOURCES = %D%/fetch_client.c $(FETCH_CASE)

%C%_calls_SOURCES = %D%/calls.c %D%/calls_host.c %D%/calls_host.h

STORE_HOST = %D%/store_host.c %D%/store_host.h
%C%_ring_SOURCES = %D%/ring.c $(STORE_HOST)
%C%_store_SOURCES = %D%/store.c %D%/store_case.h $(STORE_HOST)
%C%_store_log_SOURCES = %D%/store_log.c %D%/store_case.h $(STORE_HOST)
%C%_store_boot_SOURCES = %D%/store_boot.c %D%/store_case.h $(STORE_HOST)
%C%_store_cold_SOURCES = %D%/store_cold.c %D%/store_vfs.c %D%/store_vfs.h $(STORE_HOST)
%C%_store_marks_SOURCES = %D%/store_marks.c $(STORE_HOST)
%C%_store_marks_model_SOURCES = %D%/store_marks_model.c %D%/store_case.h $(STORE_HOST)
%C%_store_power_SOURCES = %D%/store_power.c %D%/store_disk.c %D%/store_disk.h $(STORE_HOST)
%C%_store_two_SOURCES = %D%/store_two.c $(STORE_HOST)
%C%_store_crash_SOURCES = %D%/store_crash.c %D%/store_vfs.c %D%/store_vfs.h $(STORE_HOST)
%C%_store_faults_SOURCES = %D%/store_faults.c %D%/store_vfs.c %D%/store_vfs.h $(STORE_HOST)
