/* Playing by hand: a raw terminal, a picture each tick, the keys of a tick as one action.
 *
 * A terminal tells of keys pressed, not of keys held, so a key acts in the tick it arrives in; a
 * held key arrives again and again. Keys of one tick are joined: up, right and space are
 * UPRIGHTFIRE where the game has it. */
#include "cli/keyboard.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/signal.h"
#include "env/vec.h"
#include "report/text_picture.h"

enum {
    CTRL_C = 3,
    CTRL_D = 4,
    ESCAPE = 27,
    STATUS_LINES = 2,
    FIRST_CHECK_MS = 200 /* how often a wait looks for signals */
};

/* Ticks a second where nobody says: a game of emulated frames runs at its own 60 frames. */
static const double k_default_fps = 10;
static const double k_frames_per_second = 60;

/* The keys of one tick. */
typedef struct keys {
    bool up, down, left, right;
    bool strafe; /* left or right by letter */
    bool fire, noop, quit;
    int digit; /* 0..9, -1 = none */
    bool any;
} keys;

typedef struct terminal {
    struct termios before;
    bool raw;
    ppi_text_colours colours;
    unsigned char pending[8]; /* of an escape sequence that is not complete */
    int n_pending;
} terminal;

/* One session at the keyboard. */
typedef struct session {
    const ppi_keyboard_play *play;
    terminal term;
    ppi_vec *vec;
    const pp_env_spec *spec;
    uint8_t *rgb;
    ppi_buf screen;
    bool realtime;
    double tick;     /* seconds */
    double next;     /* clock of the next tick */
    bool stop;       /* the player has had enough */
    bool left;       /* in the middle of an episode */
    char action[32]; /* name of the last one */
} session;

/* ---- terminal ---- */

static pp_status put(const char *text, size_t size) {
    while (size > 0) {
        const ssize_t sent = write(STDOUT_FILENO, text, size);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return ppi_fail_errno("cannot write to the terminal");
        text += sent;
        size -= (size_t)sent;
    }
    return PP_OK;
}

static const char *locale_text(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (int i = 0; i < 3; i++) {
        const char *value = getenv(names[i]);
        if (value != NULL && value[0] != '\0') return value;
    }
    return NULL;
}

static pp_status terminal_open(terminal *t) {
    const char *name = getenv("TERM");
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        return ppi_fail(PP_ERR_UNSUPPORTED,
                        "--keyboard needs a terminal, and standard %s is none; run it without a "
                        "pipe, or record with --policy random --gif FILE",
                        isatty(STDIN_FILENO) ? "output" : "input");
    }
    t->colours = ppi_text_colours_of(name, getenv("COLORTERM"), locale_text());
    if (t->colours == PPI_TEXT_NONE) {
        return ppi_fail(PP_ERR_UNSUPPORTED,
                        "the terminal '%s' (TERM) cannot place its cursor, so it cannot show a "
                        "game",
                        name == NULL ? "" : name);
    }
    if (tcgetattr(STDIN_FILENO, &t->before) != 0)
        return ppi_fail_errno("cannot read the terminal's settings");
    struct termios raw = t->before;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw) != 0)
        return ppi_fail_errno("cannot change the terminal's settings");
    t->raw = true;
    static const char enter[] = "\033[?1049h\033[?25l\033[2J";
    return put(enter, sizeof enter - 1);
}

static void terminal_close(terminal *t) {
    static const char leave[] = "\033[0m\033[?25h\033[?1049l";
    if (!t->raw) return;
    put(leave, sizeof leave - 1);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &t->before);
    t->raw = false;
}

/* Character cells of the terminal; 24 x 80 where it does not say. */
static void terminal_size(int *rows, int *columns) {
    struct winsize size;
    const bool told = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    *rows = told && size.ws_row > 0 ? size.ws_row : 24;
    *columns = told && size.ws_col > 0 ? size.ws_col : 80;
}

/* ---- keys ---- */

static void press_arrow(keys *k, unsigned char letter) {
    k->up |= letter == 'A';
    k->down |= letter == 'B';
    k->right |= letter == 'C';
    k->left |= letter == 'D';
}

static void press(keys *k, unsigned char c) {
    k->any = true;
    if (c >= 'A' && c <= 'Z') c = (unsigned char)(c - 'A' + 'a');
    k->up |= c == 'w';
    k->down |= c == 's';
    k->left |= c == 'a';
    k->right |= c == 'd';
    k->strafe |= c == 'a' || c == 'd';
    k->fire |= c == ' ';
    k->noop |= c == 'n';
    k->quit |= c == 'q' || c == CTRL_C || c == CTRL_D;
    if (c >= '0' && c <= '9') k->digit = c - '0';
}

/* One byte of input; an arrow is ESC [ A or ESC O A. */
static void take_byte(terminal *t, keys *k, unsigned char c) {
    if (t->n_pending == 0 && c != ESCAPE) {
        press(k, c);
        return;
    }
    if (t->n_pending == 1 && c != '[' && c != 'O') {
        t->n_pending = 0; /* a lone escape key */
        take_byte(t, k, c);
        return;
    }
    const bool last = t->n_pending >= 2 && c >= '@' && c <= '~';
    if (last) {
        k->any = true;
        press_arrow(k, c);
    }
    if (last || t->n_pending + 1 >= (int)sizeof t->pending) {
        t->n_pending = 0;
        return;
    }
    t->pending[t->n_pending++] = c;
}

/* Reads what there is, waiting at most timeout_ms for the first byte. */
static pp_status read_keys(terminal *t, keys *k, int timeout_ms) {
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    const int ready = poll(&input, 1, timeout_ms);
    if (ready < 0) return errno == EINTR ? PP_OK : ppi_fail_errno("cannot wait for a key");
    if (ready == 0) return PP_OK;
    unsigned char bytes[64];
    const ssize_t got = read(STDIN_FILENO, bytes, sizeof bytes);
    if (got < 0) return errno == EINTR ? PP_OK : ppi_fail_errno("cannot read a key");
    if (got == 0) k->quit = k->any = true; /* the terminal is gone */
    for (ssize_t i = 0; i < got; i++) take_byte(t, k, bytes[i]);
    return PP_OK;
}

/* ---- actions ---- */

/* The accepted id of an action by name, -1 where the game has none. */
static int32_t action_named(const pp_env_spec *spec, const char *name) {
    for (int32_t i = 0; name[0] != '\0' && i < spec->min_actions; i++) {
        if (strcmp(spec->action_names[i], name) == 0) return spec->action_list[i];
    }
    return -1;
}

/* The names that the keys may mean, best first. */
static int32_t action_of_keys(const pp_env_spec *spec, const keys *k) {
    char names[6][32];
    const char *vertical = k->up ? "UP" : k->down ? "DOWN" : "";
    const char *horizontal = k->right ? "RIGHT" : k->left ? "LEFT" : "";
    const char *walk = k->up ? "FORWARD" : k->down ? "BACKWARD" : "";
    const char *turn = k->strafe ? "STRAFE_" : "ROTATE_";
    if (k->digit >= 0) return k->digit < spec->min_actions ? spec->action_list[k->digit] : -1;
    snprintf(names[0], sizeof names[0], "%s%s%s", vertical, horizontal, k->fire ? "FIRE" : "");
    snprintf(names[1], sizeof names[1], "%s%s", vertical, horizontal);
    snprintf(names[2], sizeof names[2], "%s", vertical[0] != '\0' ? vertical : horizontal);
    snprintf(names[3], sizeof names[3], "%s%s%s", walk[0] != '\0' ? walk : turn,
             walk[0] != '\0' && horizontal[0] != '\0' ? "_" : "", horizontal);
    snprintf(names[4], sizeof names[4], "%s", walk);
    snprintf(names[5], sizeof names[5], "%s", k->fire ? "FIRE" : k->noop ? "NOOP" : "");
    for (int i = 0; i < 6; i++) {
        const int32_t action = action_named(spec, names[i]);
        if (action >= 0) return action;
    }
    return -1;
}

/* What a tick without a key plays: NOOP, which every game of 18 joystick ids accepts as 0; -1 where
 * standing still is no action. */
static int32_t idle_action(const pp_env_spec *spec) {
    const int32_t noop = action_named(spec, "NOOP");
    return noop >= 0 || spec->action_count != PP_ENV_ACTIONS ? noop : 0;
}

static const char *name_of(const pp_env_spec *spec, int32_t action) {
    for (int32_t i = 0; i < spec->min_actions; i++) {
        if (spec->action_list[i] == action) return spec->action_names[i];
    }
    return "NOOP";
}

/* ---- drawing ---- */

static pp_status draw(session *s, const ppi_episode_result *r, const char *note) {
    int rows;
    int columns;
    char line[256];
    terminal_size(&rows, &columns);
    if (rows <= STATUS_LINES) return PP_OK; /* no room: play blind rather than fail */
    ppi_buf_clear(&s->screen);
    ppi_buf_append_text(&s->screen, "\033[H");
    PPI_TRY(ppi_text_picture(&s->screen, s->rgb, s->spec->render_h, s->spec->render_w,
                             rows - STATUS_LINES, columns, s->term.colours));
    snprintf(line, sizeof line, "%s  step %lld  return %g  lives %d  %s", s->play->env,
             (long long)r->steps, r->ret, ppi_vec_lives(s->vec)[0], s->action);
    ppi_buf_printf(&s->screen, "%.*s\033[K\r\n%.*s\033[K\033[J", columns - 1, line, columns - 1,
                   note);
    PPI_TRY(s->screen.failed);
    return put(s->screen.data, s->screen.len);
}

/* Shows the state before `action`, -1 = the last one. */
static pp_status show(session *s, const ppi_episode_result *r, int32_t action, const char *note) {
    PPI_TRY(ppi_vec_render(s->vec, 0, s->rgb));
    PPI_TRY(draw(s, r, note));
    if (s->play->frame == NULL) return PP_OK;
    return s->play->frame(s->play->frame_ctx, s->rgb, s->spec->render_h, s->spec->render_w,
                          r->steps, action, r->ret);
}

/* ---- play ---- */

/* Waits for a key that is pressed now. */
static pp_status wait_for_key(session *s, keys *k) {
    *k = (keys){.digit = -1};
    while (!k->any) {
        if (ppi_interrupted()) k->quit = k->any = true;
        if (!k->any) PPI_TRY(read_keys(&s->term, k, FIRST_CHECK_MS));
    }
    return PP_OK;
}

/* Collects the keys until the next tick. */
static pp_status keys_of_tick(session *s, keys *k) {
    *k = (keys){.digit = -1};
    double now = ppi_clock_seconds();
    if (s->next < now) s->next = now + s->tick;
    while (now < s->next && !k->quit) {
        if (ppi_interrupted()) k->quit = true;
        const double left_ms = 1e3 * (s->next - now);
        PPI_TRY(
            read_keys(&s->term, k, left_ms < FIRST_CHECK_MS ? (int)left_ms + 1 : FIRST_CHECK_MS));
        now = ppi_clock_seconds();
    }
    s->next += s->tick;
    return PP_OK;
}

/* The next action; -1 when the player stops. */
static pp_status choose(session *s, int32_t *action) {
    *action = -1;
    while (*action < 0) {
        keys k;
        PPI_TRY(s->realtime ? keys_of_tick(s, &k) : wait_for_key(s, &k));
        if (k.quit) {
            s->stop = true;
            return PP_OK;
        }
        *action = action_of_keys(s->spec, &k);
        if (*action < 0 && s->realtime) *action = idle_action(s->spec);
    }
    snprintf(s->action, sizeof s->action, "%s", name_of(s->spec, *action));
    return PP_OK;
}

static pp_status play_episode(session *s, ppi_episode_result *r) {
    static const char help[] = "arrows or wasd move, space fires, n stays, 0-9 actions, q quits";
    bool ended = false;
    PPI_TRY(ppi_vec_reset(s->vec, 0, r->seed));
    s->action[0] = '\0';
    s->next = ppi_clock_seconds() + s->tick;
    while (!ended) {
        int32_t action;
        PPI_TRY(show(s, r, 0, help));
        PPI_TRY(choose(s, &action));
        if (s->stop) {
            s->left = true;
            return PP_OK;
        }
        PPI_TRY(ppi_vec_step(s->vec, &action, NULL));
        r->steps++;
        r->ret += ppi_vec_reward(s->vec)[0];
        r->final_reward = ppi_vec_reward(s->vec)[0];
        r->frames += ppi_vec_frames(s->vec)[0];
        r->terminated = ppi_vec_terminated(s->vec)[0] != 0;
        ended = r->terminated || ppi_vec_truncated(s->vec)[0];
    }
    return show(s, r, -1, "the episode is over: any key goes on, q quits");
}

static pp_status play_all(session *s, ppi_episode_result *results, int64_t *played) {
    while (*played < s->play->episodes && !s->stop) {
        ppi_episode_result *r = &results[*played];
        *r = (ppi_episode_result){.seed = s->play->seed + (uint64_t)*played};
        (*played)++;
        PPI_TRY(play_episode(s, r));
        if (!s->stop) {
            keys k;
            PPI_TRY(wait_for_key(s, &k));
            s->stop = k.quit;
        }
    }
    return PP_OK;
}

static pp_status prepare(session *s) {
    const ppi_keyboard_play *p = s->play;
    PPI_TRY(ppi_vec_create(&s->vec, &p->env, 1, p->options, 1));
    s->spec = ppi_vec_spec(s->vec, 0);
    s->rgb = ppi_calloc((size_t)s->spec->render_h * (size_t)s->spec->render_w, 3);
    if (s->rgb == NULL) return ppi_oom("a picture");
    const bool stands = action_named(s->spec, "NOOP") >= 0;
    if (p->fps > 0 && idle_action(s->spec) < 0) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "%s has no action for standing still, so it waits for a key; leave out "
                        "--fps",
                        p->env);
    }
    s->realtime = p->fps > 0 || stands;
    const double own =
        s->spec->frame_skip > 1 ? k_frames_per_second / s->spec->frame_skip : k_default_fps;
    s->tick = 1 / (p->fps > 0 ? p->fps : own);
    return terminal_open(&s->term);
}

pp_status ppi_keyboard_run(const ppi_keyboard_play *play, ppi_episode_result *results,
                           int64_t *played, bool *stopped) {
    session s = {.play = play};
    *played = 0;
    pp_status status = prepare(&s);
    if (status == PP_OK) status = play_all(&s, results, played);
    *stopped = s.left;
    terminal_close(&s.term);
    ppi_buf_free(&s.screen);
    ppi_free(s.rgb);
    ppi_vec_destroy(s.vec);
    return status;
}
