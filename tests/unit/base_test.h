/* What the unit tests share: cmocka with its prerequisites, and checks of a status together with
 * its text. */
#ifndef TESTS_UNIT_BASE_TEST_H
#define TESTS_UNIT_BASE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <polyplay/status.h>

/* The call succeeds; otherwise its failure text is shown. */
#define CHECK_OK(call)                                                                             \
    do {                                                                                           \
        const pp_status check_status_ = (call);                                                    \
        if (check_status_ != PP_OK) {                                                              \
            fail_msg("%s: %s: %s", #call, pp_status_name(check_status_), pp_last_error());         \
        }                                                                                          \
    } while (0)

/* The call fails with this status and its text contains `part`. */
#define CHECK_FAILS(call, expected, part)                                                          \
    do {                                                                                           \
        const pp_status check_status_ = (call);                                                    \
        if (check_status_ != (expected) || strstr(pp_last_error(), (part)) == NULL) {              \
            fail_msg("%s: %s: \"%s\", expected %s with \"%s\"", #call,                             \
                     pp_status_name(check_status_), pp_last_error(), pp_status_name(expected),     \
                     (part));                                                                      \
        }                                                                                          \
    } while (0)

/* Two doubles are equal within an absolute tolerance. */
#define CHECK_NEAR(value, expected, tolerance)                                                     \
    do {                                                                                           \
        const double check_value_ = (value);                                                       \
        const double check_expected_ = (expected);                                                 \
        if (!(check_value_ >= check_expected_ - (tolerance) &&                                     \
              check_value_ <= check_expected_ + (tolerance))) {                                    \
            fail_msg("%s is %.17g, expected %.17g", #value, check_value_, check_expected_);        \
        }                                                                                          \
    } while (0)

#endif
