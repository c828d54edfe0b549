/* Groups and attributes; a part of h5file.c, which includes it. */

typedef struct number_list {
    const char *prefix;
    size_t prefix_size;
    int64_t *numbers;
    int64_t count, capacity;
    bool no_memory;
} number_list;

static herr_t collect_number(hid_t group, const char *name, const H5L_info_t *info, void *context) {
    number_list *list = context;
    (void)group;
    (void)info;
    if (strncmp(name, list->prefix, list->prefix_size) != 0) {
        return 0;
    }
    const char *digits = name + list->prefix_size;
    size_t length = strlen(digits);
    if (length == 0 || length > 18 || strspn(digits, "0123456789") != length ||
        (length > 1 && digits[0] == '0')) {
        return 0;
    }
    if (list->count == list->capacity) {
        int64_t capacity = list->capacity ? list->capacity * 2 : 64;
        int64_t *grown = ppi_realloc(list->numbers, (size_t)capacity * sizeof *grown);
        if (!grown) {
            list->no_memory = true;
            return -1;
        }
        list->numbers = grown;
        list->capacity = capacity;
    }
    list->numbers[list->count++] = strtoll(digits, NULL, 10);
    return 0;
}

static int compare_i64(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

pp_status ppi_h5_numbered(ppi_h5 *file, const char *prefix, int64_t **numbers, int64_t *count) {
    number_list list = {.prefix = prefix, .prefix_size = strlen(prefix)};
    enter();
    pp_status status = PP_OK;
    if (H5Literate(file->id, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, collect_number, &list) < 0) {
        status = list.no_memory ? ppi_oom("the list of groups")
                                : read_error(file->path, "the root group", "list");
    }
    leave();
    if (status != PP_OK) {
        ppi_free(list.numbers);
        list.numbers = NULL;
        list.count = 0;
    } else if (list.count > 1) {
        qsort(list.numbers, (size_t)list.count, sizeof *list.numbers, compare_i64);
    }
    *numbers = list.numbers;
    *count = list.count;
    return status;
}

pp_status ppi_h5_group_create(ppi_h5 *file, const char *path) {
    enter();
    pp_status status = PP_OK;
    hid_t list = H5Pcreate(H5P_GROUP_CREATE);
    H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    H5Pset_obj_track_times(list, false);
    hid_t group = H5Gcreate2(file->id, path, H5P_DEFAULT, list, H5P_DEFAULT);
    if (group < 0 || H5Gclose(group) < 0) {
        status = write_error(file->path, path, "create group");
    }
    H5Pclose(list);
    leave();
    return status;
}

pp_status ppi_h5_group_copy(ppi_h5 *file, const char *to, ppi_h5 *from, const char *path) {
    enter();
    pp_status status = PP_OK;
    if (H5Ocopy(from->id, path, file->id, to, H5P_DEFAULT, H5P_DEFAULT) < 0) {
        status = errno != 0 ? write_error(file->path, to, "copy")
                            : read_error(from->path, path, "copy");
    }
    leave();
    return status;
}

pp_status ppi_h5_exists(ppi_h5 *file, const char *path, bool *exists) {
    char part[256];
    enter();
    pp_status status = PP_OK;
    *exists = true;
    /* Every group on the way must be there before the last link can be asked for. */
    for (const char *end = path; *end && *exists && status == PP_OK; end += *end == '/') {
        end += strcspn(end, "/");
        snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
        htri_t there = H5Lexists(file->id, part, H5P_DEFAULT);
        status = there < 0 ? read_error(file->path, part, "look for") : PP_OK;
        *exists = there > 0;
    }
    leave();
    return status;
}

/* Opens an attribute and its type; *attribute -1 when it is absent. Called with the lock held. */
static pp_status attr_open(ppi_h5 *file, const char *object, const char *name, hid_t *attribute,
                           hid_t *type) {
    *attribute = -1;
    *type = -1;
    htri_t there = H5Aexists_by_name(file->id, object, name, H5P_DEFAULT);
    if (there < 0) {
        return read_error(file->path, object, "read the attributes of");
    }
    if (there == 0) {
        return PP_OK;
    }
    *attribute = H5Aopen_by_name(file->id, object, name, H5P_DEFAULT, H5P_DEFAULT);
    *type = *attribute < 0 ? -1 : H5Aget_type(*attribute);
    if (*type < 0) {
        pp_status status = read_error(file->path, name, "read attribute");
        if (*attribute >= 0) {
            H5Aclose(*attribute);
        }
        *attribute = -1;
        return status;
    }
    return PP_OK;
}

static int64_t attr_points(hid_t attribute) {
    hid_t space = H5Aget_space(attribute);
    int64_t points = space < 0 ? -1 : H5Sget_simple_extent_npoints(space);
    if (space >= 0) {
        H5Sclose(space);
    }
    return points;
}

static pp_status read_i64(ppi_h5 *file, const char *object, const char *name, hid_t attribute,
                          hid_t type, int64_t *value) {
    if (attr_points(attribute) != 1 || H5Tget_class(type) != H5T_INTEGER) {
        return ppi_fail(PP_ERR_SHAPE, "%s: attribute %s of %s is not one integer", file->path, name,
                        object);
    }
    hid_t memory = H5Tget_sign(type) == H5T_SGN_NONE ? H5T_NATIVE_UINT64 : H5T_NATIVE_INT64;
    return H5Aread(attribute, memory, value) < 0 ? read_error(file->path, name, "read attribute")
                                                 : PP_OK;
}

pp_status ppi_h5_attr_read_i64(ppi_h5 *file, const char *object, const char *name, int64_t *value,
                               bool *found) {
    hid_t attribute;
    hid_t type;
    enter();
    pp_status status = attr_open(file, object, name, &attribute, &type);
    *found = status == PP_OK && attribute >= 0;
    if (*found) {
        status = read_i64(file, object, name, attribute, type, value);
        *found = status == PP_OK;
        H5Tclose(type);
        H5Aclose(attribute);
    }
    leave();
    return status;
}

#define MAX_ATTR_TEXT 65000 /* what an object header can hold */

/* A string of fixed length; those of variable length lie in heaps, which libhdf5 1.10 does not
 * check, and count as absent. */
static pp_status read_text(ppi_h5 *file, const char *object, const char *name, hid_t attribute,
                           hid_t type, char **text) {
    size_t size = H5Tget_size(type);
    if (attr_points(attribute) != 1 || H5Tget_class(type) != H5T_STRING || size > MAX_ATTR_TEXT) {
        return ppi_fail(PP_ERR_SHAPE, "%s: attribute %s of %s is not one text", file->path, name,
                        object);
    }
    *text = ppi_calloc(1, size + 1);
    if (!*text) {
        return ppi_oom("a text attribute");
    }
    if (H5Aread(attribute, type, *text) >= 0) {
        return PP_OK;
    }
    ppi_free(*text);
    *text = NULL;
    return read_error(file->path, name, "read attribute");
}

pp_status ppi_h5_attr_read_text(ppi_h5 *file, const char *object, const char *name, char **text,
                                bool *found) {
    hid_t attribute;
    hid_t type;
    *text = NULL;
    enter();
    pp_status status = attr_open(file, object, name, &attribute, &type);
    if (status == PP_OK && attribute >= 0) {
        if (H5Tis_variable_str(type) <= 0) {
            status = read_text(file, object, name, attribute, type, text);
        }
        H5Tclose(type);
        H5Aclose(attribute);
    }
    leave();
    *found = *text != NULL;
    if (status == PP_OK && !*text) {
        *text = ppi_strdup("");
        status = *text ? PP_OK : ppi_oom("a text attribute");
    }
    return status;
}

static pp_status attr_write(ppi_h5 *file, const char *object, const char *name, hid_t stored,
                            hid_t memory, const void *value) {
    pp_status status = PP_OK;
    hid_t space = H5Screate(H5S_SCALAR);
    if (H5Aexists_by_name(file->id, object, name, H5P_DEFAULT) > 0) {
        (void)H5Adelete_by_name(file->id, object, name, H5P_DEFAULT);
    }
    hid_t attribute = H5Acreate_by_name(file->id, object, name, stored, space, H5P_DEFAULT,
                                        H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0 || H5Awrite(attribute, memory, value) < 0) {
        status = write_error(file->path, name, "write attribute");
    }
    if (attribute >= 0 && H5Aclose(attribute) < 0 && status == PP_OK) {
        status = write_error(file->path, name, "write attribute");
    }
    H5Sclose(space);
    return status;
}

pp_status ppi_h5_attr_write_i64(ppi_h5 *file, const char *object, const char *name, int64_t value) {
    enter();
    pp_status status = attr_write(file, object, name, H5T_STD_I64LE, H5T_NATIVE_INT64, &value);
    leave();
    return status;
}

pp_status ppi_h5_attr_write_u64(ppi_h5 *file, const char *object, const char *name,
                                uint64_t value) {
    enter();
    pp_status status = attr_write(file, object, name, H5T_STD_U64LE, H5T_NATIVE_UINT64, &value);
    leave();
    return status;
}

pp_status ppi_h5_attr_write_text(ppi_h5 *file, const char *object, const char *name,
                                 const char *text) {
    size_t size = strlen(text);
    if (size > MAX_ATTR_TEXT) {
        return ppi_fail(PP_ERR_ARGUMENT, "%s: attribute %s of %s has %zu bytes, at most %d fit",
                        file->path, name, object, size, MAX_ATTR_TEXT);
    }
    enter();
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size > 0 ? size : 1);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    pp_status status = attr_write(file, object, name, type, type, text);
    H5Tclose(type);
    leave();
    return status;
}
