# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl debug-keys: what the keys print comes out in xl dmesg.
# exercises: XEN_SYSCTL_debug_keys XEN_SYSCTL_readconsole
xl dmesg -c >/dev/null
xl debug-keys h
expect "help" "key '.' .*=>" xl dmesg
xl debug-keys q
expect "domains" 'General information for domain 0' xl dmesg
xl debug-keys r
expect "run queues" 'CPU|cpu' xl dmesg
xl debug-keys g
expect "grant tables" '[Gg]rant' xl dmesg
xl debug-keys e
expect "event channels" '[Ee]vent channel' xl dmesg
