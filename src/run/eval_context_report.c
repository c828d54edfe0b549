/* What an in-context evaluation tells people: the text, the CSV and the picture. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "report/svg.h"
#include "run/eval_context.h"

/* --- text ------------------------------------------------------------------------------------- */

static void value_row(ppi_buf *out, const char *name, double value, double low, double high) {
    ppi_buf_printf(out, "  %-44s %9.4g", name, value);
    if (!isnan(low)) ppi_buf_printf(out, "  [%.4g, %.4g]", low, high);
    ppi_buf_append_char(out, '\n');
}

/* The point at which the curve has a share of its final value. */
static void reach_row(ppi_buf *out, const ppi_context_curve *c, const char *name, int64_t point) {
    if (point == 0) {
        ppi_buf_printf(out, "  %-44s %9s\n", name, "-");
        return;
    }
    ppi_buf_printf(out, "  %-44s %9" PRId64 "  (%.0f steps)\n", name, point, c->steps[point - 1]);
}

static void curve_text(ppi_buf *out, const ppi_context_game *g) {
    const ppi_context_curve *c = &g->curve;
    const char *unit = c->per_step ? "step" : "episode";
    char name[96];
    snprintf(name, sizeof name, "first %s", unit);
    value_row(out, name, c->first, c->low[0], c->high[0]);
    snprintf(name, sizeof name, "final: mean of the last %" PRId64 " %ss", c->final_over, unit);
    value_row(out, name, c->final, c->final_low, c->final_high);
    snprintf(name, sizeof name, "%ss to half of it", unit);
    reach_row(out, c, name, c->half);
    snprintf(name, sizeof name, "%ss to 90 %% of it", unit);
    reach_row(out, c, name, c->ninety);
    if (c->per_step) {
        value_row(out, "return of the whole life", c->score, c->score_low, c->score_high);
    } else {
        snprintf(name, sizeof name, "score: mean of the last %" PRId64 " episodes", c->score_over);
        value_row(out, name, c->score, c->score_low, c->score_high);
    }
    if (g->runs > 1) {
        ppi_buf_printf(out, "  means over the runs with %g %% bootstrap intervals",
                       100 * PPI_CONTEXT_CONFIDENCE);
    } else {
        ppi_buf_append_text(out, "  figures of one run, which has no interval");
    }
    if (c->smoothing > 1) {
        ppi_buf_printf(out, "; reaching is told from the mean of %" PRId64 " neighbouring %ss",
                       c->smoothing, unit);
    }
    ppi_buf_append_char(out, '\n');
}

/* How the runs' own final values spread: tasks that are never found show here, not in a mean. */
static pp_status spread_text(ppi_buf *out, const ppi_context_game *g) {
    double *final = ppi_calloc((size_t)g->runs, sizeof *final);
    if (final == NULL) return ppi_oom("final values");
    for (int64_t r = 0; r < g->runs; r++)
        final[r] = ppi_context_run_final(&g->lives, r, g->curve.final_over);
    ppi_stats_sort(final, g->runs);
    ppi_buf_printf(out, "  final values of the runs: min %.4g, quartiles", final[0]);
    for (int p = 25; p <= 75; p += 25)
        ppi_buf_printf(out, " %.4g", ppi_stats_percentile(final, g->runs, p));
    ppi_buf_printf(out, ", max %.4g\n", final[g->runs - 1]);
    ppi_free(final);
    return PP_OK;
}

static void bandit_text(ppi_buf *out, const ppi_context_bandit *b) {
    if (!b->played) return;
    value_row(out, "random play on the same arms", b->random, NAN, NAN);
    value_row(out, "UCB (c 0.3) on the same arms", b->ucb, NAN, NAN);
    value_row(out, "normalised score (0 random, 1 UCB)", b->score, b->low, b->high);
}

/* Steps, or what stands for never. */
static const char *steps_text(char *out, size_t size, double steps, const char *never) {
    if (isnan(steps)) return never;
    snprintf(out, size, "%.0f", steps);
    return out;
}

static void source_text(ppi_buf *out, const ppi_source_figures *f, const ppi_context_curve *c) {
    const double actors = (double)f->actors;
    const double steps = c->steps[c->count - 1];
    char name[96];
    char text[3][32];
    ppi_buf_printf(out,
                   "source %s (%s): %" PRId64 " histories, %" PRId64 " actor%s, final %.4g (last "
                   "tenth of %.0f steps a stream)\n",
                   f->learner, f->dataset, f->histories, f->actors, f->actors == 1 ? "" : "s",
                   f->final, f->own_steps);
    ppi_buf_printf(out, "  %-34s %14s %14s %14s\n", "", "all actors", "one stream", "agent");
    snprintf(name, sizeof name, "return after %.0f steps", steps);
    const char *ended = "(ended)";
    char at[2][32];
    snprintf(at[0], sizeof at[0], "%.4g", f->at_all);
    snprintf(at[1], sizeof at[1], "%.4g", f->at_one);
    ppi_buf_printf(out, "  %-34s %14s %14s %14.4g\n", name, isnan(f->at_all) ? ended : at[0],
                   isnan(f->at_one) ? ended : at[1], c->smooth[c->count - 1]);
    snprintf(name, sizeof name, "steps to the agent's final %.4g", c->final);
    const int64_t own = ppi_context_curve_reach(c, c->final);
    ppi_buf_printf(out, "  %-34s %14s %14s %14s\n", name,
                   steps_text(text[0], 32, f->reach_agent * actors, "never"),
                   steps_text(text[1], 32, f->reach_agent, "never"),
                   steps_text(text[2], 32, own > 0 ? c->steps[own - 1] : NAN, "never"));
    snprintf(name, sizeof name, "steps to the source's final %.4g", f->final);
    ppi_buf_printf(out, "  %-34s %14s %14s %14s\n", name,
                   steps_text(text[0], 32, f->reach_final * actors, "never"),
                   steps_text(text[1], 32, f->reach_final, "never"),
                   steps_text(text[2], 32, f->agent_reach, "never"));
}

static void tasks_text(ppi_buf *out, const ppi_context_game *g) {
    const ppi_run_tasks *t = &g->tasks;
    ppi_buf_printf(out, "%s, in context: %" PRId64 " run%s of %" PRId64 " episode%s on %" PRId64,
                   g->play->env, g->runs, g->runs == 1 ? "" : "s", g->episodes,
                   g->episodes == 1 ? "" : "s", t->distinct);
    if (t->side[0] == '\0') {
        ppi_buf_printf(out, " task (%" PRId64 ")", t->task[0]);
    } else {
        ppi_buf_printf(out, " task%s of the side %s (split seed %" PRId64 ")",
                       t->distinct == 1 ? "" : "s", t->side, t->split_seed);
    }
    if (t->seen < 0) ppi_buf_printf(out, ", training tasks unknown");
    if (t->seen > 0) ppi_buf_printf(out, ", %" PRId64 " runs on tasks trained on", t->seen);
    ppi_buf_append_char(out, '\n');
}

static void prompt_text(ppi_buf *out, const ppi_context_game *g, double fraction) {
    const ppi_prompt_set *p = &g->prompts;
    double steps = 0;
    double level = 0;
    if (p->runs == 0) return;
    for (int64_t r = 0; r < p->runs; r++) {
        steps += (double)p->prompt[r].steps / (double)p->runs;
        level += p->level[r] / (double)p->runs;
    }
    ppi_buf_printf(out,
                   "  prompt %s: %.4g steps up to where a history has %g of its final return "
                   "(mean %.4g there)\n",
                   p->dataset, steps, fraction, level);
}

pp_status ppi_context_report(ppi_buf *out, const ppi_context_game *g, const ppi_eval_options *o) {
    tasks_text(out, g);
    prompt_text(out, g, o->prompt_fraction);
    curve_text(out, g);
    PPI_TRY(spread_text(out, g));
    bandit_text(out, &g->bandit);
    for (int i = 0; i < g->sources; i++) source_text(out, &g->source[i], &g->curve);
    ppi_buf_printf(out, "%.0f decisions/s; curve %s, %s\n",
                   g->play->wall > 0 ? (double)g->play->decisions / g->play->wall : 0.0, g->csv,
                   g->svg);
    return out->failed;
}

/* --- table ------------------------------------------------------------------------------------ */

static void cell(ppi_buf *out, double value) {
    ppi_buf_append_char(out, ',');
    if (!isnan(value)) ppi_buf_append_f64(out, value);
}

pp_status ppi_context_write_csv(const ppi_context_game *g) {
    const ppi_context_curve *c = &g->curve;
    ppi_buf out = {0};
    ppi_buf_printf(&out, "%s,steps,mean,std,low,high,smoothed", c->per_step ? "step" : "episode");
    for (int k = 0; k < g->sources; k++) {
        char n[16] = "";
        if (k > 0) snprintf(n, sizeof n, "_%d", k + 1);
        ppi_buf_printf(&out, ",source%s_all_actors,source%s_one_stream", n, n);
    }
    ppi_buf_append_char(&out, '\n');
    for (int64_t i = 0; i < c->count; i++) {
        ppi_buf_printf(&out, "%" PRId64, i + 1);
        const double row[] = {c->steps[i], c->mean[i], c->std[i],
                              c->low[i],   c->high[i], c->smooth[i]};
        for (size_t k = 0; k < sizeof row / sizeof row[0]; k++) cell(&out, row[k]);
        for (int k = 0; k < g->sources; k++) {
            const ppi_source_figures *f = &g->source[k];
            cell(&out, ppi_source_at(f, c->steps[i] / (double)f->actors));
            cell(&out, ppi_source_at(f, c->steps[i]));
        }
        ppi_buf_append_char(&out, '\n');
    }
    pp_status s = out.failed;
    if (s == PP_OK) s = ppi_file_write_atomic(g->csv, out.data, out.len);
    ppi_buf_free(&out);
    return s;
}

/* --- picture ---------------------------------------------------------------------------------- */

enum { LINES = 3 };

/* The agent's smoothed curve with its band, and the first source on both axes of steps. */
static pp_status draw(ppi_buf *out, const ppi_context_game *g, double *memory) {
    const ppi_context_curve *c = &g->curve;
    const int64_t n = c->count;
    double *low = memory;
    double *high = memory + n;
    double *all = memory + 2 * n;
    double *one = memory + 3 * n;
    char title[160];
    char names[LINES][96];
    ppi_context_smooth(low, c->low, n, c->smoothing);
    ppi_context_smooth(high, c->high, n, c->smoothing);
    for (int64_t i = 0; i < n; i++) {
        all[i] = one[i] = NAN;
        if (g->sources == 0) continue;
        all[i] = ppi_source_at(&g->source[0], c->steps[i] / (double)g->source[0].actors);
        one[i] = ppi_source_at(&g->source[0], c->steps[i]);
    }
    snprintf(names[0], sizeof names[0], "in context, mean of %" PRId64 " runs, 95 %%", g->runs);
    if (g->runs == 1) snprintf(names[0], sizeof names[0], "in context, one run");
    if (g->sources > 0) {
        snprintf(names[1], sizeof names[1], "source %s, all %" PRId64 " actors summed",
                 g->source[0].learner, g->source[0].actors);
        snprintf(names[2], sizeof names[2], "source %s, one stream", g->source[0].learner);
    }
    const ppi_plot_series series[LINES] = {
        {.name = names[0], .count = n, .x = c->steps, .y = c->smooth, .low = low, .high = high},
        {.name = names[1], .count = n, .x = c->steps, .y = all},
        {.name = names[2], .count = n, .x = c->steps, .y = one},
    };
    snprintf(title, sizeof title, "%s, %" PRId64 " tasks%s%s", g->play->env, g->tasks.distinct,
             g->tasks.side[0] != '\0' ? " of the side " : "", g->tasks.side);
    const bool both = g->sources > 0 && g->source[0].actors > 1;
    const ppi_plot plot = {.title = title,
                           .x_label = "environment steps",
                           .y_label = c->per_step ? "reward of a step" : "return of an episode",
                           .series = series,
                           .count = g->sources == 0 ? 1
                                    : both          ? 3
                                                    : 2};
    return ppi_svg_plot(out, &plot);
}

pp_status ppi_context_write_svg(const ppi_context_game *g) {
    ppi_buf out = {0};
    double *memory = ppi_calloc((size_t)g->curve.count * 4, sizeof *memory);
    pp_status s = memory == NULL ? ppi_oom("a picture of a curve") : PP_OK;
    if (s == PP_OK) s = draw(&out, g, memory);
    if (s == PP_OK) s = ppi_file_write_atomic(g->svg, out.data, out.len);
    ppi_free(memory);
    ppi_buf_free(&out);
    return s;
}
