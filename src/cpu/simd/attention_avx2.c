/* Attention for AVX2. */
#include "cpu/simd/vec_avx2.h"

#include "cpu/simd/attention_tmpl.h"
