/* SPDX-License-Identifier: MIT */
/* What dom0 is told of the screen (struct dom0_vga_console_info, <xen/xen.h>): it lies behind the
 * start information, in the same page. */
#include "boot.h"
#include "dom0_build.h"
#include "efi.h"

#include <xen/xen.h>

#define FONT_HEIGHT 16
#define LFB_UNIT    65536u

/* The bits that no colour uses, above those that one does. */
static void describe_unused(dom0_vga_console_info_t *info, const struct boot_screen *s)
{
    unsigned int end = MAX(s->red.position + s->red.size,
                           MAX(s->green.position + s->green.size, s->blue.position + s->blue.size));

    if (end < s->bits) {
        info->u.vesa_lfb.rsvd_pos = (uint8_t)end;
        info->u.vesa_lfb.rsvd_size = (uint8_t)(s->bits - end);
    }
}

static void describe_frame(dom0_vga_console_info_t *info, const struct boot_screen *s)
{
    info->video_type = efi_info.is_present ? XEN_VGATYPE_EFI_LFB : XEN_VGATYPE_VESA_LFB;
    info->u.vesa_lfb.width = (uint16_t)s->width;
    info->u.vesa_lfb.height = (uint16_t)s->height;
    info->u.vesa_lfb.bytes_per_line = (uint16_t)s->pitch;
    info->u.vesa_lfb.bits_per_pixel = (uint16_t)s->bits;
    info->u.vesa_lfb.lfb_base = (uint32_t)s->base;
    info->u.vesa_lfb.ext_lfb_base = (uint32_t)(s->base >> 32);
    info->u.vesa_lfb.lfb_size = (s->pitch * s->height + LFB_UNIT - 1) / LFB_UNIT;
    info->u.vesa_lfb.red_pos = s->red.position;
    info->u.vesa_lfb.red_size = s->red.size;
    info->u.vesa_lfb.green_pos = s->green.position;
    info->u.vesa_lfb.green_size = s->green.size;
    info->u.vesa_lfb.blue_pos = s->blue.position;
    info->u.vesa_lfb.blue_size = s->blue.size;
    describe_unused(info, s);
}

void dom0_console_fill(start_info_t *si)
{
    dom0_vga_console_info_t *info = (void *)(si + 1);
    const struct boot_screen *s = &boot_info.screen;

    if (s->kind == BOOT_SCREEN_NONE)
        return;
    if (s->kind == BOOT_SCREEN_FRAME)
        describe_frame(info, s);
    else {
        info->video_type = XEN_VGATYPE_TEXT_MODE_3;
        info->u.text_mode_3.font_height = FONT_HEIGHT;
        info->u.text_mode_3.rows = 25;
        info->u.text_mode_3.columns = 80;
        info->u.text_mode_3.cursor_y = 24;
    }
    si->console.dom0.info_off = sizeof(*si);
    si->console.dom0.info_size = sizeof(*info);
}
