/* C51 (Bellemare et al. 2017): a distribution over returns for every action, learned by
 * cross-entropy towards the projected target distribution. One network serves one game or many. */
#include "method/c51.h"

#include <math.h>

#include "base/error.h"
#include "method/value_agent.h"

/* Triangular form: m_i = sum_j clamp(1 - |t_j - z_i| / dz, 0, 1) p_j, which has at most two terms
 * for each j. */
void ppi_c51_project(float *m, const float *p, int64_t n, double vmin, double vmax, double ret,
                     double discount) {
    const double dz = (vmax - vmin) / (double)(n - 1);
    for (int64_t i = 0; i < n; i++) m[i] = 0;
    for (int64_t j = 0; j < n; j++) {
        double t = ret + discount * (vmin + (double)j * dz);
        t = t < vmin ? vmin : t > vmax ? vmax : t;
        const double b = (t - vmin) / dz;
        int64_t low = (int64_t)b;
        if (low > n - 1) low = n - 1;
        const int64_t high = low + 1 < n ? low + 1 : n - 1;
        const double w = b - (double)low;
        m[low] += (float)((double)p[j] * (1.0 - w));
        m[high] += (float)((double)p[j] * w);
    }
}

double ppi_c51_softmax(float *p, const float *logits, int64_t n) {
    float most = logits[0];
    float sum = 0;
    for (int64_t i = 1; i < n; i++) most = logits[i] > most ? logits[i] : most;
    for (int64_t i = 0; i < n; i++) {
        p[i] = expf(logits[i] - most);
        sum += p[i];
    }
    const float scale = 1.0f / sum;
    for (int64_t i = 0; i < n; i++) p[i] *= scale;
    return (double)most + log((double)sum);
}

static int64_t columns(const ppi_value_options *o) {
    return o->atoms;
}

static pp_status check(const ppi_value_options *o) {
    if (o->vmin < o->vmax) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT, "c51.vmin is %g and c51.vmax %g, expected vmin below vmax",
                    o->vmin, o->vmax);
}

static float value(const float *head, const ppi_value_options *o) {
    float p[PPI_C51_MAX_ATOMS];
    const double dz = (o->vmax - o->vmin) / (double)(o->atoms - 1);
    double mean = 0;
    ppi_c51_softmax(p, head, o->atoms);
    for (int64_t i = 0; i < o->atoms; i++) mean += (double)p[i] * (o->vmin + (double)i * dz);
    return (float)mean;
}

/* - sum_i m_i log p_i of the action taken; gradient p_i - m_i. */
static double loss(float *dhead, const ppi_value_row *row, const ppi_value_options *o) {
    float p[PPI_C51_MAX_ATOMS];
    float m[PPI_C51_MAX_ATOMS];
    const int64_t n = o->atoms;
    const float *logits = row->head + row->action * n;
    float *d = dhead + row->action * n;
    double sum = 0;
    ppi_c51_softmax(p, row->next, n);
    ppi_c51_project(m, p, n, o->vmin, o->vmax, (double)row->ret, (double)row->discount);
    const double lse = ppi_c51_softmax(p, logits, n);
    for (int64_t i = 0; i < n; i++) {
        sum -= (double)m[i] * ((double)logits[i] - lse);
        d[i] = row->weight * (p[i] - m[i]);
    }
    return sum;
}

static const ppi_value_kind kind = {
    .columns = columns, .check = check, .value = value, .loss = loss};

static const ppi_option rows[] = {
    PPI_VALUE_ROWS("c51"),
    PPI_VALUE_ROW("c51.atoms", PPI_OPT_I64, atoms, "51", 2, PPI_C51_MAX_ATOMS,
                  "Atoms of a return distribution."),
    PPI_VALUE_ROW("c51.vmin", PPI_OPT_F64, vmin, "-10", -1e9, 1e9,
                  "Smallest return of the support."),
    PPI_VALUE_ROW("c51.vmax", PPI_OPT_F64, vmax, "10", -1e9, 1e9, "Largest return of the support."),
    PPI_REPLAY_ROWS(ppi_value_options, replay, "500000"),
};
static const ppi_option_table table = {"c51", rows, sizeof rows / sizeof rows[0]};

static const ppi_method_table tables[] = {
    {&table, 0},
    {&ppi_optim_option_table, offsetof(ppi_value_options, optim)},
};

static const ppi_option_value arcade[] = {
    {"c51.n-step", "3"},           {"c51.start", "5000"},       {"c51.period", "4"},
    {"c51.target-every", "1000"},  {"c51.eps-end", "0.1"},      {"c51.eps-steps", "100000"},
    {"replay.capacity", "100000"}, {"optim.name", "adam"},      {"optim.lr", "2.5e-4"},
    {"optim.eps", "3.125e-4"},     {"optim.weight-decay", "0"}, {"optim.clip", "0"},
    {"optim.warmup", "0"},
};

/* The settings of Dopamine's C51, beside the defaults above. */
static const ppi_option_value atari[] = {
    {"optim.name", "adam"},      {"optim.lr", "2.5e-4"}, {"optim.eps", "3.125e-4"},
    {"optim.weight-decay", "0"}, {"optim.clip", "0"},    {"optim.warmup", "0"},
};

static pp_status recipe(ppi_options *set, const char *size) {
    return ppi_value_recipe(set, size, arcade, sizeof arcade / sizeof arcade[0], atari,
                            sizeof atari / sizeof atari[0]);
}

static pp_status create(ppi_agent **out, const ppi_agent_config *cfg) {
    return ppi_value_create(out, cfg, &kind);
}

const ppi_method ppi_method_c51 = {
    .name = "c51",
    .help = "Distributional Q-learning with 51 atoms that learns while it plays one game or many",
    .tables = tables,
    .table_count = sizeof tables / sizeof tables[0],
    .recipe = recipe,
    .create = create,
    PPI_VALUE_SHARED_MEMBERS,
};
