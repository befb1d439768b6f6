# Takes exits until it has seen the module come and go, or long enough.
echo ready
i=0
while [ $i -lt 1500 ]; do
	cpuid -r >/dev/null
	i=$((i + 1))
done
