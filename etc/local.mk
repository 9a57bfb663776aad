confdir = $(sysconfdir)/kgent
EXTRA_DIST += %D%/kgentd.conf

bashcompletion_DATA = %D%/bash-completion/kgentctl
EXTRA_DIST += $(bashcompletion_DATA)

# Alert rules, to be put where Prometheus finds them.
prometheusdir = $(pkgdatadir)/prometheus
prometheus_DATA = %D%/prometheus/kgent.rules.yml
EXTRA_DIST += $(prometheus_DATA)

# A configuration that is already there is the operator's.
install-data-local: install-conf
PHONY += install-conf
install-conf:
	$(MKDIR_P) '$(DESTDIR)$(confdir)/conf.d'
	test -e '$(DESTDIR)$(confdir)/kgentd.conf' || \
	  $(INSTALL_DATA) '$(srcdir)/%D%/kgentd.conf' '$(DESTDIR)$(confdir)/kgentd.conf'

uninstall-local: uninstall-conf
PHONY += uninstall-conf
uninstall-conf:
	! cmp -s '$(srcdir)/%D%/kgentd.conf' '$(DESTDIR)$(confdir)/kgentd.conf' || \
	  rm -f '$(DESTDIR)$(confdir)/kgentd.conf'

EXTRA_DIST += %D%/systemd/kgentd.service.in %D%/systemd/kgentd.socket
if SYSTEMD
systemdunit_DATA = %D%/systemd/kgentd.service %D%/systemd/kgentd.socket
CLEANFILES += %D%/systemd/kgentd.service
endif
%D%/systemd/kgentd.service: %D%/systemd/kgentd.service.in
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	sed 's|@sbindir[@]|$(sbindir)|' '$(srcdir)/%D%/systemd/kgentd.service.in' > $@.tmp && mv $@.tmp $@
