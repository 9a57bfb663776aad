noinst_LIBRARIES += %D%/libauth.a
%C%_libauth_a_CFLAGS = $(PLUGIN_COMPILE)
%C%_libauth_a_SOURCES = \
	%D%/access.c \
	%D%/access.h \
	%D%/admin.c \
	%D%/admin.h \
	%D%/admin_audit.c \
	%D%/admin_key.c \
	%D%/admin_key.h \
	%D%/admin_last.c \
	%D%/admin_rotate.c \
	%D%/admin_show.c \
	%D%/admin_task.c \
	%D%/admin_tenant.c \
	%D%/admin_user.c \
	%D%/audit.c \
	%D%/audit.h \
	%D%/address.c \
	%D%/address.h \
	%D%/auth.c \
	%D%/auth.h \
	%D%/budget.c \
	%D%/cells.c \
	%D%/cells.h \
	%D%/change.c \
	%D%/change.h \
	%D%/charge.c \
	%D%/charge.h \
	%D%/charge_rebuild.c \
	%D%/charge_sums.c \
	%D%/cidr.c \
	%D%/cidr.h \
	%D%/credential.c \
	%D%/credential.h \
	%D%/dev.c \
	%D%/digest.c \
	%D%/epoch.c \
	%D%/epoch.h \
	%D%/explain.c \
	%D%/explain.h \
	%D%/form.c \
	%D%/form.h \
	%D%/form_key.c \
	%D%/guess.c \
	%D%/guess.h \
	%D%/index.c \
	%D%/index.h \
	%D%/index_inner.h \
	%D%/index_sweep.c \
	%D%/index_table.c \
	%D%/init.c \
	%D%/inner.c \
	%D%/jose.c \
	%D%/jose.h \
	%D%/jwks.c \
	%D%/jwks.h \
	%D%/jwks_fetch.c \
	%D%/jwks_fetch.h \
	%D%/jwks_keep.c \
	%D%/jwks_keep.h \
	%D%/jwt.c \
	%D%/jwt.h \
	%D%/jwt_claims.c \
	%D%/jwt_claims.h \
	%D%/jwt_conf.c \
	%D%/jwt_conf.h \
	%D%/jwt_seen.c \
	%D%/jwt_seen.h \
	%D%/keys.c \
	%D%/keys.h \
	%D%/limit.c \
	%D%/limit.h \
	%D%/list.c \
	%D%/list.h \
	%D%/me.c \
	%D%/model.c \
	%D%/notice.c \
	%D%/notice.h \
	%D%/numbers.c \
	%D%/numbers.h \
	%D%/plan.c \
	%D%/plan.h \
	%D%/profile.c \
	%D%/profile.h \
	%D%/quota.c \
	%D%/quota.h \
	%D%/recall.c \
	%D%/recall.h \
	%D%/record.c \
	%D%/record.h \
	%D%/scan.c \
	%D%/scan.h \
	%D%/schema.h \
	%D%/standing.c \
	%D%/standing.h \
	%D%/tenant.c \
	%D%/tenant.h \
	%D%/tenants.c \
	%D%/show.c \
	%D%/text.c \
	%D%/text.h \
	%D%/usage.c \
	%D%/user.c \
	%D%/user.h \
	%D%/users.c \
	%D%/users.h \
	%D%/window.c \
	%D%/window.h \
	$(NULL)

plugin_PROGRAMS += %D%.so
%C%_so_SOURCES =
%C%_so_LDFLAGS = $(PLUGIN_LINK)
%C%_so_LDADD = %D%/libauth.a $(JSONC_LIBS) $(CRYPTO_LIBS)

man_MANS += %D%/auth.7
EXTRA_DIST += %D%/auth.7
