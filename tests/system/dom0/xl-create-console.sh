# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl create -c: the console from the first line on.
tiny one 'extra="console=hvc0"'
expect "the kernel's first lines" 'Linux version .*' script -qec 'timeout --foreground 20 xl create -c /run/one.cfg' /dev/null < <(sleep 18)
