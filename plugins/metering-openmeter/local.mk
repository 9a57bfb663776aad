noinst_LIBRARIES += %D%/libmetering-openmeter.a
%C%_libmetering_openmeter_a_CFLAGS = $(PLUGIN_COMPILE)
%C%_libmetering_openmeter_a_SOURCES = \
	%D%/batch.c \
	%D%/count.c \
	%D%/event.c \
	%D%/exporter.c \
	%D%/exporter.h \
	%D%/ledger.c \
	%D%/ledger.h \
	%D%/listing.c \
	%D%/metering-openmeter.c \
	%D%/metering.h \
	%D%/proof.c \
	%D%/receipt.c \
	%D%/receipt.h \
	%D%/record.c \
	%D%/record_read.c \
	%D%/record_read.h \
	%D%/record_scan.c \
	%D%/record_time.c \
	%D%/report.c \
	%D%/seal.c \
	%D%/sender.c \
	$(NULL)

plugin_PROGRAMS += %D%.so
%C%_so_SOURCES =
%C%_so_LDFLAGS = $(PLUGIN_LINK)
%C%_so_LDADD = %D%/libmetering-openmeter.a $(JSONC_LIBS) $(CRYPTO_LIBS)

man_MANS += %D%/metering-openmeter.7
EXTRA_DIST += %D%/metering-openmeter.7
