noinst_LIBRARIES += core/libutil.a
core_libutil_a_SOURCES = \
	%D%/arena.c \
	%D%/arena.h \
	%D%/clock.c \
	%D%/clock.h \
	%D%/crc.c \
	%D%/crc.h \
	%D%/epoch.c \
	%D%/epoch.h \
	%D%/hash.c \
	%D%/hash.h \
	%D%/hex.h \
	%D%/json.c \
	%D%/json.h \
	%D%/json_keys.c \
	%D%/json_text.c \
	%D%/json_text.h \
	%D%/region.c \
	%D%/region.h \
	%D%/str.c \
	%D%/str.h \
	%D%/url.c \
	%D%/url.h \
	%D%/uuid.c \
	%D%/uuid.h \
	$(NULL)
