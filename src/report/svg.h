/* Line plots as SVG: axes with ticks, a grid, a legend, bands around lines. The file stands alone
 * and is well-formed XML whatever the names are. */
#ifndef PPI_REPORT_SVG_H
#define PPI_REPORT_SVG_H

#include <stdint.h>

#include <polyplay/status.h>

#include "base/buf.h"

/* One line. Arrays are the caller's; points that are not finite interrupt it. */
typedef struct ppi_plot_series {
    const char *name; /* in the legend; NULL or "" = not there */
    int64_t count;
    const double *x;   /* [count] */
    const double *y;   /* [count] */
    const double *low; /* [count] a band is filled from low to high; both or neither */
    const double *high;
} ppi_plot_series;

typedef struct ppi_plot {
    const char *title;
    const char *x_label;
    const char *y_label;
    const ppi_plot_series *series;
    int count;
    int width;  /* of the SVG in pixels, 0 = 720 */
    int height; /* 0 = 420 */
} ppi_plot;

/* Appends the whole document. PP_ERR_ARGUMENT without a finite point. */
pp_status ppi_svg_plot(ppi_buf *out, const ppi_plot *plot);

/* The plot in Unicode braille, `columns` wide (40 to 400) and `rows` high (4 to 100) with its axes:
 * the lines, the edges of their bands dotted. Errors as ppi_svg_plot. */
pp_status ppi_text_plot(ppi_buf *out, const ppi_plot *plot, int columns, int rows);

/* The ranges of a plot's points. PP_ERR_ARGUMENT without a finite one. */
struct ppi_axis;
pp_status ppi_plot_axes(const ppi_plot *plot, struct ppi_axis *x, struct ppi_axis *y, int x_ticks,
                        int y_ticks);

#endif
