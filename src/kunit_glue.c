// SPDX-License-Identifier: GPL-2.0
/* The same C side once more: an object is of one module. */
#include "exitstat_glue.c"
