# The fake host.  It is linked to our plugins' tests, and installed as source for
# those of third parties, with the JSON scanner that it uses.
FAKE_LIBS = tests/fake/libkgent-fake.a core/libutil.a
FAKE_FILES = \
	%D%/fake-calls.c \
	%D%/fake-conf.c \
	%D%/fake-internal.h \
	%D%/fake-memory.c \
	%D%/fake-pipeline.c \
	%D%/fake-region.c \
	%D%/fake-request.c \
	%D%/fake-services-internal.h \
	%D%/fake-services.c \
	%D%/fake-services.h \
	%D%/fake-store-internal.h \
	%D%/fake-store-write.c \
	%D%/fake-store.c \
	%D%/fake-stream.c \
	%D%/fake-work.c \
	%D%/kgent-fake.c \
	%D%/kgent-fake.h \
	$(NULL)

check_LIBRARIES += tests/fake/libkgent-fake.a
%C%_libkgent_fake_a_SOURCES = $(FAKE_FILES)

fakedir = $(pkgdatadir)/fake
fake_DATA = $(FAKE_FILES)
fakecoredir = $(fakedir)/core
fakecore_DATA = core/abi.h
fakeutildir = $(fakecoredir)/util
fakeutil_DATA = \
	core/util/hash.c \
	core/util/hash.h \
	core/util/json.c \
	core/util/json.h \
	core/util/json_keys.c \
	core/util/json_text.c \
	core/util/json_text.h \
	core/util/region.c \
	core/util/region.h \
	core/util/str.c \
	core/util/str.h \
	core/util/url.c \
	core/util/url.h \
	$(NULL)
EXTRA_DIST += $(FAKE_FILES)
