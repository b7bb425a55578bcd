/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Boot options. The command line is words separated by blanks; "--" as a word of its own
 * ends it (what follows is for dom0's kernel). Boot CPU only.
 */
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/param.h>

#define WORD_SIZE 256u

char boot_command_line[1024];
char boot_dom0_options[1024];

int param_parse_bool(const char *s)
{
    static const char *const no[] = { "no", "off", "false", "disable", "0" };
    static const char *const yes[] = { "yes", "on", "true", "enable", "1" };

    for (unsigned int i = 0; i < array_size(no); i++) {
        if (!strcmp(s, no[i]))
            return 0;
        if (!strcmp(s, yes[i]))
            return 1;
    }
    return ERR(EINVAL);
}

uint64_t param_parse_size(const char *s, const char **end)
{
    static const char units[] = "BKMGT";
    uint64_t value = parse_u64(s, &s, 0);
    const char *unit = *s ? strchr(units, *s & ~0x20) : NULL;

    if (unit && unit >= units && *unit)
        s++;
    else
        unit = units + 1;
    if (end)
        *end = s;
    return value << (10 * (unit - units));
}

static int set_uint(const struct boot_param *p, const char *value)
{
    const char *end;
    uint64_t n = parse_u64(value, &end, 0);

    if (end == value || *end || n > UINT32_MAX)
        return ERR(EINVAL);
    *(unsigned int *)p->var = (unsigned int)n;
    return 0;
}

static int set_size(const struct boot_param *p, const char *value)
{
    const char *end;
    uint64_t n = param_parse_size(value, &end);

    if (end == value || *end)
        return ERR(EINVAL);
    *(uint64_t *)p->var = n;
    return 0;
}

static int set_bool(const struct boot_param *p, const char *value, bool negated)
{
    int truth = *value ? param_parse_bool(value) : 1;

    if (truth < 0)
        return truth;
    *(bool *)p->var = (truth != 0) != negated;
    return 0;
}

static int set_string(const struct boot_param *p, const char *value)
{
    return strlcpy(p->var, value, p->size) < p->size ? 0 : ERR(EINVAL);
}

/* ABI: "no-name" reaches a module's own parser as the value "no", as with stock Xen. */
static int set_custom(const struct boot_param *p, const char *value, bool negated)
{
    if (!negated)
        return p->parse(value);
    return *value ? ERR(EINVAL) : p->parse("no");
}

static int set(const struct boot_param *p, const char *value, bool negated)
{
    switch (p->kind) {
    case PARAM_BOOL: return set_bool(p, value, negated);
    case PARAM_CUSTOM: return set_custom(p, value, negated);
    case PARAM_UINT: return negated ? ERR(EINVAL) : set_uint(p, value);
    case PARAM_SIZE: return negated ? ERR(EINVAL) : set_size(p, value);
    case PARAM_STRING: return negated ? ERR(EINVAL) : set_string(p, value);
    default: return ERR(EINVAL);
    }
}

/* Gives the value to every module that declares the name. Returns how many do. */
static unsigned int offer(const char *name, const char *value, bool negated)
{
    unsigned int takers = 0;

    for (const struct boot_param *p = init_param_start; p < init_param_end; p++) {
        if (strcmp(p->name, name))
            continue;
        takers++;
        if (set(p, value, negated))
            log_warn("Bad value for boot option \"%s%s\": \"%s\"\n", negated ? "no-" : "", name, value);
    }
    return takers;
}

static void parse_word(char *word)
{
    char *value = strchr(word, '=');

    if (value)
        *value++ = '\0';
    else
        value = word + strlen(word);
    if (offer(word, value, false))
        return;
    if (strncmp(word, "no-", 3) || !offer(word + 3, value, true))
        log_warn("Boot option \"%s\" is unknown\n", word);
}

/* Copies the next word; NULL at the end of the line. A word that is too long is named and left out. */
static const char *next_word(const char *s, char *word)
{
    size_t n = 0;

    while (*s == ' ' || *s == '\t')
        s++;
    if (!*s)
        return NULL;
    while (s[n] && s[n] != ' ' && s[n] != '\t')
        n++;
    strlcpy(word, s, min(n + 1, (size_t)WORD_SIZE));
    if (n >= WORD_SIZE) {
        log_warn("Boot option too long: \"%s...\"\n", word);
        *word = '\0';
    }
    return s + n;
}

void param_parse(const char *command_line)
{
    char word[WORD_SIZE];
    size_t kept = 0;

    if (strlcpy(boot_command_line, command_line, sizeof(boot_command_line)) >= sizeof(boot_command_line))
        log_warn("The boot command line is longer than %zu characters: the rest is ignored\n",
                 sizeof(boot_command_line) - 1);
    for (const char *s = boot_command_line; (s = next_word(s, word)) != NULL; kept = (size_t)(s - boot_command_line)) {
        if (!strcmp(word, "--")) {
            strlcpy(boot_dom0_options, s + strnlen(s, 1), sizeof(boot_dom0_options));
            boot_command_line[kept] = '\0';
            break;
        }
        if (*word)
            parse_word(word);
    }
}
