/* Prompts out of recorded histories; see eval_prompt.h. */
#include "run/eval_prompt.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "data/dataset.h"

enum { RUNNING_EPISODES = 10 }; /* that the running mean return is of */

/* Memory of one prompt; its public form lies in the set. */
static void prompt_free(ppi_prompt *p) {
    ppi_free((void *)(uintptr_t)p->obs);
    ppi_free((void *)(uintptr_t)p->action);
    ppi_free((void *)(uintptr_t)p->reward);
    ppi_free((void *)(uintptr_t)p->last);
}

void ppi_prompt_set_free(ppi_prompt_set *set) {
    for (int64_t i = 0; set->prompt != NULL && i < set->runs; i++) prompt_free(&set->prompt[i]);
    ppi_free(set->prompt);
    ppi_free(set->history);
    ppi_free(set->end);
    ppi_free(set->level);
    *set = (ppi_prompt_set){0};
}

static pp_status check(const ppi_dataset *d, const ppi_agent *agent, const char *env) {
    const pp_dataset_info *info = ppi_dataset_info(d);
    const ppi_store_meta *meta = ppi_dataset_meta(d);
    const ppi_obs_spec *obs = &agent->cfg.obs;
    if (!ppi_dataset_has_histories(d)) {
        return ppi_fail(PP_ERR_ARGUMENT, "prompt %s has single episodes, not learning histories",
                        info->id);
    }
    if (strcmp(info->env, env) != 0) {
        return ppi_fail(PP_ERR_ARGUMENT, "prompt %s is of %s, the agent plays %s", info->id,
                        info->env, env);
    }
    /* Cells stored with more components, such as a source's key bit, begin with the agent's. */
    const bool fits =
        obs->type == PP_OBS_CELLS ? meta->channels >= obs->c : meta->channels == obs->c;
    if (meta->obs_type != obs->type || meta->height != obs->h || meta->width != obs->w || !fits) {
        return ppi_fail(PP_ERR_SHAPE,
                        "prompt %s has %dx%dx%d observations (view %s), the agent sees %" PRId64
                        "x%" PRId64 "x%" PRId64 " (view %s)",
                        info->id, meta->height, meta->width, meta->channels, meta->view, obs->h,
                        obs->w, obs->c, obs->view);
    }
    return PP_OK;
}

static int64_t count_histories(const ppi_dataset *d, int64_t task) {
    int64_t count = 0;
    for (int64_t i = 0; i < ppi_dataset_group_count(d); i++)
        count += ppi_dataset_group(d, i)->task == task;
    return count;
}

/* Number `turn` of the `count` histories of a task, counted round. */
static int64_t pick_history(const ppi_dataset *d, int64_t task, int64_t turn, int64_t count) {
    turn %= count;
    for (int64_t i = 0;; i++) {
        if (ppi_dataset_group(d, i)->task == task && turn-- == 0) return i;
    }
}

/* Mean return of the `n` whole episodes up to and with episode e of a history. */
static double running_mean(const ppi_dataset *d, int64_t e, int64_t n) {
    double sum = 0;
    for (int64_t k = e - n + 1; k <= e; k++) sum += ppi_dataset_episode(d, k)->info.reward_sum;
    return sum / (double)n;
}

/* The step of the history behind the first episode at which its running mean return is the wanted
   share of its final one. */
static pp_status find_place(int64_t *end, double *level, const ppi_dataset *d, const ppi_group *g,
                            double fraction) {
    const int64_t first = g->first_episode;
    int64_t n = g->episodes;
    if (n > 0 && ppi_dataset_episode(d, first + n - 1)->info.cut) n--;
    const int64_t tenth = n / 10 > 0 ? n / 10 : 1;
    const int64_t over = n / 4 < 1 ? 1 : n / 4 < RUNNING_EPISODES ? n / 4 : RUNNING_EPISODES;
    if (n < 1) {
        return ppi_fail(PP_ERR_ARGUMENT, "prompt: history %" PRId64 " has no whole episode",
                        g->group);
    }
    const double final = running_mean(d, first + n - 1, tenth);
    for (int64_t e = over - 1; final > 0 && e < n; e++) {
        *level = running_mean(d, first + e, over);
        if (*level < fraction * final) continue;
        const ppi_episode *episode = ppi_dataset_episode(d, first + e);
        *end = episode->row - g->row + episode->info.steps;
        return PP_OK;
    }
    return ppi_fail(PP_ERR_ARGUMENT,
                    "prompt: history %" PRId64 " of task %" PRId64
                    " never has %g of its final return %g over %" PRId64 " episodes",
                    g->group, g->task, fraction, final, over);
}

/* Marks the last steps of episodes among the steps from..from+steps-1 of a history. */
static void mark_last_steps(uint8_t *last, const ppi_dataset *d, const ppi_group *g, int64_t from,
                            int64_t steps) {
    for (int64_t e = 0; e < g->episodes; e++) {
        const ppi_episode *episode = ppi_dataset_episode(d, g->first_episode + e);
        const int64_t at = episode->row - g->row + episode->info.steps - 1 - from;
        if (!episode->info.cut && at >= 0 && at < steps) last[at] = 1;
    }
}

/* Copies the steps end-steps..end-1 of a history; observations are cut to `bytes`. */
static pp_status copy_steps(ppi_prompt *out, ppi_dataset *d, int64_t index, int64_t end,
                            int64_t steps, int64_t bytes) {
    const ppi_group *g = ppi_dataset_group(d, index);
    const size_t n = (size_t)steps;
    uint8_t *obs = ppi_calloc(n, (size_t)ppi_dataset_frame_bytes(d));
    int32_t *action = ppi_calloc(n, sizeof *action);
    float *reward = ppi_calloc(n, sizeof *reward);
    uint8_t *last = ppi_calloc(n, 1);
    *out =
        (ppi_prompt){.steps = steps, .obs = obs, .action = action, .reward = reward, .last = last};
    if (obs == NULL || action == NULL || reward == NULL || last == NULL) return ppi_oom("a prompt");
    const int64_t from = end - steps;
    memcpy(action, ppi_dataset_actions(d) + g->row + from, n * sizeof *action);
    memcpy(reward, ppi_dataset_rewards(d) + g->row + from, n * sizeof *reward);
    mark_last_steps(last, d, g, from, steps);
    PPI_TRY(ppi_dataset_read_observations(d, index, from, steps, obs));
    const int64_t stored = ppi_dataset_frame_bytes(d);
    for (int64_t t = 1; t < steps && stored > bytes; t++)
        memmove(obs + t * bytes, obs + t * stored, (size_t)bytes);
    return PP_OK;
}

static pp_status fill_run(ppi_prompt_set *set, ppi_dataset *d, int64_t run, int64_t task,
                          int64_t turn, double fraction, int64_t steps, int64_t bytes) {
    const int64_t count = count_histories(d, task);
    if (count == 0) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "prompt %s has no history of task %" PRId64 ", which run %" PRId64
                        " plays; collect it with --tasks test, or choose tasks that it has",
                        set->dataset, task, run);
    }
    /* One that never gets there, because its learner failed, leaves its turn to the next. */
    pp_status s = PP_ERR_ARGUMENT;
    int64_t index = 0;
    for (int64_t k = 0; k < count && s == PP_ERR_ARGUMENT; k++) {
        index = pick_history(d, task, turn + k, count);
        s = find_place(&set->end[run], &set->level[run], d, ppi_dataset_group(d, index), fraction);
    }
    PPI_TRY(s);
    set->history[run] = ppi_dataset_group(d, index)->group;
    const int64_t n = steps < set->end[run] ? steps : set->end[run];
    return copy_steps(&set->prompt[run], d, index, set->end[run], n, bytes);
}

static pp_status fill(ppi_prompt_set *set, ppi_dataset *d, const ppi_prompt_options *o,
                      int64_t steps, int64_t bytes, const int64_t *tasks) {
    snprintf(set->dataset, sizeof set->dataset, "%s", ppi_dataset_info(d)->id);
    for (int64_t r = 0; r < set->runs; r++) {
        int64_t turn = 0;
        for (int64_t k = 0; k < r; k++) turn += tasks[k] == tasks[r];
        PPI_TRY(fill_run(set, d, r, tasks[r], turn, o->fraction, steps, bytes));
    }
    return PP_OK;
}

pp_status ppi_prompt_set_create(ppi_prompt_set *out, const ppi_prompt_options *o,
                                const ppi_agent *agent, const char *env, const int64_t *tasks,
                                int64_t runs) {
    const int64_t context = ppi_agent_window(agent);
    const int64_t steps = o->steps > 0 ? o->steps : context;
    ppi_dataset *d = NULL;
    *out = (ppi_prompt_set){.runs = runs};
    if (agent->method->calls->act_prompt == NULL)
        return ppi_fail(PP_ERR_UNSUPPORTED, "agents of method %s take no prompt",
                        agent->method->name);
    if (steps > context) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "a prompt of %" PRId64 " steps, the agent's context holds %" PRId64
                        "; take fewer (prompt.steps)",
                        steps, context);
    }
    out->prompt = ppi_calloc((size_t)runs, sizeof *out->prompt);
    out->history = ppi_calloc((size_t)runs, sizeof *out->history);
    out->end = ppi_calloc((size_t)runs, sizeof *out->end);
    out->level = ppi_calloc((size_t)runs, sizeof *out->level);
    if (out->prompt == NULL || out->history == NULL || out->end == NULL || out->level == NULL)
        return ppi_oom("prompts");
    pp_status s = ppi_dataset_open(&d, o->dataset);
    if (s == PP_OK) s = check(d, agent, env);
    if (s == PP_OK) s = fill(out, d, o, steps, ppi_obs_bytes(&agent->cfg.obs), tasks);
    ppi_dataset_close(d);
    return s;
}
