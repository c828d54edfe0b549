/* Linear with few rows (acting): the weights are read once, in the order they lie in memory, and
   every row of x uses each of them. Included once per instruction set after its vector header. */
#include "cpu/simd/team.h"

/* GEMV_TEAM_FROM: weights below which reading them takes less time than waking a team. */
enum { GEMV_ROWS = 8, GEMV_STEP = 4, GEMV_TEAM_FROM = 1 << 18 };

static bool gemv_accepts(const ppi_kernel_args *a) {
    const ppi_shape *w = &a->in[1].shape;
    const int64_t k = w->dim[0];
    if (a->accumulate || w->ndim != 2 || k < 1) return false;
    for (int i = 0; i < a->n_in; i++) {
        if (!ppi_is_float(a->in[i].dtype)) return false;
    }
    for (int i = 0; i < a->n_out; i++) {
        if (!ppi_is_float(a->out[i].dtype)) return false;
    }
    /* With bf16 weights the matrix product of oneDNN is ahead from about half as many rows on. */
    const int64_t most = a->in[1].dtype == PPI_BF16 ? GEMV_ROWS / 2 : GEMV_ROWS;
    return ppi_shape_count(&a->in[0].shape) / k <= most;
}

/* x as f32 [M, K], then the f32 sums [M, padded N]. */
static size_t gemv_workspace(const ppi_kernel_args *a) {
    const int64_t m = ppi_shape_count(&a->in[0].shape) / a->in[1].shape.dim[0];
    return (size_t)(m * (a->in[1].shape.dim[0] + a->in[1].shape.dim[1] + 32)) * sizeof(float);
}

/* sums[m][c] += x[m][k..k+steps-1] w[k..k+steps-1][c] for the columns of r. */
VFN void gemv_rows(float *sums, const float *x, const ppi_operand *w, const int m, const int steps,
                   int64_t k, ppi_range r) {
    const int64_t width = w->shape.dim[1];
    const int64_t inner = w->shape.dim[0];
    for (int64_t c = r.from; c < r.to; c += VW) {
        const int64_t n = r.to - c;
        vf wv[GEMV_STEP];
        for (int s = 0; s < steps; s++) {
            const int64_t at = (k + s) * width + c;
            wv[s] = n >= VW ? v_get(w->data, w->dtype, at) : v_get_n(w->data, w->dtype, at, n);
        }
        for (int i = 0; i < m; i++) {
            float *y = sums + i * (width + 32) + c;
            vf v = v_load(y);
            for (int s = 0; s < steps; s++) v = v_fma(v_set(x[i * inner + k + s]), wv[s], v);
            v_store(y, v);
        }
    }
}

VFN void gemv_columns(float *sums, const float *x, const ppi_operand *w, const int m, ppi_range r) {
    const int64_t inner = w->shape.dim[0];
    int64_t k = 0;
    for (; k + GEMV_STEP <= inner; k += GEMV_STEP) gemv_rows(sums, x, w, m, GEMV_STEP, k, r);
    for (; k < inner; k++) gemv_rows(sums, x, w, m, 1, k, r);
}

static void gemv_typed(float *sums, const float *x, const ppi_operand *w, const int m,
                       ppi_range r) {
    switch (m) {
    case 1:
        gemv_columns(sums, x, w, 1, r);
        break;
    case 2:
        gemv_columns(sums, x, w, 2, r);
        break;
    case 3:
        gemv_columns(sums, x, w, 3, r);
        break;
    case 4:
        gemv_columns(sums, x, w, 4, r);
        break;
    case 8:
        gemv_columns(sums, x, w, 8, r);
        break;
    default:
        gemv_columns(sums, x, w, m, r);
        break;
    }
}

/* Bias, pre-activation and activation of the columns of r. */
static void gemv_finish(const ppi_kernel_args *a, const float *sums, int64_t m, ppi_range r) {
    const int64_t width = a->in[1].shape.dim[1];
    for (int64_t i = 0; i < m; i++) {
        for (int64_t c = r.from; c < r.to; c += VW) {
            const int64_t n = ppi_min64(VW, r.to - c);
            const vf v = v_load(sums + i * (width + 32) + c);
            if (a->n_out > 1 && a->out[1].data)
                v_put_n(a->out[1].data, a->out[1].dtype, i * width + c, v, n);
            if (a->out[0].data)
                v_put_n(a->out[0].data, a->out[0].dtype, i * width + c,
                        v_act(a->out[0].dtype == PPI_F32, v, a->params.act.act), n);
        }
    }
}

static pp_status gemv_run(const ppi_kernel_args *a) {
    const ppi_operand *w = &a->in[1];
    const int64_t inner = w->shape.dim[0];
    const int64_t width = w->shape.dim[1];
    const int64_t m = ppi_shape_count(&a->in[0].shape) / inner;
    float *x = a->workspace;
    float *sums = x + m * inner;
    PPI_SIMD(convert)(x, PPI_F32, a->in[0].data, a->in[0].dtype, 1.0f, m * inner, 1);
    const int nt = inner * width < GEMV_TEAM_FROM ? 1 : ppi_team(inner * width, a->threads);
#pragma omp parallel for num_threads(nt) schedule(static, 1) if (nt > 1)
    for (int t = 0; t < nt; t++) {
        const ppi_range r = ppi_part(width, 32, t, nt);
        for (int64_t i = 0; i < m && r.to > r.from; i++) {
            for (int64_t c = r.from; c < r.to; c += VW) {
                const int64_t n = ppi_min64(VW, r.to - c);
                const vf b = a->n_in > 2 && a->in[2].data
                                 ? v_get_n(a->in[2].data, a->in[2].dtype, c, n)
                                 : v_zero();
                v_store(sums + i * (width + 32) + c, b);
            }
        }
        gemv_typed(sums, x, w, (int)m, r);
        gemv_finish(a, sums, m, r);
    }
    return PP_OK;
}

const ppi_kernel_entry PPI_SIMD(gemv_table)[] = {
    {PPI_OP_LINEAR,
     {PPI_SIMD_NAME "linear_rows", gemv_accepts, gemv_workspace, NULL, NULL, gemv_run}},
    {0},
};
