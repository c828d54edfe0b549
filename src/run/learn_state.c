/* The state of a learner as bytes: a head, then blobs that begin with their size. The numbers are
 * those of the machine that wrote them. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "run/learn_internal.h"

static const char magic[8] = {'P', 'P', 'L', 'E', 'A', 'R', 'N', '1'};

typedef struct state_head {
    char magic[8];
    int64_t games, streams, row, total;
    int64_t steps, frames;
    uint64_t seed;
} state_head;

/* One figure of the last update. */
typedef struct state_figure {
    char name[64];
    double value;
} state_figure;

/* A reader over the bytes. */
typedef struct cursor {
    const uint8_t *at;
    size_t left;
} cursor;

static pp_status take(cursor *c, void *out, size_t size, const char *what) {
    if (c->left < size) {
        return ppi_fail(PP_ERR_CORRUPT, "the saved learner ends within %s", what);
    }
    memcpy(out, c->at, size);
    c->at += size;
    c->left -= size;
    return PP_OK;
}

/* A blob: *data points into the bytes. */
static pp_status take_blob(cursor *c, const uint8_t **data, size_t *size, const char *what) {
    uint64_t bytes = 0;
    PPI_TRY(take(c, &bytes, sizeof bytes, what));
    if (bytes > c->left) {
        return ppi_fail(PP_ERR_CORRUPT, "the saved learner has %zu bytes left, %s wants %" PRIu64,
                        c->left, what, bytes);
    }
    *data = c->at;
    *size = (size_t)bytes;
    c->at += bytes;
    c->left -= (size_t)bytes;
    return PP_OK;
}

/* Opens a blob whose size is known at its end. */
static pp_status open_blob(ppi_buf *out, size_t *place) {
    const uint64_t none = 0;
    *place = out->len;
    return ppi_buf_append(out, &none, sizeof none);
}

static void close_blob(ppi_buf *out, size_t place) {
    const uint64_t size = out->len - place - sizeof(uint64_t);
    memcpy(out->data + place, &size, sizeof size);
}

static pp_status save_figures(const ppi_learn *l, ppi_buf *out) {
    const int64_t n = l->metrics.count;
    PPI_TRY(ppi_buf_append(out, &n, sizeof n));
    for (int64_t i = 0; i < n; i++) {
        state_figure f = {.value = l->metrics.item[i].value};
        snprintf(f.name, sizeof f.name, "%s", l->metrics.item[i].name);
        PPI_TRY(ppi_buf_append(out, &f, sizeof f));
    }
    return PP_OK;
}

static pp_status load_figures(ppi_learn *l, cursor *c) {
    int64_t n = 0;
    PPI_TRY(take(c, &n, sizeof n, "its figures"));
    if (n < 0 || n > PPI_MAX_METRICS) {
        return ppi_fail(PP_ERR_CORRUPT, "the saved learner has %" PRId64 " figures", n);
    }
    l->metrics.count = 0;
    for (int64_t i = 0; i < n; i++) {
        state_figure f;
        PPI_TRY(take(c, &f, sizeof f, "its figures"));
        snprintf(l->names[i], sizeof l->names[i], "%.63s", f.name);
        ppi_metrics_add(&l->metrics, l->names[i], f.value);
    }
    return PP_OK;
}

pp_status ppi_learn_save(ppi_learn *l, ppi_buf *out) {
    state_head head = {.games = l->config.games->count,
                       .streams = l->streams,
                       .row = l->row,
                       .total = l->total,
                       .steps = l->steps,
                       .frames = l->frames,
                       .seed = l->config.seed};
    size_t place = 0;
    memcpy(head.magic, magic, sizeof magic);
    PPI_TRY(ppi_buf_append(out, &head, sizeof head));
    PPI_TRY(ppi_buf_append(out, l->recent, (size_t)head.games * sizeof *l->recent));
    PPI_TRY(save_figures(l, out));
    if (l->trial_episodes > 0) {
        PPI_TRY(ppi_buf_append(out, l->trial, (size_t)l->streams * sizeof *l->trial));
    }
    PPI_TRY(open_blob(out, &place));
    PPI_TRY(l->calls->save(l->agent, out));
    close_blob(out, place);
    for (int v = 0; v < l->vec_count; v++) {
        for (int64_t i = 0; i < l->vec[v].count; i++) {
            PPI_TRY(open_blob(out, &place));
            PPI_TRY(ppi_vec_save_state(l->vec[v].vec, (int)i, out));
            close_blob(out, place);
        }
    }
    return out->failed;
}

/* A learner of other games or streams is another run; a longer one goes on. */
static pp_status check_head(const ppi_learn *l, const state_head *head) {
    if (memcmp(head->magic, magic, sizeof magic) != 0) {
        return ppi_fail(PP_ERR_CORRUPT, "these bytes are no saved learner");
    }
    const struct {
        const char *what;
        int64_t saved, here;
    } facts[] = {
        {"games", head->games, l->config.games->count},
        {"streams", head->streams, l->streams},
        {"bytes of an observation", head->row, l->row},
        {"steps played", head->steps, head->steps < l->total ? head->steps : l->total},
        {"seed", (int64_t)head->seed, (int64_t)l->config.seed},
    };
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        if (facts[i].saved == facts[i].here) continue;
        return ppi_fail(PP_ERR_ARGUMENT,
                        "the saved learner has %s %" PRId64 ", asked for is %" PRId64
                        "; a resumed run keeps its options",
                        facts[i].what, facts[i].saved, facts[i].here);
    }
    return PP_OK;
}

pp_status ppi_learn_load(ppi_learn *l, const void *data, size_t size) {
    cursor c = {data, size};
    state_head head;
    const uint8_t *blob = NULL;
    size_t bytes = 0;
    PPI_TRY(take(&c, &head, sizeof head, "its head"));
    PPI_TRY(check_head(l, &head));
    PPI_TRY(take(&c, l->recent, (size_t)head.games * sizeof *l->recent, "its episodes"));
    PPI_TRY(load_figures(l, &c));
    if (l->trial_episodes > 0) {
        PPI_TRY(take(&c, l->trial, (size_t)l->streams * sizeof *l->trial, "its trials"));
        PPI_TRY(ppi_learn_trials_restore(l));
    }
    PPI_TRY(take_blob(&c, &blob, &bytes, "the agent"));
    PPI_TRY(l->calls->load(l->agent, blob, bytes));
    for (int v = 0; v < l->vec_count; v++) {
        for (int64_t i = 0; i < l->vec[v].count; i++) {
            PPI_TRY(take_blob(&c, &blob, &bytes, "an environment"));
            PPI_TRY(ppi_vec_load_state(l->vec[v].vec, (int)i, blob, bytes));
        }
    }
    if (c.left > 0) {
        return ppi_fail(PP_ERR_CORRUPT, "the saved learner has %zu bytes too many", c.left);
    }
    l->steps = head.steps;
    l->frames = head.frames;
    ppi_learn_refresh(l);
    return PP_OK;
}
