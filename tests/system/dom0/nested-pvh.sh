# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The hypervisor as a PVH guest, with one module: its dom0's kernel, which finds no root in the end.
# seconds: 300
for vcpus in 1 2; do
    tiny "inner$vcpus" 'type="pvh"' 'kernel="/tests/zendo"' 'ramdisk="/boot/vmlinuz"' memory=768 "vcpus=$vcpus" \
        'extra="console=xen dom0_mem=320M loglvl=all noreboot"' 'on_poweroff="preserve"' 'on_crash="preserve"'
    xl create -q "/run/inner$vcpus.cfg"
    guest_wait "inner$vcpus" "Brought up $vcpus CPUs" 60 || fail "$vcpus vCPUs: $(guest_output "inner$vcpus" 0 | tail -n 3 | tr '\n' ' ')"
    guest_wait "inner$vcpus" 'Dom0 kernel: 64-bit' 60 || fail "$vcpus vCPUs: no dom0"
    guest_wait "inner$vcpus" '(Hardware Dom0|Domain 0|Dom0|dom0) (crashed|shutdown|halted)' 120 || fail "$vcpus vCPUs: dom0 does not run to its end"
    destroy "inner$vcpus"
done
