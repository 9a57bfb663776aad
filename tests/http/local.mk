# The real program over real sockets.
HTTP_TESTS = \
	$(NULL)

if HAVE_PYTHON
TESTS += $(HTTP_TESTS)
endif
EXTRA_DIST += $(HTTP_TESTS)
