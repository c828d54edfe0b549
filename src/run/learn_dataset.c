/* The datasets that learners fill: ids, what is there already, beginning and finishing. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "data/meta.h"
#include "run/learn_log.h"

/* True for NAME-vN. */
static bool valid_name(const char *name) {
    const char *version = strrchr(name, '-');
    return version != NULL && version > name && version[1] == 'v' && version[2] != '\0' &&
           strspn(version + 2, "0123456789") == strlen(version + 2) && strchr(name, '/') == NULL;
}

pp_status ppi_dataset_id(char *out, size_t size, const char *env, const char *name,
                         const char *source) {
    if (name[0] != '\0' && !valid_name(name)) {
        return ppi_fail(PP_ERR_ARGUMENT, "dataset name '%s', expected NAME-vN such as first-v0",
                        name);
    }
    const int length = name[0] != '\0' ? snprintf(out, size, "%s/%s", env, name)
                                       : snprintf(out, size, "%s/%s-v0", env, source);
    if (length > 0 && (size_t)length < size) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT, "the dataset's name '%s/%.100s' is too long", env,
                    name[0] != '\0' ? name : source);
}

pp_status ppi_learn_dataset_meta(ppi_store_meta *meta, const pp_env_spec *spec,
                                 const ppi_env_options *env) {
    ppi_env_options plain;
    ppi_episode_rules rules;
    ppi_env_options_default(&plain);
    if (env == NULL) env = &plain;
    ppi_meta_from_spec(meta, spec);
    snprintf(meta->reading, sizeof meta->reading, "%s", env->reading);
    PPI_TRY(ppi_episode_rules_for(&rules, spec->id, env));
    meta->parity = rules.parity;
    return PP_OK;
}

static pp_status fill_meta(ppi_learn_dataset *d, const ppi_learn_dataset_request *q) {
    ppi_store_meta *meta = &d->meta;
    PPI_TRY(ppi_learn_dataset_meta(meta, q->spec, q->env));
    PPI_TRY(ppi_dataset_id(meta->id, sizeof meta->id, q->spec->id, q->name, q->learner));
    snprintf(meta->policy, sizeof meta->policy, "%s", q->learner);
    snprintf(meta->tasks, sizeof meta->tasks, "%s", q->tasks);
    meta->histories = 1;
    meta->split_seed = q->split_seed;
    meta->collect_envs = q->streams;
    meta->collect_steps = q->steps;
    if (q->seed_count < 1 || q->seed_count > PPI_STORE_SEEDS) {
        return ppi_fail(PP_ERR_ARGUMENT, "%d seeds for one dataset, expected 1..%d", q->seed_count,
                        PPI_STORE_SEEDS);
    }
    meta->seed_count = q->seed_count;
    memcpy(meta->seeds, q->seeds, (size_t)q->seed_count * sizeof *meta->seeds);
    return PP_OK;
}

static bool has_seed(const ppi_store_meta *meta, uint64_t seed) {
    for (int32_t i = 0; i < meta->seed_count; i++) {
        if (meta->seeds[i] == seed) return true;
    }
    return false;
}

/* Tasks of the two sides must not meet in one dataset. */
static pp_status same_split(const ppi_learn_dataset *d, const ppi_store_meta *old) {
    if (strcmp(old->tasks, d->meta.tasks) == 0 && old->split_seed == d->meta.split_seed) {
        return PP_OK;
    }
    return ppi_fail(PP_ERR_ARGUMENT,
                    "%s holds tasks '%s' of split seed %" PRIu64 ", asked for are tasks '%s' of "
                    "split seed %" PRIu64
                    ": training and test tasks could overlap; name another dataset with --name",
                    d->folder, old->tasks, old->split_seed, d->meta.tasks, d->meta.split_seed);
}

/* Puts the new seeds behind those that are there. */
static pp_status add_seeds(ppi_learn_dataset *d, const ppi_store_meta *old) {
    ppi_store_meta *meta = &d->meta;
    ppi_store_meta asked = *meta;
    for (int32_t i = 0; i < asked.seed_count; i++) {
        if (!has_seed(old, asked.seeds[i])) continue;
        return ppi_fail(PP_ERR_EXISTS,
                        "%s: already holds seed %" PRIu64 "; --append needs new seeds", d->folder,
                        asked.seeds[i]);
    }
    if (old->seed_count + asked.seed_count > PPI_STORE_SEEDS) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s: holds %d seeds, %d more than %d in all; begin another dataset with "
                        "--name",
                        d->folder, old->seed_count, asked.seed_count, PPI_STORE_SEEDS);
    }
    memcpy(meta->seeds, old->seeds, sizeof meta->seeds);
    memcpy(meta->seeds + old->seed_count, asked.seeds,
           (size_t)asked.seed_count * sizeof *asked.seeds);
    meta->seed_count = old->seed_count + asked.seed_count;
    return PP_OK;
}

/* True when every seed asked for is there with its histories, of the same length. */
static bool is_complete(const ppi_learn_dataset *d, const ppi_learn_dataset_request *q,
                        const ppi_store_meta *old, const ppi_meta_counts *counts) {
    if (ppi_meta_same_rules(old, &d->meta, d->folder) != PP_OK || same_split(d, old) != PP_OK ||
        old->histories == 0 || old->collect_steps != q->steps) {
        return false;
    }
    for (int32_t i = 0; i < q->seed_count; i++) {
        if (!has_seed(old, q->seeds[i])) return false;
    }
    return counts->episodes - old->collect_base >= q->seed_count * q->histories;
}

/* Adds to what is there, in a journal of its own. */
static pp_status prepare_append(ppi_learn_dataset *d, const ppi_store_meta *old,
                                const ppi_meta_counts *counts) {
    if (old->histories == 0) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s holds episodes, not learning histories; name another dataset with "
                        "--name",
                        d->folder);
    }
    PPI_TRY(ppi_meta_same_rules(old, &d->meta, d->folder));
    PPI_TRY(same_split(d, old));
    PPI_TRY(add_seeds(d, old));
    d->base = d->meta.collect_base = counts->episodes;
    return PP_OK;
}

/* Goes on with an interrupted collection; *found says whether there was one. */
static pp_status try_resume(ppi_learn_dataset *d, bool *found) {
    const pp_status s = ppi_history_open(&d->history, d->folder, &d->meta);
    *found = s == PP_OK;
    d->resumed = *found;
    if (!*found) return s == PP_ERR_NOT_FOUND ? PP_OK : s;
    const int64_t begun = ppi_history_meta(d->history)->collect_steps;
    if (begun == d->meta.collect_steps) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT,
                    "%s: histories of %" PRId64 " steps were begun there, asked for are %" PRId64
                    "; all histories of a dataset have one length",
                    d->folder, begun, d->meta.collect_steps);
}

static pp_status begin(ppi_learn_dataset *d) {
    const pp_status s = ppi_history_create(&d->history, d->folder, &d->meta);
    if (s != PP_ERR_EXISTS) return s;
    return ppi_fail(PP_ERR_EXISTS,
                    "%s: an interrupted collection is there; continue it with --resume, or name "
                    "another dataset with --name NAME-vN",
                    d->folder);
}

static pp_status open_existing(ppi_learn_dataset *d, const ppi_learn_dataset_request *q,
                               const char *meta_path) {
    ppi_store_meta old;
    ppi_meta_counts counts;
    bool found = false;
    PPI_TRY(ppi_meta_load(&old, &counts, meta_path));
    if (q->resume && is_complete(d, q, &old, &counts)) {
        d->complete = true;
        return PP_OK;
    }
    if (!q->resume && !q->append) {
        return ppi_fail(PP_ERR_EXISTS,
                        "%s: the dataset exists; --append adds new seeds, --name NAME-vN begins "
                        "another one",
                        d->folder);
    }
    PPI_TRY(prepare_append(d, &old, &counts));
    if (q->resume) PPI_TRY(try_resume(d, &found));
    if (found) return PP_OK;
    if (q->append) return begin(d);
    return ppi_fail(PP_ERR_EXISTS,
                    "%s: the dataset is complete and was collected with other options; --append "
                    "adds new seeds",
                    d->folder);
}

pp_status ppi_learn_dataset_open(ppi_learn_dataset *d, const ppi_learn_dataset_request *request) {
    char meta_path[PPI_PATH_SIZE];
    bool found = false;
    memset(d, 0, sizeof *d);
    PPI_TRY(fill_meta(d, request));
    PPI_TRY(ppi_path_join(d->folder, sizeof d->folder, request->root, d->meta.id));
    PPI_TRY(ppi_path_join(meta_path, sizeof meta_path, d->folder, "data", PPI_STORE_META_FILE));
    if (ppi_file_exists(meta_path)) return open_existing(d, request, meta_path);
    if (request->resume) PPI_TRY(try_resume(d, &found));
    return found ? PP_OK : begin(d);
}

pp_status ppi_learn_dataset_commit(ppi_learn_dataset *d) {
    ppi_history *h = d->history;
    d->history = NULL;
    return ppi_history_commit(h, d->base);
}

pp_status ppi_learn_dataset_close(ppi_learn_dataset *d, pp_status status) {
    char text[PPI_ERROR_TEXT_SIZE];
    snprintf(text, sizeof text, "%s", pp_last_error());
    const pp_status closed = ppi_history_close(d->history);
    d->history = NULL;
    return status != PP_OK ? ppi_fail(status, "%s", text) : closed;
}
