noinst_LIBRARIES += core/libutil.a
core_libutil_a_SOURCES = \
	%D%/arena.c \
	%D%/arena.h \
	%D%/clock.c \
	%D%/clock.h \
	%D%/crc.h \
	%D%/hash.h \
	%D%/json.h \
	%D%/str.h \
	%D%/uuid.h \
	$(NULL)
