/* Max-pooling for AVX512. */
#include "cpu/simd/vec_avx512.h"

#include "cpu/simd/pool_tmpl.h"
