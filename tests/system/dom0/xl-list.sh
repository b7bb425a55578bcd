# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl list, also -l and -v: dom0 and a guest.
# exercises: XEN_SYSCTL_getdomaininfolist XEN_DOMCTL_getdomaininfo
need_shared
expect "dom0" '^Domain-0 +0 +1024 +[0-9]+ +[r-][b-]---- +[0-9]+\.[0-9]' xl list
expect "a guest" '^shared +[1-9][0-9]* +128 +2 +[r-][b-]---- ' xl list
expect "security labels and UUID" '^shared .*[0-9a-f]{8}-[0-9a-f]{4}-' xl list -v
expect "configuration" '"type": "pv"' xl list -l shared
expect "configuration of the memory" '"max_memkb": 131072' xl list -l shared
refuse "an unknown name" 'invalid domain identifier|not exist' xl list nobody
