man_MANS += %D%/kgentctl.1 %D%/kgentd.conf.5 %D%/kgentd.8
EXTRA_DIST += %D%/kgentctl.1 %D%/kgentd.conf.5 %D%/kgentd.8 %D%/options.py
EXTRA_DIST += $(NULL)

man_MANS += %D%/kgent-plugin.3
EXTRA_DIST += %D%/kgent-plugin.3
