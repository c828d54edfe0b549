/* Sets of games in lists of datasets; see data_list.h. */
#include "run/data_list.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "env/registry.h"

enum { MOST_IDS = 256, MOST_NAME = 64 };

/* Where a set begins in item[0..length), -1 = nowhere. */
static int64_t find_set(const char *item, int64_t length) {
    for (int64_t i = 0; i < length; i++) {
        if (item[i] == '@' && (i == 0 || item[i - 1] == '/')) return i;
    }
    return -1;
}

static pp_status add_item(ppi_buf *out, const char *item, int64_t length) {
    const int64_t at = find_set(item, length);
    if (out->len > 0) ppi_buf_append_char(out, ',');
    if (at < 0) return ppi_buf_append(out, item, (size_t)length);
    int64_t end = at;
    while (end < length && item[end] != '/') end++;
    char name[MOST_NAME];
    if (end - at >= MOST_NAME) {
        return ppi_fail(PP_ERR_NOT_FOUND, "there is no set of games called '%.*s'", (int)(end - at),
                        item + at);
    }
    memcpy(name, item + at, (size_t)(end - at));
    name[end - at] = '\0';
    int count = 0;
    char(*ids)[PP_ENV_ID_BYTES] = ppi_calloc(MOST_IDS, sizeof *ids);
    if (ids == NULL) return ppi_oom("the ids of a set");
    const pp_status s = ppi_env_expand(ids, MOST_IDS, &count, name);
    for (int i = 0; i < count && s == PP_OK; i++) {
        ppi_buf_printf(out, "%s%.*s%s%.*s", i > 0 ? "," : "", (int)at, item, ids[i],
                       (int)(length - end), item + end);
    }
    ppi_free(ids);
    return s == PP_OK ? out->failed : s;
}

pp_status ppi_data_list_expand(ppi_buf *out, const char *list) {
    while (*list != '\0') {
        const int64_t length = (int64_t)strcspn(list, ",");
        if (length > 0) PPI_TRY(add_item(out, list, length));
        list += length;
        if (*list == ',') list++;
    }
    return out->failed;
}
