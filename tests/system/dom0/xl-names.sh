# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# xl domid, domname, rename.
need_shared
id=$(xl domid shared)
expect "domname" '^shared$' xl domname "$id"
expect "dom0's name" '^Domain-0$' xl domname 0
xl rename shared other
expect "the new name" "^$id\$" xl domid other
is_absent shared || fail "the old name is still known"
xl rename other shared
expect "the old name again" "^$id\$" xl domid shared
refuse "a number that nobody has" 'invalid|maybe this domain does not exist' xl domname 4000
