/* RL2 with Q(lambda) as its base: sequences of one unroll each go into a replay together with what
 * the LSTM remembered before them ("stored state"); an update takes the new ones of every stream
 * and fills its batch with replayed ones. A transformer begins a sequence without memory. Targets
 * are those of method/qlambda.h, with returns that run on across the episodes of a trial. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "method/rl2.h"

/* Sequences as a ring; the arrays have one part for each. */
struct ppi_rl2_replay {
    int64_t capacity, count; /* sequences it holds at most, and ever had */
    uint8_t *obs;            /* [capacity, unroll + 1, obs_bytes] */
    float *extra;            /* [capacity, unroll + 1, extra] */
    uint8_t *begins;         /* [capacity, unroll + 1] */
    ppi_rl2_played *step;    /* [capacity, unroll] */
    float *state;            /* [capacity, layers, 2, width]; LSTM */
    int64_t *stream;         /* [capacity] */
    int64_t *position;       /* [capacity] of the first step in its trial */
    ppi_params *target;
    ppi_rl2_net next; /* the target network over a batch */
    int64_t *drawn;   /* [batch] slots */
    ppi_rng sampler;
};

/* Numbers of the state before a sequence. */
static int64_t state_size(const ppi_rl2_agent *a) {
    return a->net.core == PPI_RL2_LSTM ? 2 * a->net.layers * a->net.width : 0;
}

static void copy_target(ppi_rl2_agent *a) {
    ppi_params *to = a->replay->target;
    memcpy(to->master, a->base.params->master, (size_t)to->total * sizeof *to->master);
    ppi_params_sync(to, a->base.cfg.backend, a->base.cfg.threads);
}

static pp_status allocate(ppi_rl2_agent *a) {
    ppi_rl2_replay *r = a->replay;
    const size_t n = (size_t)r->capacity;
    const size_t rows = n * (size_t)(a->o.unroll + 1);
    r->obs = ppi_calloc(rows, (size_t)a->obs_bytes);
    r->extra = ppi_calloc(rows, (size_t)ppi_rl2_extra(&a->net) * sizeof(float));
    r->begins = ppi_calloc(rows, 1);
    r->step = ppi_calloc(rows, sizeof *r->step);
    r->state = ppi_calloc(n, (size_t)(state_size(a) + 1) * sizeof(float));
    r->stream = ppi_calloc(n, sizeof *r->stream);
    r->position = ppi_calloc(n, sizeof *r->position);
    r->drawn = ppi_calloc((size_t)a->o.batch, sizeof *r->drawn);
    if (r->obs == NULL || r->extra == NULL || r->begins == NULL || r->step == NULL ||
        r->state == NULL || r->stream == NULL || r->position == NULL || r->drawn == NULL)
        return ppi_oom("the replay of rl2 (--rl2.replay steps)");
    return PP_OK;
}

pp_status ppi_rl2_dqn_begin(ppi_rl2_agent *a, uint64_t seed) {
    const ppi_agent_config *cfg = &a->base.cfg;
    const ppi_rl2_form form = {.sequences = a->o.batch, .steps = a->o.unroll + 1};
    ppi_rl2_replay *r = ppi_calloc(1, sizeof *r);
    if (r == NULL) return ppi_oom("the replay of rl2");
    a->replay = r;
    r->capacity = a->o.replay / a->o.unroll;
    if (r->capacity < a->streams || r->capacity < a->o.batch)
        return ppi_fail(PP_ERR_ARGUMENT,
                        "rl2.replay of %lld steps holds %lld sequences of %lld, expected at least "
                        "the %lld of a batch and one of each of the %lld streams",
                        (long long)a->o.replay, (long long)r->capacity, (long long)a->o.unroll,
                        (long long)a->o.batch, (long long)a->streams);
    PPI_TRY(allocate(a));
    PPI_TRY(ppi_rl2_params(&r->target, &a->net, cfg));
    PPI_TRY(ppi_rl2_net_open(&r->next, &a->net, r->target, cfg, &form));
    ppi_rng_init(&r->sampler, seed, PPI_RNG_SAMPLER, 0);
    copy_target(a);
    return PP_OK;
}

void ppi_rl2_dqn_end(ppi_rl2_agent *a) {
    ppi_rl2_replay *r = a->replay;
    if (r == NULL) return;
    ppi_rl2_net_close(&r->next);
    ppi_params_destroy(r->target);
    void *owned[] = {r->obs,   r->extra,  r->begins,   r->step,
                     r->state, r->stream, r->position, r->drawn};
    for (size_t i = 0; i < sizeof owned / sizeof owned[0]; i++) ppi_free(owned[i]);
    ppi_free(r);
    a->replay = NULL;
}

/* ---- sequences ---- */

/* The unroll that a stream has played; returns its slot. */
static int64_t append(ppi_rl2_agent *a, int64_t s) {
    ppi_rl2_replay *r = a->replay;
    const int64_t slot = r->count++ % r->capacity;
    const int64_t rows = a->o.unroll + 1;
    const int64_t extra = ppi_rl2_extra(&a->net);
    const int64_t w = a->net.width;
    memcpy(r->obs + slot * rows * a->obs_bytes, a->obs + s * rows * a->obs_bytes,
           (size_t)(rows * a->obs_bytes));
    memcpy(r->extra + slot * rows * extra, a->extra + s * rows * extra,
           (size_t)(rows * extra) * sizeof(float));
    memcpy(r->begins + slot * rows, a->begins + s * rows, (size_t)rows);
    memcpy(r->step + slot * a->o.unroll, a->step + s * a->o.unroll,
           (size_t)a->o.unroll * sizeof *r->step);
    for (int64_t i = 0; i < state_size(a) / w; i++)
        memcpy(r->state + slot * state_size(a) + i * w, a->state + (i * a->streams + s) * w,
               (size_t)w * sizeof(float));
    r->stream[slot] = s;
    r->position[slot] = a->position[s];
    return slot;
}

/* A sequence as entry b of the inputs of a net. */
static pp_status put(const ppi_rl2_agent *a, ppi_rl2_net *net, int64_t b, int64_t slot) {
    const ppi_rl2_replay *r = a->replay;
    const int64_t rows = a->o.unroll + 1;
    const int64_t extra = ppi_rl2_extra(&a->net);
    const int64_t w = a->net.width;
    const uint8_t *begins = r->begins + slot * rows;
    memcpy((uint8_t *)net->frames + b * rows * a->obs_bytes, r->obs + slot * rows * a->obs_bytes,
           (size_t)(rows * a->obs_bytes));
    memcpy(net->extra + b * rows * extra, r->extra + slot * rows * extra,
           (size_t)(rows * extra) * sizeof(float));
    if (net->reset == NULL) return ppi_rl2_net_mask(net, b, begins, 0, r->position[slot]);
    memcpy(net->reset + b * rows, begins, (size_t)rows);
    for (int64_t i = 0; i < a->net.layers; i++) {
        const float *state = r->state + slot * state_size(a) + 2 * i * w;
        memcpy(net->layer[i].h0 + b * w, state, (size_t)w * sizeof *state);
        memcpy(net->layer[i].c0 + b * w, state + w, (size_t)w * sizeof *state);
    }
    return PP_OK;
}

/* ---- updates ---- */

/* Loss of one sequence; its gradient goes into train.dhead. *q gets the values taken, added up. */
static double sequence_loss(ppi_rl2_agent *a, int64_t b, double *q) {
    const ppi_rl2_replay *r = a->replay;
    const int64_t outputs = a->net.outputs;
    const int64_t rows = a->o.unroll + 1;
    const uint8_t *allowed = a->allowed + r->stream[r->drawn[b]] * a->n;
    const ppi_rl2_played *step = r->step + r->drawn[b] * a->o.unroll;
    const double weight = 1.0 / (double)(a->o.batch * a->o.unroll);
    const float *ahead = r->next.head + b * rows * outputs;
    double next_value = 0;
    double next = 0;
    double loss = 0;
    for (int64_t t = rows - 1; t >= 0; t--) {
        const float *values = ahead + t * outputs;
        float *d = a->train.dhead + (b * rows + t) * outputs;
        memset(d, 0, (size_t)outputs * sizeof *d);
        if (t < rows - 1) {
            const double on = step[t].end ? 0 : a->o.gamma;
            next = step[t].reward + on * ((1 - a->o.lambda) * next_value + a->o.lambda * next);
            const double taken = (double)a->train.head[(b * rows + t) * outputs + step[t].choice];
            d[step[t].choice] = (float)(2 * weight * (taken - next));
            loss += weight * (taken - next) * (taken - next);
            *q += weight * taken;
        }
        next_value = (double)values[ppi_rl2_best(values, a->n, allowed)];
        if (t == rows - 1) next = next_value;
    }
    return loss;
}

static pp_status update(ppi_rl2_agent *a, ppi_metrics *out) {
    ppi_rl2_replay *r = a->replay;
    double loss = 0;
    double q = 0;
    for (int64_t b = 0; b < a->o.batch; b++) {
        PPI_TRY(put(a, &a->train, b, r->drawn[b]));
        PPI_TRY(put(a, &r->next, b, r->drawn[b]));
    }
    PPI_TRY(ppi_rl2_net_forward(&a->train));
    PPI_TRY(ppi_rl2_net_forward(&r->next));
    for (int64_t b = 0; b < a->o.batch; b++) loss += sequence_loss(a, b, &q);
    if (!isfinite(loss))
        return ppi_fail(PP_ERR_NUMERIC, "update %lld of rl2: the loss is %g", (long long)a->updates,
                        loss);
    PPI_TRY(ppi_rl2_net_backward(&a->train));
    out->count = 0;
    PPI_TRY(ppi_rl2_finish(a, loss, out));
    ppi_metrics_add(out, "charts/q", q);
    if (a->updates % a->o.target_every == 0) copy_target(a);
    return PP_OK;
}

pp_status ppi_rl2_dqn_learn(ppi_rl2_agent *a, ppi_metrics *out) {
    ppi_rl2_replay *r = a->replay;
    for (int64_t s = 0; s < a->streams;) {
        int64_t b = 0;
        for (; b < a->o.batch && s < a->streams; b++, s++) r->drawn[b] = append(a, s);
        const int64_t there = r->count < r->capacity ? r->count : r->capacity;
        for (; b < a->o.batch; b++)
            r->drawn[b] = (int64_t)ppi_rng_below(&r->sampler, (uint64_t)there);
        PPI_TRY(update(a, out));
    }
    return PP_OK;
}

/* ---- saved state: the replay as it is, and the target network ---- */

/* Parts of the arrays that hold sequences. */
static int64_t filled(const ppi_rl2_replay *r) {
    return r->count < r->capacity ? r->count : r->capacity;
}

typedef struct replay_part {
    void *at;
    size_t bytes;
} replay_part;
enum { PARTS = 8 };

static void parts_of(const ppi_rl2_agent *a, replay_part *part) {
    const ppi_rl2_replay *r = a->replay;
    const size_t n = (size_t)filled(r);
    const size_t rows = n * (size_t)(a->o.unroll + 1);
    const replay_part all[PARTS] = {
        {r->obs, rows * (size_t)a->obs_bytes},
        {r->extra, rows * (size_t)ppi_rl2_extra(&a->net) * sizeof(float)},
        {r->begins, rows},
        {r->step, n * (size_t)a->o.unroll * sizeof *r->step},
        {r->state, n * (size_t)state_size(a) * sizeof(float)},
        {r->stream, n * sizeof *r->stream},
        {r->position, n * sizeof *r->position},
        {r->target->master, (size_t)r->target->total * sizeof(float)},
    };
    memcpy(part, all, sizeof all);
}

pp_status ppi_rl2_dqn_save(const ppi_rl2_agent *a, ppi_buf *out) {
    replay_part part[PARTS];
    parts_of(a, part);
    PPI_TRY(ppi_buf_append(out, &a->replay->count, sizeof a->replay->count));
    PPI_TRY(ppi_buf_append(out, &a->replay->sampler.pos, sizeof a->replay->sampler.pos));
    for (int i = 0; i < PARTS; i++) PPI_TRY(ppi_buf_append(out, part[i].at, part[i].bytes));
    return PP_OK;
}

void ppi_rl2_dqn_load(ppi_rl2_agent *a, ppi_state_reader *reader) {
    ppi_rl2_replay *r = a->replay;
    replay_part part[PARTS];
    ppi_state_read(reader, &r->count, sizeof r->count);
    ppi_state_read(reader, &r->sampler.pos, sizeof r->sampler.pos);
    if (r->count < 0) reader->failed = true;
    if (reader->failed) r->count = 0;
    parts_of(a, part);
    for (int i = 0; i < PARTS; i++) ppi_state_read(reader, part[i].at, part[i].bytes);
    for (int64_t i = 0; i < filled(r) && !reader->failed; i++) {
        reader->failed = r->stream[i] < 0 || r->stream[i] >= a->streams || r->position[i] < 0;
        for (int64_t t = 0; t < a->o.unroll; t++) {
            const int32_t k = r->step[i * a->o.unroll + t].choice;
            reader->failed = reader->failed || k < 0 || k >= a->n;
        }
    }
    ppi_params_sync(r->target, a->base.cfg.backend, a->base.cfg.threads);
}
