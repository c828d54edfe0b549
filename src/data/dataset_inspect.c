/* Printing the rows of an episode or a whole group, as a table or as JSON. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/dataset_internal.h"

#define MAX_NUMBERS 16 /* numbers of an observation that are printed one by one */

/* What the loop over rows needs. */
typedef struct inspection {
    ppi_dataset *dataset;
    const ppi_group *group;
    int64_t index;   /* of the group */
    int64_t episode; /* that the row belongs to */
    uint8_t *obs;    /* one observation, NULL where they are not vectors or frames */
    ppi_buf *out;
    ppi_jsonw *json; /* NULL = table */
} inspection;

static int64_t number_count(const ppi_dataset *d) {
    return d->frame_bytes / (d->meta.obs_type == PP_OBS_FLOAT ? (int64_t)sizeof(float) : 1);
}

static double number_at(const inspection *in, int64_t i) {
    float value;
    if (in->dataset->meta.obs_type != PP_OBS_FLOAT) {
        return in->obs[i];
    }
    memcpy(&value, in->obs + (size_t)i * sizeof value, sizeof value);
    return (double)value;
}

/* "3 200 1", or of a frame how many of its bytes are not 0 and their mean. */
static void append_observation(inspection *in, ppi_buf *out) {
    int64_t count = in->obs ? number_count(in->dataset) : 0;
    int64_t lit = 0;
    double sum = 0;
    if (count == 0) {
        ppi_buf_append_char(out, '-');
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        if (count <= MAX_NUMBERS) {
            ppi_buf_printf(out, "%s%.6g", i ? " " : "", number_at(in, i));
        }
        lit += number_at(in, i) != 0;
        sum += number_at(in, i);
    }
    if (count > MAX_NUMBERS) {
        ppi_buf_printf(out, "%lld of %lld bytes lit, mean %.2f", (long long)lit, (long long)count,
                       sum / (double)count);
    }
}

static pp_status load_observation(inspection *in, int64_t row) {
    return in->obs ? ppi_dataset_read_observations(in->dataset, in->index, row, 1, in->obs) : PP_OK;
}

static const char *end_name(const inspection *in, int64_t t) {
    const ppi_episode *e = &in->dataset->episodes[in->episode];
    const uint8_t flags = in->dataset->flags[in->group->row + t];
    bool last = t == e->first_frame + e->info.steps - 1;
    return last && e->info.cut                                             ? "cut"
           : (flags & PPI_STEP_TERMINATED) && (flags & PPI_STEP_TRUNCATED) ? "both"
           : flags & PPI_STEP_TERMINATED                                   ? "terminated"
           : flags & PPI_STEP_TRUNCATED                                    ? "truncated"
                                                                           : "";
}

static void print_json_row(inspection *in, int64_t t) {
    const ppi_dataset *d = in->dataset;
    const int64_t row = in->group->row + t;
    ppi_jsonw *w = in->json;
    ppi_buf text = {0};
    ppi_jsonw_object_begin(w);
    ppi_jsonw_key_i64(w, "row", t);
    ppi_jsonw_key_i64(w, "episode", in->episode);
    ppi_jsonw_key_i64(w, "step", t - d->episodes[in->episode].first_frame);
    ppi_jsonw_key(w, "observation");
    if (in->obs && number_count(d) <= MAX_NUMBERS) {
        ppi_jsonw_array_begin(w);
        for (int64_t i = 0; i < number_count(d); i++) {
            ppi_jsonw_f64(w, number_at(in, i));
        }
        ppi_jsonw_array_end(w);
    } else {
        append_observation(in, &text);
        ppi_jsonw_string(w, ppi_buf_text(&text));
    }
    ppi_jsonw_key(w, "action");
    if (d->actions) {
        ppi_jsonw_i64(w, d->actions[row]);
    } else {
        ppi_jsonw_null(w);
    }
    ppi_jsonw_key_f64(w, "reward", (double)d->rewards[row]);
    ppi_jsonw_key_string(w, "end", end_name(in, t));
    ppi_jsonw_object_end(w);
    ppi_buf_free(&text);
}

static void print_table_row(inspection *in, int64_t t) {
    const ppi_dataset *d = in->dataset;
    const int64_t row = in->group->row + t;
    char action[16] = "-";
    if (d->actions) {
        snprintf(action, sizeof action, "%d", d->actions[row]);
    }
    ppi_buf_printf(in->out, "%8lld %8lld %6lld  %6s %9.4g  %-10s  ", (long long)t,
                   (long long)in->episode, (long long)(t - d->episodes[in->episode].first_frame),
                   action, (double)d->rewards[row], end_name(in, t));
    append_observation(in, in->out);
    ppi_buf_append_char(in->out, '\n');
}

static pp_status print_rows(inspection *in, int64_t first, int64_t count) {
    if (!in->json) {
        ppi_buf_printf(in->out, "%8s %8s %6s  %6s %9s  %-10s  %s\n", "row", "episode", "step",
                       "action", "reward", "end", "observation");
    }
    for (int64_t t = first; t < first + count; t++) {
        const ppi_episode *e = &in->dataset->episodes[in->episode];
        while (t >= e->first_frame + e->info.steps) {
            e = &in->dataset->episodes[++in->episode];
        }
        PPI_TRY(load_observation(in, t));
        if (in->json) {
            print_json_row(in, t);
        } else {
            print_table_row(in, t);
        }
    }
    return PP_OK;
}

static void print_facts(inspection *in, int64_t first, int64_t count) {
    const ppi_group *g = in->group;
    if (in->json) {
        ppi_jsonw *w = in->json;
        ppi_jsonw_key_string(w, "dataset", in->dataset->info.id);
        ppi_jsonw_key_i64(w, "group", g->group);
        ppi_jsonw_key_i64(w, "rows", g->steps);
        ppi_jsonw_key_i64(w, "episodes", g->episodes);
        ppi_jsonw_key_i64(w, "seed", (int64_t)g->seed);
        if (g->task >= 0) {
            ppi_jsonw_key_i64(w, "task", g->task);
        }
        if (g->history) {
            ppi_jsonw_key_string(w, "learner", g->learner);
            ppi_jsonw_key_i64(w, "actors", g->actors);
            ppi_jsonw_key_string(w, "options", g->options);
        }
        return;
    }
    ppi_buf_printf(in->out, "group          episode_%lld: %lld rows, %lld episodes, seed %llu\n",
                   (long long)g->group, (long long)g->steps, (long long)g->episodes,
                   (unsigned long long)g->seed);
    if (g->history) {
        ppi_buf_printf(in->out, "history        learner %s, task %lld, actors %lld, options %s\n",
                       g->learner, (long long)g->task, (long long)g->actors, g->options);
    } else if (g->task >= 0) {
        ppi_buf_printf(in->out, "task           %lld\n", (long long)g->task);
    }
    ppi_buf_printf(in->out, "rows           %lld to %lld\n", (long long)first,
                   (long long)(first + count - 1));
}

static pp_status out_of_range(const ppi_dataset *d, const char *what, int64_t asked,
                              int64_t there) {
    return ppi_fail(PP_ERR_ARGUMENT, "%s: %s %lld asked, it has 0 to %lld", d->folder, what,
                    (long long)asked, (long long)there - 1);
}

/* The group and the rows that are meant. */
static pp_status choose(inspection *in, const ppi_inspect_options *options, int64_t *first,
                        int64_t *count) {
    const ppi_dataset *d = in->dataset;
    int64_t base = 0;
    int64_t rows = 0;
    if (options->history >= 0) {
        if (options->history >= d->group_count) {
            return out_of_range(d, "group", options->history, d->group_count);
        }
        in->index = options->history;
        in->episode = d->groups[in->index].first_episode;
        rows = d->groups[in->index].steps;
    } else {
        if (options->episode < 0 || options->episode >= d->info.episodes) {
            return out_of_range(d, "episode", options->episode, d->info.episodes);
        }
        in->episode = options->episode;
        in->index = d->episodes[in->episode].index;
        base = d->episodes[in->episode].first_frame;
        rows = d->episodes[in->episode].info.steps;
    }
    if (options->first < 0 || options->first >= rows) {
        return out_of_range(d, "step", options->first, rows);
    }
    in->group = &d->groups[in->index];
    *first = base + options->first;
    *count = rows - options->first < options->count ? rows - options->first : options->count;
    return PP_OK;
}

pp_status ppi_dataset_inspect(ppi_dataset *d, const ppi_inspect_options *options, ppi_buf *out) {
    ppi_jsonw json;
    inspection in = {.dataset = d, .out = out, .json = options->json ? &json : NULL};
    int64_t first = 0;
    int64_t count = 0;
    PPI_TRY(choose(&in, options, &first, &count));
    if (d->frame_bytes > 0) {
        in.obs = ppi_malloc((size_t)d->frame_bytes);
        if (!in.obs) {
            return ppi_oom("an observation");
        }
    }
    if (in.json) {
        ppi_jsonw_init(&json, out, 0);
        ppi_jsonw_object_begin(&json);
    }
    print_facts(&in, first, count);
    if (in.json) {
        ppi_jsonw_key(&json, "steps");
        ppi_jsonw_array_begin(&json);
    }
    pp_status status = print_rows(&in, first, count);
    ppi_free(in.obs);
    if (in.json && status == PP_OK) {
        ppi_jsonw_array_end(&json);
        ppi_jsonw_object_end(&json);
        PPI_TRY(ppi_jsonw_finish(&json));
        ppi_buf_append_char(out, '\n');
    }
    return status != PP_OK ? status : out->failed;
}
