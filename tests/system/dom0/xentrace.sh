# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# The stock xentrace reads the trace buffers: what it finds are the records of what was done meanwhile.
# seconds: 120

# start_trace MASK, stop_trace: /tmp/trace has what happened between.
# exercises: XEN_SYSCTL_tbuf_op
start_trace() {
    rm -f /tmp/trace
    xentrace -D -S 128 -e "$1" /tmp/trace >/tmp/xentrace.out 2>&1 &
    tracer=$!
    wait_for 10 test -s /tmp/trace
}
stop_trace() {
    kill -TERM $tracer
    wait $tracer || fail "xentrace: $(tail -n 1 /tmp/xentrace.out)"
}

# Reads records as xen/trace.h lays them out; prints "EVENT WORDS…", in hexadecimal, without the states in run-state changes.
records() {
    python3 - /tmp/trace <<'PYTHON'
import struct, sys
data = open(sys.argv[1], "rb").read()
at = 0
while at < len(data):
    head, = struct.unpack_from("<I", data, at)
    event, words, at = head & 0xfffffff, head >> 28 & 7, at + (12 if head >> 31 else 4)
    extra = struct.unpack_from(f"<{words}I", data, at)
    at += 4 * words
    print(f"{event:07x}", *(f"{w:x}" for w in extra))
PYTHON
}
# count PATTERN: how many records of the last trace match.
count() { grep -Ec "^$1" /tmp/records || true; }
some() { [ "$(count "$2")" -ge "$3" ] || fail "$1: $(count "$2") records '$2', not $3"; }

start_trace all
start_tiny traced
domid=$(printf %x "$(xl domid traced)")
for _ in $(seq 10); do xl debug-keys h; done
destroy traced
stop_trace
records >/tmp/records
some "domain came" "0041001 $domid\$" 1
some "domain went" "0041002 $domid\$" 1
some "scheduler knows it" "0028001 $domid\$" 1
some "it ran" "0021..1 $(printf %x $((16#$domid << 16)))\$" 20
some "switches to it" "002800a [0-9a-f]+ [0-9a-f]+ $domid 0\$" 5
some "sysctl hypercalls" "020100d 23\$" 10
some "domctl hypercalls" "020100d 24\$" 10
some "mmu_update with its count" "020100d 400001 [0-9a-f]+\$" 100
some "calls of multicalls" "020200e" 10
some "page faults" "0201104 ([0-9a-f]+ ){4}[0-9a-f]+\$" 100
some "writes to page tables" "020110b" 1
some "device interrupts" "0802008 ([0-9a-f]+ ){2}[0-9a-f]+\$" 1
some "grants mapped" "010f001 $domid\$" 1
expect "xenalyze" 'mmu_update +\[ 1\]: +[0-9]+' xenalyze --summary /tmp/trace
expect "xenalyze has all" '^\|-- Domain 0 --\|' xenalyze --summary /tmp/trace

# Only what was asked for.
start_trace 0x0002f000
xl list >/dev/null
stop_trace
records >/tmp/records
some "the scheduler's" "002" 10
others='(01|02)[0-9a-f]{5}|00[48][0-9a-f]{4}'
[ "$(count "($others)")" = 0 ] || fail "asked for the scheduler's records, got $(grep -Em1 "^($others)" /tmp/records)"

# A reader that sleeps loses records, and is told how many.
start_trace all
kill -STOP $tracer
for _ in $(seq 40); do xl list >/dev/null; done
kill -CONT $tracer
sleep 1
xl list >/dev/null
stop_trace
records >/tmp/records
some "records that were lost" "001f001 [0-9a-f]+ [0-9a-f]+ [0-9a-f]+ [0-9a-f]+\$" 1
