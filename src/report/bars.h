/* Horizontal bars with intervals as SVG: figures that are compared and have no order in time. */
#ifndef PPI_REPORT_BARS_H
#define PPI_REPORT_BARS_H

#include <polyplay/status.h>

#include "base/buf.h"

typedef struct ppi_bar {
    const char *name;
    double value;     /* NAN = not there yet */
    double low, high; /* whisker; NAN = none */
} ppi_bar;

typedef struct ppi_bars {
    const char *title;
    const char *label; /* of the axis of values */
    const ppi_bar *bar;
    int count;
    int width; /* in pixels, 0 = 720; the height follows from the count */
} ppi_bars;

/* Appends the whole document; the axis holds 0. PP_ERR_ARGUMENT without a finite value. */
pp_status ppi_svg_bars(ppi_buf *out, const ppi_bars *bars);

#endif
