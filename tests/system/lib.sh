# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# What the tests in dom0 share. A test is a bash script that stops at the first command
# that fails; the last line that it prints says why.
. /etc/profile
. /usr/lib/zendo/lib
set -eEuo pipefail
trap 'echo "line ${BASH_LINENO[0]-0}: $BASH_COMMAND"' ERR

fail() { trap - ERR; echo "$*"; exit 1; }

# expect WHAT PATTERN COMMAND...: the command succeeds and its output matches.
expect() {
    local what=$1 pattern=$2 output; shift 2
    output=$("$@" 2>&1) || fail "$what: $* ended with $?: $(tail -n 3 <<<"$output" | tr '\n' ' ')"
    grep -Eq -- "$pattern" <<<"$output" || fail "$what: '$pattern' is not in: $(tail -n 5 <<<"$output" | tr '\n' ' ')"
}

# refuse WHAT PATTERN COMMAND...: the command fails, and says so in words that match.
refuse() {
    local what=$1 pattern=$2 output; shift 2
    if output=$("$@" 2>&1); then fail "$what: $* succeeded"; fi
    grep -Eqi -- "$pattern" <<<"$output" || fail "$what: '$pattern' is not in: $(tail -n 5 <<<"$output" | tr '\n' ' ')"
}

is_absent() { ! xl domid "$1" >/dev/null 2>&1; }
domain_state() { xl list "$1" | awk 'NR == 2 { print $5 }'; }
in_state() { [[ $(domain_state "$1") == $2 ]]; }
destroy() { xl destroy "$1" && wait_for 20 is_absent "$1"; }

destroy_all() {
    local name
    for name in $(xl list | awk 'NR > 1 && $2 != 0 { print $1 }'); do
        [ "$name" = shared ] || xl destroy "$name" || true
    done
    if ! is_absent shared && ! guest_run shared true 10 >/dev/null; then xl destroy shared || true; fi
}

# tiny NAME [KEY=VALUE...]: the configuration of a guest that lives in its initramfs, in
# /run/NAME.cfg. Values are as in xl.cfg, quotes included. Its kernel is the packaged one, but unpacked,
# which saves seconds for each; the Debian guests' is as packaged.
tiny() {
    local name=$1 setting; shift
    rm -f "$(guest_log "$name")"
    {
        echo "name='$name'"
        echo 'type="pv"'
        echo 'kernel="/tests/vmlinux"'
        echo 'ramdisk="/boot/zendo/tiny.img"'
        echo 'memory=128'
        echo 'extra="console=hvc0 quiet panic=0"'
        for setting in "$@"; do echo "$setting"; done
    } >"/run/$name.cfg"
}

# Creates a tiny guest and waits until it serves its console.
start_tiny() {
    tiny "$@"
    xl create -q "/run/$1.cfg"
    guest_wait_up "$1" 60 || fail "the guest $1 does not come up: $(guest_output "$1" 0 | tail -n 3 | tr '\n' ' ')"
}

# A guest that tests use and leave as they found it; it is made when there is none.
need_shared() { if is_absent shared; then start_tiny shared vcpus=2; fi; }

# Free memory of the machine in KiB; xl shows MiB only.
free_kib() {
    PYTHONPATH=/usr/lib/xen-4.17/lib/python python3 -c \
        'import xen.lowlevel.xc; print(xen.lowlevel.xc.xc().physinfo()["free_memory"])'
}
free_is() { [ "$(free_kib)" = "$1" ]; }
