/* Fuzz target: any bytes given to the JSON reader end in a value or a failure; a value can be
 * walked. */
#include <stddef.h>
#include <stdint.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Visits every value below, through all getters. */
static void walk(const ppi_json *value, int depth) {
    const char *text;
    int64_t integer;
    double real;
    bool flag;
    (void)ppi_json_as_string(value, "value", &text);
    (void)ppi_json_as_i64(value, "value", &integer);
    (void)ppi_json_as_f64(value, "value", &real);
    (void)ppi_json_as_bool(value, "value", &flag);
    const int64_t count = depth < 64 ? ppi_json_count(value) : 0;
    for (int64_t i = 0; i < count && i < 64; i++) {
        const char *key;
        const ppi_json *member = ppi_json_at(value, i);
        if (member == NULL && ppi_json_member(value, i, &key, &member) != PP_OK) continue;
        walk(member, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    ppi_json *root;
    if (ppi_json_parse(&root, (const char *)data, size, "input") != PP_OK) return 0;
    walk(root, 0);
    ppi_json_free(root);
    return 0;
}
