# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl create -c: the console from the first line on.
tiny one 'extra="console=hvc0"'
sleep 15 | script -qc 'timeout --foreground 15 xl create -c /run/one.cfg' /dev/null >/tmp/console || true
expect "the kernel's first lines" 'Linux version ' cat /tmp/console
expect "the guest's last line" 'guest ready' cat /tmp/console
