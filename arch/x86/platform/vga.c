/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The VGA text screen as console "vga": 80x25 in colour mode 3 at 0xb8000. Scrolling moves
 * the start address through the 32 KiB window, so that a line costs a line, and copies the
 * screen back to the beginning once per window. Guarded by the console lock.
 *
 * Registers: IBM VGA technical reference, CRT controller and graphics controller.
 */
#include <arch/cpu.h>
#include <arch/platform.h>
#include <hv/boot_info.h>
#include <hv/console.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/log.h>
#include <hv/mm.h>
#include <hv/param.h>
#include <xen/xen.h>

#define TEXT_BASE       0xb8000u
#define WINDOW_BYTES    0x8000u
#define COLUMNS         80u
#define ROWS            25u
#define WINDOW_ROWS     (WINDOW_BYTES / 2 / COLUMNS)
#define TAB             8u
#define ATTRIBUTE       0x0700u     /* light grey on black */

#define CRTC_INDEX      0x3d4
#define CRTC_DATA       0x3d5
#define CRTC_START_HIGH 0x0cu
#define CRTC_CURSOR_HIGH 0x0eu
#define GC_INDEX        0x3ce
#define GC_DATA         0x3cf
#define GC_MISC         0x06u
#define GC_MISC_GRAPHICS (1u << 0)

static uint16_t *cells;             /* the window */
static unsigned int top;            /* window row that is the screen's first */
static unsigned int row, column;    /* of the screen */
static bool keep_for_us;            /* vga=keep */

static void vga_write(const char *s, size_t n);
static struct console_sink vga_sink = { .name = "vga", .write = vga_write };

/* Does the list begin with this word? Moves behind it. */
static bool take_word(const char **s, const char *word)
{
    size_t n = strlen(word);

    if (strncmp(*s, word, n) || ((*s)[n] && (*s)[n] != ','))
        return false;
    *s += n + ((*s)[n] == ',');
    return true;
}

/* Comma-separated. Modes are set by the boot loader: only the one that is there is known. */
static int parse_vga(const char *s)
{
    while (*s) {
        if (take_word(&s, "keep"))
            keep_for_us = true;
        else if (!take_word(&s, "current") && !take_word(&s, "text-80x25"))
            return ERR(EINVAL);
    }
    return 0;
}
BOOT_PARAM_CUSTOM(vga, "vga", parse_vga);

static void crtc_write16(uint8_t high_register, unsigned int v)
{
    outw(CRTC_INDEX, (uint16_t)((v & 0xff00) | high_register));
    outw(CRTC_INDEX, (uint16_t)((v & 0xff) << 8 | (high_register + 1u)));
}

static unsigned int crtc_read16(uint8_t high_register)
{
    unsigned int high;

    outb(CRTC_INDEX, high_register);
    high = inb(CRTC_DATA);
    outb(CRTC_INDEX, (uint8_t)(high_register + 1));
    return high << 8 | inb(CRTC_DATA);
}

static uint16_t *screen_row(unsigned int r)
{
    return cells + (top + r) * COLUMNS;
}

static void clear_row(unsigned int r)
{
    uint16_t *cell = screen_row(r);

    for (unsigned int i = 0; i < COLUMNS; i++)
        cell[i] = ATTRIBUTE | ' ';
}

static void show_from(unsigned int first_row)
{
    memmove(cells, cells + first_row * COLUMNS, ROWS * COLUMNS * sizeof(*cells));
    top = 0;
}

static void new_line(void)
{
    column = 0;
    if (row + 1 < ROWS) {
        row++;
        return;
    }
    if (top + ROWS == WINDOW_ROWS)
        show_from(top + 1);
    else
        top++;
    clear_row(row);
}

static void put_char(char c)
{
    if (c == '\n') {
        new_line();
    } else if (c == '\r') {
        column = 0;
    } else if (c == '\t') {
        column = round_up(column + 1, TAB);
    } else if (c == '\b') {
        column -= column > 0;
    } else if ((unsigned char)c >= ' ') {
        screen_row(row)[column++] = (uint16_t)(ATTRIBUTE | (unsigned char)c);
    }
    if (column >= COLUMNS)
        new_line();
}

static struct dom0_vga_console_info *dom0_screen(void)
{
    _Static_assert(sizeof(struct dom0_vga_console_info) <= sizeof(boot_info.video), "fits");
    return (struct dom0_vga_console_info *)(void *)boot_info.video;
}

static void vga_write(const char *s, size_t n)
{
    if (n == 0)
        return;
    while (n--)
        put_char(*s++);
    crtc_write16(CRTC_START_HIGH, top * COLUMNS);
    crtc_write16(CRTC_CURSOR_HIGH, (top + row) * COLUMNS + column);
    dom0_screen()->u.text_mode_3.cursor_x = (uint16_t)column;
    dom0_screen()->u.text_mode_3.cursor_y = (uint16_t)row;
}

/* The cursor register keeps what is written to it, and the adapter shows text. */
static bool is_text_screen(void)
{
    unsigned int cursor = crtc_read16(CRTC_CURSOR_HIGH);
    bool kept;

    crtc_write16(CRTC_CURSOR_HIGH, 0x0266);
    kept = crtc_read16(CRTC_CURSOR_HIGH) == 0x0266;
    crtc_write16(CRTC_CURSOR_HIGH, cursor);
    outb(GC_INDEX, GC_MISC);
    return kept && !(inb(GC_DATA) & GC_MISC_GRAPHICS);
}

/* A graphic screen that the boot protocol has described, or UEFI's. */
static bool is_graphic_boot(void)
{
    uint8_t type = dom0_screen()->video_type;

    return boot_info.is_efi || (type != 0 && type != XEN_VGATYPE_TEXT_MODE_3);
}

/* dom0 learns of the text screen as of a graphic one that the loader reports. */
static void describe_to_dom0(void)
{
    struct dom0_vga_console_info *info = dom0_screen();

    memset(info, 0, sizeof(*info));
    info->video_type = XEN_VGATYPE_TEXT_MODE_3;
    info->u.text_mode_3.font_height = 16;
    info->u.text_mode_3.rows = ROWS;
    info->u.text_mode_3.columns = COLUMNS;
    boot_info.has_video = true;
}

/* Goes on below what the firmware wrote. */
static void adopt_screen(void)
{
    unsigned int start = crtc_read16(CRTC_START_HIGH), cursor = crtc_read16(CRTC_CURSOR_HIGH);

    if (start % COLUMNS == 0 && start / COLUMNS + ROWS <= WINDOW_ROWS)
        show_from(start / COLUMNS);
    row = cursor >= start ? min((cursor - start) / COLUMNS, ROWS - 1) : 0;
    column = 0;
}

void vga_init(void)
{
    if (is_graphic_boot())
        return;
    boot_info.has_video = false;
    if (!is_text_screen())
        return;
    cells = vmap_io(MADDR(TEXT_BASE), WINDOW_BYTES, MAP_UC);
    if (!cells)
        return;
    describe_to_dom0();
    adopt_screen();
    console_sink_register(&vga_sink);
}

/* dom0's driver expects the screen at the window's beginning. */
void vga_hand_over(void)
{
    if (!cells)
        return;
    show_from(top);
    vga_write("\r", 1);
    vga_sink.enabled = vga_sink.enabled && keep_for_us;
}
