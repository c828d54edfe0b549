/* Philox4x32-10 and the distributions drawn from it.
 *
 * The 128-bit counter of a generator is {block low, purpose + block high * 256, stream low, stream
 * high} and its key is the seed, so distinct (seed, purpose, stream, block) never meet. Block = pos
 * / 4. */
#include "base/rng.h"

#include <assert.h>
#include <math.h>

enum { ROUNDS = 10, BLOCK_WORDS = 4 };

static const double two_pi = 6.283185307179586476925286766559;

static_assert(PPI_RNG_PURPOSE_COUNT <= 256, "a purpose takes eight counter bits");

void ppi_philox4x32(uint32_t out[4], const uint32_t ctr[4], const uint32_t key[2]) {
    uint32_t c0 = ctr[0], c1 = ctr[1], c2 = ctr[2], c3 = ctr[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t p0 = (uint64_t)0xd2511f53u * c0;
        const uint64_t p1 = (uint64_t)0xcd9e8d57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9e3779b9u;
        k1 += 0xbb67ae85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void ppi_rng_init(ppi_rng *rng, uint64_t seed, ppi_rng_purpose purpose, uint64_t stream) {
    *rng = (ppi_rng){.seed = seed, .purpose = (uint32_t)purpose, .stream = stream};
}

/* The four outputs of block number `block`. */
static void block_at(const ppi_rng *rng, uint64_t block, uint32_t out[4]) {
    const uint32_t key[2] = {(uint32_t)rng->seed, (uint32_t)(rng->seed >> 32)};
    const uint32_t ctr[4] = {
        (uint32_t)block,
        (rng->purpose & 0xffu) | ((uint32_t)(block >> 32) << 8),
        (uint32_t)rng->stream,
        (uint32_t)(rng->stream >> 32),
    };
    ppi_philox4x32(out, ctr, key);
}

uint32_t ppi_rng_u32(ppi_rng *rng) {
    uint32_t block[BLOCK_WORDS];
    block_at(rng, rng->pos / BLOCK_WORDS, block);
    return block[rng->pos++ % BLOCK_WORDS];
}

uint64_t ppi_rng_u64(ppi_rng *rng) {
    const uint64_t low = ppi_rng_u32(rng);
    return low | (uint64_t)ppi_rng_u32(rng) << 32;
}

void ppi_rng_fill_u32(ppi_rng *rng, uint32_t *out, int64_t count) {
    int64_t i = 0;
    while (i < count && rng->pos % BLOCK_WORDS != 0) out[i++] = ppi_rng_u32(rng);
    for (; i + BLOCK_WORDS <= count; i += BLOCK_WORDS) {
        block_at(rng, rng->pos / BLOCK_WORDS, out + i);
        rng->pos += BLOCK_WORDS;
    }
    while (i < count) out[i++] = ppi_rng_u32(rng);
}

double ppi_rng_unit(ppi_rng *rng) {
    const uint64_t high = ppi_rng_u32(rng) >> 5;
    const uint64_t low = ppi_rng_u32(rng) >> 6;
    return (double)(high << 26 | low) * 0x1p-53;
}

/* Uniform in (0,1], for logarithms. */
static double unit_positive(ppi_rng *rng) {
    return 1.0 - ppi_rng_unit(rng);
}

/* Lemire's multiply-and-reject for n below 2^32: unbiased, one output most of the time. */
static uint32_t below_u32(ppi_rng *rng, uint32_t n) {
    uint64_t product = (uint64_t)ppi_rng_u32(rng) * n;
    if ((uint32_t)product < n) {
        const uint32_t threshold = (uint32_t)(0u - n) % n;
        while ((uint32_t)product < threshold) product = (uint64_t)ppi_rng_u32(rng) * n;
    }
    return (uint32_t)(product >> 32);
}

uint64_t ppi_rng_below(ppi_rng *rng, uint64_t n) {
    if (n <= 1) return 0;
    if (n <= UINT32_MAX) return below_u32(rng, (uint32_t)n);
    uint64_t mask = n - 1;
    for (unsigned shift = 1; shift < 64; shift *= 2) mask |= mask >> shift;
    uint64_t value;
    do {
        value = ppi_rng_u64(rng) & mask;
    } while (value >= n);
    return value;
}

double ppi_rng_normal(ppi_rng *rng) {
    const double radius = sqrt(-2.0 * log(unit_positive(rng)));
    return radius * cos(two_pi * ppi_rng_unit(rng));
}

/* Gamma(shape) for shape >= 1. */
static double gamma_large(ppi_rng *rng, double shape) {
    const double d = shape - 1.0 / 3.0;
    const double c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        const double x = ppi_rng_normal(rng);
        const double u = unit_positive(rng);
        const double root = 1.0 + c * x;
        if (root <= 0.0) continue;
        const double v = root * root * root;
        if (log(u) < 0.5 * x * x + d - d * v + d * log(v)) return d * v;
    }
}

/* log of a Gamma(shape) draw; for shape < 1 it is log Gamma(shape + 1) + log(u) / shape, which
 * cannot underflow. */
static double log_gamma_draw(ppi_rng *rng, double shape) {
    if (shape >= 1.0) return log(gamma_large(rng, shape));
    const double base = log(gamma_large(rng, shape + 1.0));
    return base + log(unit_positive(rng)) / shape;
}

double ppi_rng_gamma(ppi_rng *rng, double shape) {
    if (!(shape > 0.0) || isinf(shape)) return 0.0;
    return shape >= 1.0 ? gamma_large(rng, shape) : exp(log_gamma_draw(rng, shape));
}

int64_t ppi_rng_geometric(ppi_rng *rng, double mean) {
    if (!(mean > 1.0)) return 1;
    const double value = floor(log(unit_positive(rng)) / log1p(-1.0 / mean));
    return value < 9.0e18 ? 1 + (int64_t)value : INT64_MAX;
}

void ppi_rng_dirichlet(ppi_rng *rng, double alpha, int64_t n, double *out) {
    double largest = -INFINITY;
    for (int64_t i = 0; i < n; i++) {
        out[i] = log_gamma_draw(rng, alpha);
        if (out[i] > largest) largest = out[i];
    }
    double sum = 0.0;
    for (int64_t i = 0; i < n; i++) {
        out[i] = exp(out[i] - largest);
        sum += out[i];
    }
    for (int64_t i = 0; i < n; i++) out[i] /= sum;
}
