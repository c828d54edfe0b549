/* Pictures as lines of a terminal: two pixels a character cell, one above the other. */
#ifndef PPI_REPORT_TEXT_PICTURE_H
#define PPI_REPORT_TEXT_PICTURE_H

#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"

/* What a terminal can show. */
typedef enum ppi_text_colours {
    PPI_TEXT_NONE,  /* the cursor cannot be placed: no pictures */
    PPI_TEXT_ASCII, /* letters for brightness */
    PPI_TEXT_256,   /* half blocks in the 6x6x6 cube and 24 greys */
    PPI_TEXT_FULL,  /* half blocks in 24-bit colour */
    PPI_TEXT_COLOURS_COUNT
} ppi_text_colours;

/* What the variables TERM, COLORTERM and the character set of the locale (LC_ALL, LC_CTYPE or
 * LANG) say; NULL = not set. Half blocks need UTF-8. */
ppi_text_colours ppi_text_colours_of(const char *term, const char *colorterm, const char *locale);

/* Appends a picture u8 [h,w,3], fitted into rows x columns character cells with square pixels:
 * shrunk by averaging, enlarged by whole factors. Lines end with CR LF and clear what stood behind
 * them. PP_ERR_ARGUMENT for PPI_TEXT_NONE or sizes below 1. */
pp_status ppi_text_picture(ppi_buf *out, const uint8_t *rgb, int h, int w, int rows, int columns,
                           ppi_text_colours colours);

#endif
