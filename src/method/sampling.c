/* Percentile and top-k filters, tempered softmax, inverse-transform draws. */
#include "method/sampling.h"

#include <math.h>
#include <string.h>

/* Ascending copy; insertion sort, as rows are short and often nearly sorted. */
static void sort_row(float *out, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        int64_t j = i;
        for (; j > 0 && out[j - 1] > x[i]; j--) out[j] = out[j - 1];
        out[j] = x[i];
    }
}

double ppi_percentile_linear(const float *x, int64_t n, double q) {
    float sorted[PPI_SAMPLING_MAX];
    sort_row(sorted, x, n);
    const double at = q / 100.0 * (double)(n - 1);
    const int64_t low = (int64_t)floor(at);
    if (low >= n - 1) return sorted[n - 1];
    return sorted[low] + (at - (double)low) * ((double)sorted[low + 1] - sorted[low]);
}

static int64_t largest(const float *x, int64_t n) {
    int64_t best = 0;
    for (int64_t i = 1; i < n; i++) {
        if (x[i] > x[best]) best = i;
    }
    return best;
}

/* Drops the logits that are not above (strict) or at least (not strict) the bound; a filter that
   nothing would pass is left out. */
static void filter(bool *keep, const float *x, int64_t n, double bound, bool strict) {
    bool pass[PPI_SAMPLING_MAX];
    bool any = false;
    for (int64_t i = 0; i < n; i++) {
        pass[i] = keep[i] && (strict ? x[i] > bound : x[i] >= bound);
        any = any || pass[i];
    }
    if (any) memcpy(keep, pass, (size_t)n * sizeof *keep);
}

/* Drops what is smaller than the k-th largest logit; ties with it stay. */
static void keep_largest(bool *keep, const float *x, int64_t n, int64_t k) {
    float sorted[PPI_SAMPLING_MAX];
    sort_row(sorted, x, n);
    filter(keep, x, n, sorted[n - k], false);
}

bool ppi_sampling_probabilities(double *p, const float *logits, int64_t n, const ppi_sampling *s) {
    bool keep[PPI_SAMPLING_MAX];
    for (int64_t i = 0; i < n; i++) {
        if (isnan(logits[i]) || logits[i] == INFINITY) return false;
        keep[i] = logits[i] != -INFINITY;
        p[i] = 0;
    }
    const int64_t best = largest(logits, n);
    if (!keep[best]) return false;
    if (s->greedy) {
        p[best] = 1;
        return true;
    }
    if (s->percentile > 0)
        filter(keep, logits, n, ppi_percentile_linear(logits, n, s->percentile), true);
    if (s->top_k > 0 && s->top_k < n) keep_largest(keep, logits, n, s->top_k);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!keep[i]) continue;
        p[i] = exp(s->temperature * ((double)logits[i] - logits[best]));
        sum += p[i];
    }
    for (int64_t i = 0; i < n; i++) p[i] /= sum;
    return true;
}

int64_t ppi_sampling_draw(const double *p, int64_t n, ppi_rng *rng) {
    const double u = ppi_rng_unit(rng);
    double sum = 0;
    int64_t last = 0;
    for (int64_t i = 0; i < n; i++) {
        if (p[i] <= 0) continue;
        sum += p[i];
        last = i;
        if (u < sum) return i;
    }
    return last; /* rounding left the sum below 1 */
}
