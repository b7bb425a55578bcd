/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory and string functions. The compiler calls the mem* family by itself, and would
 * turn a plain copying loop back into such a call: bulk work is one string instruction,
 * and loops that resemble a copy carry a compiler barrier.
 */
#include <hv/lib.h>

typedef uint64_t aligned(1) any_u64;
typedef uint32_t aligned(1) any_u32;
typedef uint16_t aligned(1) any_u16;

#define barrier() __asm__ volatile("" ::: "memory")

/* At most 32 bytes: from both ends towards the middle, all loads before the first store, so that overlap is harmless. */
static always_inline void move_small(char *d, const char *s, size_t n)
{
    if (n >= 16) {
        uint64_t a = *(const any_u64 *)s, b = *(const any_u64 *)(s + 8);
        uint64_t y = *(const any_u64 *)(s + n - 16), z = *(const any_u64 *)(s + n - 8);

        *(any_u64 *)d = a;
        *(any_u64 *)(d + 8) = b;
        *(any_u64 *)(d + n - 16) = y;
        *(any_u64 *)(d + n - 8) = z;
    } else if (n >= 8) {
        uint64_t a = *(const any_u64 *)s, z = *(const any_u64 *)(s + n - 8);

        *(any_u64 *)d = a;
        *(any_u64 *)(d + n - 8) = z;
    } else if (n >= 4) {
        uint32_t a = *(const any_u32 *)s, z = *(const any_u32 *)(s + n - 4);

        *(any_u32 *)d = a;
        *(any_u32 *)(d + n - 4) = z;
    } else if (n >= 2) {
        uint16_t a = *(const any_u16 *)s, z = *(const any_u16 *)(s + n - 2);

        *(any_u16 *)d = a;
        *(any_u16 *)(d + n - 2) = z;
    } else if (n) {
        *d = *s;
    }
}

/* More than 8 bytes, d below s or apart. The last word is loaded first: it may be overwritten by then. */
static always_inline void move_up(char *d, const char *s, size_t n)
{
    uint64_t tail = *(const any_u64 *)(s + n - 8);
    any_u64 *d_tail = (any_u64 *)(d + n - 8);
    size_t words = n / 8;

    __asm__ volatile("rep movsq" : "+D"(d), "+S"(s), "+c"(words) :: "memory");
    *d_tail = tail;
}

static void move_down(char *d, const char *s, size_t n)
{
    uint64_t head = *(const any_u64 *)s;

    for (size_t left = n; left >= 8; left -= 8) {
        *(any_u64 *)(d + left - 8) = *(const any_u64 *)(s + left - 8);
        barrier();
    }
    *(any_u64 *)d = head;
}

void *(memcpy)(void *dst, const void *src, size_t n)
{
    if (n <= 32)
        move_small(dst, src, n);
    else
        move_up(dst, src, n);
    return dst;
}

void *(memmove)(void *dst, const void *src, size_t n)
{
    if (n <= 32)
        move_small(dst, src, n);
    else if ((uintptr_t)dst - (uintptr_t)src >= n)
        move_up(dst, src, n);
    else
        move_down(dst, src, n);
    return dst;
}

void *(memset)(void *dst, int c, size_t n)
{
    uint64_t pattern = (uint8_t)c * 0x0101010101010101ULL;
    char *d = dst;

    if (n >= 8) {
        size_t words = n / 8;

        *(any_u64 *)(d + n - 8) = pattern;
        __asm__ volatile("rep stosq" : "+D"(d), "+c"(words) : "a"(pattern) : "memory");
    } else if (n >= 4) {
        *(any_u32 *)d = (uint32_t)pattern;
        *(any_u32 *)(d + n - 4) = (uint32_t)pattern;
    } else if (n) {
        d[0] = d[n / 2] = d[n - 1] = (char)c;
    }
    return dst;
}

int (memcmp)(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;

    for (; n >= 8 && *(const any_u64 *)x == *(const any_u64 *)y; n -= 8) {
        x += 8;
        y += 8;
    }
    for (; n; n--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    const uint8_t *p = s;

    for (; n; n--, p++)
        if (*p == (uint8_t)c)
            return (void *)(uintptr_t)p;
    return NULL;
}

size_t strnlen(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && s[n]) {
        n++;
        barrier();
    }
    return n;
}

size_t strlen(const char *s)
{
    return strnlen(s, SIZE_MAX);
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n; n--, a++, b++) {
        int difference = (unsigned char)*a - (unsigned char)*b;

        if (difference || !*a)
            return difference;
    }
    return 0;
}

int strcmp(const char *a, const char *b)
{
    return strncmp(a, b, SIZE_MAX);
}

char *strchr(const char *s, int c)
{
    for (;; s++) {
        if (*s == (char)c)
            return (char *)(uintptr_t)s;
        if (!*s)
            return NULL;
    }
}

char *strstr(const char *s, const char *needle)
{
    size_t n = strlen(needle);

    for (; strncmp(s, needle, n); s++)
        if (!*s)
            return NULL;
    return (char *)(uintptr_t)s;
}

size_t strlcpy(char *dst, const char *src, size_t size)
{
    size_t n = strlen(src);

    if (size) {
        size_t kept = min(n, size - 1);

        memcpy(dst, src, kept);
        dst[kept] = '\0';
    }
    return n;
}
