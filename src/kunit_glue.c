// SPDX-License-Identifier: GPL-2.0
/* The same C side once more: an object is of one module. */
#include "exitstat_glue.c"

#include <linux/mm.h>

u64 exitstat_kunit_allocated(const void *data, u64 size)
{
	/* Both take whole pages for what is larger than the slabs' objects. */
	return is_vmalloc_addr(data) ? PAGE_ALIGN(size) : page_size(virt_to_head_page(data));
}
