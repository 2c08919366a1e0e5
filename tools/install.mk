# SPDX-License-Identifier: Apache-2.0
# Installation. /etc/zta is the administrator's: made when absent, never written to or removed.

INSTALL ?= install
SBINDIR ?= $(PREFIX)/sbin
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
COMPLETIONDIR ?= $(PREFIX)/share/bash-completion/completions
MODPROBEDIR ?= /etc/modprobe.d

MAN_PAGES := $(wildcard tools/man/*.[1-8])
UNITS := $(wildcard tools/systemd/*.service tools/systemd/*.timer tools/systemd/*.socket)
SYSUSERS := $(wildcard tools/systemd/*.sysusers)
COMPLETIONS := $(wildcard tools/completion/*)
# Units and man pages are written for /usr/local.
relocate = sed 's|/usr/local/sbin|$(SBINDIR)|g; s|/usr/local/bin|$(BINDIR)|g' $(1) >$(2) && chmod 644 $(2)

.PHONY: install uninstall

install: all ## Install below PREFIX (/usr/local), staged in DESTDIR
	$(INSTALL) -d $(addprefix $(DESTDIR),$(SBINDIR) $(BINDIR) $(UNITDIR) $(COMPLETIONDIR) \
		$(MODPROBEDIR) $(SYSUSERSDIR) /etc/zta $(sort $(foreach p,$(MAN_PAGES),$(MANDIR)/man$(subst .,,$(suffix $p)))))
	$(INSTALL) -m 755 $(B)/ztad $(DESTDIR)$(SBINDIR)/ztad
	$(INSTALL) -m 755 $(B)/ztactl $(DESTDIR)$(BINDIR)/ztactl
	$(foreach p,$(MAN_PAGES),$(call relocate,$p,$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $p))/$(notdir $p)) &&) :
	$(foreach u,$(UNITS),$(call relocate,$u,$(DESTDIR)$(UNITDIR)/$(notdir $u)) &&) :
	$(foreach s,$(SYSUSERS),$(INSTALL) -m 644 $s $(DESTDIR)$(SYSUSERSDIR)/$(basename $(notdir $s)).conf &&) :
	$(foreach c,$(COMPLETIONS),$(INSTALL) -m 644 $c $(DESTDIR)$(COMPLETIONDIR)/ &&) :
	$(INSTALL) -m 644 tools/modprobe/zta.conf $(DESTDIR)$(MODPROBEDIR)/zta.conf
	@$(if $(DESTDIR),,getent passwd zta >/dev/null || systemd-sysusers $(SYSUSERSDIR)/zta.conf || \
		useradd --system --user-group --no-create-home --home-dir / --shell /usr/sbin/nologin zta || \
		echo "install: no user zta could be made: the worker of ztad will run as nobody" >&2)

uninstall: ## Remove what install put there (not /etc/zta, not the state)
	rm -f $(addprefix $(DESTDIR),$(SBINDIR)/ztad $(BINDIR)/ztactl $(MODPROBEDIR)/zta.conf \
		$(foreach p,$(MAN_PAGES),$(MANDIR)/man$(subst .,,$(suffix $p))/$(notdir $p)) \
		$(addprefix $(UNITDIR)/,$(notdir $(UNITS))) \
		$(foreach s,$(SYSUSERS),$(SYSUSERSDIR)/$(basename $(notdir $s)).conf) \
		$(addprefix $(COMPLETIONDIR)/,$(notdir $(COMPLETIONS))))
