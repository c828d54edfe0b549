/* What is said about an open dataset: its facts, spaces and statistics. */
#include <math.h>

#include "base/error.h"
#include "data/curve.h"
#include "data/dataset_internal.h"

void ppi_dataset_statistics(const ppi_dataset *dataset, ppi_dataset_stats *stats) {
    double sum = 0;
    double clipped = 0;
    int64_t n = dataset->info.episodes;
    *stats = (ppi_dataset_stats){.episodes = n, .steps = dataset->info.steps};
    for (int64_t i = 0; i < n; i++) {
        const pp_episode_info *info = &dataset->episodes[i].info;
        double value = info->reward_sum;
        sum += value;
        clipped += info->clipped_sum;
        stats->truncated += info->truncated && !info->cut;
        stats->cut += info->cut;
        if (i == 0 || value < stats->return_min) {
            stats->return_min = value;
        }
        if (i == 0 || value > stats->return_max) {
            stats->return_max = value;
        }
        if (i == 0 || info->steps < stats->length_min) {
            stats->length_min = info->steps;
        }
        if (info->steps > stats->length_max) {
            stats->length_max = info->steps;
        }
    }
    if (n == 0) {
        return;
    }
    stats->return_mean = sum / (double)n;
    stats->clipped_mean = clipped / (double)n;
    stats->length_mean = (double)stats->steps / (double)n;
    double square = 0;
    for (int64_t i = 0; i < n; i++) {
        double d = dataset->episodes[i].info.reward_sum - stats->return_mean;
        square += d * d;
    }
    stats->return_std = sqrt(square / (double)n);
}

/* The spaces and their leaves, one line each. */
static void show_spaces(const ppi_dataset *d, ppi_buf *out) {
    ppi_buf_printf(out, "observation    %s\naction         %s\n",
                   ppi_buf_text(&d->spaces.observation), ppi_buf_text(&d->spaces.action));
    for (int32_t i = 0; i < d->spaces.count; i++) {
        const pp_leaf_info *leaf = &d->spaces.leaves[i];
        ppi_buf_printf(out, "leaf           %s: ", leaf->path);
        ppi_leaf_text(out, leaf);
        ppi_buf_append_text(out, leaf->jpeg ? ", JPEG (lossy)\n" : ", lossless\n");
    }
}

static void show_facts(const ppi_dataset *d, ppi_buf *out) {
    const ppi_store_meta *meta = &d->meta;
    if (meta->backend[0]) {
        ppi_buf_printf(out, "backend        %s %s, view %s", meta->backend, meta->backend_version,
                       meta->view);
        if (meta->rom_md5[0]) {
            ppi_buf_printf(out, ", ROM md5 %s", meta->rom_md5);
        }
        ppi_buf_printf(out, "\nprotocol       sticky %g, skip %d, no-ops %d, fire %s, cap ",
                       meta->sticky, meta->frame_skip, meta->noop_max,
                       meta->fire_reset ? "on" : "off");
        if (meta->max_steps > 0) {
            ppi_buf_printf(out, "%d steps\n", meta->max_steps);
        } else {
            ppi_buf_append_text(out, "none\n");
        }
    }
    if (meta->policy[0]) {
        ppi_buf_printf(out, "policy         %s", meta->policy);
        for (int32_t i = 0; i < meta->seed_count; i++) {
            ppi_buf_printf(out, "%s%llu", i == 0 ? ", seed " : ",",
                           (unsigned long long)meta->seeds[i]);
        }
        ppi_buf_append_text(out, "\n");
    }
    if (!d->has_histories && meta->tasks[0]) {
        ppi_buf_printf(out, "tasks          of %d environments, side %s, split seed %llu\n",
                       meta->env_task_count, meta->tasks, (unsigned long long)meta->split_seed);
    }
    if (d->info.min_actions > 0) {
        ppi_buf_append_text(out, "minimal        ");
    }
    for (int32_t i = 0; i < d->info.min_actions; i++) {
        ppi_buf_printf(out, "%d%c", d->info.action_list[i],
                       i + 1 < d->info.min_actions ? ' ' : '\n');
    }
}

/* Learner, tasks and lengths of the learning histories. */
static void show_histories(const ppi_dataset *d, ppi_buf *out) {
    const ppi_group *first = &d->groups[0];
    int64_t low = first->steps;
    int64_t high = first->steps;
    int64_t least = first->task;
    int64_t most = first->task;
    for (int64_t i = 1; i < d->group_count; i++) {
        const ppi_group *g = &d->groups[i];
        low = g->steps < low ? g->steps : low;
        high = g->steps > high ? g->steps : high;
        least = g->task < least ? g->task : least;
        most = g->task > most ? g->task : most;
    }
    ppi_buf_printf(out, "histories      %lld of %lld to %lld steps, learner %s, actors %lld\n",
                   (long long)d->group_count, (long long)low, (long long)high, first->learner,
                   (long long)first->actors);
    if (d->meta.task_count != 1) {
        ppi_buf_printf(out, "tasks          %lld to %lld, side %s, split seed %llu\n",
                       (long long)least, (long long)most,
                       d->meta.tasks[0] ? d->meta.tasks : "not told",
                       (unsigned long long)d->meta.split_seed);
    }
}

/* What the learners came to in the course of their histories: means over them at the start, each
 * quarter and the end, smoothed. */
static pp_status show_progress(const ppi_dataset *d, ppi_buf *out) {
    enum { QUARTER = 10, POINTS = 4 * QUARTER + 1 };
    ppi_curve curve;
    PPI_TRY(ppi_curve_create(&curve, d, POINTS, 1));
    if (curve.count == POINTS) {
        ppi_buf_append_text(out, "progress      ");
        for (int64_t i = 0; i < POINTS; i += QUARTER) {
            ppi_buf_printf(out, " %.3g%s", curve.mean[i], i + 1 < POINTS ? " /" : "");
        }
        ppi_buf_printf(out, " at 0 / 25 / 50 / 75 / 100 %% of a history (%s)\n",
                       curve.per_step ? "reward of a step" : "return of an episode");
    }
    ppi_curve_free(&curve);
    return PP_OK;
}

/* Episodes, steps and returns. */
static void show_counts(const ppi_dataset *d, ppi_buf *out) {
    ppi_dataset_stats stats;
    ppi_dataset_statistics(d, &stats);
    ppi_buf_printf(out, "episodes       %lld (%lld truncated, %.1f%%; %lld cut)\n",
                   (long long)stats.episodes, (long long)stats.truncated,
                   100.0 * (double)stats.truncated / (double)stats.episodes, (long long)stats.cut);
    ppi_buf_printf(out, "steps          %lld (per episode mean %.1f, min %lld, max %lld)\n",
                   (long long)stats.steps, stats.length_mean, (long long)stats.length_min,
                   (long long)stats.length_max);
    ppi_buf_printf(out,
                   "return         mean %.4g, std %.4g, min %.4g, max %.4g (raw); mean %.4g "
                   "(clipped)\n",
                   stats.return_mean, stats.return_std, stats.return_min, stats.return_max,
                   stats.clipped_mean);
}

pp_status ppi_dataset_show(const ppi_dataset *d, ppi_buf *out) {
    ppi_buf_printf(out, "dataset        %s\nfolder         %s\nenvironment    %s\n", d->info.id,
                   d->folder, d->info.env);
    show_facts(d, out);
    show_spaces(d, out);
    if (d->has_histories) {
        show_histories(d, out);
        PPI_TRY(show_progress(d, out));
    }
    show_counts(d, out);
    return ppi_buf_printf(out, "size           %.1f MB\n", (double)d->file_bytes / 1e6);
}

pp_status ppi_dataset_report_text(const ppi_dataset *d, const ppi_dataset_report *report,
                                  ppi_buf *out) {
    ppi_buf_printf(out, "dataset        %s\nfile           %s, %.1f MB\n", d->info.id, d->data_path,
                   (double)d->file_bytes / 1e6);
    show_counts(d, out);
    ppi_buf_printf(out, "discontinuous  %lld gaps between episode numbers\n",
                   (long long)report->gaps);
    ppi_buf_printf(out, "lossy          %d of %d leaves stored as JPEG\n", report->lossy,
                   d->spaces.count);
    ppi_buf_printf(out, "rewards        %s\n",
                   report->rewards_are_signs ? "only -1, 0 and 1 (perhaps clipped)"
                                             : "not clipped");
    ppi_buf_printf(out, "flags          %lld rows terminated and truncated at once\n",
                   (long long)report->both_flags);
    if (d->has_histories) {
        ppi_buf_printf(out, "histories      %lld, %lld of a task and seed that are there already\n",
                       (long long)d->group_count, (long long)report->duplicates);
    }
    ppi_buf_printf(out, "outside        %lld values of a Box beyond its bounds\n",
                   (long long)report->outside);
    return ppi_buf_printf(out, "checksum       crc32c %08x\nvalid\n", report->checksum);
}
