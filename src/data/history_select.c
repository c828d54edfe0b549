/* Selecting rows of learning histories; see history_select.h. */
#include "data/history_select.h"

#include <math.h>

#include "base/error.h"
#include "base/mem.h"
#include "data/mixture.h"

/* What a history is counted in: its whole episodes, or the steps of its only one. */
typedef struct history_units {
    const ppi_dataset *dataset;
    const ppi_group *group;
    bool steps;
    int64_t count;
} history_units;

static bool is_cut(const ppi_dataset *dataset, int64_t episode) {
    return ppi_dataset_episode(dataset, episode)->info.cut;
}

static history_units units_of(const ppi_dataset *dataset, const ppi_group *group, bool keep_cut) {
    history_units u = {.dataset = dataset, .group = group, .count = group->episodes};
    /* Only the last episode of a recording can be cut. */
    if (u.count > 0 && !keep_cut && is_cut(dataset, group->first_episode + u.count - 1)) {
        u.count--;
    }
    u.steps = group->episodes == 1;
    if (u.steps && u.count == 1) {
        u.count = group->steps;
    }
    return u;
}

/* Return of an episode, or reward of a step. */
static double value_of(const history_units *u, int64_t i) {
    if (u->steps) {
        return ppi_dataset_rewards(u->dataset)[u->group->row + i];
    }
    return ppi_dataset_episode(u->dataset, u->group->first_episode + i)->info.reward_sum;
}

static double mean_of(const history_units *u, int64_t from, int64_t to) {
    double sum = 0;
    for (int64_t i = from; i < to; i++) {
        sum += value_of(u, i);
    }
    return sum / (double)(to - from);
}

double ppi_history_final(const ppi_dataset *dataset, const ppi_group *group) {
    history_units u = units_of(dataset, group, false);
    if (u.count == 0) {
        return NAN;
    }
    if (u.steps) {
        return ppi_dataset_episode(dataset, group->first_episode)->info.reward_sum;
    }
    return mean_of(&u, u.count - ppi_share_count(0.1, u.count), u.count);
}

/* How many of the first `n` units there are up to where the running mean over a twentieth of them
 * first reaches 95 % of the final level; n for a history that did not rise. */
static int64_t converged_at(const history_units *u, int64_t n) {
    const int64_t tenth = ppi_share_count(0.1, n);
    const int64_t width = ppi_share_count(0.05, n);
    const double final = mean_of(u, n - tenth, n);
    const double level = final - 0.05 * fabs(final);
    double sum = 0;
    if (final <= mean_of(u, 0, tenth)) {
        return n;
    }
    for (int64_t i = 0; i < n; i++) {
        sum += value_of(u, i) - (i >= width ? value_of(u, i - width) : 0);
        if (i + 1 >= width && sum / (double)width >= level) {
            return i + 1;
        }
    }
    return n;
}

static pp_status add_segment(ppi_history_segments *list, const ppi_history_segment *s) {
    if (list->count == list->capacity) {
        const int64_t capacity = list->capacity ? list->capacity * 2 : 64;
        ppi_history_segment *grown = ppi_realloc(list->item, (size_t)capacity * sizeof *grown);
        if (!grown) {
            return ppi_oom("the parts of learning histories");
        }
        list->item = grown;
        list->capacity = capacity;
    }
    list->item[list->count++] = *s;
    return PP_OK;
}

/* Appends `steps` rows of the group from its row `at`; rows that follow those before are joined. */
static pp_status take(ppi_history_segments *list, int64_t first_segment, const ppi_group *group,
                      int64_t at, int64_t steps, ppi_history_taken *taken) {
    ppi_history_segment *last = list->count > first_segment ? &list->item[list->count - 1] : NULL;
    const int64_t begin = taken->steps;
    taken->steps += steps;
    if (last && last->frame + last->steps == at) {
        last->steps += steps;
        return PP_OK;
    }
    return add_segment(list,
                       &(ppi_history_segment){
                           .begin = begin, .row = group->row + at, .frame = at, .steps = steps});
}

static void count_episode(ppi_history_taken *taken, double value) {
    taken->episodes++;
    taken->return_sum += value;
    taken->best_return = fmax(taken->best_return, value);
}

/* Takes the units from..to-1, of episodes every Nth. */
static pp_status take_units(ppi_history_segments *out, ppi_history_taken *taken,
                            const history_units *u, int64_t from, int64_t to, int64_t every) {
    const int64_t first_segment = out->count;
    if (u->steps) {
        if (to > from) {
            count_episode(taken, mean_of(u, from, to) * (double)(to - from));
            PPI_TRY(take(out, first_segment, u->group, from, to - from, taken));
        }
        return PP_OK;
    }
    for (int64_t i = from; i < to; i += every) {
        const ppi_episode *e = ppi_dataset_episode(u->dataset, u->group->first_episode + i);
        count_episode(taken, e->info.reward_sum);
        PPI_TRY(take(out, first_segment, u->group, e->first_frame, e->info.steps, taken));
    }
    return PP_OK;
}

pp_status ppi_history_select(ppi_history_segments *out, ppi_history_taken *taken,
                             const ppi_dataset *dataset, const ppi_group *group,
                             const ppi_sampler_options *options) {
    const history_units u = units_of(dataset, group, options->keep_cut);
    int64_t end = u.count > 0 ? ppi_share_count(options->first, u.count) : 0;
    *taken = (ppi_history_taken){.best_return = -INFINITY};
    /* rewards of the steps of one episode are no learning curve */
    if (options->converged > 0 && end > 0 && !u.steps) {
        const int64_t behind = converged_at(&u, end) + ppi_share_count(options->converged, end);
        end = behind < end ? behind : end;
    }
    const int64_t from = end > 0 ? end - ppi_share_count(options->tail, end) : 0;
    return take_units(out, taken, &u, from, end, options->every);
}
