/* The groups of a dataset: what a learning history says about itself, its ends, and reading its
 * observations as one sequence. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "data/dataset_internal.h"

int64_t ppi_dataset_group_count(const ppi_dataset *d) {
    return d->group_count;
}

const ppi_group *ppi_dataset_group(const ppi_dataset *d, int64_t index) {
    return &d->groups[index];
}

bool ppi_dataset_has_histories(const ppi_dataset *d) {
    return d->has_histories;
}

const ppi_store_meta *ppi_dataset_meta(const ppi_dataset *d) {
    return &d->meta;
}

/* ---- loading ---- */

/* Keeps a text, which is taken over; equal ones of neighbouring groups are kept once. */
static pp_status keep_text(ppi_dataset *d, char *text, const char **out) {
    for (int64_t i = d->text_count - 1; i >= 0 && i >= d->text_count - 4; i--) {
        if (strcmp(d->texts[i], text) == 0) {
            ppi_free(text);
            *out = d->texts[i];
            return PP_OK;
        }
    }
    if (d->text_count == d->text_capacity) {
        int64_t capacity = d->text_capacity ? d->text_capacity * 2 : 8;
        char **grown = ppi_realloc(d->texts, (size_t)capacity * sizeof *grown);
        if (!grown) {
            ppi_free(text);
            return ppi_oom("the texts of a dataset");
        }
        d->texts = grown;
        d->text_capacity = capacity;
    }
    d->texts[d->text_count++] = text;
    *out = text;
    return PP_OK;
}

/* A history of ours has every fact; any other group may lack them. */
static pp_status absent(const ppi_dataset *d, const char *object, const char *name) {
    if (!d->meta.histories) {
        return PP_OK;
    }
    return ppi_fail(PP_ERR_CORRUPT, "%s: %s has no attribute %s, which a learning history needs",
                    d->data_path, object, name);
}

static pp_status load_number(ppi_dataset *d, const char *object, const char *name, int64_t *out) {
    bool found = false;
    PPI_TRY(ppi_h5_attr_read_i64(d->file, object, name, out, &found));
    return found ? PP_OK : absent(d, object, name);
}

static pp_status load_text(ppi_dataset *d, const char *object, const char *name, const char **out) {
    char *text = NULL;
    bool found = false;
    *out = "";
    PPI_TRY(ppi_h5_attr_read_text(d->file, object, name, &text, &found));
    if (!found) {
        ppi_free(text);
        return absent(d, object, name);
    }
    return keep_text(d, text, out);
}

/* Attributes. A group that is no history of ours may use these names for other things. */
static pp_status load_attributes(ppi_dataset *d, ppi_group *group, const char *object) {
    int64_t seed = 0;
    bool found = false;
    group->task = -1;
    group->learner = group->options = "";
    PPI_TRY(ppi_h5_attr_read_i64(d->file, object, "seed", &seed, &found));
    group->seed = (uint64_t)seed;
    if (!d->meta.histories && d->meta.env_task_count == 0) {
        return PP_OK;
    }
    PPI_TRY(found ? PP_OK : absent(d, object, "seed"));
    PPI_TRY(load_number(d, object, "task", &group->task));
    if (!d->meta.histories) {
        return PP_OK;
    }
    PPI_TRY(load_number(d, object, "actors", &group->actors));
    PPI_TRY(load_text(d, object, "learner", &group->learner));
    return load_text(d, object, "options", &group->options);
}

/* The rows of infos/end_row must be those that carry a flag. */
static pp_status check_ends(const ppi_dataset *d, const ppi_group *group, const int64_t *rows) {
    const uint8_t *flags = d->flags + group->row;
    int64_t end = 0;
    for (int64_t t = 0; t < group->steps; t++) {
        bool listed = end < group->ends && rows[end] == t;
        if (listed != (flags[t] != 0)) {
            return ppi_fail(PP_ERR_CORRUPT,
                            "%s: episode_%lld/infos/end_row: row %lld of the history "
                            "is %s, but its flags say otherwise",
                            d->data_path, (long long)group->group, (long long)t,
                            listed ? "listed as an end" : "not listed as an end");
        }
        end += listed;
    }
    return end == group->ends ? PP_OK
                              : ppi_fail(PP_ERR_CORRUPT,
                                         "%s: episode_%lld/infos/end_row: entry %lld "
                                         "is %lld, expected rising rows below %lld",
                                         d->data_path, (long long)group->group, (long long)end,
                                         (long long)rows[end], (long long)group->steps);
}

static pp_status read_ends(ppi_dataset *d, ppi_group *group, ppi_h5_data *column,
                           int64_t **end_rows) {
    const ppi_h5_shape *shape = ppi_h5_data_shape(column);
    if (shape->rank != 1 || shape->type != PPI_H5_I64 || shape->dims[0] > group->steps) {
        return ppi_fail(PP_ERR_SHAPE,
                        "%s: %s has %d axes and %lld rows, expected int64 and at most "
                        "%lld rows",
                        d->data_path, ppi_h5_data_path(column), shape->rank,
                        (long long)shape->dims[0], (long long)group->steps);
    }
    group->ends = shape->dims[0];
    *end_rows = ppi_malloc((size_t)(group->ends + 1) * sizeof **end_rows);
    if (!*end_rows) {
        return ppi_oom("the ends of a history");
    }
    PPI_TRY(ppi_h5_data_read(column, 0, group->ends, PPI_H5_I64, *end_rows));
    return check_ends(d, group, *end_rows);
}

static pp_status check_finals(ppi_dataset *d, const ppi_group *group) {
    ppi_h5_data *data = NULL;
    PPI_TRY(ppi_dataset_leaf_handle(d, &data, PPI_DATASET_FINAL, group->group));
    int64_t rows = ppi_h5_data_shape(data)->dims[0];
    return rows == group->ends ? PP_OK
                               : ppi_fail(PP_ERR_SHAPE,
                                          "%s: %s has %lld rows, expected %lld as "
                                          "infos/end_row",
                                          d->data_path, ppi_h5_data_path(data), (long long)rows,
                                          (long long)group->ends);
}

pp_status ppi_dataset_load_facts(ppi_dataset *d, ppi_group *group, int64_t **end_rows) {
    char object[64];
    char path[128];
    ppi_h5_data *column = NULL;
    *end_rows = NULL;
    snprintf(object, sizeof object, "episode_%lld", (long long)group->group);
    PPI_TRY(load_attributes(d, group, object));
    if (!d->meta.histories) {
        return PP_OK;
    }
    snprintf(path, sizeof path, "%s/infos/end_row", object);
    PPI_TRY(ppi_h5_data_open(&column, d->file, path));
    pp_status status = read_ends(d, group, column, end_rows);
    ppi_h5_data_close(column);
    group->history = true;
    return status == PP_OK ? check_finals(d, group) : status;
}

pp_status ppi_dataset_add_group(ppi_dataset *d, const ppi_group *group) {
    if (d->group_count == d->group_capacity) {
        int64_t capacity = d->group_capacity ? d->group_capacity * 2 : 64;
        ppi_group *grown = ppi_realloc(d->groups, (size_t)capacity * sizeof *grown);
        if (!grown) {
            return ppi_oom("the table of groups");
        }
        d->groups = grown;
        d->group_capacity = capacity;
    }
    d->has_histories = group->history && (d->group_count == 0 || d->has_histories);
    d->groups[d->group_count++] = *group;
    return PP_OK;
}

/* ---- reading ---- */

static pp_status check_observations(const ppi_dataset *d) {
    if (d->frame_bytes > 0) {
        return PP_OK;
    }
    return ppi_fail(PP_ERR_UNSUPPORTED,
                    "%s: observations are neither frames nor one float32 vector", d->folder);
}

pp_status ppi_dataset_read_observations(ppi_dataset *d, int64_t index, int64_t first, int64_t count,
                                        uint8_t *out) {
    ppi_h5_data *data = NULL;
    PPI_TRY(check_observations(d));
    if (index < 0 || index >= d->group_count || first < 0 || count < 0 ||
        first > d->groups[index].steps + 1 - count) {
        return ppi_fail(
            PP_ERR_ARGUMENT,
            "%s: observations %lld to %lld of group %lld asked, which "
            "has %lld",
            d->folder, (long long)first, (long long)(first + count), (long long)index,
            index < 0 || index >= d->group_count ? 0LL : (long long)d->groups[index].steps + 1);
    }
    pthread_mutex_lock(&d->mutex);
    pp_status status = ppi_dataset_leaf_handle(d, &data, 0, d->groups[index].group);
    if (status == PP_OK) {
        status = ppi_dataset_leaf_rows(d, data, 0, first, count, out);
    }
    pthread_mutex_unlock(&d->mutex);
    return status;
}

pp_status ppi_dataset_read_final(ppi_dataset *d, int64_t episode, uint8_t *out) {
    PPI_TRY(check_observations(d));
    pp_episode_info info;
    PPI_TRY(pp_dataset_episode(d, episode, &info));
    return pp_dataset_read_leaf(d, 0, episode, info.steps, 1, out);
}
