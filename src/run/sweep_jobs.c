/* The processes of a sweep: each run in one of its own, so that one that fails, or is killed for
 * want of memory, takes no other with it, and nothing that a library keeps for the whole process is
 * shared.
 *
 * A process is forked, not started anew, and must find no threads behind: whoever calls this trains
 * and evaluates nothing itself. It tells over a pipe what there is to show; the pipe's end tells
 * that it is gone. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/signal.h"
#include "run/sweep_internal.h"

/* Milliseconds after which a signal that came at an unlucky moment is seen. */
enum { WAIT_LIMIT = 1000, MESSAGE_SIZE = PPI_ERROR_TEXT_SIZE + 2 };

/* First letter of a message: something to show, or the last error. */
enum { TELL_PROGRESS = 'p', TELL_ERROR = 'e' };

/* A process that is at work. */
typedef struct worker {
    int piece;
    pid_t pid;
    int pipe;     /* messages, each a letter and a text, ended by a zero byte */
    double start; /* seconds */
    size_t used;  /* bytes of the message that is coming */
    char message[MESSAGE_SIZE];
    char error[PPI_ERROR_TEXT_SIZE];
} worker;

typedef struct crew {
    const ppi_sweep_work *work;
    worker *at; /* [work->jobs] */
    struct pollfd *wait;
    int count;
    int next; /* piece that nobody has begun */
    bool stopped;
} crew;

/* ---- inside of a process --------------------------------------------------------------------- */

/* Where a process tells, and its log. */
typedef struct mouth {
    int pipe;
    int log;
} mouth;

static void tell(int pipe, char letter, const char *text) {
    char message[MESSAGE_SIZE];
    snprintf(message, sizeof message, "%c%.*s", letter, MESSAGE_SIZE - 2, text);
    /* Nobody listens any more only when the caller is gone, and then so is this process. */
    (void)ppi_file_write_all_fd(pipe, message, strlen(message) + 1, "the pipe of a sweep");
}

static void sink(void *user, ppi_log_level level, const char *text) {
    const mouth *m = user;
    char now[PPI_CLOCK_TEXT_SIZE];
    if (level == PPI_LOG_PROGRESS) {
        tell(m->pipe, TELL_PROGRESS, text);
        return;
    }
    ppi_clock_text(now, ppi_clock_wall());
    dprintf(m->log, "%s %s %s\n", now, ppi_log_level_name(level), text);
}

static int open_log(const ppi_sweep_work *work, int piece) {
    char path[PPI_PATH_SIZE];
    char folder[PPI_PATH_SIZE];
    if (work->log_path(work->ctx, piece, path) != PP_OK) return -1;
    if (ppi_path_dir(folder, sizeof folder, path) != PP_OK || ppi_dir_make(folder) != PP_OK)
        return -1;
    const int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0) ppi_fail_errno("%s: could not open the log", path);
    return fd;
}

/* The process dies with its caller, even when that is killed; a signal from the keyboard reaches
 * the caller alone, which passes it on once. */
static void belong_to(pid_t caller) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != caller) _exit(1);
    setpgid(0, 0);
}

static void be_process(const ppi_sweep_work *work, int piece, int pipe, pid_t caller) {
    belong_to(caller);
    mouth m = {pipe, open_log(work, piece)};
    pp_status s = m.log >= 0 ? PP_OK : PP_ERR_IO;
    if (s == PP_OK) {
        dup2(m.log, STDERR_FILENO); /* last words of libraries */
        ppi_log_set_sink(sink, &m, PPI_LOG_INFO);
        s = ppi_interrupt_install();
    }
    if (s == PP_OK) s = work->run(work->ctx, piece);
    if (s != PP_OK) {
        ppi_log(PPI_LOG_ERROR, "%s", pp_last_error());
        tell(pipe, TELL_ERROR, pp_last_error());
    }
    _exit((int)s);
}

/* ---- in the caller --------------------------------------------------------------------------- */

static pp_status start(crew *c) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return ppi_fail_errno("cannot open a pipe");
    const pid_t caller = getpid();
    const pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        be_process(c->work, c->next, ends[1], caller);
    }
    close(ends[1]);
    if (pid < 0) {
        const pp_status s = ppi_fail_errno("cannot start the process of a run");
        close(ends[0]);
        return s;
    }
    worker *w = &c->at[c->count++];
    *w = (worker){.piece = c->next++, .pid = pid, .pipe = ends[0], .start = ppi_clock_seconds()};
    return PP_OK;
}

/* What a message says. */
static void hear(const crew *c, worker *w) {
    const char *text = w->message + 1;
    if (w->message[0] == TELL_ERROR) snprintf(w->error, sizeof w->error, "%s", text);
    if (w->message[0] == TELL_PROGRESS && c->work->progress != NULL)
        c->work->progress(c->work->ctx, w->piece, text);
}

/* Takes what has come through the pipe; false when it has ended. */
static bool listen_to(const crew *c, worker *w) {
    char bytes[4096];
    const ssize_t got = read(w->pipe, bytes, sizeof bytes);
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    for (ssize_t i = 0; i < got; i++) {
        if (w->used < sizeof w->message - 1) w->message[w->used++] = bytes[i];
        if (bytes[i] != '\0') continue;
        w->message[w->used] = '\0';
        hear(c, w);
        w->used = 0;
    }
    return got > 0;
}

/* Takes the process off the list and tells how it ended. */
static void bury(crew *c, int index) {
    worker w = c->at[index];
    int how = 0;
    c->at[index] = c->at[--c->count];
    close(w.pipe);
    while (waitpid(w.pid, &how, 0) < 0 && errno == EINTR) {
    }
    pp_status s = PP_ERR_INTERNAL;
    if (WIFEXITED(how) && WEXITSTATUS(how) < PP_STATUS_COUNT) s = (pp_status)WEXITSTATUS(how);
    if (WIFSIGNALED(how)) {
        snprintf(w.error, sizeof w.error, "the process was killed by signal %d%s", WTERMSIG(how),
                 WTERMSIG(how) == SIGKILL ? ", as happens where memory runs out" : "");
    } else if (s != PP_OK && w.error[0] == '\0') {
        snprintf(w.error, sizeof w.error, "the process ended with exit status %d",
                 WEXITSTATUS(how));
    }
    c->work->ended(c->work->ctx, w.piece, s, w.error, ppi_clock_seconds() - w.start);
}

static void listen_to_all(crew *c) {
    for (int i = 0; i < c->count; i++)
        c->wait[i] = (struct pollfd){.fd = c->at[i].pipe, .events = POLLIN};
    if (poll(c->wait, (nfds_t)c->count, WAIT_LIMIT) <= 0) return;
    for (int i = c->count - 1; i >= 0; i--) { /* from behind: bury moves the last one forward */
        if (c->wait[i].revents != 0 && !listen_to(c, &c->at[i])) bury(c, i);
    }
}

static void pass_signal_on(crew *c) {
    if (c->stopped || !ppi_interrupted()) return;
    c->stopped = true;
    for (int i = 0; i < c->count; i++) kill(c->at[i].pid, SIGTERM);
}

static pp_status work_off(crew *c) {
    const ppi_sweep_work *work = c->work;
    pp_status s = PP_OK;
    while (c->count > 0 || (s == PP_OK && !c->stopped && c->next < work->count)) {
        pass_signal_on(c);
        while (s == PP_OK && !c->stopped && c->count < work->jobs && c->next < work->count)
            s = start(c);
        if (c->count > 0) listen_to_all(c);
    }
    if (s != PP_OK) return s;
    return c->stopped ? ppi_fail(PP_ERR_INTERRUPTED, "stopped") : PP_OK;
}

pp_status ppi_sweep_work_run(const ppi_sweep_work *work) {
    crew c = {.work = work};
    c.at = ppi_calloc((size_t)work->jobs, sizeof *c.at);
    c.wait = ppi_calloc((size_t)work->jobs, sizeof *c.wait);
    const pp_status s =
        c.at == NULL || c.wait == NULL ? ppi_oom("the processes of a sweep") : work_off(&c);
    ppi_free(c.at);
    ppi_free(c.wait);
    return s;
}
