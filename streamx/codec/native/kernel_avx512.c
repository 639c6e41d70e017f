/* kernel_avx512.c: the kernel for processors of the x86-64 family with AVX-512 BW, VL and VBMI2. */

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,pclmul,popcnt,avx512f,avx512bw,avx512vl,avx512vbmi2"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2,pclmul,popcnt,avx512f,avx512bw,avx512vl,avx512vbmi2")
#endif

#define KERNEL_AVX512
#define KERNEL_NAME "avx512"
#define KERNEL sx_kernel_avx512
#include "body.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
