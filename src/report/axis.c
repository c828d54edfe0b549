/* Ticks of plots; see axis.h. */
#include "report/axis.h"

#include <math.h>
#include <stdio.h>

void ppi_range_add(double *low, double *high, const double *values, int64_t count) {
    for (int64_t i = 0; values && i < count; i++) {
        if (isfinite(values[i])) {
            *low = fmin(*low, values[i]);
            *high = fmax(*high, values[i]);
        }
    }
}

/* The smallest of 1, 2, 5 times a power of ten that is not below `least`. */
static double round_step(double least) {
    double power = pow(10, floor(log10(least)));
    static const double factors[] = {1, 2, 5, 10};
    for (int i = 0; i < 4; i++) {
        if (factors[i] * power >= least * (1 - 1e-9)) {
            return factors[i] * power;
        }
    }
    return 10 * power;
}

void ppi_axis_init(ppi_axis *axis, double low, double high, int most) {
    if (!isfinite(low) || !isfinite(high) || low > high) {
        low = 0;
        high = 1;
    }
    double room = fmax(fabs(low), fabs(high)) * 1e-6;
    if (high - low <= room || high - low < 1e-300) {
        double half = low == 0 ? 0.5 : fabs(low) * 0.05;
        low -= half;
        high += half;
    }
    axis->low = low;
    axis->high = high;
    axis->step = round_step((high - low) / (most > 1 ? most : 1));
    axis->first = ceil(low / axis->step - 1e-9) * axis->step;
    axis->count = (int)floor((high - axis->first) / axis->step + 1e-9) + 1;
}

double ppi_axis_tick(const ppi_axis *axis, int i) {
    double value = axis->first + i * axis->step;
    return fabs(value) < axis->step * 1e-6 ? 0 : value;
}

double ppi_axis_place(const ppi_axis *axis, double value) {
    return (value - axis->low) / (axis->high - axis->low);
}

void ppi_tick_text(char out[PPI_TICK_TEXT], double value) {
    static const struct {
        double unit;
        const char *letter;
    } units[] = {{1e9, "G"}, {1e6, "M"}, {1e3, "k"}};
    for (int i = 0; i < 3; i++) {
        if (fabs(value) >= units[i].unit * (1 - 1e-9)) {
            snprintf(out, PPI_TICK_TEXT, "%.4g%s", value / units[i].unit, units[i].letter);
            return;
        }
    }
    snprintf(out, PPI_TICK_TEXT, "%.4g", value);
}
