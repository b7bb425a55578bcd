# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A guest that panics: every on_crash action; others live on.
# seconds: 300
need_shared
mkdir -p /var/lib/xen/dump
crash() { guest_run one '(sleep 1; echo c >/proc/sysrq-trigger) &' 10; }
restarted() { local now; now=$(xl domid one 2>/dev/null) && [ "$now" != "$1" ]; }
cores() { find /var/lib/xen/dump -type f -name '*one*' -size +100M | wc -l; }
have_cores() { [ "$(cores)" = "$1" ]; }

# start ACTION: a guest that has crashed; its number is in $id.
start() {
    rm -f /var/lib/xen/dump/*
    start_tiny one "on_crash=\"$1\""
    id=$(xl domid one)
    crash
}

start destroy
wait_for 30 is_absent one || fail "on_crash=destroy left $(domain_state one)"

start preserve
wait_for 30 in_state one '*c-' || fail "on_crash=preserve: state $(domain_state one)"
destroy one

start restart
wait_for 30 restarted "$id" || fail "on_crash=restart made no new domain"
have_cores 0 || fail "on_crash=restart dumped a core"
destroy one

start rename-restart
wait_for 30 restarted "$id" || fail "on_crash=rename-restart made no new domain"
old=$(xl domname "$id")
[[ $old == one-* ]] || fail "on_crash=rename-restart: the old domain is called '$old'"
in_state "$old" '*c-' || fail "on_crash=rename-restart: the old domain's state is $(domain_state "$old")"
destroy "$old"
destroy one

start coredump-destroy
wait_for 60 is_absent one || fail "on_crash=coredump-destroy left $(domain_state one)"
have_cores 1 || fail "on_crash=coredump-destroy: $(cores) cores"
expect "the core" '^7f 45 4c 46 02' bash -c 'od -An -tx1 -N5 /var/lib/xen/dump/* | sed "s/^ //"'

start coredump-restart
wait_for 60 restarted "$id" || fail "on_crash=coredump-restart made no new domain"
have_cores 1 || fail "on_crash=coredump-restart: $(cores) cores"
destroy one
rm -f /var/lib/xen/dump/*

guest_run shared true 10 || fail "the crash of one guest stopped another"
