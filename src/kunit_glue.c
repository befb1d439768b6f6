// SPDX-License-Identifier: GPL-2.0
/* The same C side again: an object belongs to one module. */
#include "exitstat_glue.c"
