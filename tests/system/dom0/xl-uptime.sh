# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl uptime, xl top's batch mode, xl vcpu-list, lsevtchn, xenstore-ls.
need_shared
id=$(xl domid shared)
expect "uptime of dom0" '^Domain-0 +0 +[0-9]+:[0-9]{2}:[0-9]{2}|^Domain-0 .*[0-9]+:[0-9]+' xl uptime
expect "uptime of the guest" '^shared ' xl uptime
expect "xentop" '^ *shared +[a-z-]{6} ' xentop -b -i 2 -d 1
expect "xentop of dom0" '^ *Domain-0 +[a-z-]{6} ' xentop -b -i 1
expect "event channels of dom0" 'VCPU 0: (Interdomain|Virtual IRQ)' lsevtchn 0
expect "event channels of the guest" 'Interdomain \(Connected\)' lsevtchn "$id"
expect "XenStore" 'name = "shared"' xenstore-ls "/local/domain/$id"
