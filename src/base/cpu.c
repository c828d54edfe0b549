/* Instruction sets and processor count. The answers are found once and then only read. */
#include "base/cpu.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/error.h"

static const char *const isa_names[] = {
    [PPI_ISA_REF] = "ref",
    [PPI_ISA_AVX2] = "avx2",
    [PPI_ISA_AVX512] = "avx512",
    [PPI_ISA_AVX512_BF16] = "avx512_bf16",
};
static_assert(sizeof isa_names / sizeof isa_names[0] == PPI_ISA_COUNT, "one name for each set");

static pthread_once_t once = PTHREAD_ONCE_INIT;
static ppi_isa detected_isa;
static ppi_isa usable_isa;
static char feature_text[256];

static ppi_isa detect_isa(void) {
    if (!PPI_CPU_SUPPORTS("avx2") || !PPI_CPU_SUPPORTS("fma")) return PPI_ISA_REF;
    const int avx512 = PPI_CPU_SUPPORTS("avx512f") && PPI_CPU_SUPPORTS("avx512bw") &&
                       PPI_CPU_SUPPORTS("avx512dq") && PPI_CPU_SUPPORTS("avx512vl");
    if (!avx512) return PPI_ISA_AVX2;
    return PPI_CPU_SUPPORTS("avx512bf16") ? PPI_ISA_AVX512_BF16 : PPI_ISA_AVX512;
}

static void add_feature(const char *name, int present) {
    const size_t used = strlen(feature_text);
    if (present == 0) return;
    snprintf(feature_text + used, sizeof feature_text - used, "%s%s", used > 0 ? " " : "", name);
}

static void detect_all(void) {
    detected_isa = detect_isa();
    usable_isa = ppi_cpu_isa_limit(detected_isa, getenv("POLYPLAY_MAX_ISA"));
    add_feature("sse4.2", PPI_CPU_SUPPORTS("sse4.2"));
    add_feature("avx", PPI_CPU_SUPPORTS("avx"));
    add_feature("avx2", PPI_CPU_SUPPORTS("avx2"));
    add_feature("fma", PPI_CPU_SUPPORTS("fma"));
    add_feature("avx512f", PPI_CPU_SUPPORTS("avx512f"));
    add_feature("avx512bw", PPI_CPU_SUPPORTS("avx512bw"));
    add_feature("avx512dq", PPI_CPU_SUPPORTS("avx512dq"));
    add_feature("avx512vl", PPI_CPU_SUPPORTS("avx512vl"));
    add_feature("avx512vnni", PPI_CPU_SUPPORTS("avx512vnni"));
    add_feature("avx512bf16", PPI_CPU_SUPPORTS("avx512bf16"));
}

ppi_isa ppi_cpu_isa(void) {
    pthread_once(&once, detect_all);
    return usable_isa;
}

ppi_isa ppi_cpu_isa_detected(void) {
    pthread_once(&once, detect_all);
    return detected_isa;
}

const char *ppi_cpu_features(void) {
    pthread_once(&once, detect_all);
    return feature_text;
}

/* The set of this name, PPI_ISA_COUNT when there is none. */
static int find_isa(const char *name) {
    int isa = 0;
    while (isa < PPI_ISA_COUNT && strcmp(name, isa_names[isa]) != 0) isa++;
    return isa;
}

ppi_isa ppi_cpu_isa_limit(ppi_isa detected, const char *limit) {
    const int isa = limit != NULL ? find_isa(limit) : PPI_ISA_COUNT;
    return isa < (int)detected ? (ppi_isa)isa : detected;
}

pp_status ppi_cpu_isa_check(void) {
    const char *limit = getenv("POLYPLAY_MAX_ISA");
    if (limit == NULL || limit[0] == '\0' || find_isa(limit) < PPI_ISA_COUNT) return PP_OK;
    return ppi_fail(PP_ERR_ARGUMENT,
                    "POLYPLAY_MAX_ISA is \"%s\", expected ref, avx2, avx512 or avx512_bf16", limit);
}

const char *ppi_isa_name(ppi_isa isa) {
    return (int)isa >= 0 && isa < PPI_ISA_COUNT ? isa_names[isa] : "unknown";
}

int ppi_cpu_count(void) {
#ifdef CPU_COUNT
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0 && CPU_COUNT(&allowed) > 0) {
        return CPU_COUNT(&allowed);
    }
#endif
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (int)online : 1;
}
