/* The numbers along an axis of a plot. */
#ifndef PPI_REPORT_AXIS_H
#define PPI_REPORT_AXIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Round values from `first` on, `step` apart, `count` of them, within low..high. */
typedef struct ppi_axis {
    double low, high; /* what the axis spans, high > low */
    double first, step;
    int count;
} ppi_axis;

/* An axis over the values low..high (equal or not finite ones get some room) with at most `most`
 * ticks, steps of 1, 2 or 5 times a power of ten. */
void ppi_axis_init(ppi_axis *axis, double low, double high, int most);
/* Tick number i. */
double ppi_axis_tick(const ppi_axis *axis, int i);
/* Position of a value, 0 at low, 1 at high. */
double ppi_axis_place(const ppi_axis *axis, double value);

enum { PPI_TICK_TEXT = 32 };
/* "0", "0.25", "800k", "2M": short, and exact for a tick. */
void ppi_tick_text(char out[PPI_TICK_TEXT], double value);

/* The range of the finite ones of values [count], widening *low..*high; NULL values are none. */
void ppi_range_add(double *low, double *high, const double *values, int64_t count);

#endif
