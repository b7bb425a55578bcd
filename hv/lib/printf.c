/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Formatted text. No floating point, no %n; see hv/lib.h for the directives. */
#include <hv/lib.h>

struct out {
    char *buf;
    size_t size;
    size_t length;      /* of the whole text, kept or not */
};

struct directive {
    bool left, zero, plus, space, alternate;
    int width;
    int precision;      /* -1: none given */
    char length;        /* H = hh, h, l, q = ll, z, or 0 */
    char conversion;
};

static void put(struct out *o, char c)
{
    if (o->length + 1 < o->size)
        o->buf[o->length] = c;
    o->length++;
}

static void put_repeated(struct out *o, char c, int n)
{
    for (; n > 0; n--)
        put(o, c);
}

/* prefix (sign or 0x), zeros and body in a field of the directive's width. */
static void put_field(struct out *o, const struct directive *d, const char *prefix, int zeros, const char *body, int n)
{
    int blanks = d->width - (int)strlen(prefix) - zeros - n;

    if (!d->left)
        put_repeated(o, ' ', blanks);
    while (*prefix)
        put(o, *prefix++);
    put_repeated(o, '0', zeros);
    for (int i = 0; i < n; i++)
        put(o, body[i]);
    if (d->left)
        put_repeated(o, ' ', blanks);
}

static void put_number(struct out *o, const struct directive *d, uint64_t value, const char *prefix, unsigned int base)
{
    const char *digits = d->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[22]; /* 64 bits in octal */
    int start = sizeof(text), zeros;

    for (uint64_t v = value; v; v /= base)
        text[--start] = digits[v % base];
    if (d->precision >= 0)
        zeros = d->precision - ((int)sizeof(text) - start);
    else if (d->zero && !d->left)
        zeros = d->width - (int)strlen(prefix) - ((int)sizeof(text) - start);
    else
        zeros = 0;
    if (start == sizeof(text) && d->precision < 0)
        zeros = max(zeros, 1);
    put_field(o, d, prefix, max(zeros, 0), text + start, (int)sizeof(text) - start);
}

static uint64_t signed_argument(char length, va_list *ap)
{
    switch (length) {
    case 'H': return (uint64_t)(signed char)va_arg(*ap, int);
    case 'h': return (uint64_t)(short)va_arg(*ap, int);
    case 'l': case 'q': case 'z': return (uint64_t)va_arg(*ap, int64_t);
    default: return (uint64_t)va_arg(*ap, int);
    }
}

static uint64_t unsigned_argument(char length, va_list *ap)
{
    switch (length) {
    case 'H': return (unsigned char)va_arg(*ap, unsigned int);
    case 'h': return (unsigned short)va_arg(*ap, unsigned int);
    case 'l': case 'q': case 'z': return va_arg(*ap, uint64_t);
    default: return va_arg(*ap, unsigned int);
    }
}

static void put_signed(struct out *o, const struct directive *d, va_list *ap)
{
    uint64_t value = signed_argument(d->length, ap);

    if ((int64_t)value < 0)
        put_number(o, d, -value, "-", 10);
    else
        put_number(o, d, value, d->plus ? "+" : d->space ? " " : "", 10);
}

static void put_hex(struct out *o, const struct directive *d, va_list *ap)
{
    uint64_t value = unsigned_argument(d->length, ap);
    const char *prefix = d->conversion == 'X' ? "0X" : "0x";

    put_number(o, d, value, d->alternate && value ? prefix : "", 16);
}

static void put_octal(struct out *o, const struct directive *d, va_list *ap)
{
    uint64_t value = unsigned_argument(d->length, ap);

    put_number(o, d, value, d->alternate && value ? "0" : "", 8);
}

static void put_pointer(struct out *o, const struct directive *d, va_list *ap)
{
    struct directive as_hex = *d;

    as_hex.precision = 16;
    put_number(o, &as_hex, (uintptr_t)va_arg(*ap, void *), "", 16);
}

static void put_string(struct out *o, const struct directive *d, va_list *ap)
{
    const char *s = va_arg(*ap, const char *);

    if (!s)
        s = "(null)";
    put_field(o, d, "", 0, s, (int)strnlen(s, d->precision < 0 ? INT32_MAX : (size_t)d->precision));
}

static void put_char(struct out *o, const struct directive *d, va_list *ap)
{
    char c = (char)va_arg(*ap, int);

    put_field(o, d, "", 0, &c, 1);
}

static const char *scan_flags(const char *fmt, struct directive *d)
{
    for (;; fmt++) {
        switch (*fmt) {
        case '-': d->left = true; break;
        case '0': d->zero = true; break;
        case '+': d->plus = true; break;
        case ' ': d->space = true; break;
        case '#': d->alternate = true; break;
        default: return fmt;
        }
    }
}

static const char *scan_int(const char *fmt, int *value, va_list *ap)
{
    if (*fmt == '*') {
        *value = va_arg(*ap, int);
        return fmt + 1;
    }
    for (*value = 0; *fmt >= '0' && *fmt <= '9'; fmt++)
        *value = *value * 10 + (*fmt - '0');
    return fmt;
}

static const char *scan_length(const char *fmt, char *length)
{
    bool twice = *fmt && fmt[0] == fmt[1];

    switch (*fmt) {
    case 'h': *length = twice ? 'H' : 'h'; break;
    case 'l': *length = twice ? 'q' : 'l'; break;
    case 'z': *length = 'z'; return fmt + 1;
    default: return fmt;
    }
    return fmt + (twice ? 2 : 1);
}

/* fmt points behind the %; returns what follows the directive. */
static const char *scan_directive(const char *fmt, struct directive *d, va_list *ap)
{
    *d = (struct directive){ .precision = -1 };
    fmt = scan_flags(fmt, d);
    fmt = scan_int(fmt, &d->width, ap);
    if (d->width < 0) {
        d->left = true;
        d->width = -d->width;
    }
    if (*fmt == '.')
        fmt = scan_int(fmt + 1, &d->precision, ap);
    fmt = scan_length(fmt, &d->length);
    d->conversion = *fmt;
    return *fmt ? fmt + 1 : fmt;
}

static void put_directive(struct out *o, const struct directive *d, va_list *ap)
{
    switch (d->conversion) {
    case 'd': case 'i': put_signed(o, d, ap); break;
    case 'u': put_number(o, d, unsigned_argument(d->length, ap), "", 10); break;
    case 'o': put_octal(o, d, ap); break;
    case 'x': case 'X': put_hex(o, d, ap); break;
    case 'p': put_pointer(o, d, ap); break;
    case 's': put_string(o, d, ap); break;
    case 'c': put_char(o, d, ap); break;
    case '%': put(o, '%'); break;
    default: put(o, '%'); put(o, '?'); break; /* the format attribute lets none through */
    }
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
    struct out o = { .buf = buf, .size = size };
    struct directive d;
    va_list args;

    va_copy(args, ap);
    while (*fmt) {
        if (*fmt != '%') {
            put(&o, *fmt++);
            continue;
        }
        fmt = scan_directive(fmt + 1, &d, &args);
        put_directive(&o, &d, &args);
    }
    va_end(args);
    if (size)
        buf[min(o.length, size - 1)] = '\0';
    return (int)o.length;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(buf, size, fmt, ap);
    va_end(ap);
    return n;
}
