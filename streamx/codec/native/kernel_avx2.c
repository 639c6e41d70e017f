/* kernel_avx2.c: the kernel for processors of the x86-64 family with AVX2, bmi, pclmul and popcnt. */

#if defined(__x86_64__)
#include <immintrin.h>
#include <stdlib.h>
#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,pclmul,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2,pclmul,popcnt")
#endif

#define KERNEL_AVX2
#define KERNEL_NAME "avx2"
#define KERNEL sx_kernel_avx2
#include "body.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
