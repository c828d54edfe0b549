/* Animated GIF writer. Pictures are RGB; a picture of at most 256 colours (every Atari screen) is
 * kept exactly, others are reduced to a fixed 6x7x6 colour cube. */
#ifndef PPI_REPORT_GIF_H
#define PPI_REPORT_GIF_H

#include <stdint.h>

#include <polyplay/status.h>

typedef struct ppi_gif ppi_gif;

/* Starts a looping GIF of width x height pixels, each picture shown delay_cs hundredths of a
 * second. Writes beside `path` under a temporary name until ppi_gif_finish. On error *out is NULL.
 * PP_ERR_ARGUMENT for a size outside 1..65535; PP_ERR_IO when the file cannot be made. */
pp_status ppi_gif_create(ppi_gif **out, const char *path, int width, int height, int delay_cs);

/* Appends a picture, rgb u8 [height, width, 3]. */
pp_status ppi_gif_add(ppi_gif *gif, const uint8_t *rgb);

/* Completes the file and renames it to its path. PP_ERR_ARGUMENT when no picture was added; no file
 * is left then. Call ppi_gif_destroy afterwards all the same. */
pp_status ppi_gif_finish(ppi_gif *gif);

/* Releases; an unfinished file is removed. Accepts NULL. */
void ppi_gif_destroy(ppi_gif *gif);

#endif
