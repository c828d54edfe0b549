/* Direct convolutions of small images for AVX2. */
#include "cpu/simd/vec_avx2.h"

#include "cpu/simd/conv_tmpl.h"
