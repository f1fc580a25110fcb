# make run     a working server on 127.0.0.1:2222 for you, with throw-away keys
# make test    every test
# make bench   server CPU and memory, against the system's OpenSSH in the same run
# make fuzz    every parser with made-up input, FUZZ_SECONDS=30 each; FUZZ_TARGETS="…" for some of them
# make install DESTDIR=… PREFIX=…
.PHONY: all build release run test lint bench fuzz install setup

PREFIX ?= /usr/local
SYSCONFDIR ?= /etc/ssh
LIBEXECDIR ?= $(PREFIX)/libexec/bulkhead
MANDIR ?= $(PREFIX)/share/man
UNITDIR ?= $(PREFIX)/lib/systemd/system
CARGO ?= cargo
PROGRAMS = sshd-monitor sshd-preauth sshd-session sshd-launch sshd-forward sftp-server
FUZZ_SECONDS ?= 30
FUZZ_TARGETS ?= $(basename $(notdir $(sort $(wildcard fuzz/targets/*.rs))))
FUZZ_OPTIONS ?= -timeout=10 -rss_limit_mb=1024 -print_final_stats=1

all: release

setup:
	@etc/set-up $(SETUP)

build: setup
	$(CARGO) build --workspace --locked

release: setup
	BULKHEAD_LIBEXECDIR=$(LIBEXECDIR) BULKHEAD_SYSCONFDIR=$(SYSCONFDIR) $(CARGO) build --workspace --locked --release

run: SETUP = run
run: setup
	@etc/run-here

test: SETUP = test
test: setup
	@etc/run-tests

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

bench: SETUP = test
bench: release
	@$(CARGO) run --quiet --locked --release --package bulkhead-tests --bin bench

# The sanitizer needs an option that the compiler keeps for nightly.
fuzz: export RUSTC_BOOTSTRAP = 1
fuzz: setup
	@command -v cargo-fuzz >/dev/null || env -u RUSTC_BOOTSTRAP $(CARGO) install --locked --quiet cargo-fuzz
	@for target in $(FUZZ_TARGETS); do \
		mkdir -p fuzz/corpus/$$target && \
		$(CARGO) fuzz run $$target fuzz/corpus/$$target fuzz/seeds/$$target -- \
			-max_total_time=$(FUZZ_SECONDS) $(FUZZ_OPTIONS) || exit 1; \
	done

install: release
	install -d -m 755 $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(LIBEXECDIR) $(DESTDIR)$(SYSCONFDIR)/sshd_config.d \
		$(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(UNITDIR)
	install -m 755 target/release/sshd $(DESTDIR)$(PREFIX)/sbin/sshd
	for program in $(PROGRAMS); do install -m 755 target/release/$$program $(DESTDIR)$(LIBEXECDIR)/ || exit 1; done
	[ -e $(DESTDIR)$(SYSCONFDIR)/sshd_config ] || install -m 644 etc/sshd_config $(DESTDIR)$(SYSCONFDIR)/sshd_config
	[ -e $(DESTDIR)$(SYSCONFDIR)/moduli ] || install -m 644 etc/moduli $(DESTDIR)$(SYSCONFDIR)/moduli
	install -m 644 docs/generated/sshd_config.5 $(DESTDIR)$(MANDIR)/man5/
	install -m 644 docs/generated/sshd.8 docs/manual/sftp-server.8 $(DESTDIR)$(MANDIR)/man8/
	for page in man5/sshd_config.5 man8/sshd.8; do \
		sed -i 's|/etc/ssh|$(SYSCONFDIR)|g; s|/usr/libexec/bulkhead|$(LIBEXECDIR)|g' $(DESTDIR)$(MANDIR)/$$page || exit 1; \
	done
	for unit in sshd.service sshd.socket; do \
		sed 's|/usr/local/sbin|$(PREFIX)/sbin|g; s|/etc/ssh/|$(SYSCONFDIR)/|g' etc/systemd/$$unit \
			>$(DESTDIR)$(UNITDIR)/$$unit && chmod 644 $(DESTDIR)$(UNITDIR)/$$unit || exit 1; \
	done
