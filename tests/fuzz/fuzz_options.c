/* Fuzz target: any bytes given as a recipe end orderly, and an accepted recipe survives writing and
 * reading. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct settings {
    int64_t seed;
    double lr;
    bool shift;
    char names[300];
    int view;
} settings;

static const ppi_option rows[] = {
    {.name = "seed",
     .type = PPI_OPT_I64,
     .offset = offsetof(settings, seed),
     .min = -5,
     .max = 1e9},
    {.name = "a.lr", .type = PPI_OPT_F64, .offset = offsetof(settings, lr), .def = "0.1"},
    {.name = "a.shift", .type = PPI_OPT_BOOL, .offset = offsetof(settings, shift)},
    {.name = "b.names",
     .type = PPI_OPT_STR,
     .offset = offsetof(settings, names),
     .size = sizeof((settings *)0)->names},
    {.name = "b.view",
     .type = PPI_OPT_CHOICE,
     .offset = offsetof(settings, view),
     .choices = "x|y-z"},
};
static const ppi_option_table table = {.component = "fuzz", .rows = rows, .count = 5};

/* Stops the fuzzer when a property does not hold. */
static void require(bool holds) {
    if (!holds) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    settings first = {0}, second = {0};
    ppi_options *a, *b;
    ppi_buf text = {0};
    require(ppi_options_create(&a) == PP_OK && ppi_options_bind(a, &table, &first) == PP_OK);
    require(ppi_options_create(&b) == PP_OK && ppi_options_bind(b, &table, &second) == PP_OK);
    (void)ppi_options_load_ini_text(a, (const char *)data, size, "input");
    require(ppi_options_write_ini(a, &text) == PP_OK);
    require(ppi_options_load_ini_text(b, text.data, text.len, "written") == PP_OK);
    require(first.seed == second.seed && first.lr == second.lr && first.shift == second.shift);
    require(first.view == second.view && strcmp(first.names, second.names) == 0);
    ppi_buf_free(&text);
    ppi_options_destroy(a);
    ppi_options_destroy(b);
    return 0;
}
