/* Result codes of every polyplay call, and the text that goes with the last failure.
 *
 * A call that can fail returns a pp_status. On failure the calling thread's last-error text names
 * what was attempted, the values seen and what was expected. */
#ifndef POLYPLAY_STATUS_H
#define POLYPLAY_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* X(enum constant, short name, meaning) */
#define PP_STATUS_LIST(X)                                                                          \
    X(PP_OK, "ok", "no failure")                                                                   \
    X(PP_ERR_ARGUMENT, "argument", "a value given by the caller is not acceptable")                \
    X(PP_ERR_NOT_FOUND, "not found", "a file, key or name does not exist")                         \
    X(PP_ERR_EXISTS, "exists", "the thing to create is already there")                             \
    X(PP_ERR_IO, "io", "the operating system refused a read or write")                             \
    X(PP_ERR_NO_SPACE, "no space", "the disk or quota is full")                                    \
    X(PP_ERR_CORRUPT, "corrupt", "stored bytes do not follow their format")                        \
    X(PP_ERR_SHAPE, "shape", "array shapes or types do not fit together")                          \
    X(PP_ERR_UNSUPPORTED, "unsupported", "valid, but this build or version cannot do it")          \
    X(PP_ERR_NO_MEMORY, "no memory", "an allocation failed")                                       \
    X(PP_ERR_INTERRUPTED, "interrupted", "stopped on the user's request")                          \
    X(PP_ERR_NUMERIC, "numeric", "a NaN or infinity appeared where a finite value is needed")      \
    X(PP_ERR_INTERNAL, "internal", "a broken invariant inside polyplay")

#define PP_STATUS_ENUM_(id, name, meaning) id,
typedef enum pp_status { PP_STATUS_LIST(PP_STATUS_ENUM_) PP_STATUS_COUNT } pp_status;
#undef PP_STATUS_ENUM_

/* Short lower-case name of a status; "unknown" for a value outside the list. Static storage. */
const char *pp_status_name(pp_status status);

/* Text of the calling thread's most recent failure, "" when there was none. Valid until this
 * thread's next failure. */
const char *pp_last_error(void);

#ifdef __cplusplus
}
#endif
#endif
