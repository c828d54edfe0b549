/* Lets every operation of a kind fail once, one after the other. */
#ifndef FAULT_TEST_H
#define FAULT_TEST_H

#include "run_test.h"

static const char *const fault_names[PPI_FAULT_KIND_COUNT] = {"allocation", "write", "fsync",
                                                              "rename"};

/* What is tried under a fault, and what must hold afterwards. `prepare` and `check` run without
   faults; check learns what `attempt` returned. */
typedef struct fault_case {
    void (*prepare)(void *ctx);
    pp_status (*attempt)(void *ctx);
    void (*check)(void *ctx, pp_status status);
    void *ctx;
} fault_case;

/* Operations of a kind that an attempt without faults makes. */
static inline int64_t count_faults(const fault_case *c, ppi_fault_kind kind) {
    const int64_t many = INT64_MAX;
    c->prepare(c->ctx);
    ppi_fault_set(kind, many);
    const pp_status s = c->attempt(c->ctx);
    const int64_t count = many - ppi_fault_left(kind);
    ppi_fault_clear();
    OK(s);
    c->check(c->ctx, s);
    return count;
}

/* Equal up to numbers: names of event files hold the time and a counter. */
static inline bool same_text(const char *a, const char *b) {
    static const char digits[] = "0123456789";
    for (;; a++, b++) {
        a += strspn(a, digits);
        b += strspn(b, digits);
        if (*a != *b) return false;
        if (*a == '\0') return true;
    }
}

/* One attempt in which operation i fails, with `lasts` every later one too; its text is copied to
   text [PPI_ERROR_TEXT_SIZE]. */
static inline void try_fault(const fault_case *c, ppi_fault_kind kind, int64_t i, bool lasts,
                             char *text) {
    c->prepare(c->ctx);
    ppi_error_clear();
    if (lasts) {
        ppi_fault_set_lasting(kind, i);
    } else {
        ppi_fault_set(kind, i);
    }
    const pp_status s = c->attempt(c->ctx);
    const int64_t left = ppi_fault_left(kind);
    ppi_fault_clear();
    if (left != 0) fail_msg("%s %d was not reached", fault_names[kind], (int)i);
    if (s == PP_OK) fail_msg("%s %d failed unnoticed", fault_names[kind], (int)i);
    if (pp_last_error()[0] == '\0') fail_msg("%s %d left no text", fault_names[kind], (int)i);
    snprintf(text, PPI_ERROR_TEXT_SIZE, "%s", pp_last_error());
    c->check(c->ctx, s);
}

/* Every operation fails in its turn: the attempt reports it with a text, and the check holds. A
   disk that is full stays full: the text then is that of the first failure, whatever else fails
   while the attempt is given up. */
static inline void try_every_fault(const fault_case *c, ppi_fault_kind kind) {
    const int64_t count = count_faults(c, kind);
    char first[PPI_ERROR_TEXT_SIZE];
    char text[PPI_ERROR_TEXT_SIZE];
    for (int64_t i = 1; i <= count; i++) {
        try_fault(c, kind, i, false, first);
        if (kind != PPI_FAULT_WRITE) continue;
        try_fault(c, kind, i, true, text);
        if (!same_text(first, text))
            fail_msg("write %d: \"%s\" became \"%s\"", (int)i, first, text);
    }
    printf("%s: %d failures\n", fault_names[kind], (int)count);
}

static inline void try_all_kinds(const fault_case *c) {
    for (int kind = 0; kind < PPI_FAULT_KIND_COUNT; kind++) {
        try_every_fault(c, (ppi_fault_kind)kind);
    }
}

#endif
