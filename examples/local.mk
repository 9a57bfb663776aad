# Plugins are built by `make installcheck`, from an installed tree; agents run as they are.
EXTRA_DIST += \
	%D%/agents/README.md \
	%D%/agents/agents.conf \
	%D%/agents/letters.js \
	%D%/agents/translator.py \
	%D%/hello/Makefile.am \
	%D%/hello/README.md \
	%D%/hello/configure.ac \
	%D%/hello/hello-test.c \
	%D%/hello/hello.c \
	%D%/receiver/README.md \
	%D%/receiver/receiver.py \
	%D%/specs/README.md \
	%D%/specs/concept/harbour.md \
	%D%/specs/world/lighthouse.md \
	%D%/weather/Makefile.am \
	%D%/weather/README.md \
	%D%/weather/configure.ac \
	%D%/weather/weather-test.c \
	%D%/weather/weather.c \
	$(NULL)
