/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Functions that Debian 13's libelf.a (elfutils 0.192) refers to but lacks: they are in libeu.a, which Debian
 * does not ship. They create and free the tree of chunks from elf_getdata_rawchunk(). libbpf does not call
 * it, so the tree, which elf_begin() has zeroed, stays empty. build.rs links this file only where it is
 * needed.
 */
void eu_search_tree_init(void *tree, int (*compare)(const void *, const void *))
{
}

void eu_search_tree_fini(void *tree, void (*free_node)(void *))
{
}
