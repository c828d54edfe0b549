/* Logs of a run folder. */
#include "run/runlog.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cpu.h"
#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/version.h"
#include "report/tensorboard.h"

#define MAX_COLUMNS 64

struct ppi_runlog {
    char dir[PPI_PATH_SIZE];
    int text; /* descriptors, -1 = closed */
    int csv;
    int jsonl;
    ppi_tb *tb;
    char *columns[MAX_COLUMNS]; /* tags of progress.csv behind step, frames, wall */
    int n_columns;
};

void ppi_run_dir_default(char *out, size_t size, const char *env, const char *method,
                         int64_t seed) {
    char flat[64];
    snprintf(flat, sizeof flat, "%.60s", env);
    for (char *c = flat; *c != '\0'; c++) {
        if (*c == '/') *c = '-';
    }
    snprintf(out, size, "runs/%s__%s__%" PRId64 "__%lld", flat, method, seed,
             (long long)ppi_clock_wall());
}

bool ppi_run_dir_used(const char *dir) {
    ppi_dir_listing list = {0};
    if (!ppi_dir_exists(dir)) return ppi_file_exists(dir);
    if (ppi_dir_list(dir, &list) != PP_OK) return true;
    const bool used = list.count > 0;
    ppi_dir_listing_free(&list);
    return used;
}

/* Step number a line of progress.csv or metrics.jsonl speaks of, -1 for another line. */
static int64_t line_step(const char *line) {
    if (strncmp(line, "{\"step\":", 8) == 0) line += 8;
    char *end = NULL;
    const long long step = strtoll(line, &end, 10);
    return end != line && (*end == ',') ? step : -1;
}

/* A line of metrics.jsonl (ended by a newline) with a figure whose tag begins so. */
static bool has_tag(const char *line, const char *end, const char *begin) {
    static const char key[] = "\"tag\":\"";
    const char *found = strstr(line, key);
    if (found == NULL || found >= end) return false;
    return strncmp(found + sizeof key - 1, begin, strlen(begin)) == 0;
}

/* Keeps the lines up to `step` (and the heading), drops a torn last line and the figures at the
   step whose tags begin with `again` (NULL = none). */
static pp_status rewind_file(const char *path, int64_t step, const char *again) {
    if (!ppi_file_exists(path)) return PP_OK;
    char *data = NULL;
    size_t size = 0;
    PPI_TRY(ppi_file_read_all(path, &data, &size));
    ppi_buf kept = {0};
    for (char *line = data; line < data + size;) {
        char *end = memchr(line, '\n', (size_t)(data + size - line));
        if (end == NULL) break;
        const int64_t at = line_step(line);
        const bool drop = again != NULL && at == step && has_tag(line, end, again);
        if (at <= step && !drop) ppi_buf_append(&kept, line, (size_t)(end + 1 - line));
        line = end + 1;
    }
    pp_status s = kept.failed;
    if (s == PP_OK && kept.len != size) {
        s = ppi_file_write_atomic(path, ppi_buf_text(&kept), kept.len);
    }
    ppi_buf_free(&kept);
    ppi_free(data);
    return s;
}

static pp_status open_file(int *fd, const ppi_runlog *log, const char *name, bool afresh,
                           int64_t step, const char *again) {
    char path[PPI_PATH_SIZE];
    PPI_TRY(ppi_path_join(path, sizeof path, log->dir, name));
    if (!afresh) PPI_TRY(rewind_file(path, step, again));
    *fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (afresh ? O_TRUNC : 0), 0666);
    return *fd < 0 ? ppi_fail_errno("cannot open '%s'", path) : PP_OK;
}

static pp_status add_column(ppi_runlog *log, const char *tag, size_t len) {
    if (log->n_columns == MAX_COLUMNS) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "progress.csv: column '%.*s' is one more than the %d possible", (int)len,
                        tag, MAX_COLUMNS);
    }
    char *copy = ppi_malloc(len + 1);
    if (copy == NULL) return ppi_oom("a column name");
    memcpy(copy, tag, len);
    copy[len] = '\0';
    log->columns[log->n_columns++] = copy;
    return PP_OK;
}

/* Takes the columns from the heading an earlier run wrote. */
static pp_status read_heading(ppi_runlog *log) {
    char path[PPI_PATH_SIZE];
    char *data = NULL;
    size_t size = 0;
    PPI_TRY(ppi_path_join(path, sizeof path, log->dir, "progress.csv"));
    PPI_TRY(ppi_file_read_all(path, &data, &size));
    char *end = memchr(data, '\n', size);
    pp_status s = PP_OK;
    int i = 0;
    for (char *at = data; end != NULL && s == PP_OK && at < end; i++) {
        size_t len = strcspn(at, ",\n");
        if (i >= 3) s = add_column(log, at, len);
        at += len + 1;
    }
    ppi_free(data);
    return s;
}

pp_status ppi_runlog_open(ppi_runlog **out, const char *dir, int64_t step, const char *again) {
    *out = NULL;
    ppi_runlog *log = ppi_calloc(1, sizeof *log);
    if (log == NULL) return ppi_oom("the run log");
    log->text = log->csv = log->jsonl = -1;
    snprintf(log->dir, sizeof log->dir, "%s", dir);
    pp_status s = ppi_dir_make(dir);
    if (s == PP_OK) s = open_file(&log->text, log, "stdout.log", false, INT64_MAX, NULL);
    if (s == PP_OK) s = open_file(&log->csv, log, "progress.csv", step == 0, step, NULL);
    if (s == PP_OK) s = open_file(&log->jsonl, log, "metrics.jsonl", step == 0, step, again);
    if (s == PP_OK) s = ppi_tb_create(&log->tb, dir);
    if (s == PP_OK && step > 0) s = read_heading(log);
    if (s != PP_OK) {
        ppi_runlog_close(log);
        return s;
    }
    *out = log;
    return PP_OK;
}

pp_status ppi_runlog_close(ppi_runlog *log) {
    if (log == NULL) return PP_OK;
    const pp_status s = ppi_tb_close(log->tb);
    if (log->text >= 0) close(log->text);
    if (log->csv >= 0) close(log->csv);
    if (log->jsonl >= 0) close(log->jsonl);
    for (int i = 0; i < log->n_columns; i++) ppi_free(log->columns[i]);
    ppi_free(log);
    return s;
}

pp_status ppi_runlog_config(const char *dir, const ppi_options *options) {
    char path[PPI_PATH_SIZE];
    ppi_buf text = {0};
    pp_status s = ppi_path_join(path, sizeof path, dir, "config.resolved.ini");
    if (s == PP_OK) s = ppi_options_write_ini(options, &text);
    if (s == PP_OK) s = ppi_file_write_atomic(path, ppi_buf_text(&text), text.len);
    ppi_buf_free(&text);
    return s;
}

pp_status ppi_runlog_version(const char *dir, const char *command) {
    char path[PPI_PATH_SIZE];
    char host[128] = "";
    char now[PPI_CLOCK_TEXT_SIZE];
    gethostname(host, sizeof host - 1);
    ppi_clock_text(now, ppi_clock_wall());
    ppi_buf text = {0};
    ppi_jsonw w;
    ppi_jsonw_init(&w, &text, 2);
    ppi_jsonw_object_begin(&w);
    ppi_jsonw_key_string(&w, "version", ppi_version());
    ppi_jsonw_key_string(&w, "commit", ppi_version_commit());
    ppi_jsonw_key_string(&w, "build", ppi_version_build());
    ppi_jsonw_key_string(&w, "cpu", ppi_cpu_features());
    ppi_jsonw_key_string(&w, "isa", ppi_isa_name(ppi_cpu_isa()));
    ppi_jsonw_key_i64(&w, "processors", ppi_cpu_count());
    ppi_jsonw_key_string(&w, "host", host);
    ppi_jsonw_key_string(&w, "started", now);
    if (command != NULL) ppi_jsonw_key_string(&w, "command", command);
    ppi_jsonw_object_end(&w);
    pp_status s = ppi_jsonw_finish(&w);
    if (s == PP_OK) s = ppi_buf_append_char(&text, '\n');
    if (s == PP_OK) s = ppi_path_join(path, sizeof path, dir, "version.json");
    if (s == PP_OK) s = ppi_file_write_atomic(path, text.data, text.len);
    ppi_buf_free(&text);
    return s;
}

static pp_status flush(int fd, ppi_buf *text, const char *name) {
    pp_status s = text->failed;
    if (s == PP_OK && text->len > 0) s = ppi_file_write_all_fd(fd, text->data, text->len, name);
    ppi_buf_free(text);
    return s;
}

pp_status ppi_runlog_line(ppi_runlog *log, const char *fmt, ...) {
    char now[PPI_CLOCK_TEXT_SIZE];
    ppi_buf text = {0};
    va_list args;
    ppi_clock_text(now, ppi_clock_wall());
    ppi_buf_printf(&text, "%s ", now);
    va_start(args, fmt);
    ppi_buf_vprintf(&text, fmt, args);
    va_end(args);
    ppi_buf_append_char(&text, '\n');
    return flush(log->text, &text, "stdout.log");
}

static pp_status write_csv(ppi_runlog *log, int64_t step, int64_t frames, double wall,
                           const ppi_figure *figures, int n) {
    ppi_buf text = {0};
    if (log->n_columns == 0) {
        for (int i = 0; i < n; i++) {
            PPI_TRY(add_column(log, figures[i].tag, strlen(figures[i].tag)));
        }
        ppi_buf_append_text(&text, "step,frames,wall");
        for (int i = 0; i < n; i++) ppi_buf_printf(&text, ",%s", figures[i].tag);
        ppi_buf_append_char(&text, '\n');
    }
    ppi_buf_printf(&text, "%" PRId64 ",%" PRId64 ",%.3f", step, frames, wall);
    for (int c = 0; c < log->n_columns; c++) {
        ppi_buf_append_char(&text, ',');
        for (int i = 0; i < n; i++) {
            if (strcmp(log->columns[c], figures[i].tag) != 0) continue;
            ppi_buf_printf(&text, "%.9g", figures[i].value);
            break;
        }
    }
    ppi_buf_append_char(&text, '\n');
    return flush(log->csv, &text, "progress.csv");
}

static pp_status write_jsonl(ppi_runlog *log, int64_t step, int64_t frames, double wall,
                             const ppi_figure *figures, int n) {
    ppi_buf text = {0};
    for (int i = 0; i < n; i++) {
        ppi_buf_printf(&text,
                       "{\"step\":%" PRId64 ",\"frames\":%" PRId64
                       ",\"wall\":%.3f,\"tag\":\"%s\",\"value\":",
                       step, frames, wall, figures[i].tag);
        if (isfinite(figures[i].value)) {
            ppi_buf_printf(&text, "%.17g}\n", figures[i].value);
        } else {
            ppi_buf_append_text(&text, "null}\n");
        }
    }
    return flush(log->jsonl, &text, "metrics.jsonl");
}

static pp_status write_events(ppi_runlog *log, int64_t step, const ppi_figure *figures, int n) {
    const double now = ppi_clock_wall();
    for (int i = 0; i < n; i++) {
        PPI_TRY(ppi_tb_scalar(log->tb, figures[i].tag, step, now, figures[i].value));
    }
    return ppi_tb_flush(log->tb);
}

pp_status ppi_runlog_step(ppi_runlog *log, int64_t step, int64_t frames, double wall,
                          const ppi_figure *figures, int n) {
    PPI_TRY(write_csv(log, step, frames, wall, figures, n));
    PPI_TRY(write_jsonl(log, step, frames, wall, figures, n));
    return write_events(log, step, figures, n);
}

pp_status ppi_runlog_eval(ppi_runlog *log, int64_t step, int64_t frames, double wall,
                          const ppi_figure *figures, int n) {
    for (int i = 0; i < n; i++) {
        if (!isfinite(figures[i].value)) continue;
        PPI_TRY(write_jsonl(log, step, frames, wall, &figures[i], 1));
        PPI_TRY(write_events(log, step, &figures[i], 1));
    }
    return PP_OK;
}
