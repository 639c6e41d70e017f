/* kernel_portable.c: the kernel for any processor. */

#define KERNEL_NAME "portable"
#define KERNEL sx_kernel_portable
#include "body.h"
