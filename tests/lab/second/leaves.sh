# The leaves, and the highest basic leaf, with the same %ecx.
highest=$(cpuid -1 -r -l 0 | sed -n 's/.*eax=\(0x[0-9a-f]*\).*/\1/p')
for n in 0 1 2 10 35 86 65536; do
	for leaf in 0x4ffffffc 0x4ffffffd 0x4ffffffe 0x4fffffff $highest; do
		cpuid -1 -r -l $leaf -s $n
	done
done
