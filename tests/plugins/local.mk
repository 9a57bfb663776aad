# One test per plugin, linked with the plugin's library and the fake host.
PLUGIN_TESTS = \
	%D%/fake \
	$(NULL)

if HAVE_CHECK
check_PROGRAMS += $(PLUGIN_TESTS)
TESTS += $(PLUGIN_TESTS)
endif

%C%_fake_LDADD = $(FAKE_LIBS) $(CHECK_LIBS)
