/* Loading the small columns of every group when a dataset is opened, and checking the others. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "data/dataset_internal.h"

/* Room for `steps` more rows in the columns. */
static pp_status reserve_rows(ppi_dataset *d, int64_t steps) {
    int64_t want = d->info.steps + steps;
    if (want <= d->row_capacity) {
        return PP_OK;
    }
    int64_t capacity = d->row_capacity + d->row_capacity / 2;
    capacity = capacity > want ? capacity : want;
    int64_t bytes = capacity * PPI_DATASET_ROW_BYTES;
    if (d->column_limit > 0 && want * PPI_DATASET_ROW_BYTES > d->column_limit) {
        return ppi_fail(PP_ERR_NO_MEMORY,
                        "%s: actions, rewards and flags take more than the %lld "
                        "bytes allowed; raise data.memory",
                        d->folder, (long long)d->column_limit);
    }
    if (d->column_limit > 0 && bytes > d->column_limit) {
        capacity = want;
    }
    if (d->info.actions > 0) {
        int32_t *actions = ppi_realloc(d->actions, (size_t)capacity * sizeof *actions);
        if (!actions) {
            return ppi_oom("the columns of a dataset");
        }
        d->actions = actions;
    }
    float *rewards = ppi_realloc(d->rewards, (size_t)capacity * sizeof *rewards);
    d->rewards = rewards ? rewards : d->rewards;
    uint8_t *flags = ppi_realloc(d->flags, (size_t)capacity);
    d->flags = flags ? flags : d->flags;
    if (!rewards || !flags) {
        return ppi_oom("the columns of a dataset");
    }
    d->row_capacity = capacity;
    return PP_OK;
}

static pp_status add_episode(ppi_dataset *d, const ppi_episode *episode) {
    if (d->info.episodes == d->episode_capacity) {
        int64_t capacity = d->episode_capacity ? d->episode_capacity * 2 : 64;
        ppi_episode *grown = ppi_realloc(d->episodes, (size_t)capacity * sizeof *grown);
        if (!grown) {
            return ppi_oom("the episode table");
        }
        d->episodes = grown;
        d->episode_capacity = capacity;
    }
    d->episodes[d->info.episodes++] = *episode;
    return PP_OK;
}

#define SMALL_ROW 64 /* bytes of an observation of a few numbers */

#define TYPE_BIT(type) (1u << (type))
#define FLOATS         (TYPE_BIT(PPI_H5_F16) | TYPE_BIT(PPI_H5_F32) | TYPE_BIT(PPI_H5_F64))
#define FLAGS                                                                                      \
    (TYPE_BIT(PPI_H5_BOOL) | TYPE_BIT(PPI_H5_U8) | TYPE_BIT(PPI_H5_I8) | TYPE_BIT(PPI_H5_I32) |    \
     TYPE_BIT(PPI_H5_I64))

/* Reads a whole column of one number per step. */
static pp_status read_column(ppi_dataset *d, int64_t group, const char *name, int64_t rows,
                             unsigned types, ppi_h5_type as, void *out) {
    char path[128];
    ppi_h5_data *column = NULL;
    snprintf(path, sizeof path, "episode_%lld/%s", (long long)group, name);
    PPI_TRY(ppi_h5_data_open(&column, d->file, path));
    const ppi_h5_shape *shape = ppi_h5_data_shape(column);
    pp_status status = PP_OK;
    if (shape->rank != 1 || shape->dims[0] != rows) {
        status =
            ppi_fail(PP_ERR_SHAPE,
                     "%s: %s has %d axes and %lld rows, expected 1 axis and %lld "
                     "rows",
                     d->data_path, path, shape->rank, (long long)shape->dims[0], (long long)rows);
    } else if (!(types & TYPE_BIT(shape->type))) {
        status = ppi_fail(PP_ERR_SHAPE, "%s: %s has the wrong element type", d->data_path, path);
    } else {
        as = as == PPI_H5_BOOL && shape->type != PPI_H5_BOOL ? PPI_H5_U8 : as;
        status = ppi_h5_data_read(column, 0, rows, as, out);
    }
    ppi_h5_data_close(column);
    return status;
}

/* Opens and checks every leaf of a group, so that a damaged or foreign column is found on opening;
 * the first group decides about the blocks that frames are read in. */
static pp_status check_leaves(ppi_dataset *d, int64_t group, int64_t steps) {
    for (int32_t i = 0; i < d->spaces.count; i++) {
        ppi_h5_data *data = NULL;
        PPI_TRY(ppi_dataset_leaf_handle(d, &data, i, group));
        const ppi_h5_shape *shape = ppi_h5_data_shape(data);
        int64_t rows = steps + d->spaces.leaves[i].observation;
        if (shape->dims[0] != rows) {
            return ppi_fail(PP_ERR_SHAPE, "%s: %s has %lld rows, expected %lld", d->data_path,
                            ppi_h5_data_path(data), (long long)shape->dims[0], (long long)rows);
        }
        if (d->block_rows == 0) {
            bool whole = !d->spaces.leaves[i].jpeg && shape->chunk_rows >= 1 &&
                         shape->chunk_rows <= PPI_DATASET_MAX_BLOCK;
            bool small = d->spaces.leaves[i].row_bytes <= SMALL_ROW;
            d->block_rows = whole   ? shape->chunk_rows
                            : small ? PPI_DATASET_MAX_BLOCK
                                    : PPI_STORE_FRAME_ROWS;
        }
    }
    return PP_OK;
}

/* The episode first..t of a group. */
static ppi_episode make_episode(ppi_dataset *d, const ppi_group *group, int64_t first, int64_t t,
                                const double *rewards) {
    uint8_t *flags = &d->flags[group->row + t];
    const bool cut = *flags == 0;
    *flags |= cut ? PPI_STEP_TRUNCATED : 0;
    ppi_episode episode = {.group = group->group,
                           .first_frame = first,
                           .row = group->row + first,
                           .index = d->group_count,
                           .final = -1};
    episode.info = (pp_episode_info){.steps = t + 1 - first,
                                     .seed = group->seed,
                                     .terminated = (*flags & PPI_STEP_TERMINATED) != 0,
                                     .truncated = (*flags & PPI_STEP_TRUNCATED) != 0,
                                     .cut = cut};
    for (int64_t i = first; i <= t; i++) {
        double reward = rewards[i];
        episode.info.reward_sum += reward;
        episode.info.clipped_sum += reward > 1 ? 1 : reward < -1 ? -1 : reward;
    }
    return episode;
}

/* Adds a group and its episodes: it is split where a flag ends an inner episode. */
static pp_status split_group(ppi_dataset *d, ppi_group *group, const int64_t *end_rows,
                             const double *rewards) {
    int64_t first = 0;
    int64_t end = 0;
    group->first_episode = d->info.episodes;
    for (int64_t t = 0; t < group->steps; t++) {
        if (d->flags[group->row + t] == 0 && t + 1 < group->steps) {
            continue;
        }
        ppi_episode episode = make_episode(d, group, first, t, rewards);
        if (end < group->ends && end_rows[end] == t) {
            episode.final = end++;
        }
        PPI_TRY(add_episode(d, &episode));
        first = t + 1;
    }
    group->episodes = d->info.episodes - group->first_episode;
    d->info.steps += group->steps;
    return ppi_dataset_add_group(d, group);
}

static pp_status check_rewards(ppi_dataset *d, int64_t group, int64_t steps,
                               const double *rewards) {
    for (int64_t t = 0; t < steps; t++) {
        if (!(rewards[t] > -1e30 && rewards[t] < 1e30)) {
            return ppi_fail(PP_ERR_CORRUPT, "%s: episode_%lld/rewards: row %lld is not finite",
                            d->data_path, (long long)group, (long long)t);
        }
    }
    return PP_OK;
}

/* Scratch of the loader, grown to the longest group. */
typedef struct scratch {
    double *rewards; /* or the wide actions */
    uint8_t *flags;
    int64_t capacity;
} scratch;

static pp_status grow_scratch(scratch *s, int64_t steps) {
    if (steps <= s->capacity) {
        return PP_OK;
    }
    double *rewards = ppi_realloc(s->rewards, (size_t)steps * sizeof *rewards);
    s->rewards = rewards ? rewards : s->rewards;
    uint8_t *flags = ppi_realloc(s->flags, (size_t)steps);
    s->flags = flags ? flags : s->flags;
    if (!rewards || !flags) {
        return ppi_oom("the columns of an episode");
    }
    s->capacity = steps;
    return PP_OK;
}

/* The actions of a Discrete space, which is the last leaf. */
static pp_status load_actions(ppi_dataset *d, scratch *s, int64_t group, int64_t steps) {
    int64_t *wide = (int64_t *)(void *)s->rewards;
    int32_t *actions = d->actions + d->info.steps;
    _Static_assert(sizeof *wide == sizeof *s->rewards, "one scratch serves both");
    PPI_TRY(ppi_dataset_leaf_integers(d, d->spaces.observations, group, steps, wide));
    for (int64_t t = 0; t < steps; t++) {
        if (wide[t] < 0 || wide[t] >= d->info.actions) {
            return ppi_fail(PP_ERR_CORRUPT,
                            "%s: episode_%lld/%s: row %lld is %lld, expected 0 to %d", d->data_path,
                            (long long)group, d->spaces.leaves[d->spaces.observations].path,
                            (long long)t, (long long)wide[t], d->info.actions - 1);
        }
        actions[t] = (int32_t)wide[t];
    }
    return PP_OK;
}

static pp_status load_columns(ppi_dataset *d, scratch *s, int64_t group, int64_t steps) {
    int64_t base = d->info.steps;
    if (d->info.actions > 0) {
        PPI_TRY(load_actions(d, s, group, steps));
    }
    PPI_TRY(read_column(d, group, "rewards", steps, FLOATS, PPI_H5_F64, s->rewards));
    PPI_TRY(read_column(d, group, "terminations", steps, FLAGS, PPI_H5_BOOL, s->flags));
    for (int64_t t = 0; t < steps; t++) {
        d->rewards[base + t] = (float)s->rewards[t];
        d->flags[base + t] = s->flags[t] ? PPI_STEP_TERMINATED : 0;
    }
    PPI_TRY(read_column(d, group, "truncations", steps, FLAGS, PPI_H5_BOOL, s->flags));
    for (int64_t t = 0; t < steps; t++) {
        d->flags[base + t] |= s->flags[t] ? PPI_STEP_TRUNCATED : 0;
    }
    return check_rewards(d, group, steps, s->rewards);
}

static pp_status load_group(ppi_dataset *d, scratch *s, int64_t group) {
    char object[64];
    int64_t steps = 0;
    int64_t *end_rows = NULL;
    bool found = false;
    snprintf(object, sizeof object, "episode_%lld", (long long)group);
    PPI_TRY(ppi_h5_attr_read_i64(d->file, object, "total_steps", &steps, &found));
    if (!found) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: %s has no attribute total_steps", d->data_path,
                        object);
    }
    /* A row takes at least a thousandth of a byte in the file, whatever the filter. */
    if (steps < 0 || steps / 1024 > d->file_bytes) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: %s has total_steps %lld", d->data_path, object,
                        (long long)steps);
    }
    if (steps == 0) {
        return PP_OK;
    }
    PPI_TRY(check_leaves(d, group, steps));
    PPI_TRY(reserve_rows(d, steps));
    PPI_TRY(grow_scratch(s, steps));
    PPI_TRY(load_columns(d, s, group, steps));
    ppi_group facts = {.group = group, .row = d->info.steps, .steps = steps};
    pp_status status = ppi_dataset_load_facts(d, &facts, &end_rows);
    if (status == PP_OK) {
        status = split_group(d, &facts, end_rows, s->rewards);
    }
    ppi_free(end_rows);
    return status;
}

pp_status ppi_dataset_load_groups(ppi_dataset *d, int64_t expected) {
    int64_t *numbers = NULL;
    int64_t count = 0;
    scratch s = {0};
    PPI_TRY(ppi_h5_numbered(d->file, "episode_", &numbers, &count));
    pp_status status = PP_OK;
    if (count < expected) {
        status = ppi_fail(PP_ERR_CORRUPT, "%s: %lld episode groups, total_episodes in %s says %lld",
                          d->data_path, (long long)count, PPI_STORE_META_FILE, (long long)expected);
    }
    for (int64_t i = 0; i < count && status == PP_OK; i++) {
        status = load_group(d, &s, numbers[i]);
    }
    ppi_free(s.rewards);
    ppi_free(s.flags);
    ppi_free(numbers);
    if (status == PP_OK && d->info.episodes == 0) {
        status = ppi_fail(PP_ERR_NOT_FOUND, "%s: the dataset has zero episodes", d->folder);
    }
    return status;
}
