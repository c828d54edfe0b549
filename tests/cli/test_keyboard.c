/* `polyplay play --keyboard` in a pseudo-terminal: keys are typed, what the program draws is read,
 * and the terminal must be left as it was found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "report/text_picture.h"

enum { PATIENCE_MS = 60000, ROWS = 30, COLUMNS = 100 };

/* A program in a terminal of its own. */
typedef struct screen {
    int master;
    int slave; /* kept open, to look at the settings afterwards */
    pid_t child;
    ppi_buf seen;
} screen;

static void start(screen *s, const char *term, const char *locale, const char *const *arguments) {
    const struct winsize size = {.ws_row = ROWS, .ws_col = COLUMNS};
    char program[1024];
    *s = (screen){.master = posix_openpt(O_RDWR | O_NOCTTY)};
    assert_true(s->master >= 0);
    assert_int_equal(grantpt(s->master), 0);
    assert_int_equal(unlockpt(s->master), 0);
    s->slave = open(ptsname(s->master), O_RDWR | O_NOCTTY);
    assert_true(s->slave >= 0);
    assert_int_equal(ioctl(s->master, TIOCSWINSZ, &size), 0);
    snprintf(program, sizeof(program), "%s/polyplay", getenv("PP_BINARY_DIR"));
    s->child = fork();
    assert_true(s->child >= 0);
    if (s->child > 0) return;
    setsid();
    for (int fd = 0; fd < 3; fd++) dup2(s->slave, fd);
    close(s->master);
    setenv("TERM", term, 1);
    setenv("LC_ALL", locale, 1);
    setenv("COLORTERM", "truecolor", 1);
    execv(program, (char *const *)(uintptr_t)arguments);
    _exit(127);
}

/* Reads until `text` appears behind the position `from`; returns the position behind it. */
static size_t expect(screen *s, size_t from, const char *text) {
    for (;;) {
        const char *found = s->seen.len > from ? strstr(s->seen.data + from, text) : NULL;
        if (found != NULL) return (size_t)(found - s->seen.data) + strlen(text);
        struct pollfd output = {.fd = s->master, .events = POLLIN};
        char bytes[4096];
        const int ready = poll(&output, 1, PATIENCE_MS);
        const ssize_t got = ready > 0 ? read(s->master, bytes, sizeof(bytes)) : -1;
        if (got <= 0) fail_msg("'%s' did not appear in:\n%s", text, ppi_buf_text(&s->seen));
        for (ssize_t i = 0; i < got; i++) {
            if (bytes[i] != 0) assert_int_equal(ppi_buf_append_char(&s->seen, bytes[i]), PP_OK);
        }
    }
}

static void type(const screen *s, const char *keys) {
    assert_int_equal(write(s->master, keys, strlen(keys)), (ssize_t)strlen(keys));
}

/* Waits for the end of the program; returns its exit code. */
static int finish(screen *s) {
    int status = 0;
    assert_int_equal(waitpid(s->child, &status, 0), s->child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void release(screen *s) {
    close(s->master);
    close(s->slave);
    ppi_buf_free(&s->seen);
}

/* The settings a fresh terminal has. */
static void assert_restored(const screen *s) {
    struct termios after;
    assert_int_equal(tcgetattr(s->slave, &after), 0);
    assert_true(after.c_lflag & ICANON);
    assert_true(after.c_lflag & ECHO);
    assert_true(after.c_lflag & ISIG);
    assert_true(after.c_iflag & ICRNL);
}

/* Catch has an action for standing still, so it ticks and ends by itself. */
static void plays_and_restores(void **state) {
    static const char *const arguments[] = {"polyplay",   "play",  "--env", "arcade/catch",
                                            "--keyboard", "--fps", "50",    NULL};
    screen s;
    struct termios raw;
    (void)state;
    start(&s, "xterm-256color", "C.UTF-8", arguments);
    size_t at = expect(&s, 0, "\033[?1049h");
    assert_int_equal(tcgetattr(s.slave, &raw), 0);
    assert_false(raw.c_lflag & ICANON);
    at = expect(&s, at, "\033[38;2;");
    at = expect(&s, at, "\xe2\x96\x80");
    at = expect(&s, at, "arcade/catch  step 0  return 0");
    type(&s, "\033[D"); /* an arrow */
    at = expect(&s, at, "LEFT");
    at = expect(&s, at, "step 9");
    at = expect(&s, at, "the episode is over");
    type(&s, "x");
    at = expect(&s, at, "\033[?1049l"); /* one episode was asked for */
    at = expect(&s, at, "arcade/catch episode 0 seed 1 return ");
    at = expect(&s, at, "steps 9 end terminal");
    assert_int_equal(finish(&s), 0);
    assert_restored(&s);
    release(&s);
}

/* Without an action for standing still the game waits: two keys are two steps, however long. */
static void waits_for_keys(void **state) {
    static const char *const arguments[] = {"polyplay",    "play",       "--env",
                                            "arcade/2048", "--keyboard", NULL};
    screen s;
    (void)state;
    start(&s, "xterm-256color", "C.UTF-8", arguments);
    size_t at = expect(&s, 0, "step 0");
    type(&s, "w");
    at = expect(&s, at, "step 1 ");
    at = expect(&s, at, "UP");
    type(&s, "3"); /* the fourth action of the list */
    at = expect(&s, at, "step 2 ");
    at = expect(&s, at, "DOWN");
    type(&s, "\003"); /* Ctrl-C */
    at = expect(&s, at, "\033[?25h\033[?1049l");
    at = expect(&s, at, "steps 2 end stopped");
    assert_int_equal(finish(&s), 0);
    release(&s);
}

static void draws_without_colours(void **state) {
    static const char *const arguments[] = {"polyplay",    "play",       "--env",
                                            "arcade/2048", "--keyboard", NULL};
    screen s;
    (void)state;
    start(&s, "vt100", "C", arguments);
    const size_t at = expect(&s, 0, "step 0");
    assert_null(strstr(s.seen.data, "\033[38;"));
    assert_null(strstr(s.seen.data, "\xe2\x96\x80"));
    type(&s, "q");
    expect(&s, at, "end stopped");
    assert_int_equal(finish(&s), 0);
    release(&s);
}

/* A signal from outside ends it as tidily as a key. */
static void restores_after_a_signal(void **state) {
    static const char *const arguments[] = {"polyplay",  "play",       "--env",
                                            "dark/room", "--keyboard", NULL};
    screen s;
    (void)state;
    start(&s, "xterm-256color", "C.UTF-8", arguments);
    const size_t at = expect(&s, 0, "step 0");
    assert_int_equal(kill(s.child, SIGTERM), 0);
    expect(&s, at, "\033[?1049l");
    expect(&s, at, "end stopped");
    assert_int_equal(finish(&s), 0);
    assert_restored(&s);
    release(&s);
}

static void refuses(void **state) {
    static const char *const arguments[] = {"polyplay",     "play",       "--env",
                                            "arcade/catch", "--keyboard", NULL};
    static const char *const still[] = {"polyplay",   "play",  "--env", "watermaze",
                                        "--keyboard", "--fps", "5",     NULL};
    screen s;
    (void)state;
    start(&s, "dumb", "C.UTF-8", arguments);
    expect(&s, 0, "cannot place its cursor");
    assert_int_equal(finish(&s), 1);
    release(&s);
    start(&s, "xterm-256color", "C.UTF-8", still);
    expect(&s, 0, "no action for standing still");
    assert_int_equal(finish(&s), 2);
    release(&s);
}

/* Runs `polyplay <arguments>` with a pipe for output; returns the exit code. */
static int run_in_pipe(char *output, size_t size, const char *arguments) {
    char command[1024];
    snprintf(command, sizeof(command), "'%s/polyplay' %s 2>&1 < /dev/null", getenv("PP_BINARY_DIR"),
             arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    const size_t got = fread(output, 1, size - 1, pipe);
    output[got] = '\0';
    const int status = pclose(pipe);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Without a terminal --keyboard is refused; random play needs neither a terminal nor a run. */
static void needs_a_terminal(void **state) {
    char output[4096];
    (void)state;
    assert_int_equal(run_in_pipe(output, sizeof(output), "play --env arcade/catch --keyboard"), 1);
    assert_non_null(strstr(output, "needs a terminal, and standard input is none"));
    assert_null(strstr(output, "\033["));
    assert_int_equal(
        run_in_pipe(output, sizeof(output), "play --env watermaze --policy random --gif maze.gif"),
        0);
    assert_non_null(strstr(output, "wrote maze.gif: 51 of 51 pictures"));
    assert_int_equal(run_in_pipe(output, sizeof(output), "play --env arcade/catch"), 2);
    assert_non_null(strstr(output, "--policy random, or --keyboard"));
    assert_int_equal(
        run_in_pipe(output, sizeof(output), "play some/run --env arcade/catch --keyboard"), 1);
    assert_int_equal(
        run_in_pipe(output, sizeof(output), "play random --env arcade/catch --keyboard"), 2);
    assert_non_null(strstr(output, "name one player"));
}

/* ---- the picture alone ---- */

static void pictures_fit(void **state) {
    static const uint8_t rgb[2 * 4 * 3] = {
        255, 0, 0, 255, 0, 0, 0, 255, 0, 0, 255, 0, 0, 0, 255, 0, 0, 255, 8, 8, 8, 8, 8, 8,
    };
    ppi_buf out = {0};
    (void)state;
    /* As large as it is: one line of four cells, two pairs of colours. */
    assert_int_equal(ppi_text_picture(&out, rgb, 2, 4, 1, 7, PPI_TEXT_FULL), PP_OK);
    assert_string_equal(out.data, "\033[38;2;255;0;0;48;2;0;0;255m\xe2\x96\x80\xe2\x96\x80"
                                  "\033[38;2;0;255;0;48;2;8;8;8m\xe2\x96\x80\xe2\x96\x80"
                                  "\033[0m\033[K\r\n");
    ppi_buf_clear(&out);
    /* Half as large: the mean of two columns is the colour itself. */
    assert_int_equal(ppi_text_picture(&out, rgb, 2, 4, 5, 2, PPI_TEXT_256), PP_OK);
    assert_string_equal(out.data, "\033[38;5;90;48;5;16m\xe2\x96\x80" /* rows are averaged too */
                                  "\033[38;5;28;48;5;16m\xe2\x96\x80\033[0m\033[K\r\n");
    ppi_buf_clear(&out);
    /* Twice as large, in letters: two lines. */
    assert_int_equal(ppi_text_picture(&out, rgb, 2, 4, 2, 8, PPI_TEXT_ASCII), PP_OK);
    assert_string_equal(out.data, "----++++\033[K\r\n....    \033[K\r\n");
    ppi_buf_clear(&out);
    assert_int_equal(ppi_text_picture(&out, rgb, 2, 4, 0, 8, PPI_TEXT_FULL), PP_ERR_ARGUMENT);
    assert_int_equal(ppi_text_picture(&out, rgb, 2, 4, 2, 8, PPI_TEXT_NONE), PP_ERR_ARGUMENT);
    ppi_buf_free(&out);
}

static void terminals_are_told_apart(void **state) {
    static const struct {
        const char *term, *colorterm, *locale;
        ppi_text_colours colours;
    } rows[] = {
        {NULL, "truecolor", "C.UTF-8", PPI_TEXT_NONE},
        {"dumb", "truecolor", "C.UTF-8", PPI_TEXT_NONE},
        {"xterm-256color", "truecolor", "en_US.UTF-8", PPI_TEXT_FULL},
        {"xterm-direct", NULL, "en_US.utf8", PPI_TEXT_FULL},
        {"xterm-256color", NULL, "C.UTF-8", PPI_TEXT_256},
        {"xterm-256color", "truecolor", "C", PPI_TEXT_ASCII},
        {"xterm-256color", "truecolor", NULL, PPI_TEXT_ASCII},
        {"vt100", NULL, "C.UTF-8", PPI_TEXT_ASCII},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(ppi_text_colours_of(rows[i].term, rows[i].colorterm, rows[i].locale),
                         rows[i].colours);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plays_and_restores),    cmocka_unit_test(waits_for_keys),
        cmocka_unit_test(draws_without_colours), cmocka_unit_test(restores_after_a_signal),
        cmocka_unit_test(needs_a_terminal),      cmocka_unit_test(refuses),
        cmocka_unit_test(pictures_fit),          cmocka_unit_test(terminals_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
