/* Rings of rows, and the windows drawn from them. */
#include "method/replay.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

enum { START = 1, TERMINATED = 2, TRUNCATED = 4, LAST = 8 };
enum { MAX_TRIES = 4096 }; /* draws for one row before a replay counts as empty */

struct ppi_replay {
    ppi_replay_spec spec;
    int64_t rows;         /* of one stream */
    int64_t channels;     /* of one frame */
    int64_t stored;       /* bytes of one stored frame */
    uint8_t *frame;       /* [streams, rows, stored] */
    float *reward;        /* [streams, rows] */
    uint8_t *action;      /* [streams, rows] */
    uint8_t *flags;       /* [streams, rows] START | ... */
    int64_t *end;         /* [streams] rows ever appended */
    uint8_t *scratch;     /* one frame */
    uint8_t bits[256][8]; /* the eight bytes of a packed byte */
};

static int64_t slot(const ppi_replay *r, int64_t stream, int64_t row) {
    return stream * r->rows + row % r->rows;
}

/* ---- one frame ---- */

static void pack(uint8_t *out, const uint8_t *x, int64_t n) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint8_t byte = 0;
        for (int k = 0; k < 8; k++) byte |= (uint8_t)((x[i + k] != 0) << k);
        out[i / 8] = byte;
    }
    if (i == n) return;
    out[i / 8] = 0;
    for (int k = 0; i + k < n; k++) out[i / 8] |= (uint8_t)((x[i + k] != 0) << k);
}

static void unpack(const ppi_replay *r, uint8_t *out, const uint8_t *x, int64_t n) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) memcpy(out + i, r->bits[x[i / 8]], 8);
    if (i < n) memcpy(out + i, r->bits[x[i / 8]], (size_t)(n - i));
}

static void store(ppi_replay *r, int64_t at, const uint8_t *obs) {
    uint8_t *to = r->frame + at * r->stored;
    if (r->spec.binary) {
        pack(to, obs, r->spec.frame_bytes);
    } else {
        memcpy(to, obs, (size_t)r->stored);
    }
}

static void fetch(const ppi_replay *r, int64_t at, uint8_t *out) {
    const uint8_t *from = r->frame + at * r->stored;
    if (r->spec.binary) {
        unpack(r, out, from, r->spec.frame_bytes);
    } else {
        memcpy(out, from, (size_t)r->stored);
    }
}

/* Writes a frame [pixels, channels] into place k of a stack [pixels, count * channels]; NULL =
 * zeros.
 */
static void place(uint8_t *stack, const uint8_t *frame, int64_t pixels, int64_t channels, int count,
                  int k) {
    uint8_t *to = stack + k * channels;
    const int64_t step = (int64_t)count * channels;
    if (channels == 1) {
        for (int64_t p = 0; p < pixels; p++) to[p * step] = frame != NULL ? frame[p] : 0;
        return;
    }
    for (int64_t p = 0; p < pixels; p++) {
        if (frame == NULL) {
            memset(to + p * step, 0, (size_t)channels);
        } else {
            memcpy(to + p * step, frame + p * channels, (size_t)channels);
        }
    }
}

void ppi_stack_push(uint8_t *stack, const uint8_t *frame, int64_t pixels, int64_t channels,
                    int count, bool begin) {
    const int64_t step = (int64_t)count * channels;
    if (begin) {
        memset(stack, 0, (size_t)(pixels * step));
    } else if (count > 1) {
        memmove(stack, stack + channels, (size_t)(pixels * step - channels));
    }
    place(stack, frame, pixels, channels, count, count - 1);
}

/* ---- creation ---- */

static pp_status check(const ppi_replay_spec *s, int64_t rows, double bytes) {
    const double mib = 1024.0 * 1024.0;
    if (rows < s->n_step + s->stack + 2) {
        return ppi_fail(PP_ERR_ARGUMENT,
                        "a replay of %lld transitions holds %lld of each of %lld streams, expected "
                        "%d or more; raise --replay.capacity",
                        (long long)s->o.capacity, (long long)rows, (long long)s->streams,
                        s->n_step + s->stack + 2);
    }
    if (bytes <= (double)s->o.memory_mb * mib) return PP_OK;
    const double fits = (double)s->o.capacity * ((double)s->o.memory_mb * mib / bytes);
    return ppi_fail(PP_ERR_ARGUMENT,
                    "a replay of %lld transitions takes %.0f MiB and --replay.memory allows %lld; "
                    "raise it, or lower --replay.capacity to %lld",
                    (long long)s->o.capacity, bytes / mib, (long long)s->o.memory_mb,
                    (long long)fits);
}

pp_status ppi_replay_create(ppi_replay **out, const ppi_replay_spec *spec) {
    *out = NULL;
    const int64_t rows = spec->o.capacity / spec->streams;
    const int64_t stored = spec->binary ? (spec->frame_bytes + 7) / 8 : spec->frame_bytes;
    const int64_t all = rows * spec->streams;
    const double bytes = (double)all * (double)(stored + 2 + (int64_t)sizeof(float));
    PPI_TRY(check(spec, rows, bytes));
    ppi_replay *r = ppi_calloc(1, sizeof *r);
    if (r == NULL) return ppi_oom("a replay");
    r->spec = *spec;
    r->rows = rows;
    r->stored = stored;
    r->channels = spec->frame_bytes / spec->pixels;
    r->frame = ppi_calloc((size_t)all, (size_t)stored);
    r->reward = ppi_calloc((size_t)all, sizeof *r->reward);
    r->action = ppi_calloc((size_t)all, 1);
    r->flags = ppi_calloc((size_t)all, 1);
    r->end = ppi_calloc((size_t)spec->streams, sizeof *r->end);
    r->scratch = ppi_calloc((size_t)spec->frame_bytes, 1);
    if (r->frame == NULL || r->reward == NULL || r->action == NULL || r->flags == NULL ||
        r->end == NULL || r->scratch == NULL) {
        ppi_replay_destroy(r);
        return ppi_fail(PP_ERR_NO_MEMORY, "no memory for a replay of %.0f MiB",
                        bytes / (1024.0 * 1024.0));
    }
    for (int i = 0; i < 256; i++) {
        for (int k = 0; k < 8; k++) r->bits[i][k] = (uint8_t)(i >> k & 1);
    }
    *out = r;
    return PP_OK;
}

void ppi_replay_destroy(ppi_replay *r) {
    if (r == NULL) return;
    ppi_free(r->frame);
    ppi_free(r->reward);
    ppi_free(r->action);
    ppi_free(r->flags);
    ppi_free(r->end);
    ppi_free(r->scratch);
    ppi_free(r);
}

/* ---- rows ---- */

int64_t ppi_replay_end(const ppi_replay *r, int64_t stream) {
    return r->end[stream];
}

int64_t ppi_replay_first(const ppi_replay *r, int64_t stream) {
    return r->end[stream] > r->rows ? r->end[stream] - r->rows : 0;
}

int64_t ppi_replay_rows(const ppi_replay *r) {
    return r->rows;
}

int64_t ppi_replay_size(const ppi_replay *r) {
    int64_t n = 0;
    for (int64_t s = 0; s < r->spec.streams; s++) n += r->end[s] - ppi_replay_first(r, s);
    return n;
}

static bool follows_end(const ppi_replay *r, int64_t stream) {
    if (r->end[stream] == 0) return true;
    return (r->flags[slot(r, stream, r->end[stream] - 1)] & (TERMINATED | LAST)) != 0;
}

void ppi_replay_append(ppi_replay *r, int64_t stream, const uint8_t *obs, int32_t action,
                       float reward, bool terminated, bool truncated, const uint8_t *final_obs) {
    const int64_t at = slot(r, stream, r->end[stream]);
    const int start = follows_end(r, stream) ? START : 0;
    const int ended = terminated ? TERMINATED : truncated ? TRUNCATED : 0;
    store(r, at, obs);
    r->action[at] = (uint8_t)action;
    r->reward[at] = reward;
    r->flags[at] = (uint8_t)(start | ended);
    r->end[stream]++;
    if (ended != TRUNCATED) return;
    const int64_t last = slot(r, stream, r->end[stream]);
    store(r, last, final_obs);
    r->action[last] = 0;
    r->reward[last] = 0;
    r->flags[last] = LAST;
    r->end[stream]++;
}

ppi_replay_row ppi_replay_at(const ppi_replay *r, int64_t stream, int64_t row) {
    const int64_t at = slot(r, stream, row);
    const int f = r->flags[at];
    return (ppi_replay_row){.action = r->action[at],
                            .reward = r->reward[at],
                            .start = (f & START) != 0,
                            .terminated = (f & TERMINATED) != 0,
                            .truncated = (f & TRUNCATED) != 0,
                            .last = (f & LAST) != 0};
}

/* Places 0 .. k of a stack from row `row` backwards. */
static void fill_back(const ppi_replay *r, int64_t stream, int64_t row, int k, uint8_t *out) {
    const int count = r->spec.stack;
    const int64_t first = ppi_replay_first(r, stream);
    bool there = row >= first;
    for (; k >= 0; k--, row--) {
        if (there) fetch(r, slot(r, stream, row), r->scratch);
        place(out, there ? r->scratch : NULL, r->spec.pixels, r->channels, count, k);
        there = there && row > first && (r->flags[slot(r, stream, row)] & START) == 0;
    }
}

void ppi_replay_frames(const ppi_replay *r, int64_t stream, int64_t row, uint8_t *out) {
    if (r->spec.stack == 1) {
        fetch(r, slot(r, stream, row), out);
        return;
    }
    fill_back(r, stream, row, r->spec.stack - 1, out);
}

void ppi_replay_stack(const ppi_replay *r, int64_t stream, const uint8_t *obs, uint8_t *out) {
    const int count = r->spec.stack;
    place(out, obs, r->spec.pixels, r->channels, count, count - 1);
    if (count == 1) return;
    const int64_t row = follows_end(r, stream) ? -1 : r->end[stream] - 1;
    fill_back(r, stream, row, count - 2, out);
}

/* ---- windows ---- */

bool ppi_replay_ready(const ppi_replay *r, int64_t stream, int64_t row) {
    const int64_t first = ppi_replay_first(r, stream);
    const int64_t end = r->end[stream];
    if (row < first || row >= end || (r->flags[slot(r, stream, row)] & LAST) != 0) return false;
    for (int k = 1; k < r->spec.stack; k++) {
        if ((r->flags[slot(r, stream, row - k + 1)] & START) != 0) break;
        if (row - k < first) return false;
    }
    for (int k = 0; k < r->spec.n_step; k++) {
        if (row + k >= end) return false;
        if ((r->flags[slot(r, stream, row + k)] & (TERMINATED | TRUNCATED)) != 0) return true;
    }
    return row + r->spec.n_step < end;
}

void ppi_replay_fetch(const ppi_replay *r, int64_t stream, int64_t row, int64_t i,
                      const ppi_replay_batch *out) {
    const int64_t bytes = r->spec.frame_bytes * r->spec.stack;
    double ret = 0;
    double discount = 1;
    int64_t at = row;
    for (int k = 0; k < r->spec.n_step; k++, at++) {
        const int64_t here = slot(r, stream, at);
        ret += discount * (double)r->reward[here];
        discount *= r->spec.gamma;
        if ((r->flags[here] & TERMINATED) != 0) discount = 0;
        if ((r->flags[here] & (TERMINATED | TRUNCATED)) == 0) continue;
        at++;
        break;
    }
    ppi_replay_frames(r, stream, row, out->frames + i * bytes);
    if (discount > 0) {
        ppi_replay_frames(r, stream, at, out->next_frames + i * bytes);
    } else {
        memset(out->next_frames + i * bytes, 0, (size_t)bytes);
    }
    out->action[i] = r->action[slot(r, stream, row)];
    out->stream[i] = (int32_t)stream;
    out->ret[i] = (float)ret;
    out->discount[i] = (float)discount;
}

/* The row that is number k of all rows that are there. */
static void locate(const ppi_replay *r, int64_t k, int64_t *stream, int64_t *row) {
    for (int64_t s = 0; s < r->spec.streams; s++) {
        const int64_t first = ppi_replay_first(r, s);
        const int64_t n = r->end[s] - first;
        *stream = s;
        *row = first + k;
        if (k < n) return;
        k -= n;
    }
}

pp_status ppi_replay_sample(const ppi_replay *r, ppi_rng *rng, int64_t count,
                            const ppi_replay_batch *out) {
    const int64_t size = ppi_replay_size(r);
    for (int64_t i = 0; i < count; i++) {
        int64_t stream = 0;
        int64_t row = 0;
        int tries = 0;
        do {
            if (size == 0 || tries++ == MAX_TRIES) {
                return ppi_fail(PP_ERR_ARGUMENT,
                                "a replay of %lld rows has no complete window of %d steps to draw",
                                (long long)size, r->spec.n_step);
            }
            locate(r, (int64_t)ppi_rng_below(rng, (uint64_t)size), &stream, &row);
        } while (!ppi_replay_ready(r, stream, row));
        ppi_replay_fetch(r, stream, row, i, out);
    }
    return PP_OK;
}
