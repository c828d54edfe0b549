/* Starting and asking the Python process of a Gymnasium environment; see gym_child.h.
 *
 * The process gets three descriptors: its standard error in memory, a socket, and memory that both
 * sides map. It ends by itself when the socket closes, so nothing is left behind when this program
 * is killed. */
#include "env/gym_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <polyplay/status.h>

#include "base/file.h"
#include "base/json.h"
#include "base/mem.h"
#include "env/arcade/arcade.h"
#include "env/gym_bridge.h"

extern char **environ;

/* Where the bridge expects its descriptors, and where ours are kept clear of those numbers. */
enum { CHILD_LOG = 2, CHILD_LINK = 3, CHILD_MEMORY = 4, OURS_FROM = 10 };
/* Milliseconds until a silent process is given up. */
enum { START_LIMIT = 180000, ANSWER_LIMIT = 120000 };
enum { MAX_GREETING = 1 << 20, LAST_WORDS = 400 };

typedef struct request {
    uint32_t operation;
    int32_t action;
    uint64_t seed;
} request;

typedef struct reply {
    uint32_t failed;
    uint32_t text;
    double reward;
    uint8_t terminated;
    uint8_t truncated;
    uint8_t pad[6];
} reply;

static void close_fd(int *fd) {
    if (*fd > 0) close(*fd);
    *fd = -1;
}

void ppi_gym_child_stop(ppi_gym_child *child) {
    if (child->map != NULL) munmap(child->map, child->map_size);
    close_fd(&child->link);
    close_fd(&child->memory);
    if (child->pid > 0) {
        kill(child->pid, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    close_fd(&child->log);
    ppi_free(child->facts);
    *child = (ppi_gym_child){.link = -1, .memory = -1, .log = -1};
}

/* The end of what the process wrote to its standard error, on one line. */
static void last_words(const ppi_gym_child *child, char *out, size_t size) {
    const off_t end = lseek(child->log, 0, SEEK_END);
    const off_t from = end > (off_t)size - 1 ? end - ((off_t)size - 1) : 0;
    const ssize_t got = end > 0 ? pread(child->log, out, (size_t)(end - from), from) : 0;
    size_t length = got > 0 ? (size_t)got : 0;
    while (length > 0 && (out[length - 1] == '\n' || out[length - 1] == ' ')) length--;
    out[length] = '\0';
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)out[i] < ' ') out[i] = ' ';
    }
}

/* Buries a process that broke off (errno ETIMEDOUT: that stays silent) and tells how it ended. */
static int32_t buried(ppi_gym_child *child, const char *what, pp_env_error *error) {
    char words[LAST_WORDS];
    char how[64] = "it gave no answer in time and was stopped";
    const bool silent = errno == ETIMEDOUT;
    int status = 0;
    pid_t gone = 0;
    /* A process that is ending keeps its own status. */
    kill(child->pid, SIGKILL);
    do {
        gone = waitpid(child->pid, &status, 0);
    } while (gone < 0 && errno == EINTR);
    child->pid = 0;
    if (!silent && WIFSIGNALED(status)) {
        snprintf(how, sizeof how, "it was killed by signal %d", WTERMSIG(status));
    } else if (!silent) {
        snprintf(how, sizeof how, "it ended with status %d", WEXITSTATUS(status));
    }
    last_words(child, words, sizeof words);
    const int32_t result = ppi_env_fail(error, PP_ERR_IO, "the Python process died in %s: %s%s%s", what, how,
                                        words[0] != '\0' ? "; its last words: " : "", words);
    ppi_gym_child_stop(child);
    return result;
}

/* Sends or receives all `size` bytes within `limit` milliseconds each. */
static bool transfer(int fd, void *data, size_t size, bool out, int limit) {
    char *at = data;
    while (size > 0) {
        struct pollfd wait = {.fd = fd, .events = out ? POLLOUT : POLLIN};
        const int ready = poll(&wait, 1, limit);
        if (ready < 0 && errno == EINTR) continue;
        if (ready == 0) errno = ETIMEDOUT;
        if (ready <= 0) return false;
        const ssize_t n = out ? send(fd, at, size, MSG_NOSIGNAL) : recv(fd, at, size, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n == 0) errno = ECONNRESET;
        if (n <= 0) return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static const char *interpreter(char *path, size_t size) {
    const char *named = getenv("POLYPLAY_PYTHON");
    if (named != NULL && named[0] != '\0') return named;
    const char *deps = getenv("POLYPLAY_DEPS");
    const char *home = getenv("HOME");
    int n = 0;
    if (deps != NULL) {
        n = snprintf(path, size, "%s/venv/bin/python", deps);
    } else if (home != NULL) {
        n = snprintf(path, size, "%s/.cache/polyplay/venv/bin/python", home);
    }
    return n > 0 && (size_t)n < size && ppi_file_exists(path) ? path : "python3";
}

/* Descriptors of the process: standard error, socket, memory. */
static int spawn(ppi_gym_child *child, int theirs, const char *name) {
    char path[PPI_PATH_SIZE];
    const char *python = interpreter(path, sizeof path);
    char *argv[] = {(char *)(uintptr_t)python, (char *)(uintptr_t) "-c",
                    (char *)(uintptr_t)ppi_gym_bridge_text, (char *)(uintptr_t)name, NULL};
    posix_spawn_file_actions_t actions;
    int failed = posix_spawn_file_actions_init(&actions);
    if (failed != 0) return failed;
    failed = posix_spawn_file_actions_adddup2(&actions, child->log, CHILD_LOG);
    if (failed == 0) failed = posix_spawn_file_actions_adddup2(&actions, theirs, CHILD_LINK);
    if (failed == 0) failed = posix_spawn_file_actions_adddup2(&actions, child->memory, CHILD_MEMORY);
    if (failed == 0) failed = posix_spawnp(&child->pid, python, &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) child->pid = 0;
    return failed;
}

/* A descriptor above the numbers that the process uses. */
static int moved(int fd) {
    if (fd < 0) return -1;
    const int up = fcntl(fd, F_DUPFD_CLOEXEC, OURS_FROM);
    close(fd);
    return up;
}

static int32_t greeting(ppi_gym_child *child, const char *name, pp_env_error *error) {
    uint32_t length = 0;
    if (!transfer(child->link, &length, sizeof length, false, START_LIMIT))
        return buried(child, "its start", error);
    if (length > MAX_GREETING) return ppi_env_fail(error, PP_ERR_CORRUPT, "a greeting of %u bytes", length);
    child->facts = ppi_calloc(1, (size_t)length + 1);
    if (child->facts == NULL) return ppi_env_fail(error, PP_ERR_NO_MEMORY, "no memory for a greeting");
    if (!transfer(child->link, child->facts, length, false, ANSWER_LIMIT))
        return buried(child, "its start", error);
    ppi_json *facts = NULL;
    if (ppi_json_parse(&facts, child->facts, length, "the greeting of the Python process") != PP_OK)
        return ppi_env_fail(error, PP_ERR_CORRUPT, "%s", pp_last_error());
    const char *refusal = NULL;
    int32_t status = PP_OK;
    if (ppi_json_find(facts, "error") != NULL && ppi_json_get_string(facts, "error", &refusal) == PP_OK)
        status = ppi_env_fail(error, PP_ERR_UNSUPPORTED, "gym/%s: %s", name, refusal);
    ppi_json_free(facts);
    return status;
}

int32_t ppi_gym_child_start(ppi_gym_child *child, const char *name, pp_env_error *error) {
    int pair[2] = {-1, -1};
    *child = (ppi_gym_child){.link = -1, .memory = -1, .log = -1};
    child->memory = moved(memfd_create("polyplay-gym", MFD_CLOEXEC));
    child->log = moved(memfd_create("polyplay-gym-log", MFD_CLOEXEC));
    if (child->memory < 0 || child->log < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) {
        const int32_t status = ppi_env_fail(error, PP_ERR_IO, "gym/%s: no descriptors for a process: %s", name,
                                            strerror(errno));
        ppi_gym_child_stop(child);
        return status;
    }
    child->link = moved(pair[0]);
    int theirs = moved(pair[1]);
    const int failed = spawn(child, theirs, name);
    close_fd(&theirs);
    int32_t status = PP_OK;
    if (failed != 0) {
        status = ppi_env_fail(error, PP_ERR_NOT_FOUND,
                              "gym/%s: Python cannot be started (%s); POLYPLAY_PYTHON names the interpreter, "
                              "which needs the package gymnasium",
                              name, strerror(failed));
    } else {
        status = greeting(child, name, error);
    }
    if (status != PP_OK) ppi_gym_child_stop(child);
    return status;
}

int32_t ppi_gym_child_map(ppi_gym_child *child, size_t size, pp_env_error *error) {
    const off_t there = lseek(child->memory, 0, SEEK_END);
    if (there < (off_t)size)
        return ppi_env_fail(error, PP_ERR_CORRUPT, "shared memory of %lld bytes, %zu expected", (long long)there,
                            size);
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, child->memory, 0);
    if (map == MAP_FAILED) return ppi_env_fail(error, PP_ERR_NO_MEMORY, "shared memory: %s", strerror(errno));
    child->map = map;
    child->map_size = size;
    return PP_OK;
}

int32_t ppi_gym_child_ask(ppi_gym_child *child, ppi_gym_operation operation, int32_t action, uint64_t seed,
                          ppi_gym_reply *out, pp_env_error *error) {
    static const char *const names[] = {"", "a reset", "a step", "a picture"};
    request ask = {.operation = (uint32_t)operation, .action = action, .seed = seed};
    reply answer;
    if (!transfer(child->link, &ask, sizeof ask, true, ANSWER_LIMIT) ||
        !transfer(child->link, &answer, sizeof answer, false, ANSWER_LIMIT))
        return buried(child, names[operation], error);
    if (answer.failed) {
        char text[1024];
        if (answer.text >= sizeof text || !transfer(child->link, text, answer.text, false, ANSWER_LIMIT))
            return buried(child, names[operation], error);
        text[answer.text] = '\0';
        return ppi_env_fail(error, PP_ERR_ARGUMENT, "%s failed: %.900s", names[operation], text);
    }
    *out = (ppi_gym_reply){answer.reward, answer.terminated != 0, answer.truncated != 0};
    return PP_OK;
}
