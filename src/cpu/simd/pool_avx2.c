/* Max-pooling for AVX2. */
#include "cpu/simd/vec_avx2.h"

#include "cpu/simd/pool_tmpl.h"
