# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Configurations and kernels that cannot work are refused in words, and cost nothing.
# seconds: 240
before=$(free_kib)

# bad WHAT PATTERN SETTING...: such a guest is refused, in words that match, and nothing is left.
bad() {
    local what=$1 pattern=$2; shift 2
    tiny bad "$@"
    refuse "$what" "$pattern" xl create /run/bad.cfg
    is_absent bad || fail "$what: a domain is left"
    wait_for 10 free_is "$before" || fail "$what: free: $before KiB before, $(free_kib) after"
}

bad "more memory than there is" 'memory' memory=500000
bad "a little more memory than is free" 'memory' "memory=$((before / 1024 + 1200))"
bad "no memory" 'memory|build|fail' memory=0
bad "more processors than can be" 'vcpu|fail' vcpus=100000
bad "an unknown type" 'type|invalid' 'type="nonsense"'
bad "a line that is no setting" 'config|syntax|parse' 'this is not a setting'
bad "an unknown on_crash" 'on_crash' 'on_crash="sing"'
bad "a disk that is not there" 'No such file|fail|disk' 'disk=["format=raw,vdev=xvda,access=rw,target=/no/such/disk"]'
bad "a bridge that is not there" 'bridge|hotplug|fail' 'vif=["bridge=nonesuch"]'
bad "no kernel" 'No such file|unable to|cannot|fail' 'kernel="/no/such/file"'
bad "no initramfs" 'No such file|unable to|cannot|fail' 'ramdisk="/no/such/file"'

head -c 1M /dev/urandom >/tmp/random
head -c 2M /boot/vmlinuz >/tmp/short
head -c 20M /tests/vmlinux >/tmp/short-elf
{ printf '\177ELF\002\001\001'; head -c 100000 /dev/zero; } >/tmp/zeros
PYTHONPATH=/tests python3 - <<'PYTHON'
from images import elf
good = {5: "xen-3.0", 6: "linux", 8: "generic", 1: 0x100000, 3: 0}
kernels = {
    "good": elf(64, good),
    "no-notes": elf(64, {}),
    "32-bit": elf(32, {**good, 9: "yes"}),
    "other-xen": elf(64, {**good, 5: "xen-9.0"}),
    "entry": elf(64, {**good, 1: 0x40000000}),
    "hypercall-page": elf(64, {**good, 2: 0x40000000}),
    "base": elf(64, {**good, 3: 0xffffffffffff0000}),
    "notes-cut-off": elf(64, good)[:0xb0 + 20],
}
for name, kernel in kernels.items():
    open(f"/tmp/{name}", "wb").write(kernel)
PYTHON
for file in random short short-elf zeros no-notes 32-bit other-xen entry hypercall-page base notes-cut-off; do
    bad "the kernel '$file'" 'no loader|invalid|fail|corrupt|ELF|not' "kernel=\"/tmp/$file\""
done

# A kernel that can be started and does no more than crash.
tiny bad 'kernel="/tmp/good"' 'ramdisk=""' 'on_crash="destroy"'
xl create -q /run/bad.cfg
wait_for 20 is_absent bad || fail "a kernel that crashes at once: $(domain_state bad)"
wait_for 10 free_is "$before" || fail "after a kernel that crashes at once: free: $before KiB before, $(free_kib) after"

# The name is taken.
start_tiny one
refuse "a name that is taken" 'already exists' xl create /run/one.cfg
guest_run one true 20 || fail "the guest does not answer after another of its name was refused"
