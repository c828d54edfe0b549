/* Option sets as JSON and as help text. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/options_impl.h"

static void write_value(const ppi_option_entry *entry, const char *text, ppi_jsonw *w) {
    switch (entry->row->type) {
    case PPI_OPT_I64:
        ppi_jsonw_i64(w, *(const int64_t *)entry->field);
        return;
    case PPI_OPT_BOOL:
        ppi_jsonw_bool(w, *(const bool *)entry->field);
        return;
    case PPI_OPT_F64:
        if (isfinite(*(const double *)entry->field)) {
            ppi_jsonw_f64(w, *(const double *)entry->field);
            return;
        }
        break;
    default:
        break;
    }
    ppi_jsonw_string(w, text);
}

pp_status ppi_options_write_json(const ppi_options *options, ppi_jsonw *w) {
    ppi_buf text = {0};
    pp_status status = PP_OK;
    ppi_jsonw_object_begin(w);
    for (int i = 0; i < options->count && status == PP_OK; i++) {
        const ppi_option_entry *entry = &options->entries[i];
        ppi_buf_clear(&text);
        status = ppi_option_format(entry->row, entry->field, &text);
        ppi_jsonw_key(w, entry->row->name);
        write_value(entry, ppi_buf_text(&text), w);
    }
    ppi_jsonw_object_end(w);
    ppi_buf_free(&text);
    return status != PP_OK ? status : w->buf->failed;
}

typedef struct json_reader {
    ppi_options *options;
    const char *source;
    ppi_buf text;
} json_reader;

/* The value as option text. */
static pp_status value_text(const char *key, const ppi_json *value, ppi_buf *out) {
    const char *string;
    int64_t integer;
    double real;
    bool flag;
    switch (ppi_json_kind_of(value)) {
    case PPI_JSON_STRING:
        PPI_TRY(ppi_json_as_string(value, key, &string));
        return ppi_buf_append_text(out, string);
    case PPI_JSON_INT:
        PPI_TRY(ppi_json_as_i64(value, key, &integer));
        return ppi_buf_printf(out, "%lld", (long long)integer);
    case PPI_JSON_REAL:
        PPI_TRY(ppi_json_as_f64(value, key, &real));
        return ppi_buf_append_f64(out, real);
    case PPI_JSON_BOOL:
        PPI_TRY(ppi_json_as_bool(value, key, &flag));
        return ppi_buf_append_text(out, flag ? "on" : "off");
    default:
        return ppi_fail(PP_ERR_CORRUPT, "option \"%s\" is %s, expected a single value", key,
                        ppi_json_kind_name(ppi_json_kind_of(value)));
    }
}

static pp_status set_member(void *ctx, const char *key, const ppi_json *value) {
    json_reader *reader = ctx;
    ppi_buf_clear(&reader->text);
    PPI_TRY(value_text(key, value, &reader->text));
    return ppi_options_set(reader->options, key, ppi_buf_text(&reader->text), reader->source);
}

pp_status ppi_options_from_json(ppi_options *options, const ppi_json *object, const char *source) {
    json_reader reader = {.options = options, .source = source};
    if (ppi_json_kind_of(object) != PPI_JSON_OBJECT) {
        return ppi_fail(PP_ERR_CORRUPT, "stored options are %s, expected an object",
                        ppi_json_kind_name(ppi_json_kind_of(object)));
    }
    const pp_status status = ppi_json_each(object, set_member, &reader);
    ppi_buf_free(&reader.text);
    return status;
}

static void help_value(const ppi_option *row, ppi_buf *out) {
    static const char *const type_names[PPI_OPT_TYPE_COUNT] = {[PPI_OPT_I64] = "N",
                                                               [PPI_OPT_F64] = "X",
                                                               [PPI_OPT_BOOL] = "on|off",
                                                               [PPI_OPT_STR] = "TEXT"};
    const char *name = row->type == PPI_OPT_CHOICE ? row->choices : type_names[row->type];
    const bool has_range = row->min != 0.0 || row->max != 0.0;
    ppi_buf_printf(out, "  --%s %s", row->name, name);
    if (row->alias != NULL) ppi_buf_printf(out, " (or --%s)", row->alias);
    if (row->def != NULL && row->def[0] != '\0') ppi_buf_printf(out, "  [%s]", row->def);
    if (has_range) ppi_buf_printf(out, "  from %.10g to %.10g", row->min, row->max);
}

pp_status ppi_options_help(const ppi_options *options, ppi_buf *out) {
    const char *component = NULL;
    for (int i = 0; i < options->count; i++) {
        const ppi_option_entry *entry = &options->entries[i];
        if (component == NULL || strcmp(component, entry->component) != 0) {
            component = entry->component;
            ppi_buf_printf(out, "%s%s:\n", i > 0 ? "\n" : "", component);
        }
        help_value(entry->row, out);
        ppi_buf_printf(out, "\n      %s\n", entry->row->help != NULL ? entry->row->help : "");
    }
    return out->failed;
}
