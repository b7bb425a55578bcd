/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Order of the measurements. */
#include "bench.h"

const char test_name[] = "bench";

void test_main(void)
{
    measure_empty_pair();
    bench_calls();
    bench_events();
    bench_grants();
    bench_memory();
    bench_tables();
    bench_traps();
    bench_privileged();
    bench_user();
    print("BENCH-END\n");
}
