# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What guests' page tables show is looked at from outside the machine (tests/system/outside.py), while guests come, work and go.
# outside
# seconds: 120
look() { printf '\n@@ LOOK from-outside\n' >/dev/console; sleep 2; }

need_shared
start_tiny busy 'vif=["bridge=xenbr0"]' 'extra="console=hvc0 quiet tiny.ip=10.0.2.43/24"'
look
guest_run busy 'while :; do (ls -lR / >/dev/null; exit 1) || true; done >/dev/null 2>&1 &'
( while :; do find /usr -name 'x*' >/dev/null; done ) &
load=$!
for _ in 1 2 3; do look; done
xl destroy busy
look
kill $load
