/* What the figures in SVG are made of, shared by the files that draw them. */
#ifndef PPI_REPORT_SVG_PARTS_H
#define PPI_REPORT_SVG_PARTS_H

#include "base/buf.h"

/* Begins a document of this size in pixels: white ground, and the line classes "g" (grid) and "a"
 * (axes). It is ended by "</svg>". */
void ppi_svg_head(ppi_buf *out, int width, int height);

/* A text at x, y with further attributes; what XML reserves is escaped, bytes that are not ASCII
 * become question marks. text may be NULL. */
void ppi_svg_label(ppi_buf *out, double x, double y, const char *attributes, const char *text);

#endif
