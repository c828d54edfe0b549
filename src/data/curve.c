/* Learning curves; see curve.h. */
#include "data/curve.h"

#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

/* What the loops over histories share; sums [points]. */
typedef struct work {
    const ppi_dataset *dataset;
    int64_t points;
    int64_t smooth;
    bool per_step;
    double end;     /* steps of the longest history, summed over its streams */
    double *sum;    /* of the running history */
    double *weight; /* episodes that count there */
    double *mean, *square, *histories;
} work;

/* A history: rows and episodes that follow each other. */
typedef struct stretch {
    int64_t first_episode, episodes, row, steps;
    double scale; /* steps of all streams for one of its own */
} stretch;

static stretch group_stretch(const ppi_dataset *d, int64_t i) {
    const ppi_group *g = ppi_dataset_group(d, i);
    return (stretch){g->first_episode, g->episodes, g->row, g->steps,
                     g->actors > 1 ? (double)g->actors : 1};
}

static int64_t stretch_count(const ppi_dataset *d) {
    return ppi_dataset_has_histories(d) ? ppi_dataset_group_count(d) : 1;
}

static stretch stretch_at(const ppi_dataset *d, int64_t i) {
    if (ppi_dataset_has_histories(d)) {
        return group_stretch(d, i);
    }
    return (stretch){0, ppi_dataset_episode_count(d), 0, ppi_dataset_info(d)->steps, 1};
}

static void add_point(work *w, double steps, double value) {
    int64_t at = (int64_t)(steps / w->end * (double)w->points);
    at = at < w->points ? at : w->points - 1;
    w->sum[at] += value;
    w->weight[at] += 1;
}

static void add_values(work *w, const stretch *s) {
    const float *rewards = ppi_dataset_rewards(w->dataset);
    for (int64_t t = 0; w->per_step && t < s->steps; t++) {
        add_point(w, (double)t * s->scale, (double)rewards[s->row + t]);
    }
    for (int64_t e = s->first_episode; !w->per_step && e < s->first_episode + s->episodes; e++) {
        const ppi_episode *episode = ppi_dataset_episode(w->dataset, e);
        double end = (double)(episode->row - s->row + episode->info.steps - 1);
        if (!episode->info.cut) {
            add_point(w, end * s->scale, episode->info.reward_sum);
        }
    }
}

/* The smoothed value of the running history at a place; the last one known where nothing ended. */
static double smoothed(const work *w, int64_t at, double before) {
    double sum = 0;
    double weight = 0;
    for (int64_t k = at - w->smooth; k <= at + w->smooth; k++) {
        if (k >= 0 && k < w->points) {
            sum += w->sum[k];
            weight += w->weight[k];
        }
    }
    return weight > 0 ? sum / weight : before;
}

static void add_history(work *w, const stretch *s) {
    double value = NAN;
    double own_end = (double)s->steps * s->scale;
    memset(w->sum, 0, (size_t)w->points * sizeof *w->sum);
    memset(w->weight, 0, (size_t)w->points * sizeof *w->weight);
    add_values(w, s);
    for (int64_t i = 0; i < w->points && (double)i / (double)w->points * w->end < own_end; i++) {
        value = smoothed(w, i, value);
        if (!isnan(value)) {
            /* Welford's running mean and sum of squares. */
            double delta = value - w->mean[i];
            w->histories[i] += 1;
            w->mean[i] += delta / w->histories[i];
            w->square[i] += delta * (value - w->mean[i]);
        }
    }
}

static void fill(ppi_curve *out, const work *w) {
    for (int64_t i = 0; i < w->points; i++) {
        double n = w->histories[i];
        double half = n > 1 ? sqrt(w->square[i] / (n - 1)) : 0;
        out->x[i] = ((double)i + 0.5) / (double)w->points * w->end;
        out->mean[i] = n > 0 ? w->mean[i] : NAN;
        if (out->low) {
            out->low[i] = out->mean[i] - half;
            out->high[i] = out->mean[i] + half;
        }
    }
}

void ppi_curve_free(ppi_curve *curve) {
    ppi_free(curve->x);
    *curve = (ppi_curve){0};
}

/* Longest history, and whether episodes are too few to show learning. */
static void survey(work *w, int64_t count) {
    int64_t ended = 0;
    for (int64_t i = 0; i < count; i++) {
        const stretch s = stretch_at(w->dataset, i);
        w->end = fmax(w->end, (double)s.steps * s.scale);
        for (int64_t e = s.first_episode; e < s.first_episode + s.episodes; e++) {
            ended += !ppi_dataset_episode(w->dataset, e)->info.cut;
        }
    }
    w->per_step = ended < 2 * count;
}

pp_status ppi_curve_create(ppi_curve *out, const ppi_dataset *dataset, int64_t points,
                           int64_t smooth) {
    const int64_t count = stretch_count(dataset);
    work w = {.dataset = dataset, .smooth = smooth};
    *out = (ppi_curve){0};
    survey(&w, count);
    /* A place cannot be shorter than a step. */
    points = points < 1 ? 1 : (double)points > w.end ? (int64_t)w.end : points;
    w.points = points;
    double *memory = ppi_calloc((size_t)points * 9, sizeof *memory);
    if (!memory) {
        return ppi_oom("a learning curve");
    }
    *out = (ppi_curve){.count = points,
                       .x = memory,
                       .mean = memory + points,
                       .histories = count,
                       .per_step = w.per_step};
    out->low = count > 1 ? memory + 2 * points : NULL;
    out->high = count > 1 ? memory + 3 * points : NULL;
    w.sum = memory + 4 * points;
    w.weight = memory + 5 * points;
    w.mean = memory + 6 * points;
    w.square = memory + 7 * points;
    w.histories = memory + 8 * points;
    for (int64_t i = 0; i < count; i++) {
        const stretch s = stretch_at(dataset, i);
        add_history(&w, &s);
    }
    fill(out, &w);
    return PP_OK;
}
