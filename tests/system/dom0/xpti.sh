# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# A guest with two virtual processors comes, works and goes; what processors' tables show meanwhile is looked at from outside the machine.
# outside
# seconds: 150
look() { printf '\n@@ LOOK xpti\n' >/dev/console; sleep 2; }

start_tiny one vcpus=2
guest_run one 'while :; do (ls -lR / >/dev/null; exit 1) || true; done >/dev/null 2>&1 &'
for _ in 1 2 3; do look; done
expect "system calls and processes" '^done$' guest_run one \
    'for i in 1 2; do (seq 5000 | sha256sum >/tmp/$i) & done; wait $!; sleep 1; cmp /tmp/1 /tmp/2 && echo done' 60
xl destroy one
look
