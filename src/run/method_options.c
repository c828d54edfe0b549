/* Option structs of methods; see method_options.h. */
#include "run/method_options.h"

#include "base/error.h"
#include "base/mem.h"

pp_status ppi_method_options_new(void **out, const ppi_method *method, ppi_options *set) {
    *out = ppi_calloc(1, method->options_size);
    if (*out == NULL) return ppi_oom("the method's options");
    return ppi_method_bind(method, set, *out);
}
