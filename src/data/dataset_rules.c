/* What datasets that polyplay wrote must satisfy beyond the format: they agree with their own
 * metadata, with the bounds of the environment, and with each other. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json.h"
#include "base/mem.h"
#include "data/dataset_internal.h"

static pp_status check_counts(const ppi_dataset *d) {
    if (d->told_groups != d->group_count) {
        return ppi_fail(PP_ERR_CORRUPT,
                        "%s: %lld groups with steps, total_episodes in %s says %lld", d->data_path,
                        (long long)d->group_count, PPI_STORE_META_FILE, (long long)d->told_groups);
    }
    if (d->told_steps != d->info.steps) {
        return ppi_fail(PP_ERR_CORRUPT, "%s: %lld steps, total_steps in %s says %lld", d->data_path,
                        (long long)d->info.steps, PPI_STORE_META_FILE, (long long)d->told_steps);
    }
    return PP_OK;
}

/* Groups are numbered from 0 without a gap, and each knows its number. */
static pp_status check_numbers(ppi_dataset *d) {
    for (int64_t i = 0; i < d->group_count; i++) {
        char object[64];
        int64_t id = -1;
        bool found = false;
        if (d->groups[i].group != i) {
            return ppi_fail(PP_ERR_CORRUPT,
                            "%s: group episode_%lld is missing: the next is "
                            "episode_%lld",
                            d->data_path, (long long)i, (long long)d->groups[i].group);
        }
        snprintf(object, sizeof object, "episode_%lld", (long long)i);
        PPI_TRY(ppi_h5_attr_read_i64(d->file, object, "id", &id, &found));
        if (found && id != i) {
            return ppi_fail(PP_ERR_CORRUPT, "%s: attribute id of %s is %lld, expected %lld",
                            d->data_path, object, (long long)id, (long long)i);
        }
    }
    return PP_OK;
}

static pp_status bad_row(const ppi_dataset *d, int64_t episode, int64_t t, const char *what) {
    const ppi_episode *e = &d->episodes[episode];
    return ppi_fail(PP_ERR_CORRUPT,
                    "%s: episode %lld (group episode_%lld), row %lld of the group: %s",
                    d->data_path, (long long)episode, (long long)e->group,
                    (long long)(e->first_frame + t), what);
}

static pp_status check_steps(const ppi_dataset *d, int64_t episode) {
    const ppi_store_meta *meta = &d->meta;
    const ppi_episode *e = &d->episodes[episode];
    const bool bounded = meta->reward_min != 0 || meta->reward_max != 0;
    /* Only references and foreign environments may set both flags. */
    const bool both = meta->parity || strncmp(meta->env, "gym/", 4) == 0;
    const double slack = 1e-6 * (1 + fmax(fabs(meta->reward_min), fabs(meta->reward_max)));
    char text[160];
    for (int64_t t = 0; t < e->info.steps; t++) {
        const double reward = (double)d->rewards[e->row + t];
        const uint8_t flags = d->flags[e->row + t];
        if (bounded && (reward < meta->reward_min - slack || reward > meta->reward_max + slack)) {
            snprintf(text, sizeof text, "reward %g, the environment's are %g to %g", reward,
                     meta->reward_min, meta->reward_max);
            return bad_row(d, episode, t, text);
        }
        if (!both && flags == (PPI_STEP_TERMINATED | PPI_STEP_TRUNCATED)) {
            return bad_row(d, episode, t, "terminated and truncated at once");
        }
    }
    if (meta->max_steps > 0 && e->info.steps > meta->max_steps) {
        snprintf(text, sizeof text, "the episode has %lld steps, the cap is %d",
                 (long long)e->info.steps, meta->max_steps);
        return bad_row(d, episode, e->info.steps - 1, text);
    }
    return PP_OK;
}

static pp_status check_options(const ppi_dataset *d, const ppi_group *g) {
    char what[PPI_PATH_SIZE + 64];
    ppi_json *options = NULL;
    snprintf(what, sizeof what, "%s: attribute options of episode_%lld", d->data_path,
             (long long)g->group);
    PPI_TRY(ppi_json_parse(&options, g->options, strlen(g->options), what));
    const bool object = ppi_json_kind_of(options) == PPI_JSON_OBJECT;
    ppi_json_free(options);
    return object ? PP_OK : ppi_fail(PP_ERR_CORRUPT, "%s is no JSON object", what);
}

static pp_status check_history(const ppi_dataset *d, const ppi_group *g, const ppi_group *before) {
    if (g->task < 0 || (d->meta.task_count > 0 && g->task >= d->meta.task_count)) {
        return ppi_fail(PP_ERR_CORRUPT,
                        "%s: attribute task of episode_%lld is %lld, the environment "
                        "has 0 to %lld",
                        d->data_path, (long long)g->group, (long long)g->task,
                        (long long)d->meta.task_count - 1);
    }
    if (g->actors < 1) {
        return ppi_fail(PP_ERR_CORRUPT,
                        "%s: attribute actors of episode_%lld is %lld, expected at "
                        "least 1",
                        d->data_path, (long long)g->group, (long long)g->actors);
    }
    /* Neighbours mostly share their options. */
    return before && before->options == g->options ? PP_OK : check_options(d, g);
}

static int compare_groups(const void *a, const void *b) {
    const ppi_group *x = *(const ppi_group *const *)a;
    const ppi_group *y = *(const ppi_group *const *)b;
    if (x->task != y->task) {
        return x->task < y->task ? -1 : 1;
    }
    return (x->seed > y->seed) - (x->seed < y->seed);
}

/* The groups by (task, seed); freed with ppi_free, NULL without memory. */
static const ppi_group **sorted_groups(const ppi_dataset *d) {
    const ppi_group **list = ppi_malloc((size_t)(d->group_count + 1) * sizeof *list);
    for (int64_t i = 0; list && i < d->group_count; i++) {
        list[i] = &d->groups[i];
    }
    if (list) {
        qsort(list, (size_t)d->group_count, sizeof *list, compare_groups);
    } else {
        (void)ppi_oom("a list of histories");
    }
    return list;
}

static pp_status check_histories(const ppi_dataset *d, ppi_dataset_report *report) {
    for (int64_t i = 0; i < d->group_count; i++) {
        PPI_TRY(check_history(d, &d->groups[i], i > 0 ? &d->groups[i - 1] : NULL));
    }
    const ppi_group **list = sorted_groups(d);
    if (!list) {
        return PP_ERR_NO_MEMORY;
    }
    for (int64_t i = 1; i < d->group_count; i++) {
        report->duplicates += compare_groups(&list[i - 1], &list[i]) == 0;
    }
    ppi_free(list);
    return PP_OK;
}

pp_status ppi_dataset_check_own(ppi_dataset *d, ppi_dataset_report *report) {
    PPI_TRY(check_numbers(d));
    PPI_TRY(check_counts(d));
    for (int64_t e = 0; e < d->info.episodes; e++) {
        PPI_TRY(check_steps(d, e));
    }
    return d->has_histories ? check_histories(d, report) : PP_OK;
}

/* ---- several datasets ---- */

static pp_status check_pair(const ppi_dataset *train, const ppi_dataset *test) {
    const ppi_group **a = sorted_groups(train);
    const ppi_group **b = a ? sorted_groups(test) : NULL;
    pp_status status = a && b ? PP_OK : PP_ERR_NO_MEMORY;
    int64_t j = 0;
    for (int64_t i = 0; status == PP_OK && i < train->group_count; i++) {
        while (j < test->group_count && b[j]->task < a[i]->task) {
            j++;
        }
        if (j < test->group_count && b[j]->task == a[i]->task) {
            status = ppi_fail(PP_ERR_CORRUPT,
                              "task %lld of %s is in %s (train, episode_%lld) and in "
                              "%s (test, episode_%lld)",
                              (long long)a[i]->task, train->info.env, train->folder,
                              (long long)a[i]->group, test->folder, (long long)b[j]->group);
        }
    }
    ppi_free(a);
    ppi_free(b);
    return status;
}

/* True when each group tells its task of a family. */
static bool knows_tasks(const ppi_dataset *d) {
    return d->meta.task_count != 1 && (d->has_histories || d->meta.env_task_count > 0);
}

pp_status ppi_dataset_check_split(ppi_dataset *const *datasets, int count) {
    for (int i = 0; i < count; i++) {
        for (int k = 0; k < count; k++) {
            const ppi_dataset *train = datasets[i];
            const ppi_dataset *test = datasets[k];
            if (knows_tasks(train) && knows_tasks(test) &&
                strcmp(train->meta.tasks, "train") == 0 && strcmp(test->meta.tasks, "test") == 0 &&
                strcmp(train->info.env, test->info.env) == 0) {
                PPI_TRY(check_pair(train, test));
            }
        }
    }
    return PP_OK;
}
